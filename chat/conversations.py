"""A person's own history: list, read, rename, delete. Nobody reaches another's."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404

from chat.models import Conversation, Message

MOST_LISTED: Final = 200


def conversations_of(user_id: int) -> list[dict[str, Any]]:
    """The latest conversations, newest first."""
    return [_summary(row) for row in _owned_by(user_id)[:MOST_LISTED]]


def read_conversation(conversation_id: UUID, *, user_id: int) -> dict[str, Any]:
    """The conversation with its turns. Raises `Http404`."""
    row = _one(conversation_id, user_id)
    return _summary(row) | {"messages": [_turn(message) for message in row.messages.all()]}


def rename_conversation(conversation_id: UUID, *, user_id: int, title: str) -> dict[str, Any]:
    """Give it a name of one's own. Raises `Http404`."""
    row = _one(conversation_id, user_id)
    row.title = title
    row.save(update_fields=["title"])
    return _summary(row)


def questions_before(event_id: UUID) -> tuple[str, ...]:
    """What was asked in its conversation before the answer with this id was given, oldest first."""
    answer = Message.objects.filter(event_id=event_id, conversation__tenant=settings.PRIMARY_TENANT_ID).first()
    if answer is None:
        return ()
    asked = answer.conversation.messages.filter(role=Message.Role.USER, pk__lt=answer.pk).order_by("pk")
    return tuple(asked.values_list("text", flat=True))[:-1]  # the last is the question itself


def delete_conversation(conversation_id: UUID, *, user_id: int) -> None:
    """Delete it with its turns. Raises `Http404`."""
    _one(conversation_id, user_id).delete()


def _owned_by(user_id: int) -> QuerySet[Conversation]:
    return Conversation.objects.filter(tenant=settings.PRIMARY_TENANT_ID, user_id=user_id, key=None)


def _one(conversation_id: UUID, user_id: int) -> Conversation:
    row = _owned_by(user_id).filter(pk=conversation_id).first()
    if row is None:
        raise Http404
    return row


def _summary(row: Conversation) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "title": row.title,
        "createdAt": row.created_at.isoformat(),
        "updatedAt": row.updated_at.isoformat(),
    }


def _turn(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "text": message.text,
        "eventId": str(message.event_id) if message.event_id else None,
        "createdAt": message.created_at.isoformat(),
        "meta": message.meta,
    }
