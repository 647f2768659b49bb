"""Where the base model lies and what identifies it: the SHA-256 of its weights, never a path or a name."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from django.conf import settings

from inference.bundled import bundled_model_path
from inference.exceptions import ModelNotFound

IDENTITY_FILE = "aion-base.json"
_MODEL_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


def base_model_path(name: str = "") -> Path:
    """The folder of `name` (a Hugging Face id or a folder), by default of the configured or else the bundled model.

    Raises `ModelNotFound`. The bundled model is prepared and a hub's model fetched on first use.
    """
    name = name or str(settings.AION_BASE_MODEL)
    if not name:
        return bundled_model_path()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise ModelNotFound(f"the model folder {name} does not exist (AION_BASE_MODEL)")
    return _fetched(name)


def base_sha256(folder: Path) -> str:
    """SHA-256 over the weight files of `folder`, kept beside them until one of them changes.

    One file: that file's own digest. Several: the digest of their digests in order of name.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelNotFound(f"{folder} holds no safetensors weights")
    stamp = [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in weights]
    kept = _kept_identity(folder, stamp)
    if kept:
        return kept
    digests = [file_sha256(file) for file in weights]
    identity = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    _keep_identity(folder, stamp, identity)
    return identity


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download  # heavy, and needed for a hub's model only
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_MODEL_FILES))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as exc:
        raise ModelNotFound(f"the model {name} is neither a folder nor could it be fetched: {exc}") from exc


def _kept_identity(folder: Path, stamp: list[list[object]]) -> str:
    try:
        kept = json.loads((folder / IDENTITY_FILE).read_text())
    except (OSError, ValueError):
        return ""
    return str(kept["sha256"]) if isinstance(kept, dict) and kept.get("stamp") == stamp else ""


def _keep_identity(folder: Path, stamp: list[list[object]], identity: str) -> None:
    """Write it aside and rename; a read-only model folder just means hashing again next time."""
    aside = folder / f".{IDENTITY_FILE}.{os.getpid()}"
    try:
        aside.write_text(json.dumps({"sha256": identity, "stamp": stamp}))
        aside.replace(folder / IDENTITY_FILE)
    except OSError:
        aside.unlink(missing_ok=True)
