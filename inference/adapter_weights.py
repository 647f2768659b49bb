"""What an adapter's weight file may hold: plain LoRA matrices of sane size and values. Never runs what it reads."""

from __future__ import annotations

import json
import math
import operator
import re
import struct
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from safetensors import SafetensorError, safe_open

from inference.exceptions import AdapterRejected

WEIGHTS = "adapter_model.safetensors"
MAX_HEADER_BYTES = 8 * 1024**2
MAX_NORM = 1e4  # a LoRA matrix of a trained adapter has a Frobenius norm of 1 to 100
_PIECE = 2**22  # numbers looked at together: a huge tensor must not be held in memory a second time
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
_NAME = re.compile(
    r"base_model\.model\.([\w.]{1,300})\.lora_(A\.weight|B\.weight|embedding_A|embedding_B|magnitude_vector(\.weight)?)",
    re.ASCII,
)


def check_weights(path: Path, ranks: Collection[int]) -> dict[str, tuple[int, ...]]:
    """Shapes by name. Refuses a torn file, foreign tensors, other ranks than `ranks`, NaN, infinity, absurd norms."""
    header, data = _opened(path)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, entry in header.items():
        try:
            begin, end, *shape = map(operator.index, [*entry["data_offsets"], *entry["shape"]])
            dtype = _DTYPES[entry["dtype"]]
        except (KeyError, TypeError, ValueError) as exc:
            raise _torn() from exc
        fits = min(shape, default=0) >= 0 and end - begin == math.prod(shape) * dtype.itemsize
        if data is None or not fits or not 0 <= begin <= end <= data.size:
            raise _torn()
        _check_shape(name, shape, ranks)
        _check_values(name, data[begin:end].view(dtype), is_bf16=entry["dtype"] == "BF16")
        shapes[name] = tuple(shape)
    if not shapes:
        raise _torn()
    return shapes


def modules_of(names: Iterable[str]) -> frozenset[str]:
    """The modules of the base model that tensors of these names change."""
    return frozenset(found[1] for found in map(_NAME.fullmatch, names) if found)


def _opened(path: Path) -> tuple[dict[str, Any], np.memmap[Any, np.dtype[np.uint8]] | None]:
    """Header and data. The library that loads it later must be able to read the very same."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        header_bytes = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 0 < header_bytes <= min(MAX_HEADER_BYTES, size - 8):
            raise _torn()
        try:
            header = json.loads(file.read(header_bytes), object_pairs_hook=_without_duplicates)
            with safe_open(path, framework="numpy"):
                pass
        except (ValueError, RecursionError, SafetensorError) as exc:
            raise _torn() from exc
    if not isinstance(header, dict):
        raise _torn()
    header.pop("__metadata__", None)
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + header_bytes) if size > 8 + header_bytes else None
    return header, data


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take different ones of two tensors with the same name."""
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a name occurs twice")
    return entries


def _check_shape(name: str, shape: Sequence[int], ranks: Collection[int]) -> None:
    if _NAME.fullmatch(name) is None:
        raise AdapterRejected("foreign_tensor", _("%(name)s is not a LoRA matrix.") % {"name": name[:200]})
    if ".lora_magnitude" in name:
        fits = len(shape) == 1
    else:
        reduces = ".lora_A" in name or ".lora_embedding_A" in name
        fits = len(shape) == 2 and shape[0 if reduces else 1] in ranks
    if not fits:
        message = _("%(name)s does not have the rank that %(config)s states.")
        raise AdapterRejected("wrong_rank", message % {"name": name[:200], "config": "adapter_config.json"})


def _check_values(name: str, raw: Any, *, is_bf16: bool) -> None:
    squares = 0.0
    for start in range(0, raw.size, _PIECE):
        piece = raw[start : start + _PIECE]
        # bf16 is the upper half of a float32
        values = (piece.astype(np.uint32) << 16).view(np.float32) if is_bf16 else piece
        squares += float(np.square(values, dtype=np.float64).sum())
    if not math.isfinite(squares):
        raise AdapterRejected("not_finite", _("%(name)s holds values that are not numbers.") % {"name": name})
    if squares > MAX_NORM**2:
        raise AdapterRejected("absurd_norm", _("%(name)s holds absurdly large values.") % {"name": name})


def _torn() -> AdapterRejected:
    return AdapterRejected("torn", _("%(name)s is incomplete or damaged.") % {"name": WEIGHTS})
