"""What an adapter folder may hold, and why one is refused. Reads files; imports neither torch nor peft."""

from __future__ import annotations

import hashlib
import json
import math
import operator
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from inference.exceptions import AdapterRejected

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
CARD = "aion.json"  # ours: which base model it was made for, and how
_INDEX = f"{WEIGHTS}.index.json"
_IGNORED_SUFFIXES = {".json", ".md", ".txt", ".jinja"}  # training tools leave such files; never read or kept
MAX_BYTES = 2 * 1024**3
MAX_HEADER_BYTES = 16 * 1024**2
MAX_RANK = 512
MAX_NORM = 1e4  # a LoRA matrix of a trained adapter has a Frobenius norm of 1 to 100
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
_FORBIDDEN_SETTINGS = (
    "auto_mapping",
    "layer_replication",
    "loftq_config",
    "megatron_config",
    "modules_to_save",
    "trainable_token_indices",
)


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What a sound adapter folder says about itself. `shapes` by tensor name."""

    digest: str
    rank: int
    size_bytes: int
    base_model: str
    base_sha256: str
    card: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]


def inspect_adapter(folder: Path) -> AdapterFacts:
    """Read and check everything that can be checked without the model. Raises `AdapterRejected` with the reason."""
    _check_files(folder)
    config = _read_config(folder / CONFIG)
    card = _read_card(folder / CARD)
    shapes = check_weights(folder / WEIGHTS)
    return AdapterFacts(
        digest=adapter_digest(folder),
        rank=int(config["r"]),
        size_bytes=sum((folder / name).stat().st_size for name in (CONFIG, WEIGHTS)),
        base_model=str(config.get("base_model_name_or_path") or ""),
        base_sha256=str(card.get("base_sha256") or "")[:64],
        card=card,
        shapes=shapes,
    )


def adapter_digest(folder: Path) -> str:
    """SHA-256 over configuration and weights: what decides the answers, and nothing else."""
    digests = []
    for name in (CONFIG, WEIGHTS):
        with (folder / name).open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def check_base(facts: AdapterFacts, base_sha256: str) -> None:
    """Refuse an adapter that says it was made for other weights."""
    if facts.base_sha256 and base_sha256 and facts.base_sha256 != base_sha256:
        raise AdapterRejected("wrong_base", _("The adapter was made for another base model."))


def _check_files(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise AdapterRejected("not_found", _("The adapter folder %(folder)s does not exist.") % {"folder": folder})
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not entry.is_file():
            raise AdapterRejected("unexpected_file", _("%(name)s is not a plain file.") % {"name": entry.name})
        if entry.suffix in _PICKLES:
            message = _("%(name)s may run code when it is read; only safetensors are accepted.")
            raise AdapterRejected("pickle", message % {"name": entry.name})
        if entry.name == _INDEX or (entry.name != WEIGHTS and entry.suffix not in _IGNORED_SUFFIXES):
            message = _("%(name)s does not belong in an adapter folder.") % {"name": entry.name}
            raise AdapterRejected("unexpected_file", message)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise AdapterRejected("missing_file", _("%(name)s is missing.") % {"name": name})
    if sum(entry.stat().st_size for entry in folder.iterdir()) > MAX_BYTES:
        raise AdapterRejected("too_large", _("The adapter is larger than 2 GB."))


def _read_config(path: Path) -> dict[str, Any]:
    config = _json_object(path)
    if config is None or config.get("peft_type") != "LORA":
        raise AdapterRejected("bad_config", _("%(name)s does not describe a LoRA adapter.") % {"name": CONFIG})
    rank = config.get("r")
    if not isinstance(rank, int) or not 1 <= rank <= MAX_RANK:
        raise AdapterRejected("bad_config", _("The adapter's rank must lie between 1 and 512."))
    unsupported = [name for name in _FORBIDDEN_SETTINGS if config.get(name)]
    if config.get("bias", "none") != "none":
        unsupported.append("bias")
    if unsupported:
        message = _("The adapter's setting %(setting)s is not supported.") % {"setting": unsupported[0]}
        raise AdapterRejected("bad_config", message)
    return config


def _read_card(path: Path) -> dict[str, Any]:
    """Optional: adapters made elsewhere have none."""
    if not path.exists():
        return {}
    card = _json_object(path)
    if card is None:
        raise AdapterRejected("bad_config", _("%(name)s is not a JSON object.") % {"name": CARD})
    return card


def _json_object(path: Path) -> dict[str, Any] | None:
    """None for what is no object, or holds text that no database can."""
    try:
        value = json.loads(path.read_text())
        storable = "\\u0000" not in json.dumps(value, ensure_ascii=False).encode().decode()
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and storable else None


def check_weights(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by name. Refuses a torn file, foreign tensors, NaN, infinity and absurd norms."""
    torn = AdapterRejected("torn", _("%(name)s is incomplete or damaged.") % {"name": WEIGHTS})
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        header_bytes = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 0 < header_bytes <= min(MAX_HEADER_BYTES, size - 8):
            raise torn
        try:
            header = json.loads(file.read(header_bytes))
        except (ValueError, RecursionError) as exc:
            raise torn from exc
    if not isinstance(header, dict):
        raise torn
    header.pop("__metadata__", None)
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + header_bytes) if size > 8 + header_bytes else None
    shapes: dict[str, tuple[int, ...]] = {}
    for name, entry in header.items():
        try:
            begin, end, *shape = map(operator.index, [*entry["data_offsets"], *entry["shape"]])
            dtype = _DTYPES[entry["dtype"]]
        except (KeyError, TypeError, ValueError) as exc:
            raise torn from exc
        fits = min(shape, default=0) >= 0 and end - begin == math.prod(shape) * dtype.itemsize
        if data is None or not fits or not 0 <= begin <= end <= data.size:
            raise torn
        _check_tensor(name, data[begin:end].view(dtype), is_bf16=entry["dtype"] == "BF16")
        shapes[name] = tuple(shape)
    if not shapes:
        raise torn
    return shapes


def _check_tensor(name: str, raw: Any, *, is_bf16: bool) -> None:
    if ".lora_" not in name:
        raise AdapterRejected("foreign_tensor", _("%(name)s is not a LoRA matrix.") % {"name": name})
    # bf16 is the upper half of a float32
    values = (raw.astype(np.uint32) << 16).view(np.float32) if is_bf16 else raw.astype(np.float32)
    norm = float(np.linalg.norm(values))
    if not math.isfinite(norm):
        raise AdapterRejected("not_finite", _("%(name)s holds values that are not numbers.") % {"name": name})
    if norm > MAX_NORM:
        raise AdapterRejected("absurd_norm", _("%(name)s holds absurdly large values.") % {"name": name})
