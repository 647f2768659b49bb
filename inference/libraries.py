"""The libraries of the in-process engine, imported ahead of time. Reads no settings: there may be none yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# transformers imports them for losses and drafts that AION has no use for: a second of its six.
_SPARED = ("scipy", "sklearn")


def import_ahead(base_model: str) -> None:
    """Import what takes longest when the engine loads: torch, the part of transformers that all models share, peft."""
    stay_offline(base_model)
    with left_out(*_SPARED):
        import transformers.modeling_utils  # noqa: F401
    with left_out("bitsandbytes"):  # it takes a second; a helper of peft wants it that AION has no use for
        import peft  # noqa: F401


def stay_offline(base_model: str) -> None:
    """Keep a model that is on this disk from being asked for at a hub.

    Read when huggingface_hub is first imported. Without it peft's import of bitsandbytes may fetch a kernel from a hub.
    """
    if not base_model or Path(base_model).is_dir():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")


@contextmanager
def left_out(*names: str) -> Iterator[None]:
    """Let modules that nobody imported yet look as if they were not installed: one that is None cannot be imported."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # what the import system itself allows
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
