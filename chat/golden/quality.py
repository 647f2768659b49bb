"""How well golden questions find their passages: searched as anybody's question, scored, kept by day.

What staff judged relevant counts as an answer beside a question's own passage; what they judged irrelevant does not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from django.conf import settings

from chat import control
from chat.evaluation.intervals import Sample
from chat.evaluation.measures import ndcg, reciprocal_rank
from chat.golden.questions import GoldenQuestion
from chat.golden.scratch import INSTALLED
from chat.golden.sources import find_sources
from retrieval import models
from retrieval.judgements import places_judged
from retrieval.results import SearchScope
from retrieval.search import retrieve

MOST_ASKED = 200  # some seconds on two cores
DEPTH = 10

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Known:
    """A golden question with the chunks that answer it, never none; `group` is its document."""

    text: str
    gold: frozenset[int]
    group: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one search, in [0, 1]; `recall` is 1 where a gold chunk is among the selected."""

    ndcg: float
    reciprocal_rank: float
    recall: float


def known_questions() -> tuple[Known, ...]:
    """The golden questions in use whose passages are installed; at most `MOST_ASKED`, the same ones each night as long
    as the questions are the same."""
    rows = models.GoldenQuestion.objects.filter(tenant=settings.PRIMARY_TENANT_ID, is_active=True, earlier=[])
    kept = drawn(list(rows.exclude(answerable=False).order_by("pk")))
    ids = [row.pk for row in kept]
    right, wrong = places_judged(ids, relevant=True), places_judged(ids, relevant=False)
    own = [
        GoldenQuestion(row.question, (), row.document, row.passage, row.answerable, elsewhere=right.get(row.pk, ()))
        for row in kept
    ]
    apart = [GoldenQuestion(row.question, (), "", "", None, elsewhere=wrong.get(row.pk, ())) for row in kept]
    sources = find_sources([*own, *apart], (INSTALLED,))
    pairs = zip(own, sources[: len(own)], sources[len(own) :], strict=True)
    known = (
        Known(question.text, found.hidden_passage.chunk_ids - refused.hidden_passage.chunk_ids, found.group)
        for question, found, refused in pairs
    )
    return tuple(one for one in known if one.gold)


def drawn(rows: Sequence[Item]) -> Sequence[Item]:
    """At most `MOST_ASKED` of the rows."""
    return rows if len(rows) <= MOST_ASKED else random.Random(0).sample(rows, MOST_ASKED)  # noqa: S311


def scores_of(text: str, gold: frozenset[int]) -> Scores:
    """Search as the settings in force say, whoever may see what is found."""
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(INSTALLED,), groups=None)
    found = retrieve(text, scope=scope, settings=control.current().search_settings)
    hits = [chunk.chunk_id in gold for chunk in found.candidates[:DEPTH]]
    return Scores(
        ndcg=ndcg(hits, len(gold)),
        reciprocal_rank=reciprocal_rank(hits),
        recall=float(any(chunk.chunk_id in gold for chunk in found.selected)),
    )


def measure(day: date) -> models.RetrievalMetric | None:
    """Measure now and keep it as the day's; None, and nothing kept, where no golden question has a known passage."""
    known = known_questions()
    if not known:
        return None
    scores = [scores_of(one.text, one.gold) for one in known]
    groups = tuple(one.group for one in known)
    samples = {
        "ndcg_at_10": Sample(tuple(one.ndcg for one in scores), groups),
        "mrr": Sample(tuple(one.reciprocal_rank for one in scores), groups),
        "r_at_8": Sample(tuple(one.recall for one in scores), groups),
    }
    figures = {name: sample.mean or 0.0 for name, sample in samples.items()}
    intervals = {name: sample.interval for name, sample in samples.items()}
    row, _is_new = models.RetrievalMetric.objects.update_or_create(
        tenant=settings.PRIMARY_TENANT_ID,
        day=day,
        defaults={**figures, "questions": len(known), "intervals": intervals},
    )
    return row
