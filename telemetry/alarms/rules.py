"""Whether something is wrong, decided from plain values. Pure: nothing is read, nothing is told.

Each rule takes how severe the alarm is that is open now (`was`, None where there is none) and returns what is seen, or
None. What is open stays open until its value is clear of the limit, so that a value at the limit does not flap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from telemetry.events import Json
from telemetry.models import AlarmKind, AlarmSeverity

WARNING, CRITICAL = AlarmSeverity.WARNING, AlarmSeverity.CRITICAL
Was = AlarmSeverity | None

ERRORS_FEWEST: Final = 20  # questions of an hour, from which a share says something
ERRORS_SHARE: Final = {WARNING: 0.1, CRITICAL: 0.5}
TURNED_AWAY: Final = 5
FREE_BYTES: Final = {WARNING: 4 * 1024**3, CRITICAL: 2 * 1024**3}  # below the second no night trains
CLEAR_OF: Final = 0.8  # of a limit: what was above is over below this share of it
CLEAR_BYTES: Final = 1.25
NDCG_CLEAR: Final = 0.02


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something is wrong. `key` is the kind, or `kind:subject` where several can be wrong at once."""

    key: str
    code: str
    severity: AlarmSeverity
    values: Mapping[str, Json]
    step: int = 0
    link: str = ""

    @property
    def kind(self) -> AlarmKind:
        return kind_of(self.key)


def kind_of(key: str) -> AlarmKind:
    """Raises ValueError for a key of no kind."""
    return AlarmKind(key.partition(":")[0])


def rank(severity: Was) -> int:
    """0 for none, higher is worse."""
    return 0 if severity is None else 1 + [WARNING, CRITICAL].index(AlarmSeverity(severity))


def too_high(value: float, limits: Mapping[AlarmSeverity, float], was: Was) -> Was:
    """The worst level whose limit is reached; one that is held already is left below `CLEAR_OF` of its limit."""
    return _worst(limits, lambda level, limit: value >= limit * (CLEAR_OF if rank(was) >= rank(level) else 1))


def too_low(value: float, limits: Mapping[AlarmSeverity, float], was: Was) -> Was:
    """The worst level whose limit is fallen below; one that is held already is left above `CLEAR_BYTES` of it."""
    return _worst(limits, lambda level, limit: value < limit * (CLEAR_BYTES if rank(was) >= rank(level) else 1))


def _worst(limits: Mapping[AlarmSeverity, float], holds: Callable[[AlarmSeverity, float], bool]) -> Was:
    return next((level for level in (CRITICAL, WARNING) if level in limits and holds(level, limits[level])), None)


def errors(*, asked: int, failed: int, was: Was) -> Sighting | None:
    """Of the questions of an hour, those that failed for a reason of ours."""
    if asked < ERRORS_FEWEST:
        return None
    severity = too_high(failed / asked, ERRORS_SHARE, was)
    values = {"failed_count": failed, "asked_count": asked, "failed_share": failed / asked}
    return Sighting(AlarmKind.ERRORS, "errors", severity, values) if severity else None


def queue(*, waiting: int, long: int, turned_away: int) -> Sighting | None:
    """Questions turned away in a quarter of an hour, or `long` and more that wait now."""
    if turned_away >= TURNED_AWAY:
        return Sighting(AlarmKind.QUEUE, "queue_full", WARNING, {"refused_count": turned_away})
    if waiting >= long:
        return Sighting(AlarmKind.QUEUE, "queue_long", WARNING, {"waiting_count": waiting})
    return None


def disk(*, folder: str, free_bytes: int, was: Was) -> Sighting | None:
    severity = too_low(free_bytes, FREE_BYTES, was)
    values: Mapping[str, Json] = {"folder": folder, "free_bytes": free_bytes}
    return Sighting(f"{AlarmKind.DISK}:{folder[:150]}", "disk_low", severity, values) if severity else None


def fallback_share(*, asked: int, share: float, limit: float, fewest: int, was: Was) -> Sighting | None:
    """The share of seven days, from `fewest` questions on."""
    if asked < fewest:
        return None
    severity = too_high(share, {WARNING: limit}, was) if share else None
    values = {"fallback_share": share, "asked_count": asked, "limit_share": limit}
    return Sighting(AlarmKind.FALLBACK_SHARE, "share_high", severity, values) if severity else None


def retrieval(*, ndcg: float, questions: int, limit: float, fewest: int, was: Was) -> Sighting | None:
    """The last measurement, from `fewest` questions on."""
    if questions < fewest or ndcg >= limit + (NDCG_CLEAR if was else 0):
        return None
    values = {"ndcg": ndcg, "questions_count": questions, "limit": limit}
    return Sighting(AlarmKind.RETRIEVAL, "ndcg_low", CRITICAL, values)
