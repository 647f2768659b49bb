"""What the models are given: one search and one packing a question, shared by all of them, and again with the source
hidden, when nothing should be answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings

from chat import calibration, control
from chat.attempts import Mode, pointing_for, request_for
from chat.confidence import Confidence, read, score
from chat.control import ChatPolicy
from chat.evaluation.asking import GREEDY
from chat.evaluation.measures import normalise
from chat.evidence import EVIDENCE_PASSAGES, Packed, pack
from chat.examination.questions import ExamQuestion
from chat.followups import readings
from chat.golden import Source, find_sources
from chat.quotation import Quotation, quote
from inference.engine import GenerationRequest, Priority
from inference.verdict import Case
from retrieval.results import Hidden, Retrieval, SearchScope
from retrieval.search import retrieve

DEADLINE_S = 600.0  # nobody waits; a machine that is busy with chats answers late
SHORT_QUESTION, SHORT_ANSWER = 8, 4  # words, up to which it is short


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question as every model is asked it. `key` names it in the file of answers.

    `quotation` is what the chat would quote, for the model to cut where `request` says so; None where the model is to
    write. `passes` is whether the gate would let the question through: for the others no model is asked.
    """

    question: ExamQuestion
    hidden: bool
    packed: Packed
    quotation: Quotation | None
    request: GenerationRequest | None
    passes: bool
    case: Case
    key: str

    @property
    def text(self) -> str:
        """All that the model reads."""
        return "\n".join(f"{passage.name}\n{passage.text}" for passage in self.packed.passages) + self.question.question


def prompts_of(
    questions: Sequence[ExamQuestion], collections: Sequence[str], progress: Callable[[int, int], None]
) -> list[Prompt]:
    """In order; without those for which the search brings nothing, since the chat asks no model then."""
    with control.instead(**GREEDY, **_as_a_model_is_asked()):
        policy = control.current()
        found = []
        sources = find_sources([question.as_golden() for question in questions], collections)
        for done, (question, source) in enumerate(zip(questions, sources, strict=True), start=1):
            found += list(_turns(question, source, collections, policy))
            progress(done, len(questions))
    return found


def _as_a_model_is_asked() -> dict[str, str]:
    """The mode in force; where it quotes without asking a model, the one that lets a model cut."""
    mode = control.current().answer_mode
    return {"answer_mode": mode if mode == Mode.GENERATE else Mode.EXCERPT}


def _turns(question: ExamQuestion, source: Source, collections: Sequence[str], policy: ChatPolicy) -> Iterator[Prompt]:
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=tuple(collections), groups=None)
    if (asked := _prompt(question, Hidden(), scope, policy)) is not None:
        yield asked
    if question.answerable and source.known and (again := _prompt(question, source.hidden_document, scope, policy)):
        yield again


def _prompt(question: ExamQuestion, hidden: Hidden, scope: SearchScope, policy: ChatPolicy) -> Prompt | None:
    retrieval, confidence = _search(question, hidden, scope, policy)
    if not retrieval.selected:
        return None
    sentences = confidence.reading.sentences
    packed = pack(retrieval.selected, sentences, policy.evidence_tokens)
    quotation = quote(retrieval.query, packed, sentences) if policy.answer_mode == Mode.EXCERPT else None
    asked = request_for(retrieval.query, packed, policy=policy, deadline_s=DEADLINE_S, priority=Priority.BATCH)
    request: GenerationRequest | None = asked
    if quotation is not None:
        request = pointing_for(
            retrieval.query, packed, quotation, policy=policy, deadline_s=DEADLINE_S, priority=Priority.BATCH
        )
    is_hidden = hidden != Hidden()
    written = "\n".join(message.content for message in asked.messages)
    key = hashlib.sha256(f"{is_hidden}\n{written}".encode()).hexdigest()[:24]
    case = _case(question, is_hidden)
    passes = not case.must_refuse or confidence.value >= policy.tau
    return Prompt(question, is_hidden, packed, quotation, request, passes, case, key)


def _search(
    question: ExamQuestion, hidden: Hidden, scope: SearchScope, policy: ChatPolicy
) -> tuple[Retrieval, Confidence]:
    """The reading of the question that the documents answer, as the chat finds it."""
    best: tuple[Retrieval, Confidence] | None = None
    for reading in readings(question.question, question.earlier):
        retrieval = retrieve(reading, scope=scope, settings=policy.search_settings, hidden=hidden)
        seen = read(retrieval, passages=EVIDENCE_PASSAGES)
        confidence = score(retrieval, seen, scorer=policy.scorer, weights=calibration.weights_in_force())
        if best is None or confidence.value > best[1].value:
            best = retrieval, confidence
        if confidence.value >= policy.tau:
            break
    assert best is not None  # noqa: S101  # a question has at least one reading
    return best


def _case(question: ExamQuestion, hidden: bool) -> Case:
    asked = "hidden" if hidden else "answerable" if question.answerable else "unanswerable"
    words = len(normalise(question.question))
    slices = [f"asked:{asked}", f"question:{'short' if words <= SHORT_QUESTION else 'long'}"]
    if question.document:
        slices.append(f"document:{question.document}")
    if asked == "answerable":
        shortest = min((len(normalise(answer)) for answer in question.answers), default=0)
        slices.append(f"answer:{'short' if shortest <= SHORT_ANSWER else 'long'}")
        slices += [f"kind:{question.kind}"] if question.kind else []
    return Case(question.group or question.document or question.question, asked != "answerable", tuple(slices))
