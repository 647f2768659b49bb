"""Models of sentence-transformers that lie on this machine: found without a network, and only as safetensors."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _
from safetensors import SafetensorError

from retrieval.exceptions import ModelUnusable

PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")

LOADING_FAILED = (
    ImportError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    SafetensorError,
)
"""What the libraries raise for a folder that is no model, or whose configuration says nonsense."""


def model_folder(name: str) -> Path:
    """The folder `name`, or that of the model which was downloaded under this name. Raises `ModelUnusable`."""
    folder = Path(name).expanduser()
    if not name or not folder.is_dir():
        folder = _downloaded(name)
    weights = [path for path in folder.rglob("*.safetensors") if path.is_file()]
    if not weights:
        raise ModelUnusable(
            _("“%(name)s” holds no weights in the safetensors format; save the model with it, or choose another.")
            % {"name": name}
        )
    safe = {path.parent for path in weights}
    if any(path.suffix in PICKLED and path.parent not in safe for path in folder.rglob("*")):
        raise ModelUnusable(
            _("“%(name)s” keeps part of its weights in files that could run programs; only safetensors are read.")
            % {"name": name}
        )
    return folder


def device() -> str | None:
    """`AION_DEVICE` as the library takes it; None lets it choose."""
    return None if settings.AION_DEVICE == "auto" else str(settings.AION_DEVICE)


def _downloaded(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError) as exc:  # not there, or no name that could be
        raise ModelUnusable(
            _("“%(name)s” is neither a folder nor a model that was downloaded to this machine.") % {"name": name}
        ) from exc
