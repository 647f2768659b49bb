"""The model asked directly (`POST /generate`): a system text, a prompt and a context, without documents or routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from inference.engine import Engine, GenerationRequest, GenerationResult, Message
from inference.exceptions import GenerationFailed

REPETITION_PENALTY: Final = 1.05
DEFAULT_SYSTEM_PROMPT: Final = (
    "Você é a AION, a assistente especialista da plataforma. Responda em português do Brasil, "
    "cite as fontes internas quando for pertinente e seja objetiva."
)


class PromptTooLong(Exception):
    """The prompt leaves the model no room to write. Both in tokens."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"{tokens} tokens, at most {limit}")
        self.tokens = tokens
        self.limit = limit


@dataclass(frozen=True, slots=True)
class DirectPrompt:
    """What to write and how; `system` "" is the default one, `temperature` 0 is greedy."""

    prompt: str
    system: str = ""
    context: str = ""
    temperature: float = 0.6
    top_p: float = 0.9
    max_new_tokens: int = 512
    stop: Sequence[str] = ()


def generate_directly(
    asked: DirectPrompt, *, engine: Engine, cancelled: Callable[[], bool] = lambda: False
) -> GenerationResult:
    """Write the whole text. Raises `PromptTooLong` and what the engine raises."""
    request = GenerationRequest(
        messages=messages_of(asked),
        max_new_tokens=asked.max_new_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        repetition_penalty=REPETITION_PENALTY,
        stop=tuple(asked.stop),
    )
    _refuse_what_does_not_fit(request, engine)
    for part in engine.generate(request, cancelled=cancelled):
        if isinstance(part, GenerationResult):
            return part
    raise GenerationFailed("the engine ended without a result")


def messages_of(asked: DirectPrompt) -> tuple[Message, ...]:
    """The turns the model is given."""
    content = f"{asked.prompt}\n\nContexto:\n{asked.context}" if asked.context else asked.prompt
    system = asked.system or settings.AION_SYSTEM_PROMPT or DEFAULT_SYSTEM_PROMPT
    return (Message("system", system, constant=len(system)), Message("user", content))


def _refuse_what_does_not_fit(request: GenerationRequest, engine: Engine) -> None:
    window = engine.status().context_window
    tokens = sum(engine.count_tokens(message.content) for message in request.messages)
    if window and tokens >= window:
        raise PromptTooLong(tokens, window)
