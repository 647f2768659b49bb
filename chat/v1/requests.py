"""What clients of OpenAI's protocol may send.

A null is the same as an absent field, and an unknown field is ignored. What would change the meaning of an answer but
cannot be done here (a second answer, tools, a forced format) is refused by name, rather than left out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from inference.engine import GenerationRequest, Message
from inference.serializers import MAX_NEW_TOKENS, MAX_PROMPT_CHARACTERS, TolerantSerializer, finite

MOST_MESSAGES: Final = 500
MOST_STOPS: Final = 16
LONGEST_STOP: Final = 200
LONGEST_MODEL: Final = 300
MOST_INPUTS: Final = 2048  # OpenAI's own limit
LONGEST_INPUT: Final = 8000  # characters: the longest step between two looks at deadline and hang-up; about 10 s
LEAST_TOP_P: Final = 0.01  # 0 means the same to clients: the likeliest token
ONE_OR_SEVERAL: Final = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
UNSUPPORTED: Final = "unsupported_value"

_FOR_A_MODEL: Final = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed")
_ROLES: Final[dict[str, Literal["system", "user", "assistant"]]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "user",  # no model here calls tools: what one brought back is something the model is told
    "function": "user",
}


class TextContent(serializers.CharField):
    """A text, or OpenAI's list of parts as long as all of them are text."""

    default_error_messages = {"parts": gettext_lazy("Send text: images, sound and files are not understood here.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, max_length=MAX_PROMPT_CHARACTERS, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, list):
            return super().to_internal_value("\n".join(self._text_of(part) for part in data))
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def _text_of(self, part: Any) -> str:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            self.fail("parts")
        text: str = part["text"]
        return text


class TurnRequest(TolerantSerializer):
    """One of `messages`."""

    role = serializers.ChoiceField(choices=list(_ROLES))
    content = TextContent(required=False, help_text="Text, or a list of parts of type text.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "content" not in attrs and attrs["role"] != "assistant":  # whose turn may have been a call of a tool
            raise serializers.ValidationError({"content": _("Write the message's text.")})
        return attrs


@extend_schema_field(ONE_OR_SEVERAL)
class StopField(serializers.Field[tuple[str, ...], Any, Any, Any]):
    """One string or several, each ending the answer before it."""

    default_error_messages = {"invalid": gettext_lazy("Send up to {most} strings of 1 to {longest} characters.")}

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        words = [data] if isinstance(data, str) else data
        countable = isinstance(words, list) and len(words) <= MOST_STOPS
        if not countable or not all(isinstance(word, str) and 0 < len(word) <= LONGEST_STOP for word in words):
            self.fail("invalid", most=MOST_STOPS, longest=LONGEST_STOP)
        return tuple(words)

    def to_representation(self, value: tuple[str, ...]) -> Any:
        return list(value)


class StreamOptions(TolerantSerializer):
    include_usage = serializers.BooleanField(required=False, default=False)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A valid request for an answer. `turns` is all of it as a model is told it, `questions` what the person asked,
    oldest first; `untold` names what only a model asked directly would heed, `warnings` what nobody does."""

    model: str
    turns: tuple[Message, ...]
    questions: tuple[str, ...]
    max_new_tokens: int
    temperature: float
    top_p: float
    stop: tuple[str, ...]
    seed: int | None
    tells_route: bool
    untold: tuple[str, ...]
    warnings: tuple[str, ...]

    def generation(self) -> GenerationRequest:
        """The same for a model asked directly."""
        return GenerationRequest(
            messages=self.turns,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop=self.stop,
            seed=self.seed,
        )


class CompletionRequest(TolerantSerializer):
    """Body of `POST /v1/chat/completions`."""

    model = serializers.CharField(max_length=LONGEST_MODEL, help_text="An id of `GET /v1/models`.")
    messages = serializers.ListField(child=TurnRequest(), allow_empty=False, max_length=MOST_MESSAGES)
    stream = serializers.BooleanField(required=False, default=False)
    stream_options = StreamOptions(required=False)
    temperature = serializers.FloatField(required=False, min_value=0, max_value=2, validators=[finite])
    top_p = serializers.FloatField(required=False, min_value=0, max_value=1, validators=[finite])
    max_tokens = serializers.IntegerField(required=False, min_value=1, help_text=f"At most {MAX_NEW_TOKENS} are used.")
    max_completion_tokens = serializers.IntegerField(required=False, min_value=1, help_text="The newer name.")
    stop = StopField(required=False, default=(), help_text="A string, or a list of them.")
    seed = serializers.IntegerField(required=False, min_value=-(2**63), max_value=2**63 - 1)
    n = serializers.IntegerField(required=False, default=1, help_text="1: there is one answer to a question.")
    logprobs = serializers.BooleanField(required=False, default=False, help_text="Only false.")
    top_logprobs = serializers.IntegerField(required=False, help_text="Only 0.")
    presence_penalty = serializers.FloatField(required=False, help_text="Only 0.")
    frequency_penalty = serializers.FloatField(required=False, help_text="Only 0.")
    logit_bias = serializers.JSONField(required=False, help_text="Only empty.")
    tools = serializers.JSONField(required=False, help_text="Only empty.")
    functions = serializers.JSONField(required=False, help_text="Only empty.")
    response_format = serializers.JSONField(required=False, help_text='Only `{"type": "text"}`.')
    aion = serializers.BooleanField(
        required=False, default=False, help_text="Add an `aion` object: C, route, sources and the rest of the answer."
    )

    def validate_n(self, value: int) -> Any:
        return _only(value, 1, _("There is one answer to a question: n must be 1."))

    def validate_logprobs(self, value: bool) -> Any:
        return _only(value, False, _("Log-probabilities are not given."))

    def validate_top_logprobs(self, value: int) -> Any:
        return _only(value, 0, _("Log-probabilities are not given."))

    def validate_presence_penalty(self, value: float) -> Any:
        return _only(value, 0, _("Words that have been said are not held back: this must be 0."))

    def validate_frequency_penalty(self, value: float) -> Any:
        return _only(value, 0, _("Words that have been said are not held back: this must be 0."))

    def validate_logit_bias(self, value: Any) -> Any:
        return _only(value, {}, _("No word can be made likelier: this must be empty."))

    def validate_tools(self, value: Any) -> Any:
        return _only(value, [], _("No model here calls tools."))

    def validate_functions(self, value: Any) -> Any:
        return _only(value, [], _("No model here calls tools."))

    def validate_response_format(self, value: Any) -> Any:
        return _only(value, {"type": "text"}, _("Answers are text: no other format can be promised."))

    @property
    def includes_usage(self) -> bool:
        return bool(self.validated_data.get("stream_options", {}).get("include_usage"))

    def dialogue(self) -> Dialogue:
        """The valid request, with the installation's defaults for what it leaves open (those of `/generate`)."""
        fields = self.validated_data
        longest = fields.get("max_completion_tokens", fields.get("max_tokens", settings.AION_MAX_NEW_TOKENS))
        return Dialogue(
            model=fields["model"],
            turns=tuple(Message(_ROLES[turn["role"]], turn.get("content", "")) for turn in fields["messages"]),
            questions=tuple(turn["content"] for turn in fields["messages"] if turn["role"] == "user"),
            max_new_tokens=min(longest, MAX_NEW_TOKENS),
            temperature=fields.get("temperature", settings.AION_TEMPERATURE),
            top_p=max(LEAST_TOP_P, fields.get("top_p", settings.AION_TOP_P)),
            stop=fields["stop"],
            seed=fields.get("seed"),
            tells_route=fields["aion"],
            untold=tuple(name for name in _FOR_A_MODEL if name in fields),
            warnings=tuple(self.unknown_fields),
        )


@extend_schema_field(ONE_OR_SEVERAL)
class InputField(serializers.Field[list[str], Any, Any, Any]):
    """A text or several. Token numbers belong to another model's vocabulary."""

    default_error_messages = {
        "tokens": gettext_lazy("Send text: token numbers belong to another model's vocabulary."),
        "invalid": gettext_lazy("Send a text, or a list of up to {most} texts."),
        "too_long": gettext_lazy("At most {longest} characters a text: send what is longer in pieces."),
    }

    def to_internal_value(self, data: Any) -> list[str]:
        texts = [data] if isinstance(data, str) else data
        if not isinstance(texts, list) or not 0 < len(texts) <= MOST_INPUTS:
            self.fail("invalid", most=MOST_INPUTS)
        if any(isinstance(text, int | list) for text in texts):
            self.fail("tokens")
        if not all(isinstance(text, str) for text in texts):
            self.fail("invalid", most=MOST_INPUTS)
        if any(len(text) > LONGEST_INPUT for text in texts):
            self.fail("too_long", longest=LONGEST_INPUT)
        text_field = serializers.CharField(trim_whitespace=False)
        return [text_field.run_validation(text) for text in texts]

    def to_representation(self, value: list[str]) -> Any:
        return value


class EmbeddingRequest(TolerantSerializer):
    """Body of `POST /v1/embeddings`."""

    model = serializers.CharField(max_length=LONGEST_MODEL, help_text="The embedder of `GET /v1/models`, or `aion`.")
    input = InputField(help_text="A text, or a list of texts.")
    encoding_format = serializers.ChoiceField(choices=["float", "base64"], required=False, default="float")
    dimensions = serializers.IntegerField(required=False, help_text="Only what the embedder has.")
    # Right passage first, 200 questions of FaQuAD: .78 told apart, .73 with all as `query`, .68 with all as `passage`.
    input_type = serializers.ChoiceField(
        choices=["query", "passage"],
        required=False,
        default="query",
        help_text="Not OpenAI's field. E5 embeds a question and the passage that may answer it differently.",
    )


def _only(value: Any, allowed: Any, refusal: str) -> Any:
    """`value` where it is what AION does, or nothing; else the refusal."""
    if value != allowed and value not in ([], {}):
        raise serializers.ValidationError([ErrorDetail(refusal, code=UNSUPPORTED)])
    return value
