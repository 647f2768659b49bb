"""The rows of examinations: one at a time, taken up where one was cut short. What is asked is the chat's matter."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.adapters import desired_state
from inference.exceptions import ExaminationRefused
from inference.models import Adapter, Examination
from inference.verdict import Reason, Verdict

UNFINISHED = (Examination.State.RUNNING, Examination.State.INTERRUPTED)
_PATIENCE_S = 1.0  # a page that only looks whether it is held holds it for a moment
UNJUDGED = ("too_small", "not_loaded")  # reasons of an examination that could have promoted nobody


def folder() -> Path:
    return Path(settings.AION_TRAIN_ROOT) / "examinations"


def answers_file(row: Examination) -> Path:
    """What the models wrote, a line each."""
    return folder() / f"{row.pk}.jsonl"


@contextmanager
def alone() -> Iterator[None]:
    """Within, this process is the one that examines. Raises `ExaminationRefused` where another does.

    The lock goes with the process, however it ends.
    """
    with _lock_file() as lock:
        until = time.monotonic() + _PATIENCE_S
        while not _taken(lock, fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise ExaminationRefused(_("Another examination is running; wait until it is done."))
            time.sleep(0.05)
        yield


def is_running() -> bool:
    with _lock_file() as lock:
        return not _taken(lock, fcntl.LOCK_SH)


def _lock_file() -> IO[bytes]:
    folder().mkdir(parents=True, exist_ok=True)
    return (folder() / ".lock").open("ab")


def _taken(lock: IO[bytes], how: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, how | fcntl.LOCK_NB)
        return True
    return False


def tell_interrupted() -> None:
    """Rows whose process was killed say so."""
    left = Examination.objects.filter(state=Examination.State.RUNNING)
    if left.exists() and not is_running():
        left.update(state=Examination.State.INTERRUPTED)


def who_serves() -> Adapter | None:
    """The adapter to be beaten; None is the base model alone."""
    desired = desired_state()
    return desired.adapter if desired else None


def begin(candidate_id: int, champion: Adapter | None, *, night_id: UUID | None = None) -> Examination:
    """A new row, or the one of the same two that was cut short. Only within `alone`. Raises `ExaminationRefused`."""
    candidate = Adapter.objects.filter(pk=candidate_id).first()
    if candidate is None:
        raise ExaminationRefused(_("There is no adapter %(id)s.") % {"id": candidate_id})
    if candidate == champion:
        message = _("%(adapter)s serves already: there is nobody to compare it with.")
        raise ExaminationRefused(message % {"adapter": candidate})
    unfinished = Examination.objects.filter(candidate=candidate, champion=champion, state__in=UNFINISHED)
    row = unfinished.first() or Examination(candidate=candidate, champion=champion)
    row.state, row.error, row.night_id = Examination.State.RUNNING, "", night_id or row.night_id
    row.save()
    return row


def must_go(champion: Adapter | None) -> bool:
    """Whether it learned from what was erased, and a clean one that is about as good is better than it."""
    return champion is not None and champion.tainted_at is not None


def next_look(champion: Adapter | None) -> int:
    """How many comparisons with this champion there will have been with the next."""
    return 1 + Examination.objects.filter(champion=champion, state=Examination.State.DONE, look__gt=0).count()


def finish(row: Examination, verdict: Verdict, results: Mapping[str, Any]) -> None:
    """Keep the verdict. A candidate that lost is rejected; one that was not judged may come again."""
    judged = not any(reason.code in UNJUDGED for reason in verdict.reasons)
    row.look = verdict.look if judged else 0
    row.results = {**_without_erased(row, results), "verdict": verdict.to_json()}
    _close(row, verdict.reasons, promote=verdict.promote)
    if judged and not verdict.promote:
        _reject(row.candidate_id)


def _without_erased(row: Examination, results: Mapping[str, Any]) -> dict[str, Any]:
    """Without examples of who was erased while the questions were asked: `inference.erasure` has taken their answers
    from the row."""
    before = row.results.get("events", ())
    left = Examination.objects.values_list("results", flat=True).get(pk=row.pk).get("events", ())
    gone = set(before) - set(left)
    examples = [each for each in results.get("examples", ()) if each.get("event") not in gone]
    return {**results, "events": sorted(set(results.get("events", ())) - gone), "examples": examples}


def refuse(row: Examination, why: str) -> None:
    """The candidate cannot even be loaded."""
    _close(row, [Reason("not_loaded", {"why": why})], promote=False)
    _reject(row.candidate_id)


def fail(row: Examination, why: str) -> None:
    """It came to no verdict; nothing is said about the candidate."""
    row.state, row.error, row.finished_at = Examination.State.FAILED, why, timezone.now()
    row.save()


def _close(row: Examination, reasons: Sequence[Reason], *, promote: bool) -> None:
    row.promote, row.reasons = promote, [reason.to_json() for reason in reasons]
    row.state, row.finished_at = Examination.State.DONE, timezone.now()
    row.save()


def _reject(candidate_id: int) -> None:
    states = Adapter.State
    Adapter.objects.filter(pk=candidate_id, state=states.CANDIDATE).update(state=states.REJECTED)
