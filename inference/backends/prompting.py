"""From messages to the tokens a model expects: its own chat template, else a plain instruct one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from jinja2 import TemplateError

from inference.engine import Message

_PLAIN_TITLES = {"system": "Instruções", "user": "Pedido", "assistant": "Resposta"}


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The prompt of `messages`, ready for the assistant's turn. Special tokens in the texts lose their meaning."""
    text = render(tokenizer, messages)
    ids: list[int] = tokenizer(text, add_special_tokens=tokenizer.chat_template is None)["input_ids"]
    return ids


def prefix_length(tokenizer: Any, messages: Sequence[Message], ids: Sequence[int]) -> int:
    """How many of `ids`, the prompt of `messages`, belong to its constant beginning (`Message.constant`)."""
    varying = next((place for place, message in enumerate(messages) if message.constant < len(message.content)), None)
    if varying is None:
        return 0
    message = messages[varying]
    constant = [*messages[:varying], replace(message, content=message.content[: message.constant])]
    beginning = prompt_ids(tokenizer, constant)
    pairs = zip(beginning, ids[:-1], strict=False)  # one is left to tell what comes next
    return sum(1 for _same in takewhile(lambda pair: pair[0] == pair[1], pairs))


def render(tokenizer: Any, messages: Sequence[Message]) -> str:
    turns = [{"role": message.role, "content": _defused(tokenizer, message.content)} for message in messages]
    if tokenizer.chat_template is None:
        return _plain(turns)
    try:
        return _templated(tokenizer, turns)
    except TemplateError:  # some templates know no system turn
        return _templated(tokenizer, _system_within_user(turns))


def _templated(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    """Qwen3 and SmolLM3 think aloud before they answer unless told not to; other templates ignore it."""
    text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    return text


def _plain(turns: list[dict[str, str]]) -> str:
    parts = [f"### {_PLAIN_TITLES[turn['role']]}:\n{turn['content']}\n" for turn in turns]
    return "\n".join([*parts, f"### {_PLAIN_TITLES['assistant']}:\n"])


def _system_within_user(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    system = [turn["content"] for turn in turns if turn["role"] == "system"]
    others = [dict(turn) for turn in turns if turn["role"] != "system"]
    if others:
        others[0]["content"] = "\n\n".join([*system, others[0]["content"]])
    return others


def _defused(tokenizer: Any, content: str) -> str:
    """Without special tokens, or a text could close its turn and open another. Repeated: removal may form new ones."""
    while any(special in content for special in tokenizer.all_special_tokens):
        for special in tokenizer.all_special_tokens:
            content = content.replace(special, "")
    return content
