"""One night of the learning loop: export, decide, build, train, examine, promote, fit the confidence again.

Each step is a function handed in, so that tests run a night whole without models; the real ones are in
`aion.night_steps`. Every step is written as it ends, so a night that is killed shows how far it came, and the next one
takes up what it had made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from aion.loop.decision import NightDecision, NightFacts, NightPolicy, decide
from aion.loop.facts import gather_facts, unfinished_night
from telemetry.events import EventKind, record
from telemetry.models import Night

__all__ = ["Examined", "Made", "NightRefused", "Steps", "Trained", "decide", "gather_facts", "run_night"]

logger = logging.getLogger(__name__)
State = Night.State
Id = TypeVar("Id", int, UUID)


class NightRefused(Exception):
    """Another night is at work, or this one was done already; the message is for people."""


@dataclass(frozen=True, slots=True)
class Made:
    """A training set."""

    training_set_id: UUID
    said: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A registered candidate."""

    adapter_id: int
    said: str


@dataclass(frozen=True, slots=True)
class Examined:
    """A verdict, with its reasons in words."""

    examination_id: int
    promote: bool
    said: str


@dataclass(frozen=True, slots=True)
class Steps:
    """What a night does; each function raises where it fails. `is_clean` says of a training set that it may still be
    trained on, `request` queues a training on a set and `train` brings
    it to its end, wherever it stood; both take ids, so that a night can be taken up by another process."""

    export: Callable[[datetime], str]
    gather: Callable[[datetime], tuple[NightFacts, NightPolicy]]
    is_clean: Callable[[UUID | None], bool]
    build: Callable[[datetime], Made]
    request: Callable[[UUID], int]
    train: Callable[[int], Trained]
    examine: Callable[[int, UUID], Examined]
    promote: Callable[[int], str]
    refit: Callable[[datetime], str]


def run_night(now: datetime, *, dry_run: bool = False, steps: Steps | None = None, occasion: str = "") -> Night:
    """Do a night and return its row, failed where a step was; a dry run looks and decides, and writes its row alone.

    `occasion` names a night that must happen once, however often it is delivered. Raises `NightRefused`.
    """
    if steps is None:
        from aion import night_steps

        steps = night_steps.REAL_STEPS
    with _alone():
        close_interrupted()
        before = None if dry_run else unfinished_night()
        taken_up = before if before and steps.is_clean(before.training_set_id) else None
        night = _begin(now, dry_run=dry_run, occasion=occasion or uuid4().hex)
        try:
            _Run(night, steps, now).whole(taken_up)
        except _StepFailed:
            _end(night, State.FAILED)
        else:
            _end(night, State.DONE)
    return night


def close_interrupted() -> int:
    """Say of nights whose process died that they were interrupted. Only for who holds the lock."""
    count = 0
    for night in Night.objects.filter(tenant=settings.PRIMARY_TENANT_ID, state=State.RUNNING):
        for step in night.steps:
            if step["state"] == State.RUNNING:
                step |= {"state": State.INTERRUPTED, "finished_at": None}
        _end(night, State.INTERRUPTED)
        count += 1
    return count


def notice_interrupted() -> int:
    """The same between nights; nothing while one is at work."""
    try:
        with _alone():
            return close_interrupted()
    except NightRefused:
        return 0


class _StepFailed(Exception):
    """A step raised; it is written and logged already."""


class _Run:
    """The steps of one night, each written as it begins and ends."""

    def __init__(self, night: Night, steps: Steps, now: datetime) -> None:
        self._night, self._steps, self._now = night, steps, now

    def whole(self, taken_up: Night | None) -> None:
        """Every step that the decision calls for."""
        if not self._night.dry_run:
            self._step("export", lambda: self._steps.export(self._now))
        decision = self._decide()
        if self._night.dry_run or not decision.train:
            return
        if taken_up is not None:
            self._take_up(taken_up)
        examined = self._candidate()
        if examined.promote:
            self._step("promote", lambda: self._steps.promote(examined.examination_id))
            self._step("refit", lambda: self._steps.refit(self._now))
        elif self._night.facts["champion_tainted"]:
            _alarm(self._night, "still_tainted")

    def _decide(self) -> NightDecision:
        found: list[NightDecision] = []

        def look() -> str:
            facts, policy = self._steps.gather(self._now)
            found.append(decide(facts, policy))
            reasons = [{"code": reason.code, "values": dict(reason.values)} for reason in found[0].reasons]
            kept = {**asdict(facts), "policy": asdict(policy)}
            self._keep(decision=found[0].code, facts=kept, reasons=reasons)
            return ""

        self._step("decide", look)
        if found[0].alarm and not self._night.dry_run:
            _alarm(self._night, found[0].code)
        return found[0]

    def _take_up(self, before: Night) -> None:
        self._keep(
            training_set_id=before.training_set_id,
            training_run_id=before.training_run_id,
            adapter_id=before.adapter_id,
        )

    def _candidate(self) -> Examined:
        """Set, training and examination, without what was taken up."""
        night, steps, examined = self._night, self._steps, list[Examined]()

        def build() -> str:
            made = steps.build(self._now)
            self._keep(training_set_id=made.training_set_id)
            return made.said

        def train() -> str:
            if night.training_run_id is None:
                self._keep(training_run_id=steps.request(_known(night.training_set_id)))
            trained = steps.train(_known(night.training_run_id))
            self._keep(adapter_id=trained.adapter_id)
            return trained.said

        def examine() -> str:
            examined.append(steps.examine(_known(night.adapter_id), night.pk))
            self._keep(examination_id=examined[0].examination_id)
            return examined[0].said

        if night.training_set_id is None:
            self._step("build", build)
        if night.adapter_id is None:
            self._step("train", train)
        self._step("examine", examine)
        return examined[0]

    def _step(self, name: str, work: Callable[[], str]) -> None:
        entry = {"step": name, "state": State.RUNNING.value, "said": "", "started_at": _clock(), "finished_at": None}
        self._night.steps.append(entry)
        self._keep()
        try:
            said = work()
        except Exception as exc:  # the outermost edge of a step, whatever room it is in
            logger.exception("the night's step %s failed", name)
            entry |= {"state": State.FAILED.value, "said": str(exc) or type(exc).__name__, "finished_at": _clock()}
            self._keep()
            raise _StepFailed from exc
        entry |= {"state": State.DONE.value, "said": said, "finished_at": _clock()}
        self._keep()

    def _keep(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self._night, name, value)
        self._night.save(update_fields=[*values, "steps"])


def _known(value: Id | None) -> Id:
    if value is None:
        raise ValueError("a step is missing what the one before it should have made")
    return value


def _begin(now: datetime, *, dry_run: bool, occasion: str) -> Night:
    try:
        with transaction.atomic():
            return Night.objects.create(
                tenant=settings.PRIMARY_TENANT_ID, started_at=now, dry_run=dry_run, occasion=occasion
            )
    except IntegrityError as exc:
        raise NightRefused(_("This night was run already.")) from exc


def _end(night: Night, state: Night.State) -> None:
    night.state, night.finished_at = state, timezone.now()
    night.save(update_fields=["state", "finished_at", "steps"])
    if state != State.DONE and not night.dry_run:
        _alarm(night, state)


def _alarm(night: Night, code: str) -> None:
    """An event for the panel, a line for the log; lights say what to do."""
    record(EventKind.LOOP, value=0, meta={"alarm": str(code), "nightId": str(night.pk)}, tenant=night.tenant)
    logger.warning("the night %s needs attention: %s", night.pk, code)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the tenant's lock on a connection of its own: a step may close the usual one, and PostgreSQL frees the lock
    if this process dies. Raises `NightRefused`."""
    own, name = connection.copy(), f"aion.autopilot:{settings.PRIMARY_TENANT_ID}"
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
            if not cursor.fetchone()[0]:
                raise NightRefused(_("A night is at work already; wait until it is done."))
        try:
            yield
        finally:
            with own.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    finally:
        own.close()


def _clock() -> str:
    return timezone.now().isoformat()
