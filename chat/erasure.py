"""A person's data taken out of the chat: conversations with their turns. The account and its keys are not data of what
was asked; whoever administers people deletes those."""

from __future__ import annotations

from chat.models import Conversation, Message


def erase_person(user_id: int, *, tenant: str) -> dict[str, int]:
    """Within the caller's transaction; how many of each kind went."""
    counts = counts_of(user_id, tenant=tenant)
    Conversation.objects.filter(tenant=tenant, user_id=user_id).delete()
    return counts


def counts_of(user_id: int, *, tenant: str) -> dict[str, int]:
    """What `erase_person` would find."""
    own = Conversation.objects.filter(tenant=tenant, user_id=user_id)
    counts = {"conversations": own.count(), "messages": Message.objects.filter(conversation__in=own).count()}
    return {kind: count for kind, count in counts.items() if count}
