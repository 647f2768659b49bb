"""What an adapter folder may hold, and why one is refused. Reads files; imports neither torch nor peft."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from inference.adapter_config import CONFIG, check_patterns, json_object, ranks_of, read_config
from inference.adapter_weights import WEIGHTS, check_weights, modules_of
from inference.exceptions import AdapterRejected

__all__ = [
    "CARD", "CONFIG", "MAX_BYTES", "WEIGHTS", "AdapterFacts", "adapter_digest", "check_base", "check_files",
    "inspect_adapter", "too_large",
]  # fmt: skip

CARD = "aion.json"  # ours: which base model it was made for, and how
MAX_BYTES = 2 * 1024**3
MAX_CARD_LEVELS = 10
MAX_CARD_VALUES = 2_000  # a card of ours has some thirty, and four for each of the 200 points of its curve
_INDEX = f"{WEIGHTS}.index.json"
_IGNORED_SUFFIXES = {".json", ".md", ".txt", ".jinja"}  # training tools leave such files; never read or kept
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}


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
    check_files(folder)
    config = read_config(folder / CONFIG)
    card = _read_card(folder / CARD)
    shapes = check_weights(folder / WEIGHTS, ranks_of(config))
    check_patterns(config, modules_of(shapes))
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


def check_files(folder: Path) -> None:
    """Refuse links, pickles, shards and whatever else does not belong there. Raises `AdapterRejected`."""
    try:
        _check_entries(folder)
    except OSError as exc:  # a name too long for any folder, no permission
        message = _("%(name)s cannot be read: %(error)s") % {"name": str(folder)[:200], "error": exc.strerror}
        raise AdapterRejected("not_found", message) from exc


def _check_entries(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise AdapterRejected("not_found", _("The adapter folder %(folder)s does not exist.") % {"folder": folder})
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not entry.is_file():
            raise AdapterRejected("unexpected_file", _("%(name)s is not a plain file.") % {"name": entry.name})
        if entry.suffix.lower() in _PICKLES:
            message = _("%(name)s may run code when it is read; only safetensors are accepted.")
            raise AdapterRejected("pickle", message % {"name": entry.name})
        if entry.name == _INDEX or (entry.name != WEIGHTS and entry.suffix not in _IGNORED_SUFFIXES):
            message = _("%(name)s does not belong in an adapter folder.") % {"name": entry.name}
            raise AdapterRejected("unexpected_file", message)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise AdapterRejected("missing_file", _("%(name)s is missing.") % {"name": name})
    if sum(entry.stat().st_size for entry in folder.iterdir()) > MAX_BYTES:
        raise too_large()


def too_large() -> AdapterRejected:
    return AdapterRejected("too_large", _("The adapter is larger than 2 GB."))


def _read_card(path: Path) -> dict[str, Any]:
    """Optional: adapters made elsewhere have none."""
    if not path.exists():
        return {}
    card = json_object(path)
    if card is None:
        raise AdapterRejected("bad_config", _("%(name)s is not a JSON object.") % {"name": CARD})
    if not _fits_a_page(card):
        raise AdapterRejected("bad_config", _("%(name)s says more than an adapter's page can show.") % {"name": CARD})
    return card


def _fits_a_page(card: Mapping[str, Any]) -> bool:
    level: list[Any] = [card]
    values = 0
    for _depth in range(MAX_CARD_LEVELS):
        inner = [each for held in level for each in (held.values() if isinstance(held, dict) else held)]
        values += len(inner)
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return values <= MAX_CARD_VALUES
    return False
