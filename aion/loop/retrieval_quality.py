"""How good retrieval is today: nDCG at 10, apart for golden questions and for what people judged."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import fmean
from typing import TypeVar

from django.conf import settings

from aion.loop.decision import Measured
from chat import control
from chat.evaluation.measures import ndcg
from chat.golden import GoldenQuestion, find_sources
from chat.golden.logged import judged_questions
from retrieval.models import GoldenQuestion as GoldenRow
from retrieval.results import SearchScope
from retrieval.search import retrieve

MOST_ASKED = 200  # of each kind: some seconds on two cores
JUDGED_BACK = timedelta(days=180)
COLLECTION = "main"
DEPTH = 10

Item = TypeVar("Item")


def golden_quality() -> Measured:
    """Of the installation's golden questions, those whose source is among its documents."""
    questions = _drawn(_golden_questions())
    sources = find_sources(questions, (COLLECTION,))
    pairs = zip(questions, sources, strict=True)
    return measured((question.text, source.hidden_passage.chunk_ids) for question, source in pairs)


def judged_quality(now: datetime) -> Measured:
    """Of questions whose passages people named, or whose answer they liked. Kinder than golden ones: nobody could name
    what was not found."""
    judged = _drawn(judged_questions(now - JUDGED_BACK))
    return measured((text, source.hidden_passage.chunk_ids) for text, source in judged)


def measured(questions: Iterable[tuple[str, frozenset[int]]]) -> Measured:
    """The mean over questions, each with the chunks that answer it; questions without any are left out."""
    scores = [_score(text, gold) for text, gold in questions if gold]
    return Measured(fmean(scores) if scores else None, len(scores))


def _score(text: str, gold: frozenset[int]) -> float:
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(COLLECTION,), groups=None)
    found = retrieve(text, scope=scope, settings=control.current().search_settings)
    return ndcg([chunk.chunk_id in gold for chunk in found.candidates[:DEPTH]], len(gold))


def _golden_questions() -> Sequence[GoldenQuestion]:
    kept = (
        GoldenRow.objects.filter(tenant=settings.PRIMARY_TENANT_ID, is_active=True)
        .exclude(answerable=False)
        .order_by("pk")
    )
    return [
        GoldenQuestion(row.question, tuple(row.answers), row.document, row.passage, row.answerable)
        for row in kept
        if not row.earlier
    ]


def _drawn(rows: Sequence[Item]) -> Sequence[Item]:
    """At most `MOST_ASKED`, the same ones each night as long as the questions are the same."""
    return rows if len(rows) <= MOST_ASKED else random.Random(0).sample(rows, MOST_ASKED)  # noqa: S311
