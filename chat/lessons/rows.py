"""A lesson becomes a row: packed to a budget, its answer checked against what is shown, personal data masked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.evidence import Packed, estimate_tokens, pack
from chat.lessons.lesson import LeftOut, Lesson
from chat.lessons.packing import BUDGETS, REFUSAL, as_line, best_answer, weigh_evidence
from chat.lessons.split import normal
from chat.lessons.targets import checked, renumbered
from chat.prompts import PackedPassage
from telemetry.exceptions import PersonalDataLeft
from telemetry.pii import redact_together
from telemetry.training_sets import Exclusion, NewRow

SEED = 17


@dataclass(frozen=True, slots=True)
class Form:
    """How rows are made: the engine's system prompt and context budget, and the longest row in tokens."""

    system_prompt: str
    context_tokens: int
    max_tokens: int


@dataclass(frozen=True)
class Row:
    """A lesson as it is trained on: masked, its citations those of the packed passages. `masked` are kinds."""

    lesson: Lesson
    question: str
    target: str
    packed: Packed
    line: Mapping[str, Any]
    masked: tuple[str, ...]

    @property
    def document(self) -> str:
        """What it is about, for the balance."""
        return normal(self.lesson.source.title) if self.lesson.source else ""

    @property
    def section(self) -> tuple[str, str]:
        return self.document, normal(self.lesson.source.section) if self.lesson.source else ""

    def as_new(self) -> NewRow:
        lesson = self.lesson
        return NewRow(
            row_id=lesson.id,
            origin=lesson.origin,
            content=self.line,
            event_id=lesson.event_id,
            review_id=lesson.review_id,
            golden_id=lesson.golden_id,
            user_id=lesson.user_id,
            key_id=lesson.key_id,
            document_ids=tuple(dict.fromkeys(chunk.document_id for chunk in self.packed.chunks)),
        )


def row_of(lesson: Lesson, form: Form) -> Row:
    """The row, in the budget drawn for it or the next that shows what the answer rests on. Raises `LeftOut`."""
    budgets = sorted({*BUDGETS, form.context_tokens})
    first = draw(lesson.id) % len(budgets)
    weighed = weigh_evidence(lesson.question, lesson.chunks, lesson.weights)
    reason = Exclusion.NO_CONTEXT
    for budget in (*budgets[first:], *reversed(budgets[:first])):
        packed = pack(lesson.chunks, weighed, budget)
        try:
            return _masked(lesson, packed, _target(lesson, packed), form)
        except LeftOut as left:
            reason = left.reason
    raise LeftOut(reason)


def draw(row_id: str) -> int:
    """A number that turns on the row and the seed alone."""
    return int.from_bytes(hashlib.sha256(f"{SEED}:{row_id}".encode()).digest()[:8])


def _target(lesson: Lesson, packed: Packed) -> str:
    """What the model is to write, having been shown this."""
    if not packed.passages:
        raise LeftOut(Exclusion.NO_CONTEXT)
    if lesson.is_refusal:
        return _refusal(lesson, packed)
    said = _answer_in(lesson, packed) if lesson.answers else _reply_in(lesson, packed)
    passed = checked(said, packed.passages)
    if passed is None:
        raise LeftOut(Exclusion.UNGROUNDED)
    return passed[0]


def _refusal(lesson: Lesson, packed: Packed) -> str:
    """That the context does not say; not where what is shown would bear the answer after all."""
    borne = lesson.reply and checked(renumbered(lesson.reply, {}), packed.passages)
    if borne or any(best_answer(lesson.answers, passage.text, whole=False) for passage in packed.passages):
        raise LeftOut(Exclusion.CONTRADICTED)
    return REFUSAL


def _reply_in(lesson: Lesson, packed: Packed) -> str:
    numbers = {chunk.chunk_id: number for number, chunk in enumerate(packed.chunks, start=1)}
    cites = {place: numbers[chunk_id] for place, chunk_id in lesson.cites.items() if chunk_id in numbers}
    return renumbered(lesson.reply, cites)


def _answer_in(lesson: Lesson, packed: Packed) -> str:
    for passage, chunk in zip(packed.passages, packed.chunks, strict=True):
        if chunk.chunk_id in lesson.gold and (said := best_answer(lesson.answers, passage.text, whole=True)):
            return f"{said} [{passage.number}]."
    raise LeftOut(Exclusion.SOURCE_NOT_FOUND)


def _masked(lesson: Lesson, packed: Packed, target: str, form: Form) -> Row:
    shown = packed.passages
    try:
        redacted = redact_together(
            (lesson.question, target, *(passage.name for passage in shown), *(passage.text for passage in shown))
        )
    except PersonalDataLeft as exc:
        raise LeftOut(Exclusion.PERSONAL_DATA_LEFT) from exc
    question, reply, *texts = (each.text for each in redacted)
    passages = [
        PackedPassage(passage.number, name, text)
        for passage, name, text in zip(shown, texts[: len(shown)], texts[len(shown) :], strict=True)
    ]
    line = as_line(lesson.id, question, passages, reply, system_prompt=form.system_prompt)
    if _tokens(line) > form.max_tokens:
        raise LeftOut(Exclusion.TOO_LONG)
    return Row(lesson, question, reply, packed, line, redacted[0].kinds)


def _tokens(line: Mapping[str, Any]) -> int:
    messages: Sequence[Mapping[str, str]] = (*line["prompt"], *line["completion"])
    return sum(estimate_tokens(message["content"]) for message in messages)
