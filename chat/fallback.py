"""The paid API: the models of an order, one after the other, until one answers. No call without a reservation, none
with personal data in it.

Yields the same parts as a local engine, so that one path answers both. The next model is asked only while nothing was
said; what could not be known to be free is charged, for every attempt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from opentelemetry.context import Context

from chat import paid_call, tracing
from chat.answers import Asker
from chat.breaker import breaker_of
from chat.connections import give_back_connection
from chat.control import ChatPolicy
from chat.exceptions import FallbackFailed, FallbackUnavailable
from chat.paid_call import PaidCall
from chat.prompts import PackedPassage, build_messages
from chat.providers import OPENAI_ITSELF, PaidModel, Provider, order_of, provider_of
from chat.router import Paid
from inference.engine import Delta, GenerationPart, GenerationResult, Message, Waiting
from inference.exceptions import GenerationCancelled
from telemetry import budgets, pricing
from telemetry.exceptions import BudgetRefused, PersonalDataLeft
from telemetry.pii import EgressMask, mask_for_egress

ANSWERED = "answered"
HUNG_UP = "hung_up"
LEAST_S = 1.0  # with less time than this left nobody else is asked
WAIT_S = 0.5
PROVIDERS_FAULTS = frozenset({"timeout", "quota", "unreachable", "server_error", "interrupted", "malformed"})

Parts = Generator[GenerationPart, None, None]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call is for. `probing` asks also a model whose circuit is open."""

    tag: str = "rag-answer"
    max_output_tokens: int = 1024
    probing: bool = False


@dataclass(frozen=True, slots=True)
class PaidAttempt:
    """One attempt, ended: `outcome` is `answered`, `hung_up` or the reason of a `FallbackFailed`. Without a
    reservation nothing was sent."""

    model: str
    outcome: str
    host: str = ""
    status: int | None = None
    reservation_id: UUID | None = None
    reserved_usd: Decimal = Decimal(0)
    cost_usd: Decimal = Decimal(0)
    input_tokens: int | None = None
    output_tokens: int | None = None
    first_token_ms: float = 0.0
    total_ms: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as events keep them."""
        values = asdict(self) | {"reserved_usd": float(self.reserved_usd), "cost_usd": float(self.cost_usd)}
        values["reservation_id"] = str(self.reservation_id) if self.reservation_id else None
        return values | {name: round(values[name], 1) for name in ("first_token_ms", "total_ms")}


@dataclass(slots=True)
class Spending:
    """What the paid API did for one question: filled in while the parts are read. `parent` is whose spans its are."""

    masked_kinds: tuple[str, ...] = ()
    attempts: list[PaidAttempt] = field(default_factory=list)
    parent: Context = field(default_factory=Context)

    @property
    def cost_usd(self) -> Decimal:
        return sum((attempt.cost_usd for attempt in self.attempts), Decimal(0))

    @property
    def anything_was_sent(self) -> bool:
        return any(attempt.reservation_id for attempt in self.attempts)


def ask_provider(
    question: str,
    passages: Sequence[PackedPassage],
    *,
    policy: ChatPolicy,
    asker: Asker,
    spending: Spending,
    deadline_s: float,
    cancelled: Callable[[], bool] = lambda: False,
    terms: Terms = Terms(),
) -> Parts:
    """Stream the answer of the first model that gives one. Raises `FallbackUnavailable` (nothing was sent), else the
    last model's `FallbackFailed`; and `GenerationCancelled`. Whatever happens, every reservation is closed."""
    mask = _mask([question, *(text for passage in passages for text in (passage.name, passage.text))])
    spending.masked_kinds = mask.kinds
    errand = _Errand(
        messages=_masked_messages(mask, passages, policy.system_prompt),
        mask=mask,
        asker=asker,
        spending=spending,
        until=time.monotonic() + deadline_s,
        cancelled=cancelled,
        terms=terms,
    )
    for paid in order_of(policy.fallback_model):
        try:
            yield from errand.ask(paid)
            return
        except FallbackFailed:
            if errand.has_spoken or errand.left_s() < LEAST_S:
                raise
        except FallbackUnavailable as exc:
            if errand.failure is not None and spending.anything_was_sent:
                raise errand.failure from exc
            raise
    raise errand.failure or FallbackFailed("unconfigured", "no paid model is named")


def most_usd(paid: PaidModel, messages: Sequence[Message], terms: Terms) -> Decimal:
    """The most that a call can cost at today's price."""
    return _most_usd(pricing.price_of(paid.model), messages, terms)


def _most_usd(price: pricing.Price, messages: Sequence[Message], terms: Terms) -> Decimal:
    return price.max_cost_usd(sum(len(message.content.encode()) for message in messages), terms.max_output_tokens)


@dataclass(slots=True)
class _Errand:
    """One question on its way from model to model; `until` is on the monotonic clock."""

    messages: Sequence[Message]
    mask: EgressMask
    asker: Asker
    spending: Spending
    until: float
    cancelled: Callable[[], bool]
    terms: Terms
    has_spoken: bool = False
    failure: FallbackFailed | None = None

    def left_s(self) -> float:
        return self.until - time.monotonic()

    def ask(self, paid: PaidModel) -> Parts:
        """Ask one model, unless its circuit is open; tell the circuit how that ended."""
        circuit = breaker_of(str(paid))
        ticket = circuit.enter(early=self.terms.probing)
        if ticket is None:
            raise self._unsent(paid, FallbackFailed("circuit_open", f"{paid} failed again and again"))
        before, had_time = len(self.spending.attempts), self.left_s() >= paid_call.TIMEOUT_S
        try:
            yield from self._twice_at_most(paid)
        finally:
            circuit.leave(ticket, works=_works(self.spending.attempts[before:], had_time=had_time))

    def _twice_at_most(self, paid: PaidModel) -> Parts:
        """A second time only where the first certainly cost nothing and time is left."""
        try:
            yield from self._attempt(paid)
            return
        except FallbackFailed as exc:
            if exc.again_in_s is None or exc.again_in_s + LEAST_S > self.left_s():
                raise
            pause_s = exc.again_in_s
        yield from self._pause(pause_s)
        yield from self._attempt(paid)

    def _attempt(self, paid: PaidModel) -> Parts:
        """Reserve, ask, settle."""
        try:
            provider = provider_of(paid)
        except FallbackFailed as exc:
            raise self._unsent(paid, exc) from None
        price, reservation = _reserve(paid, self)
        call = PaidCall(paid.model, provider, price, max_output_tokens=self.terms.max_output_tokens)
        told = self._as_told(paid, provider)
        outcome, status = HUNG_UP, None
        started = time.monotonic()
        try:
            give_back_connection()  # the provider may take its time; the connection serves others meanwhile
            with (
                tracing.calling(self.spending.parent, told),
                closing(call.stream(self.messages, self.mask, until=self.until, cancelled=self.cancelled)) as parts,
            ):
                for part in parts:
                    self.has_spoken = self.has_spoken or isinstance(part, Delta)
                    if isinstance(part, GenerationResult):
                        outcome = ANSWERED
                        told.result, told.usage = part, call.usage
                        yield replace(part, model=str(paid))
                    else:
                        yield part
        except FallbackFailed as exc:
            outcome, status, self.failure = exc.reason, exc.status, exc
            raise
        finally:
            cost_usd = call.close(reservation.id)
            self.spending.attempts.append(
                PaidAttempt(
                    model=str(paid),
                    outcome=outcome,
                    host=provider.host,
                    status=status,
                    reservation_id=reservation.id,
                    reserved_usd=reservation.amount_usd,
                    cost_usd=cost_usd,
                    input_tokens=call.usage.input_tokens if call.usage else None,
                    output_tokens=call.usage.output_tokens if call.usage else None,
                    first_token_ms=call.first_token_ms,
                    total_ms=(time.monotonic() - started) * 1000,
                )
            )

    def _as_told(self, paid: PaidModel, provider: Provider) -> tracing.ModelCall:
        """The call as traces tell of it: the messages as they are sent, personal data masked."""
        name = paid.provider or ("openai" if provider.host == OPENAI_ITSELF else provider.host)
        request = {"gen_ai.request.max_tokens": self.terms.max_output_tokens}
        return tracing.ModelCall(name, paid.model, request, self.messages, provider.host)

    def _unsent(self, paid: PaidModel, failure: FallbackFailed) -> FallbackFailed:
        """A model that was not asked, noted."""
        self.spending.attempts.append(PaidAttempt(str(paid), failure.reason))
        self.failure = failure
        return failure

    def _pause(self, seconds: float) -> Parts:
        """Wait as the provider asked, and notice who leaves."""
        over = time.monotonic() + seconds
        while (left := over - time.monotonic()) > 0:
            if self.cancelled():
                raise GenerationCancelled("whoever asked went away")
            yield Waiting("queued")
            time.sleep(min(left, WAIT_S))


def _works(attempts: Sequence[PaidAttempt], *, had_time: bool) -> bool | None:
    """What the end of a call says of the provider: nothing where it was refused, hung up on, or hurried."""
    outcome = attempts[-1].outcome if attempts else HUNG_UP
    if outcome == ANSWERED:
        return True
    hurried = outcome == "timeout" and not had_time
    return False if outcome in PROVIDERS_FAULTS and not hurried else None


def _mask(texts: Sequence[str]) -> EgressMask:
    try:
        return mask_for_egress(texts)
    except PersonalDataLeft as exc:
        raise FallbackFailed("personal_data", str(exc)) from exc


def _masked_messages(mask: EgressMask, passages: Sequence[PackedPassage], system_prompt: str) -> tuple[Message, ...]:
    question, *texts = mask.texts
    masked = [
        PackedPassage(passage.number, texts[2 * index], texts[2 * index + 1]) for index, passage in enumerate(passages)
    ]
    return build_messages(question, masked, system_prompt=system_prompt)


def _reserve(paid: PaidModel, errand: _Errand) -> tuple[pricing.Price, budgets.Reservation]:
    """The price, which holds until the call is settled, and the money for the most that the call can cost."""
    try:
        price = pricing.price_of(paid.model)
        return price, budgets.reserve(
            tenant=settings.PRIMARY_TENANT_ID,
            max_cost_usd=_most_usd(price, errand.messages, errand.terms),
            user_id=errand.asker.user_id,
            key_id=errand.asker.key_id,
            groups=errand.asker.groups,
            tag=errand.terms.tag,
            ttl_s=errand.left_s() + 60,
        )
    except BudgetRefused as exc:
        raise FallbackUnavailable(Paid.BUDGET_SPENT) from exc
