"""Who answers under a model's name: the assistant over the documents, or the local model alone, in the same parts."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from chat.answering import answer_stream
from chat.answers import Answer, Asker, Question, SourcesFound, StillWaiting
from chat.connections import give_back_connection
from chat.exceptions import InvalidQuestion, ModelUnknown
from chat.v1.catalogue import ASSISTANT, Model
from chat.v1.requests import Dialogue
from inference.engine import Delta, Usage, Waiting
from inference.exceptions import GenerationFailed
from inference.serving import get_engine


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an answer. `adapter_digest` is that of the adapter which wrote it, `aion` what its route was."""

    finish_reason: Literal["stop", "length"]
    usage: Usage
    adapter_digest: str = ""
    aion: dict[str, object] | None = None


Part = Delta | StillWaiting | Ended
Parts = Generator[Part, None, None]


def assistant(dialogue: Dialogue, *, asker: Asker, cancelled: Callable[[], bool]) -> Parts:
    """The path of every question. Its text comes whole, after its check: this protocol cannot take a sentence back."""
    with closing(answer_stream(_question(dialogue), asker=asker, cancelled=cancelled)) as parts:
        for part in parts:
            if isinstance(part, Answer):
                yield Delta(_before(dialogue.stop, part.text))
                yield _end_of(part, dialogue)
            elif not isinstance(part, SourcesFound):
                yield StillWaiting("checking")


def local_model(dialogue: Dialogue, model: Model, *, cancelled: Callable[[], bool]) -> Parts:
    """The model as `/generate` has it: no documents, no check. Raises `ModelUnknown` where another took its place."""
    parts = get_engine().generate(dialogue.generation(), cancelled=cancelled)
    give_back_connection()
    with closing(parts):  # type: ignore[type-var]  # a generator
        for part in parts:
            if isinstance(part, Delta):
                yield Delta(_sendable(part.text))
            elif isinstance(part, Waiting):
                yield StillWaiting(part.stage)
            elif part.adapter_digest != model.digest:
                raise ModelUnknown(model.id, serving=part.adapter or part.model)
            else:
                yield Ended(part.finish_reason, part.usage, part.adapter_digest)
                return
    raise GenerationFailed("the engine ended without a result")


def _question(dialogue: Dialogue) -> Question:
    if not dialogue.questions:
        raise InvalidQuestion("messages", _("Write a question."))
    *earlier, asked = dialogue.questions
    return Question(text=asked, earlier=tuple(earlier), warnings=(*dialogue.warnings, *_unheeded(dialogue)))


def _unheeded(dialogue: Dialogue) -> list[str]:
    """How the assistant answers is its installation's to say."""
    instructed = any(turn.role == "system" for turn in dialogue.turns)
    names = [*dialogue.untold, *(["system"] if instructed else [])]
    return [_("%(name)s has no effect on the model %(model)s.") % {"name": name, "model": ASSISTANT} for name in names]


def _end_of(answer: Answer, dialogue: Dialogue) -> Ended:
    usage = Usage(answer.usage["input_tokens"], answer.usage["output_tokens"])
    return Ended("stop", usage, answer.adapter_digest, _route_of(answer) if dialogue.tells_route else None)


def _route_of(answer: Answer) -> dict[str, object]:
    """The body of `/api/ai/chat` but for what the completion itself says."""
    body = answer.as_dict()
    return {"route": answer.used} | {name: value for name, value in body.items() if name not in ("text", "usage")}


def _before(stop: tuple[str, ...], text: str) -> str:
    found = [at for at in (text.find(word) for word in stop) if at >= 0]
    return text[: min(found)] if found else text


def _sendable(text: str) -> str:
    """Without halves of characters, which another server may send and no response can be encoded with."""
    return text.encode(errors="replace").decode()
