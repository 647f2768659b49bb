"""Three nights of the learning loop in a row on the demo, from conversations to the served adapter, with no hand.

The installation is a fresh one: the demo's documents and golden questions, the base model alone. Each day simulated
people ask and a simulated reviewer decides; then the night runs as the schedule would run it, training and examining in
processes of their own, and what it promotes serves the next day's answers. On the first day a few answers are reviewed,
on the second many, on the third as many by somebody careless, who corrects every answer by a sentence on something
else. Nothing forces what comes of it: AION is the night's candidate, beside the adapter that serves and the base alone,
on the documents that no night learns from. The days follow one another at once, at the real time, since what a night
looks at is kept under the moment when it happened. With `--limit` so many questions a day, and fewer reviews are enough
for a training. Part of what `make bench-loop` means.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from aion.autopilot import run_night
from aion.loop import words
from benchmarks.installation import private_broker
from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import DEMO, say
from benchmarks.simulated_people import Reviewer, careful, careless, day
from chat.golden import INSTALLED, GoldenQuestion, read_golden
from chat.golden.importing import import_questions
from chat.models import ChatSettingsRevision
from inference import serving
from inference.adapters import desired_state, set_desired
from inference.exceptions import EngineUnavailable
from inference.models import Examination
from inference.verdict_words import reasons_in_words
from retrieval.ingestion import ingest
from telemetry import loop_settings
from telemetry.models import LoopSettings, Night, TrainingSet

FEW, MANY = 20, 120  # answers reviewed on a day
ASKERS = 5
LONGEST_START_S = 900.0
FIGURES = ("utility", "f1", "f1_shown", "contains", "grounded", "refused")


@dataclass(frozen=True, slots=True)
class Day:
    """Who reviews the answers to which questions before a night."""

    name: str
    questions: Sequence[GoldenQuestion]
    reviewer: Reviewer


def measure(options: Options) -> Iterator[Line]:
    days = _days(options.limit)
    _install(days, options.limit)
    askers = [User.objects.create_user(f"simulated-asker-{number}").pk for number in range(1, ASKERS + 1)]
    reviewer = User.objects.create_user("simulated-reviewer", is_staff=True)
    with private_broker(), _serving_base_alone():
        for each in days:
            say(f"{each.name}: {len(each.questions)} questions")
            began = time.monotonic()
            verdicts = day(each.questions, askers, each.reviewer, reviewer.pk)
            day_s = time.monotonic() - began
            say(f"{each.name}: {dict(verdicts)} in {day_s:.0f} s; the night begins")
            with _stdout_kept_for_lines():
                night = run_night(timezone.now())
            yield from _told(each, night, {"reviews": dict(verdicts), "day_s": round(day_s, 1)})


def _days(limit: int | None) -> tuple[Day, ...]:
    """No question is asked on two of them."""
    many = limit or MANY
    sizes = {"few reviews": max(1, many * FEW // MANY), "many reviews": many, "careless reviews": many}
    rest = [question for question in read_golden(DEMO / "golden.jsonl").questions if not question.follows_up]
    random.Random(2026).shuffle(rest)
    days = []
    for number, (name, size) in enumerate(sizes.items(), start=1):
        asked, rest = rest[:size], rest[size:]
        days.append(Day(f"night {number}, {name}", asked, careless if name == "careless reviews" else careful))
    return tuple(days)


def _install(days: Sequence[Day], limit: int | None) -> None:
    """As the first start does, and the mode of answering in which the adapter has a say."""
    say("reading the demo's documents")
    ingest([DEMO / "documents"], tenant=settings.PRIMARY_TENANT_ID, collection=INSTALLED)
    golden = read_golden(DEMO / "golden.jsonl")
    asked = sum(len(each.questions) for each in days)
    import_questions(replace(golden, questions=tuple(spread(golden.questions, asked if limit else None))))
    ChatSettingsRevision.objects.create(answer_mode=ChatSettingsRevision.Mode.EXCERPT)
    if limit:
        LoopSettings.objects.create(tenant=settings.PRIMARY_TENANT_ID, min_new_rows=max(2, limit // 3))


@contextmanager
def _serving_base_alone() -> Iterator[None]:
    """This process serves, and follows what is desired as any serving process does."""
    set_desired(None, reason="the benchmark begins with the base model alone")
    say("loading the model")
    serving.start()
    until = time.monotonic() + LONGEST_START_S
    while not _has_settled():
        if time.monotonic() > until:
            raise EngineUnavailable(serving.engine_status().error or "the model was not loaded in time")
        time.sleep(0.5)
    try:
        yield
    finally:
        if reconciler := serving.local_reconciler():
            reconciler.stop()


def _has_settled() -> bool:
    reconciler = serving.local_reconciler()
    return reconciler is not None and reconciler.has_settled


@contextmanager
def _stdout_kept_for_lines() -> Iterator[None]:
    """What the night's own processes print goes to stderr."""
    sys.stdout.flush()
    lines = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        yield
    finally:
        os.dup2(lines, sys.stdout.fileno())
        os.close(lines)


def _told(each: Day, night: Night, people: Mapping[str, object]) -> Iterator[Line]:
    examination = Examination.objects.get(pk=night.examination_id) if night.examination_id else None
    wish = desired_state()
    conditions = {
        **people,
        "simulated": "askers and reviewer",
        "start": "base model alone",
        "decision": str(words.decision_in_words(night.decision)[1]),
        "reasons": _reasons(night, examination),
        "steps": [f"{step['step']}: {step['state']}. {step['said']}".strip() for step in night.steps],
        "state": night.state,
        "min_new_rows": loop_settings.current().min_new_rows,
        "rows": _rows(night),
        "serves": str(wish.adapter) if wish and wish.adapter else "base model alone",
    }
    yield Line(each.name, "promoted", float(_was_promoted(examination)), conditions=conditions)
    for step in night.steps:
        if step["finished_at"]:
            yield Line(each.name, f"{step['step']}_s", _seconds(step))
    if examination and examination.results:
        yield from _figures(each.name, examination.results)


def _was_promoted(examination: Examination | None) -> bool:
    return examination is not None and examination.promoted_at is not None


def _reasons(night: Night, examination: Examination | None) -> list[str]:
    """The night's, then the verdict's, then of what failed."""
    failed = [str(step["said"]) for step in night.steps if step["state"] == Night.State.FAILED]
    decided = [words.reason_in_words(reason) for reason in night.reasons]
    return [*decided, *(reasons_in_words(examination.reasons) if examination else ()), *failed]


def _rows(night: Night) -> Mapping[str, Any]:
    """What the training set was made of, and what was left out of it; nothing where there was none."""
    if night.training_set_id is None:
        return {}
    made = TrainingSet.objects.get(pk=night.training_set_id)
    excluded = {reason: left["rows"] for reason, left in made.manifest["excluded"].items()}
    return {"rows": made.rows, "origins": made.manifest["origins"], "left_out": excluded}


def _seconds(step: Mapping[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(step[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def _figures(case: str, results: Mapping[str, Any]) -> Iterator[Line]:
    """The candidate's beside the others', on the same questions."""
    arms = results["arms"]
    counts = {"n": results["questions"], "hidden": results["refusals"], "documents": results["documents"]}
    for name in FIGURES:
        own = arms["candidate"][name]
        if own is None:
            continue
        interval = {"interval_95": [own["low"], own["high"]]} if own.get("low") is not None else {}
        peers = {
            title: arms[arm][name] and arms[arm][name]["value"]
            for arm, title in (("champion", "who served"), ("base", "base alone"))
            if arm in arms
        }
        yield from beside(case, name, own["value"], peers, **counts, **interval)
