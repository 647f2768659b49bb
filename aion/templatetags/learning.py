"""What a room's page shows of things that span rooms."""

from __future__ import annotations

from django import template

from aion.earnings import earned_by, earned_in_words

register = template.Library()


@register.simple_tag
def earnings(adapter_id: int) -> str:
    """What an adapter earned, in a sentence; "" where that is not known."""
    one = earned_by(adapter_id)
    return earned_in_words(one) if one else ""
