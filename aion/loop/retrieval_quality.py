"""How good retrieval is today: nDCG at 10, apart for golden questions and for what people judged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import fmean

from aion.loop.decision import Measured
from chat.golden.logged import judged_questions
from chat.golden.quality import drawn, known_questions, scores_of

JUDGED_BACK = timedelta(days=180)


def golden_quality() -> Measured:
    """Of the installation's golden questions, those whose source is among its documents."""
    return measured((known.text, known.gold) for known in known_questions())


def judged_quality(now: datetime) -> Measured:
    """Of questions whose passages people named, or whose answer they liked. Kinder than golden ones: nobody could name
    what was not found."""
    judged = drawn(judged_questions(now - JUDGED_BACK))
    return measured((text, source.hidden_passage.chunk_ids) for text, source in judged)


def measured(questions: Iterable[tuple[str, frozenset[int]]]) -> Measured:
    """The mean over questions, each with the chunks that answer it; questions without any are left out."""
    scores = [scores_of(text, gold).ndcg for text, gold in questions if gold]
    return Measured(fmean(scores) if scores else None, len(scores))
