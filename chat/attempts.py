"""Two ways to an answer from packed evidence: the local model, with quotation behind it, and the paid API.

An attempt that fails says how; what follows from that is the router's to decide.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field

from chat.answers import AnswerPart, Asker, SentenceReleased, SourcesFound, StillWaiting
from chat.answers import Mode as AnswerMode
from chat.connections import give_back_connection
from chat.control import ChatPolicy
from chat.drafting import STOP, Draft, draft
from chat.evidence import Packed, Weighed
from chat.exceptions import FallbackFailed
from chat.excerpts import choose
from chat.fallback import Spending, ask_provider
from chat.grounding import Fault
from chat.models import ChatSettingsRevision
from chat.prompts import build_messages
from chat.quotation import Quotation, cut, quote
from chat.router import LocalFailure
from inference.engine import Engine, GenerationRequest, GenerationResult, Pointing, Priority, Waiting
from inference.exceptions import DeadlineExceeded, EngineBusy, EngineUnavailable, GenerationFailed, InferenceError
from inference.serving import get_engine

logger = logging.getLogger(__name__)

Mode = ChatSettingsRevision.Mode
LONGEST_EXCERPT_TOKENS = 96  # room beside the prompt; nothing is written


@dataclass(slots=True)
class Outcome:
    """What an attempt came to. `failure` says why there is no text, `error` what raised it; `caution` is what the text
    begins with where AION is not sure."""

    text: str = ""
    mode: AnswerMode = ""
    packed: Packed = field(default_factory=Packed)
    cited: frozenset[int] = frozenset()
    result: GenerationResult | None = None
    grounded: bool | None = None
    caution: str = ""
    failure: LocalFailure | None = None
    error: InferenceError | None = None
    spending: Spending | None = None
    generate_ms: float = 0.0


Attempt = Generator[SentenceReleased | StillWaiting, None, Outcome]
Shown = Generator[AnswerPart, None, Outcome]


def answer_locally(
    question: str,
    packed: Packed,
    sentences: Weighed,
    *,
    policy: ChatPolicy,
    engine: Engine | None,
    deadline_s: float,
    priority: Priority,
    cancelled: Callable[[], bool],
) -> Attempt:
    """Generate; where the check fails, or the policy prefers it, quote. Overload is never worked around by quoting."""
    if policy.answer_mode != Mode.GENERATE:
        quotation = quote(question, packed, sentences)
        if quotation is not None and policy.answer_mode == Mode.EXCERPT:
            pointing = pointing_for(
                question, packed, quotation, policy=policy, deadline_s=deadline_s, priority=priority
            )
            return (yield from excerpt(question, pointing, quotation, packed, engine or get_engine(), cancelled))
        if quotation is not None or policy.answer_mode == Mode.QUOTE:
            return _quoted(quotation, packed, LocalFailure.UNSUPPORTED)
    asked = request_for(question, packed, policy=policy, deadline_s=deadline_s, priority=priority)
    give_back_connection()  # the model may take seconds; the connection serves others meanwhile
    started = time.monotonic()
    try:
        with closing((engine or get_engine()).generate(asked, cancelled=cancelled)) as parts:  # type: ignore[type-var]  # a generator
            said = yield from draft(parts, packed.checked, strict=True)
    except (EngineBusy, DeadlineExceeded) as exc:
        return Outcome(packed=packed, failure=LocalFailure.OVERLOAD, error=exc)
    except (EngineUnavailable, GenerationFailed) as exc:
        return Outcome(packed=packed, failure=LocalFailure.ENGINE, error=exc)
    generate_ms = (time.monotonic() - started) * 1000
    if said.fault is None:
        return _drafted(said, packed, generate_ms)
    failure = LocalFailure.EMPTY if said.fault is Fault.EMPTY else LocalFailure.UNSUPPORTED
    outcome = _quoted(quote(question, packed, sentences), packed, failure)
    outcome.result, outcome.generate_ms = said.result, generate_ms
    return outcome


def request_for(
    question: str, packed: Packed, *, policy: ChatPolicy, deadline_s: float, priority: Priority
) -> GenerationRequest:
    """What the local model is asked, here and in its examination."""
    return GenerationRequest(
        messages=build_messages(question, packed.passages, system_prompt=policy.system_prompt),
        max_new_tokens=policy.max_new_tokens,
        temperature=policy.temperature,
        top_p=policy.top_p,
        repetition_penalty=policy.repetition_penalty,
        stop=STOP,
        deadline_s=deadline_s,
        priority=priority,
    )


def answer_by_provider(
    question: str,
    packed: Packed,
    *,
    policy: ChatPolicy,
    asker: Asker,
    spending: Spending,
    deadline_s: float,
    cancelled: Callable[[], bool],
) -> Attempt:
    """Ask the paid API. Raises `FallbackUnavailable` where nothing was sent, else `FallbackFailed`; what it did and
    cost is in `spending`, however it ends."""
    started = time.monotonic()
    parts = ask_provider(
        question,
        packed.passages,
        policy=policy,
        asker=asker,
        spending=spending,
        deadline_s=deadline_s,
        cancelled=cancelled,
    )
    with closing(parts):  # which settles the reservation
        said = yield from draft(parts, packed.checked, strict=False)
    if not said.text:
        raise FallbackFailed("malformed", "the provider gave an empty answer")
    outcome = _drafted(said, packed, (time.monotonic() - started) * 1000)
    outcome.spending = spending
    return outcome


def after_caution(caution: str, attempt: Attempt) -> Attempt:
    """The same attempt, its answer and the first sentence it releases preceded by a caution."""
    opening = f"{caution}\n\n"
    while True:
        try:
            part = next(attempt)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            if outcome.failure is None:
                outcome.caution, outcome.text = caution, f"{caution}\n\n{outcome.text}"
            return outcome
        if isinstance(part, SentenceReleased):
            part, opening = SentenceReleased(opening + part.text), ""
        yield part


def once_taken(sources: SourcesFound, answering: Shown) -> Shown:
    """The sources, then what is shown; nothing where the queue is full: a refusal is no answer that broke off."""
    try:
        first = next(answering)
    except StopIteration as stop:
        outcome: Outcome = stop.value
        if not isinstance(outcome.error, EngineBusy):
            yield sources
        return outcome
    yield sources
    yield first
    return (yield from answering)


def _drafted(said: Draft, packed: Packed, generate_ms: float) -> Outcome:
    return Outcome(
        text=said.text,
        mode="generated",
        packed=packed,
        cited=frozenset(said.citations),
        result=said.result,
        grounded=said.fault is None,
        generate_ms=generate_ms,
    )


def pointing_for(
    question: str, packed: Packed, quotation: Quotation, *, policy: ChatPolicy, deadline_s: float, priority: Priority
) -> GenerationRequest | None:
    """What asks the model which words of the quotation answer; None where it is more than a sentence."""
    if quotation.sentence is None:
        return None
    return GenerationRequest(
        messages=build_messages(question, packed.passages, system_prompt=policy.system_prompt),
        max_new_tokens=LONGEST_EXCERPT_TOKENS,
        deadline_s=deadline_s,
        priority=priority,
        pointing=Pointing((quotation.sentence.text,)),
    )


def excerpt(
    question: str,
    request: GenerationRequest | None,
    quotation: Quotation,
    packed: Packed,
    engine: Engine,
    cancelled: Callable[[], bool] = lambda: False,
) -> Attempt:
    """The quotation, cut by the model; whole where the model cannot say or has no time: it answers as it stands."""
    outcome = _quoted(quotation, packed, LocalFailure.UNSUPPORTED)
    if request is None or not engine.status().can_point:
        return outcome
    give_back_connection()
    started = time.monotonic()
    try:
        with closing(engine.generate(request, cancelled=cancelled)) as parts:  # type: ignore[type-var]  # a generator
            for part in parts:
                if isinstance(part, GenerationResult):
                    outcome.result = part
                elif isinstance(part, Waiting):
                    yield StillWaiting(part.stage)
    except (EngineBusy, DeadlineExceeded, EngineUnavailable, GenerationFailed) as exc:
        logger.info("the quotation stays whole: %s", exc)
    outcome.generate_ms = (time.monotonic() - started) * 1000
    chosen = None
    if outcome.result and request.pointing:
        chosen = choose(question, outcome.result.excerpts, request.pointing.texts)
    if chosen is not None:
        outcome.text = cut(quotation, chosen.start, chosen.end)
    return outcome


def _quoted(quotation: Quotation | None, packed: Packed, failure: LocalFailure) -> Outcome:
    if quotation is None:
        return Outcome(packed=packed, failure=failure)
    return Outcome(quotation.text, "quote", packed, quotation.numbers, grounded=True)
