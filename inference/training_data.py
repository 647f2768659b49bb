"""Training examples from JSON lines: `prompt`/`completion` or `messages`. Knows no tokenizer and no model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.utils.translation import gettext as _

from inference.engine import Message
from inference.exceptions import InferenceError

_ROLES = ("system", "user", "assistant")


class BadDataset(InferenceError):
    """A dataset that cannot be trained on; the message names the line."""


@dataclass(frozen=True, slots=True)
class Example:
    """What the model is given and what it should say."""

    prompt: tuple[Message, ...]
    completion: str


def read_examples(path: Path) -> list[Example]:
    """All examples of `path`. Raises `BadDataset`, naming the first line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines() cuts at characters that JSON may hold
    except (OSError, UnicodeDecodeError) as exc:
        raise BadDataset(_("The dataset %(path)s cannot be read: %(error)s") % {"path": path, "error": exc}) from exc
    examples = [_example(line, number) for number, line in enumerate(lines, start=1) if line.strip()]
    if not examples:
        raise BadDataset(_("The dataset %(path)s is empty.") % {"path": path})
    return examples


def _example(line: str, number: int) -> Example:
    try:
        row = json.loads(line)
        turns = row["messages"] if "messages" in row else [*_turns(row["prompt"], "user"), *_turns(row["completion"])]
        messages = [_message(turn) for turn in turns]
    except (ValueError, KeyError, TypeError) as exc:
        message = _("Line %(number)d has neither `messages` nor `prompt` and `completion`.") % {"number": number}
        raise BadDataset(message) from exc
    if len(messages) < 2 or messages[-1].role != "assistant" or not messages[-1].content.strip():
        raise BadDataset(_("Line %(number)d does not end with an answer of the assistant.") % {"number": number})
    return Example(tuple(messages[:-1]), messages[-1].content.strip())


def _turns(value: Any, role: str = "assistant") -> list[Any]:
    """Turns as they are, or a plain text as one turn of `role`."""
    return value if isinstance(value, list) else [{"role": role, "content": value}]


def _message(turn: Any) -> Message:
    role, content = turn["role"], turn["content"]
    if role not in _ROLES or not isinstance(content, str):
        raise ValueError(role)
    return Message(cast(Any, role), content)
