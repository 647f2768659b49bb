"""The questions of an examination as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chat.golden import GoldenQuestion
from chat.lessons import ExaminationQuestion, examination_questions


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """A question on a document that nothing was trained on. `document` is its title or file name, "" where nothing here
    answers it; questions of one `group` stand or fall together, "" for those of the document; `earlier` are the
    questions it leans on, oldest first; `event_id` is the answer it was made from, whose asker may be erased."""

    question: str
    answers: tuple[str, ...]
    answerable: bool
    document: str
    kind: str = ""
    earlier: tuple[str, ...] = ()
    group: str = ""
    event_id: UUID | None = None

    @classmethod
    def of(cls, golden: GoldenQuestion) -> ExamQuestion:
        return cls(
            question=golden.text,
            answers=golden.answers,
            answerable=bool(golden.answerable),
            document=golden.document,
            kind=golden.kind,
            earlier=golden.earlier,
        )

    def as_golden(self) -> GoldenQuestion:
        return GoldenQuestion(self.question, self.answers, self.document, "", self.answerable, earlier=self.earlier)


def frozen_questions() -> tuple[ExamQuestion, ...]:
    """Those that no training sees, of which it is known whether the documents answer them."""
    return tuple(_asked(question) for question in examination_questions() if question.answerable is not None)


def _asked(question: ExaminationQuestion) -> ExamQuestion:
    return ExamQuestion(
        question=question.text,
        answers=question.answers,
        answerable=bool(question.answerable),
        document=question.document,
        kind=question.kind,
        earlier=question.earlier,
        group=question.group,
        event_id=question.event_id,
    )
