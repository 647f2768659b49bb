"""The questions of an examination as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from chat.golden import GoldenQuestion


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """A question on a document that nothing was trained on. `group` is that document's title or file name, "" where
    nothing here answers it; `earlier` are the questions it leans on, oldest first."""

    question: str
    answers: tuple[str, ...]
    answerable: bool
    group: str
    kind: str = ""
    earlier: tuple[str, ...] = ()

    @classmethod
    def of(cls, golden: GoldenQuestion) -> ExamQuestion:
        return cls(
            question=golden.text,
            answers=golden.answers,
            answerable=bool(golden.answerable),
            group=golden.document,
            kind=golden.kind,
            earlier=golden.earlier,
        )

    def as_golden(self) -> GoldenQuestion:
        return GoldenQuestion(self.question, self.answers, self.group, "", self.answerable, earlier=self.earlier)


def frozen_questions() -> tuple[ExamQuestion, ...]:
    """Those that no training sees."""
    from chat.lessons import examination_questions  # type: ignore[import-not-found]  # comes with the lessons

    return tuple(examination_questions())
