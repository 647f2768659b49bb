"""What other rooms say of the moment a dataset is made. They are not asked by name: who composes AION tells how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from telemetry.events import Json


@dataclass(frozen=True)
class Provenance:
    """The calibrations in force, by what they calibrate, and the erasures that were applied before."""

    calibrations: Mapping[str, str] = field(default_factory=dict)
    erasures: Sequence[Mapping[str, Json]] = ()


_told_by: Callable[[], Provenance] = Provenance


def tell_by(source: Callable[[], Provenance]) -> None:
    """Ask `source` from now on; once, at the start."""
    global _told_by
    _told_by = source


def current() -> Provenance:
    """What holds now."""
    return _told_by()
