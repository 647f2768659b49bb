"""Prompts as AION makes them: the evidence of a real search, packed, with the instructions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.conf import settings

from chat import control
from chat.confidence import read
from chat.evidence import EVIDENCE_PASSAGES, pack
from chat.golden import GoldenQuestion
from chat.prompts import build_messages
from inference.engine import Message
from retrieval.results import SearchScope
from retrieval.search import retrieve

Prompt = tuple[Message, ...]


def prompts_of(questions: Sequence[GoldenQuestion], collection: str) -> Iterator[Prompt]:
    """What the model would be given for each question, in order."""
    policy = control.current()
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(collection,), groups=None)
    for question in questions:
        found = retrieve(question.text, scope=scope, settings=policy.search_settings)
        sentences = read(found, passages=EVIDENCE_PASSAGES).sentences
        packed = pack(found.selected, sentences, policy.prompt_context_tokens)
        yield build_messages(question.text, packed.passages, system_prompt=policy.system_prompt)
