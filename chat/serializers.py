"""What callers may send. A null is the same as an absent field; an unknown field is a warning, never an error."""

from __future__ import annotations

import math
from typing import Any, Final

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from inference.serializers import TolerantSerializer

MAX_MESSAGE_CHARACTERS: Final = 8000
MOST_SOURCES: Final = 64


class TauField(serializers.Field[float, Any, float, Any]):
    """A number from 0 to 1, or the same as text, as older clients send it."""

    default_error_messages = {"invalid": gettext_lazy("Must be a number from 0 to 1.")}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("invalid")
        try:
            value = float(data)
        except (ValueError, OverflowError):
            self.fail("invalid")
        if not (math.isfinite(value) and 0 <= value <= 1):
            self.fail("invalid")
        return value

    def to_representation(self, value: float) -> float:
        return value


class TruthyField(serializers.Field[bool, Any, bool, Any]):
    """Anything that JavaScript calls true, as the older router read its flags."""

    def to_internal_value(self, data: Any) -> bool:
        return bool(data)

    def to_representation(self, value: bool) -> bool:
        return value


class ChatRequest(TolerantSerializer):
    """Body of `POST /api/ai/chat`."""

    message = serializers.CharField(
        max_length=MAX_MESSAGE_CHARACTERS,
        error_messages={
            "required": gettext_lazy("Write a question."),
            "blank": gettext_lazy("Write a question."),
            "max_length": gettext_lazy("At most {max_length} characters."),
        },
        help_text="The question, 1 to 8000 characters.",
    )
    tau = TauField(required=False, default=None, help_text="Threshold for this question; needs a permission.")
    forceFallback = TruthyField(  # noqa: N815  # the kept name
        required=False, default=False, help_text="Ask the paid API whatever the confidence; needs a permission."
    )
    stream = TruthyField(required=False, default=False, help_text="Answer as server-sent events.")
    conversationId = serializers.UUIDField(required=False, default=None)  # noqa: N815


class ChatSource(serializers.Serializer[Any]):
    """A passage behind an answer (for the schema)."""

    number = serializers.IntegerField(allow_null=True)
    cited = serializers.BooleanField()
    chunkId = serializers.IntegerField()  # noqa: N815
    documentId = serializers.UUIDField()  # noqa: N815
    documentVersion = serializers.IntegerField(min_value=1)  # noqa: N815
    title = serializers.CharField()
    section = serializers.CharField(allow_blank=True)
    page = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    url = serializers.CharField(allow_blank=True)
    text = serializers.CharField()
    similarity = serializers.FloatField()
    score = serializers.FloatField()


class ChatResponse(serializers.Serializer[Any]):
    """Body of the answer (for the schema)."""

    text = serializers.CharField()
    used = serializers.ChoiceField(choices=["local", "fallback", "abstain"])
    C = serializers.FloatField(min_value=0, max_value=1)
    tau = serializers.FloatField()
    reason = serializers.CharField()
    reasonText = serializers.CharField()  # noqa: N815
    mode = serializers.ChoiceField(choices=["generated", "quote", ""])
    sources = ChatSource(many=True)
    usage = serializers.DictField(child=serializers.IntegerField())
    timings = serializers.DictField(child=serializers.FloatField())
    model = serializers.CharField()
    adapter = serializers.CharField(allow_blank=True)
    adapterDigest = serializers.CharField(allow_blank=True)  # noqa: N815
    eventId = serializers.UUIDField(allow_null=True)  # noqa: N815
    conversationId = serializers.UUIDField(allow_null=True)  # noqa: N815
    costUsd = serializers.FloatField()  # noqa: N815
    caution = serializers.CharField(
        allow_blank=True, help_text="The warning that `text` begins with where the documents may not answer."
    )
    warnings = serializers.ListField(child=serializers.CharField())
    grounded = serializers.BooleanField(allow_null=True)
    scorer = serializers.CharField()
    query = serializers.CharField(
        help_text="What was searched for: the question, with the ones before it where it leans on them."
    )


class FeedbackRequest(TolerantSerializer):
    """Body of `POST /api/ai/feedback`."""

    eventId = serializers.UUIDField(help_text="`eventId` of the answer.")  # noqa: N815
    vote = serializers.ChoiceField(choices=[-1, 0, 1], default=0)
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=4000)
    correction = serializers.CharField(required=False, allow_blank=True, default="", max_length=8000)
    relevantSources = serializers.ListField(  # noqa: N815
        child=serializers.IntegerField(min_value=1, max_value=MOST_SOURCES),
        required=False,
        default=list,
        max_length=MOST_SOURCES,
    )


class ConversationRename(TolerantSerializer):
    """Body of `PATCH /api/ai/conversations/<id>`."""

    title = serializers.CharField(max_length=120)


class ErrorResponse(serializers.Serializer[Any]):
    """The one error shape (for the schema)."""

    class Inner(serializers.Serializer[Any]):
        code = serializers.CharField()
        message = serializers.CharField()
        details = serializers.DictField()

    error = Inner()
