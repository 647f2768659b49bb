"""What callers of the model may send. A null is the same as an absent field."""

from __future__ import annotations

import math
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from rest_framework import serializers

from inference.direct import DirectPrompt

MAX_PROMPT_CHARACTERS: Final = 60_000
MAX_NEW_TOKENS: Final = 4096
_MOST_WARNINGS: Final = 20
_LONGEST_NAME: Final = 60


def finite(value: float) -> None:
    """NaN passes every comparison of a range."""
    if not math.isfinite(value):
        raise ValidationError(_("Must be a number."))


def _printable(name: str) -> str:
    """JSON may hold half a character, which no response can be encoded with."""
    return name[:_LONGEST_NAME].encode(errors="replace").decode()


class TolerantSerializer(serializers.Serializer[Any]):
    """Drops nulls, so that the defaults hold, and names unknown fields: a warning, never an error."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            data = {name: value for name, value in data.items() if value is not None}
        return super().to_internal_value(data)

    @property
    def unknown_fields(self) -> list[str]:
        """A sentence for each field that was sent and means nothing here."""
        given = self.initial_data if isinstance(self.initial_data, dict) else {}
        unknown = sorted(_printable(name) for name in given if name not in self.fields)
        return [_("Unknown field, ignored: %(name)s") % {"name": name} for name in unknown[:_MOST_WARNINGS]]


class GenerateRequest(TolerantSerializer):
    """Body of `POST /generate`."""

    prompt = serializers.CharField(max_length=MAX_PROMPT_CHARACTERS, trim_whitespace=False)
    system = serializers.CharField(required=False, allow_blank=True, max_length=MAX_PROMPT_CHARACTERS)
    context = serializers.CharField(  # type: ignore[assignment]  # a field here, taken out of the class by DRF
        required=False, allow_blank=True, max_length=MAX_PROMPT_CHARACTERS
    )
    temperature = serializers.FloatField(required=False, min_value=0, max_value=2, validators=[finite])
    top_p = serializers.FloatField(required=False, min_value=0.01, max_value=1, validators=[finite])
    max_new_tokens = serializers.IntegerField(required=False, min_value=1, max_value=MAX_NEW_TOKENS)
    stop = serializers.ListField(
        child=serializers.CharField(max_length=200, trim_whitespace=False), required=False, max_length=16
    )

    def asked(self) -> DirectPrompt:
        """The valid request, with the installation's defaults for what it leaves open."""
        fields = self.validated_data
        return DirectPrompt(
            prompt=fields["prompt"],
            system=fields.get("system", ""),
            context=fields.get("context", ""),
            temperature=fields.get("temperature", settings.AION_TEMPERATURE),
            top_p=fields.get("top_p", settings.AION_TOP_P),
            max_new_tokens=fields.get("max_new_tokens", settings.AION_MAX_NEW_TOKENS),
            stop=tuple(fields.get("stop", ())),
        )


class ReloadRequest(TolerantSerializer):
    """Body of `POST /adapter/reload`: nothing, or which adapter of the registry."""

    adapter = serializers.IntegerField(required=False, min_value=1)
