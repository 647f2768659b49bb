"""From what people said to lessons: what may be taught, what is for the examination, and what was left out and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.conf import settings

from chat.golden import INSTALLED, Source, find_sources
from chat.lessons.lesson import LeftOut, Lesson, of_golden, of_review
from chat.lessons.sources import KnownQuestion, ReviewedAnswer, known_questions, reviewed_answers
from chat.lessons.split import Withheld, key_of, normal, withheld
from chat.lessons.targets import renumbered
from chat.nightly import LOOKING_BACK
from telemetry.recorded import recorded_answers
from telemetry.training_sets import Exclusion

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Material:
    """What people said in [since, now), newest first."""

    since: datetime
    now: datetime
    reviewed: Sequence[ReviewedAnswer]
    known: Sequence[KnownQuestion]


@dataclass(frozen=True, slots=True)
class ExaminationQuestion:
    """A question for the examination: nothing about its document is ever trained on. `document` is that one's title or
    what it was called, "" where there is none, and `group` the same for all questions on it.

    `answers` are right ones, none where the documents do not answer (`answerable` False; None is unknown). `kind` is
    the golden question's own, or "reviewed". `earlier` are the questions that it leans on.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    answerable: bool | None
    group: str
    kind: str
    document: str
    earlier: tuple[str, ...] = ()
    event_id: UUID | None = None


class Left(defaultdict[str, list[str]]):
    """The ids of what was left out, by reason."""

    def __init__(self) -> None:
        super().__init__(list)

    def out_or(self, row_id: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What `make` makes; None, and the reason noted, where it raises `LeftOut`."""
        try:
            return make(*args, **kwargs)
        except LeftOut as left:
            self[left.reason.value].append(row_id)
            return None

    def rest_of(self, kept: tuple[list[T], Mapping[str, Exclusion]]) -> list[T]:
        """What was kept, the others noted."""
        rows, others = kept
        for row_id, reason in others.items():
            self[reason.value].append(row_id)
        return rows


def material(now: datetime) -> Material:
    """All that people said by `now`, as far back as AION looks."""
    tenant, since = settings.PRIMARY_TENANT_ID, now - LOOKING_BACK
    return Material(since, now, reviewed_answers(tenant, since, now), known_questions(tenant, now))


def lessons_to_teach(given: Material, left: Left, *, include_provider: bool) -> list[Lesson]:
    """The lessons, newest first, without what is withheld; what the examination asks is taught by no other document."""
    kept_from = withheld()
    sources = _sources(given.known)
    reviewed = list(_of_reviews(given.reviewed, left))
    golden = list(_of_golden(given.known, sources, kept_from, left))
    asked = {normal(question.text) for question in _examination(reviewed, given.known, sources, kept_from)}

    def admitted(lesson: Lesson) -> Lesson:
        if lesson.is_paid and not include_provider:
            raise LeftOut(Exclusion.PROVIDER)
        if normal(lesson.question) in asked:
            raise LeftOut(Exclusion.HELD_OUT)
        return lesson.shown_under(kept_from)

    lessons = [left.out_or(lesson.id, admitted, lesson) for lesson in (*reviewed, *golden)]
    return sorted(filter(None, lessons), key=lambda lesson: (lesson.at, lesson.id), reverse=True)


def examination_from(given: Material) -> tuple[ExaminationQuestion, ...]:
    """The questions of what people said that are for the examination, each once."""
    reviewed = list(_of_reviews(given.reviewed, Left()))
    once: dict[str, ExaminationQuestion] = {}
    for question in _examination(reviewed, given.known, _sources(given.known), withheld()):
        once.setdefault(normal(question.text), question)
    return tuple(once.values())


def _of_reviews(reviewed: Sequence[ReviewedAnswer], left: Left) -> Iterator[Lesson]:
    recorded = recorded_answers(settings.PRIMARY_TENANT_ID, [review.event_id for review in reviewed])
    for review, answer in zip(reviewed, recorded, strict=True):
        lesson = left.out_or(f"review-{review.id}", of_review, review, answer)
        if lesson is not None:
            yield lesson


def _of_golden(
    known: Sequence[KnownQuestion], sources: Sequence[Source], kept_from: Withheld, left: Left
) -> Iterator[Lesson]:
    """One made from an answer carries whose question that was, so that it goes when that person does."""
    events = [each.event_id for each in known if each.event_id]
    answers = {each.event_id: each.answer for each in recorded_answers(settings.PRIMARY_TENANT_ID, events) if each}
    for each, source in zip(known, sources, strict=True):
        lesson = left.out_or(f"golden-{each.id}", of_golden, each, source, kept_from)
        if lesson is not None:
            asked = answers.get(each.event_id, {}) if each.event_id else {}
            yield replace(lesson, user_id=asked.get("userId"), key_id=asked.get("keyId"))


def _sources(known: Sequence[KnownQuestion]) -> tuple[Source, ...]:
    return find_sources([each.golden for each in known], (INSTALLED,)) if known else ()


def _examination(
    reviewed: Iterable[Lesson], known: Sequence[KnownQuestion], sources: Sequence[Source], kept_from: Withheld
) -> Iterator[ExaminationQuestion]:
    """Golden questions first. One that should be answerable but whose document is not installed asks too much."""
    for each, source in zip(known, sources, strict=True):
        golden = each.golden
        could_be = golden.answerable is False or (golden.answers and source.known)
        if could_be and kept_from.examines_golden(golden, source):
            title = kept_from.title_of(source)
            yield ExaminationQuestion(
                id=f"golden-{each.id}",
                text=golden.text,
                answers=golden.answers,
                answerable=golden.answerable,
                group=normal(title or key_of(golden.document) or golden.text),
                kind=golden.kind,
                document=title or golden.document,
                earlier=golden.earlier,
                event_id=each.event_id,
            )
    for lesson in reviewed:
        if lesson.is_examined(kept_from):
            yield ExaminationQuestion(
                id=lesson.id,
                text=lesson.question,
                answers=() if lesson.is_refusal else (renumbered(lesson.reply, {}),),
                answerable=not lesson.is_refusal,
                group=normal(lesson.source.title if lesson.source else lesson.question),
                kind="reviewed",
                document=lesson.source.title if lesson.source else "",
                event_id=lesson.event_id,
            )
