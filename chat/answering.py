"""The path of one question, streamed or not. Reads as the story it is; each step lives in a module of its own.

admit -> retrieve -> score -> route -> local model or paid API, checked sentence by sentence -> record -> answer
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from opentelemetry.trace import Span

from chat import calibration, control, recording, tracing, wording
from chat.answers import (
    Answer,
    AnswerPart,
    Asker,
    Question,
    Replaced,
    SentenceReleased,
    Source,
    SourcesFound,
    StillWaiting,
)
from chat.attempts import Attempt, Outcome, Shown, after_caution, answer_by_provider, answer_locally, once_taken
from chat.confidence import Confidence, read, score
from chat.control import ChatPolicy
from chat.evidence import EVIDENCE_PASSAGES, Packed, pack, pack_whole
from chat.exceptions import FallbackUnavailable, InvalidQuestion, PermissionRefused
from chat.fallback import Spending
from chat.followups import readings
from chat.models import ChatSettingsRevision, Conversation
from chat.router import LocalFailure, Paid, RouteDecision, choose_route
from inference.engine import Engine, Priority
from inference.exceptions import DeadlineExceeded, EngineBusy, EngineUnavailable, GenerationFailed
from inference.serving import engine_status
from retrieval.results import Retrieval, SearchScope
from retrieval.search import retrieve
from telemetry.events import Json, new_event_id

__all__ = [
    "Answer",
    "AnswerPart",
    "Asker",
    "Question",
    "Replaced",
    "SentenceReleased",
    "Source",
    "SourcesFound",
    "StillWaiting",
    "answer",
    "answer_stream",
]

logger = logging.getLogger(__name__)

LONGEST_QUESTION = 8000
PROVIDER_CONTEXT_TOKENS = 4000

Parts = Generator[AnswerPart, None, None]


def answer(
    question: Question, *, asker: Asker, engine: Engine | None = None, cancelled: Callable[[], bool] = lambda: False
) -> Answer:
    """The answer, once it is complete. Raises what `answer_stream` raises."""
    for part in answer_stream(question, asker=asker, engine=engine, cancelled=cancelled):
        if isinstance(part, Answer):
            return part
    raise GenerationFailed("the stream ended without an answer")


def answer_stream(
    question: Question, *, asker: Asker, engine: Engine | None = None, cancelled: Callable[[], bool] = lambda: False
) -> Parts:
    """Answer in parts: the sources, sentences as they pass their check, at the end the whole `Answer`.

    Raises `InvalidQuestion`, `PermissionRefused`, `FallbackFailed`, the search's and the engine's errors. A question
    that was taken in leaves an event, also when it fails; closing the generator cancels.
    """
    path = _admit(question, asker, control.current_for(asker.groups), engine, cancelled)
    try:
        yield from _follow(path)
    except (Exception, GeneratorExit) as exc:
        tracing.fail(path.span, exc)
        if not path.recorded:
            _record_failure(path, exc)
        raise
    finally:
        path.span.end()


@dataclass(slots=True)
class _Path:
    """One question on its way: what it can mean after the earlier ones (`readings`), what is in force, and what is
    known by now."""

    question: Question
    readings: tuple[str, ...]
    asker: Asker
    policy: ChatPolicy
    tau: float
    paid: Paid
    forced: bool
    conversation: Conversation | None
    engine: Engine | None
    cancelled: Callable[[], bool]
    started: float = field(default_factory=time.monotonic)
    event_id: UUID = field(default_factory=new_event_id)
    span: Span = field(default_factory=tracing.question)
    retrieval: Retrieval | None = None
    confidence: Confidence | None = None
    timings: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    spending: Spending = field(default_factory=Spending)
    shown: str = ""
    recorded: bool = False

    def __post_init__(self) -> None:
        self.spending.parent = tracing.beneath(self.span)

    def spend(self, stage: str, ms: float) -> None:
        self.timings[stage] = self.timings.get(stage, 0.0) + ms

    def seconds_left(self) -> float:
        """Until the deadline. Raises `DeadlineExceeded` once it has passed."""
        limit = self.question.deadline_s or self.policy.deadline_s
        left = limit - (time.monotonic() - self.started)
        if left <= 0:
            raise DeadlineExceeded(f"no complete answer within {limit:.0f} s")
        return left


@dataclass(frozen=True, slots=True)
class _Found:
    """What the search brought to the question as it was read, and how sure it makes us."""

    retrieval: Retrieval
    confidence: Confidence


def _admit(
    question: Question, asker: Asker, policy: ChatPolicy, engine: Engine | None, cancelled: Callable[[], bool]
) -> _Path:
    """Refuse what cannot or may not be asked, before anything is done."""
    if not question.text.strip():
        raise InvalidQuestion("message", _("Write a question."))
    if len(question.text) > LONGEST_QUESTION:
        message = _("The question has more than %(limit)d characters.") % {"limit": LONGEST_QUESTION}
        raise InvalidQuestion("message", message)
    if question.tau is not None and not 0 <= question.tau <= 1:
        raise InvalidQuestion("tau", _("tau lies between 0 and 1."))
    if question.tau not in (None, policy.tau) and not asker.may_set_tau:
        raise PermissionRefused("tau", _("You may not choose tau."))
    paid = policy.paid()
    forced = policy.fallback_forced() and paid is Paid.ALLOWED  # the switch is no reason to answer nobody
    if question.force_fallback and not forced and not asker.may_force:
        raise PermissionRefused("forceFallback", _("You may not force the paid fallback."))
    conversation = recording.conversation_for(question, asker)
    return _Path(
        question=question,
        readings=readings(question.text, question.earlier or recording.earlier_questions(conversation)),
        asker=asker,
        policy=policy,
        tau=policy.tau if question.tau is None else question.tau,
        paid=paid,
        forced=forced or question.force_fallback,
        conversation=conversation,
        engine=engine,
        cancelled=cancelled,
    )


def _follow(path: _Path) -> Parts:
    _refuse_what_cannot_be_written(path)
    found = _search(path)
    decision = _decide(path, found)
    outcome = Outcome(
        packed=pack(found.retrieval.selected, found.confidence.reading.sentences, path.policy.evidence_tokens)
    )
    sources = SourcesFound(_sources(found, outcome), found.confidence.value, path.tau)
    if not path.question.generate:
        yield sources
        yield _finish(path, found, decision, outcome)
        return
    if decision.route != "local":
        yield sources
    decision, outcome = yield from _take(path, found, decision, outcome, sources)
    if decision.route == "error":
        raise outcome.error or EngineUnavailable("the local model gave no answer")
    if decision.route == "abstain":
        outcome = Outcome(wording.abstention(decision, _sources(found, Outcome())), generate_ms=outcome.generate_ms)
    yield from _show_final(path, found, outcome)
    yield _finish(path, found, decision, outcome)


def _take(
    path: _Path, found: _Found, decision: RouteDecision, outcome: Outcome, sources: SourcesFound
) -> Generator[AnswerPart, None, tuple[RouteDecision, Outcome]]:
    """Go the decided way; where it ends without an answer, the one decided then. No way is gone twice."""
    while decision.route in ("local", "fallback"):
        if decision.route == "local":
            attempt = _ask_engine(path, found, decision, outcome.packed)
            outcome = yield from once_taken(sources, _showing(path, attempt))
            if outcome.failure is None:
                break
        else:
            told = len(path.warnings)
            try:
                outcome = yield from _ask_paid(path, found)
                break
            except FallbackUnavailable as exc:
                path.paid = exc.paid
                path.forced = path.question.force_fallback  # the switch is no reason to answer nobody
                del path.warnings[told:]  # nothing was sent at all
        decision = _decide(path, found, outcome.failure)
    return decision, outcome


def _refuse_what_cannot_be_written(path: _Path) -> None:
    """Say at the door what the model's queue would say after the search, which is what costs under overload.

    Only where nothing but that queue leads to an answer: not where AION quotes, may pay (only the search tells which
    questions it pays for), or waits for its own commands.
    """
    question, policy = path.question, path.policy
    writes = question.generate and policy.answer_mode == ChatSettingsRevision.Mode.GENERATE
    may_pay = path.forced or path.paid is Paid.ALLOWED
    if not writes or may_pay or question.priority is not Priority.CHAT:
        return
    status = path.engine.status() if path.engine else engine_status()
    if status.retry_after_s:
        raise EngineBusy(status.retry_after_s)


def _search(path: _Path) -> _Found:
    """What the documents say to the first reading of the question that they answer; to the likeliest if to none.

    They answer from the tau in force: one that a caller chose for this question moves the route, not what is read.
    """
    found = _look_up(path, path.readings[0])
    for reading in path.readings[1:]:
        if found.confidence.value >= path.policy.tau:
            break
        path.seconds_left()
        found = max(found, _look_up(path, reading), key=lambda found: found.confidence.value)
    path.retrieval, path.confidence = found.retrieval, found.confidence
    return found


def _look_up(path: _Path, asked: str) -> _Found:
    question, policy = path.question, path.policy
    scope = question.scope or SearchScope(tenant=settings.PRIMARY_TENANT_ID, groups=path.asker.groups)
    with tracing.retrieving(tracing.beneath(path.span), asked) as tell:
        retrieval = retrieve(asked, scope=scope, settings=policy.search_settings, hidden=question.hidden)
        tell(retrieval)
    path.retrieval = retrieval
    began = time.monotonic()
    reading = read(retrieval, passages=EVIDENCE_PASSAGES)
    confidence = score(retrieval, reading, scorer=policy.scorer, weights=calibration.weights_in_force())
    path.confidence = confidence
    route_ms = (time.monotonic() - began) * 1000 - reading.embed_ms
    path.spend("embed", retrieval.timings.embed_ms + reading.embed_ms)
    path.spend("search", retrieval.timings.search_ms)
    path.spend("route", route_ms)
    return _Found(retrieval, confidence)


def _decide(path: _Path, found: _Found, failed: LocalFailure | None = None) -> RouteDecision:
    return choose_route(
        confidence=found.confidence.value,
        tau=path.tau,
        forced=path.forced,
        paid=path.paid,
        found=bool(found.retrieval.selected),
        local_failed=failed,
        pay_for_overload=path.policy.fallback_on_overload,
        warn=path.policy.warns,
    )


def _ask_engine(path: _Path, found: _Found, decision: RouteDecision, packed: Packed) -> Attempt:
    attempt = answer_locally(
        found.retrieval.query,
        packed,
        found.confidence.reading.sentences,
        policy=path.policy,
        engine=tracing.TracedEngine(path.engine, tracing.beneath(path.span)),
        deadline_s=path.seconds_left(),
        priority=path.question.priority,
        cancelled=path.cancelled,
    )
    caution = wording.caution(decision, confidence=found.confidence.value, tau=path.tau)
    return after_caution(caution, attempt) if caution else attempt


def _ask_paid(path: _Path, found: _Found) -> Shown:
    """Whole passages, since the provider's model is strong; what must not leave this machine stays here."""
    may_leave = [chunk for chunk in found.retrieval.selected if not path.policy.kept_by(chunk.labels)]
    kept = len(found.retrieval.selected) - len(may_leave)
    if kept and not may_leave:
        raise FallbackUnavailable(Paid.LOCAL_ONLY)
    if kept:
        labels = sorted({label for chunk in found.retrieval.selected for label in path.policy.kept_by(chunk.labels)})
        told = ngettext(
            "%(count)d passage marked %(labels)s was not sent.",
            "%(count)d passages marked %(labels)s were not sent.",
            kept,
        )
        path.warnings.append(told % {"count": kept, "labels": ", ".join(labels)})
    packed = pack_whole(may_leave, PROVIDER_CONTEXT_TOKENS)
    attempt = answer_by_provider(
        found.retrieval.query,
        packed,
        policy=path.policy,
        asker=path.asker,
        spending=path.spending,
        deadline_s=path.seconds_left(),
        cancelled=path.cancelled,
    )
    yield SourcesFound(_sources(found, Outcome(packed=packed)), found.confidence.value, path.tau)
    if path.shown:
        path.shown = ""
        yield Replaced("")
    return (yield from _showing(path, attempt))


def _showing(path: _Path, attempt: Attempt) -> Shown:
    """Pass on what an attempt releases, and remember what was shown."""
    while True:
        try:
            part = next(attempt)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            path.spend("generate", outcome.generate_ms)
            return outcome
        if isinstance(part, SentenceReleased):
            path.shown += part.text
        yield part


def _show_final(path: _Path, found: _Found, outcome: Outcome) -> Parts:
    """Bring what was shown to the final text: the rest of it, or all of it anew."""
    line = wording.sources_line([source for source in _sources(found, outcome) if source.cited])
    outcome.text = f"{outcome.text}\n\n{line}" if line else outcome.text
    if outcome.text.startswith(path.shown):
        yield SentenceReleased(outcome.text[len(path.shown) :])
    else:
        yield Replaced(outcome.text)
    path.shown = outcome.text


def _sources(found: _Found, outcome: Outcome) -> tuple[Source, ...]:
    """The packed passages by number, then the others as related."""
    packed = outcome.packed.chunks
    numbered = [Source.of(chunk, number, cited=number in outcome.cited) for number, chunk in enumerate(packed, start=1)]
    taken = {chunk.chunk_id for chunk in packed}
    return (*numbered, *(Source.of(chunk) for chunk in found.retrieval.selected if chunk.chunk_id not in taken))


def _finish(path: _Path, found: _Found, decision: RouteDecision, outcome: Outcome) -> Answer:
    """The answer, recorded."""
    given = _assemble(path, found, decision, outcome)
    if path.question.record and path.question.generate:
        recording.record_answer(
            path.question,
            given,
            asker=path.asker,
            retrieval=found.retrieval,
            confidence=found.confidence,
            conversation=path.conversation,
            paid=outcome.spending,
        )
    path.recorded = True
    tracing.tell_answer(path.span, given)
    return given


def _assemble(path: _Path, found: _Found, decision: RouteDecision, outcome: Outcome) -> Answer:
    total = (time.monotonic() - path.started) * 1000
    timings = {"generate": 0.0, **path.timings}
    timings["overhead"] = max(0.0, total - timings["generate"] - timings["embed"])
    timings["total"] = total
    kept = path.question.record and path.question.generate
    return Answer(
        text=outcome.text,
        used="abstain" if decision.route == "error" else decision.route,
        confidence=found.confidence.value,
        tau=path.tau,
        reason=decision.reason,
        reason_text=wording.explain(decision, confidence=found.confidence.value, tau=path.tau),
        mode=outcome.mode,
        sources=_sources(found, outcome),
        usage={
            "input_tokens": outcome.result.usage.input_tokens if outcome.result else 0,
            "output_tokens": outcome.result.usage.output_tokens if outcome.result else 0,
        },
        timings={name: round(ms, 1) for name, ms in timings.items()},
        model=outcome.result.model if outcome.result else "",
        adapter=outcome.result.adapter if outcome.result else "",
        adapter_digest=outcome.result.adapter_digest if outcome.result else "",
        event_id=path.event_id if kept else None,
        conversation_id=path.conversation.pk if path.conversation and kept else None,
        cost_usd=outcome.spending.cost_usd if outcome.spending else Decimal(0),
        warnings=(*path.question.warnings, *path.warnings),
        caution=outcome.caution,
        grounded=outcome.grounded,
        scorer=found.confidence.scorer,
        mean_logprob=outcome.result.mean_logprob if outcome.result else None,
        min_logprob=outcome.result.min_logprob if outcome.result else None,
        ranking=_ranking(found.retrieval),
        query=found.retrieval.query,
    )


def _ranking(retrieval: Retrieval) -> tuple[int, ...]:
    """The selected chunks in their order, then the other candidates in theirs."""
    return tuple(dict.fromkeys(chunk.chunk_id for chunk in (*retrieval.selected, *retrieval.candidates)))


def _record_failure(path: _Path, exc: BaseException) -> None:
    """Say in the events that this question failed; never hide the failure itself behind one of recording."""
    if not path.question.record:
        return
    known: dict[str, Json] = {"tau": path.tau, "timings": {name: round(ms, 1) for name, ms in path.timings.items()}}
    if path.confidence is not None:
        known["C"] = path.confidence.value
    if path.spending.attempts:
        known |= recording.spent(path.spending)
    try:
        recording.record_failure(
            path.question,
            exc,
            asker=path.asker,
            event_id=path.event_id,
            known=known,
            retrieval=path.retrieval,
            confidence=path.confidence,
        )
    except DatabaseError:
        logger.exception("the failed question could not be recorded")
