"""What remains of a question: its events, and the turns of its conversation. Writes; decides nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chat import correctness
from chat.answers import Answer, Asker, Question
from chat.confidence import Confidence
from chat.exceptions import FallbackFailed, InvalidQuestion
from chat.fallback import Spending
from chat.followups import REACH
from chat.models import Conversation, Message
from inference.exceptions import GenerationCancelled
from retrieval.results import Retrieval
from telemetry import events
from telemetry.events import EventKind, Json, NewEvent
from telemetry.traffic import LocalAttempt

TITLE_CHARACTERS = 80


def conversation_for(question: Question, asker: Asker) -> Conversation | None:
    """The asker's conversation, not yet saved where it is new; None for a caller who is nobody.

    Raises `InvalidQuestion` where the id is not one of the asker's own.
    """
    if asker.user_id is None or not question.record:
        return None
    tenant = settings.PRIMARY_TENANT_ID
    if question.conversation_id is None:
        title = " ".join(question.text.split())[:TITLE_CHARACTERS]
        return Conversation(tenant=tenant, user_id=asker.user_id, key_id=asker.key_id, title=title)
    owned = Conversation.objects.filter(tenant=tenant, user_id=asker.user_id, key_id=asker.key_id)
    found = owned.filter(pk=question.conversation_id).first()
    if found is None:
        raise InvalidQuestion("conversationId", _("There is no such conversation."))
    return found


def earlier_questions(conversation: Conversation | None) -> tuple[str, ...]:
    """The latest questions of a conversation, oldest first; none of one that is new."""
    if conversation is None or conversation._state.adding:
        return ()
    asked = conversation.messages.filter(role=Message.Role.USER).order_by("-id").values_list("text", flat=True)
    return tuple(reversed(asked[:REACH]))


def record_answer(
    question: Question,
    answer: Answer,
    *,
    asker: Asker,
    retrieval: Retrieval,
    confidence: Confidence,
    conversation: Conversation | None,
    paid: Spending | None,
) -> None:
    """The retrieval, the answer and, where it was used, the fallback; and both turns. All or nothing."""
    answer_id = answer.event_id or events.new_event_id()
    found = _searched(retrieval, confidence)
    meta = _asked(question, asker) | _answered(answer) | {"retrievalId": str(found.id), "status": "answered"}
    happened = [found, NewEvent(EventKind.ANSWER, 1, meta, answer_id)]
    if paid is not None:
        why: dict[str, Json] = {"reason": answer.reason, "answerId": str(answer_id), "tag": "rag-answer"}
        happened.append(NewEvent(EventKind.FALLBACK, 0, why | spent(paid), events.new_event_id()))
    with transaction.atomic():
        events.record_all(happened, tenant=settings.PRIMARY_TENANT_ID)
        if conversation is not None:
            _append_turns(conversation, question, answer)


def record_failure(
    question: Question,
    exc: BaseException,
    *,
    asker: Asker,
    event_id: UUID,
    known: Mapping[str, Json],
    retrieval: Retrieval | None,
    confidence: Confidence | None,
) -> None:
    """A question without an answer: the same event, its status `failed`, with as much as was known by then."""
    meta: dict[str, Json] = {**_asked(question, asker), **known, "status": "failed", "error": code_of(exc)}
    meta |= {"detail": str(exc)[:300], "reply": "", "rank": 1, "source": "failed"}
    happened = []
    if retrieval is not None and confidence is not None:
        happened.append(_searched(retrieval, confidence))
        meta["retrievalId"] = str(happened[0].id)
    happened.append(NewEvent(EventKind.ANSWER, 0, meta, event_id))
    events.record_all(happened, tenant=settings.PRIMARY_TENANT_ID)


def _searched(retrieval: Retrieval, confidence: Confidence) -> NewEvent:
    items: list[Json] = [
        {
            "text": chunk.text,
            "rank": chunk.rank,
            "rel": round(chunk.score, 4),
            "similarity": round(chunk.similarity, 4),
            "chunkId": chunk.chunk_id,
            "documentId": str(chunk.document_id),
            "documentVersion": chunk.document_version,
            "title": chunk.title,
            "section": chunk.section,
            "page": chunk.page,
        }
        for chunk in retrieval.selected
    ]
    meta: dict[str, Json] = {"query": retrieval.query, "items": items, "features": dict(confidence.reading.features)}
    meta |= {"embedder": retrieval.embedder, "generation": retrieval.generation}
    meta |= {"terms": {term.term: round(term.idf, 4) for term in retrieval.terms}, "chunkCount": retrieval.chunk_count}
    return NewEvent(EventKind.RETRIEVAL, len(items), meta, events.new_event_id())


def _asked(question: Question, asker: Asker) -> dict[str, Json]:
    return {"prompt": question.text, "userId": asker.user_id, "keyId": asker.key_id, "forced": question.force_fallback}


def _answered(answer: Answer) -> dict[str, Json]:
    return {
        "reply": answer.text,
        "rank": 1,
        "source": answer.used,
        "C": answer.confidence,
        "tau": answer.tau,
        "scorer": answer.scorer,
        "reason": answer.reason,
        "reasonText": answer.reason_text,
        "mode": answer.mode,
        "route": answer.used,
        "model": answer.model,
        "adapter": answer.adapter,
        "adapterDigest": answer.adapter_digest,
        "usage": dict(answer.usage),
        "timings": dict(answer.timings),
        "costUsd": float(answer.cost_usd),
        "conversationId": str(answer.conversation_id) if answer.conversation_id else None,
        "caution": answer.caution,
        "grounded": answer.grounded,
        "meanLogprob": answer.mean_logprob,
        "minLogprob": answer.min_logprob,
        "pCorrect": _p_correct(answer),
        "sources": [
            {
                "number": s.number,
                "cited": s.cited,
                "chunkId": s.chunk_id,
                "documentId": str(s.document_id),
                "documentVersion": s.document_version,
                "name": s.name,
            }
            for s in answer.sources
        ],
    }


def _p_correct(answer: Answer) -> float | None:
    """Of a local answer, where reviews have told how to know it."""
    if answer.used != "local":
        return None
    attempt = LocalAttempt(True, answer.mode, answer.grounded, answer.mean_logprob, answer.min_logprob)
    return correctness.probability(answer.confidence, attempt)


def _append_turns(conversation: Conversation, question: Question, answer: Answer) -> None:
    if conversation._state.adding:
        conversation.save()
    elif not Conversation.objects.filter(pk=conversation.pk).update(updated_at=timezone.now()):
        return  # deleted while the answer was written: it stays so
    meta: dict[str, object] = {"used": answer.used, "C": answer.confidence, "tau": answer.tau, "mode": answer.mode}
    meta |= {"reason": answer.reason, "reasonText": answer.reason_text}
    meta |= {"sources": [source.as_dict() for source in answer.sources]}
    said = {"text": answer.text, "event_id": answer.event_id, "meta": meta}
    conversation.messages.create(role=Message.Role.USER, text=question.text)  # one by one: see events.record_all
    conversation.messages.create(role=Message.Role.ASSISTANT, **said)


def spent(paid: Spending) -> dict[str, Json]:
    """What the paid API did and cost, attempt by attempt; the last one answered, if any did."""
    last = paid.attempts[-1]
    return {
        "model": last.model,
        "costUsd": float(paid.cost_usd),
        "reservationId": str(last.reservation_id) if last.reservation_id else None,
        "maskedKinds": list(paid.masked_kinds),
        "attempts": [attempt.as_dict() for attempt in paid.attempts],
    }


def code_of(exc: BaseException) -> str:
    """A stable name of what went wrong: `EngineBusy` is `engine_busy`, a closed stream `hung_up`."""
    if isinstance(exc, GeneratorExit | GenerationCancelled):
        return "hung_up"
    if isinstance(exc, FallbackFailed):
        return f"fallback_failed:{exc.reason}"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(exc).__name__).lower()
