"""Ask golden questions through the chat path: as they are, with their source hidden, and those nothing here answers.

Greedy and without the paid API, whatever the settings say, unless the plan says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.conf import settings
from django.utils.translation import gettext as _

from chat import control
from chat.answering import LONGEST_QUESTION, Answer, Asker, Question, answer
from chat.exceptions import GoldenFileInvalid
from chat.golden import GoldenQuestion, Source, find_sources
from chat.models import ChatSettingsRevision
from inference.engine import Engine, Priority
from inference.exceptions import DeadlineExceeded, EngineBusy
from inference.serving import get_engine
from retrieval.generations import serving_embedder
from retrieval.results import Hidden, SearchScope

Asked = Literal["answerable", "unknown", "unanswerable", "masked", "off_domain"]
Mask = Literal["document", "passage"]

EVALUATOR = Asker(groups=None, may_set_tau=True, may_force=True, is_service=True)
GREEDY = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0}
GATED = {"on_low_confidence": ChatSettingsRevision.OnLowConfidence.ABSTAIN}  # a warned answer has passed no gate
UNPAID = {"fallback_allowed": False, "forced_fallback_until": None}
PATIENCE_S = 300.0
NOWHERE = Source(Hidden(), Hidden(), "", has_neighbours=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask of which `collections`. `masked` asks again with the source hidden; `off_domain` are questions that
    nothing here answers. `tau` None is the one in force; `greedy` False samples as the settings say; `may_pay` lets the
    paid API answer what the chat would send there. `goes_on` is looked at before each question, and may wait; once
    it is False no more are asked."""

    questions: Sequence[GoldenQuestion]
    collections: Sequence[str]
    masked: Sequence[Mask] = ()
    off_domain: Sequence[GoldenQuestion] = ()
    generate: bool = True
    tau: float | None = None
    greedy: bool = True
    may_pay: bool = False
    examples: int = 20
    progress: Callable[[int, int], None] = field(default=lambda done, total: None)
    goes_on: Callable[[], bool] = field(default=lambda: True)


@dataclass(frozen=True, slots=True)
class Judged:
    """One question as it was asked and answered. `mask` says what was hidden from it."""

    question: GoldenQuestion
    source: Source
    asked: Asked
    answer: Answer
    mask: Mask | None = None

    @property
    def group(self) -> str:
        """Its document: questions on the same one stand or fall together, so it is documents that are resampled."""
        own = self.question.document or self.question.text
        return f"{self.asked}: {own}" if self.asked == "off_domain" else own

    @property
    def is_answered(self) -> bool:
        return self.answer.used != "abstain"

    @property
    def mode(self) -> str:
        """How it was answered: `quote`, `generated`, or `fallback` by the paid API."""
        return "fallback" if self.answer.used == "fallback" else self.answer.mode

    def passes(self, tau: float) -> bool:
        """Whether the gate lets it through."""
        return bool(self.answer.ranking) and self.answer.confidence >= tau


@dataclass(frozen=True, slots=True)
class _Round:
    question: GoldenQuestion
    source: Source
    asked: Asked
    hidden: Hidden = field(default_factory=Hidden)
    mask: Mask | None = None


def ask_all(plan: Plan, engine: Engine | None = None) -> list[Judged]:
    """Every question of the plan, answered. Raises `GoldenFileInvalid` and what the chat path raises."""
    _refuse_too_long([*plan.questions, *plan.off_domain])
    values: dict[str, Any] = GATED | (GREEDY if plan.greedy else {}) | ({} if plan.may_pay else UNPAID)
    with control.instead(**values):
        if plan.generate:
            engine = engine or _loaded_engine()
        serving_embedder().query("aquecimento")  # loading it is nobody's first question
        return list(_judge(plan, engine))


def tau_of(plan: Plan) -> float:
    return control.current().tau if plan.tau is None else plan.tau


def _loaded_engine() -> Engine | None:
    """The model, loaded before the first question is timed; None where the settings never ask it."""
    only_quotes = control.current().answer_mode == ChatSettingsRevision.Mode.QUOTE
    return None if only_quotes else get_engine()


def _refuse_too_long(questions: Sequence[GoldenQuestion]) -> None:
    for question in questions:
        if len(question.text) > LONGEST_QUESTION:
            values = {"limit": LONGEST_QUESTION, "start": question.text[:60]}
            raise GoldenFileInvalid(_("A question has more than %(limit)d characters: “%(start)s…”") % values)


def _judge(plan: Plan, engine: Engine | None) -> Iterator[Judged]:
    rounds = _rounds(plan)
    for done, turn in enumerate(rounds, start=1):
        if not plan.goes_on():
            return
        given = _answer(_question(turn, plan), engine)
        yield Judged(turn.question, turn.source, turn.asked, given, turn.mask)
        plan.progress(done, len(rounds))


def _answer(question: Question, engine: Engine | None) -> Answer:
    """Those who chat go before: a question that found no place is asked again. Raises what the chat path raises."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return answer(question, asker=EVALUATOR, engine=engine)
        except EngineBusy as exc:
            if time.monotonic() + exc.retry_after_s > until:
                raise
            time.sleep(exc.retry_after_s)
        except DeadlineExceeded:
            if time.monotonic() > until:
                raise


def _rounds(plan: Plan) -> list[_Round]:
    sources = find_sources(plan.questions, plan.collections)
    rounds = []
    for question, source in zip(plan.questions, sources, strict=True):
        asked = _asked(question)
        rounds.append(_Round(question, source, asked))
        if source.known and asked != "unanswerable":
            hidden = {"document": source.hidden_document, "passage": source.hidden_passage}
            rounds += [_Round(question, source, "masked", hidden[mask], mask) for mask in plan.masked]
    return rounds + [_Round(question, NOWHERE, "off_domain") for question in plan.off_domain]


def _asked(question: GoldenQuestion) -> Asked:
    if question.answerable is None:
        return "unknown"
    return "answerable" if question.answerable else "unanswerable"


def _question(turn: _Round, plan: Plan) -> Question:
    return Question(
        text=turn.question.text,
        earlier=turn.question.earlier,
        tau=plan.tau,
        generate=plan.generate and turn.asked in ("answerable", "unanswerable"),
        record=False,
        hidden=turn.hidden,
        scope=SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=tuple(plan.collections), groups=None),
        priority=Priority.BATCH,
    )
