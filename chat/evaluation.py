"""The one evaluator: questions with known answers through the chat path itself, and what they show.

Retrieval, gate and answers apart; every figure a share or score in [0, 1]; nothing is recorded.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from django.conf import settings

from chat import calibration, control
from chat.answering import Answer, Asker, Question, answer
from chat.golden import GoldenQuestion, Source, find_sources
from chat.grounding import CITATION
from inference.engine import Engine, Priority
from retrieval.embeddings import get_embedder
from retrieval.models import Chunk, Document
from retrieval.results import Hidden, SearchScope

Asked = Literal["answerable", "masked", "off_domain", "unanswerable"]
EVALUATOR = Asker(groups=None, may_set_tau=True, may_force=True, is_service=True)
TOP = 8
_SOURCES = re.compile(r"\n\s*Fontes:.*\Z", re.DOTALL)
_ARTICLES = re.compile(r"\b(?:o|a|os|as|um|uma|uns|umas)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "“”‘’–—…ºª°«»", " "))


@dataclass(frozen=True, slots=True)
class Judged:
    """One question as it was asked and answered."""

    question: GoldenQuestion
    source: Source
    asked: Asked
    answer: Answer


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask. `masked` asks again with the source hidden; `off_domain` are questions nothing here answers."""

    questions: Sequence[GoldenQuestion]
    collections: Sequence[str]
    masked: Literal["document", "passage"] | None = None
    off_domain: Sequence[GoldenQuestion] = ()
    generate: bool = True
    tau: float | None = None
    progress: Callable[[int, int], None] = field(default=lambda done, total: None)


def evaluate(plan: Plan, *, engine: Engine | None = None) -> dict[str, Any]:
    """Ask everything and report. Raises what the chat path raises."""
    judged = list(_ask_all(plan, engine))
    asked = [item for item in judged if item.asked in ("answerable", "unanswerable")]
    answerable = [item for item in judged if item.asked == "answerable"]
    documents = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection__in=plan.collections)
    return {
        "retrieval": retrieval_figures(answerable),
        "gate": gate_figures(judged, masked=plan.masked or "document", tau=_tau(plan)),
        "answer": answer_figures(asked) if plan.generate else None,
        "timings_ms": timing_figures([item.answer for item in judged]),
        "model": next((item.answer.model for item in judged if item.answer.model), ""),
        "adapter": next((item.answer.adapter for item in judged if item.answer.adapter), ""),
        "embedder": get_embedder().id,
        "documents": documents.count(),
        "chunks": Chunk.objects.filter(document__in=documents).count(),
    }


def _ask_all(plan: Plan, engine: Engine | None) -> Iterable[Judged]:
    rounds = _rounds(plan)
    for done, (question, source, asked, hidden) in enumerate(rounds, start=1):
        generate = plan.generate and asked in ("answerable", "unanswerable")
        yield Judged(question, source, asked, _ask(question.text, plan, hidden, generate=generate, engine=engine))
        plan.progress(done, len(rounds))


def _rounds(plan: Plan) -> list[tuple[GoldenQuestion, Source, Asked, Hidden]]:
    nowhere = Source(Hidden(), Hidden(), "", has_neighbours=False)
    sources = find_sources(plan.questions, plan.collections)
    rounds: list[tuple[GoldenQuestion, Source, Asked, Hidden]] = []
    for question, source in zip(plan.questions, sources, strict=True):
        asked: Asked = "unanswerable" if question.answerable is False else "answerable"
        rounds.append((question, source, asked, Hidden()))
        if plan.masked and asked == "answerable" and source.known:
            hidden = source.hidden_document if plan.masked == "document" else source.hidden_passage
            rounds.append((question, source, "masked", hidden))
    return rounds + [(question, nowhere, "off_domain", Hidden()) for question in plan.off_domain]


def _ask(text: str, plan: Plan, hidden: Hidden, *, generate: bool, engine: Engine | None) -> Answer:
    question = Question(
        text=text,
        tau=plan.tau,
        generate=generate,
        record=False,
        hidden=hidden,
        scope=SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=tuple(plan.collections), groups=None),
        priority=Priority.BATCH,
    )
    return answer(question, asker=EVALUATOR, engine=engine)


def _tau(plan: Plan) -> float:
    return control.current().tau if plan.tau is None else plan.tau


# --- retrieval -----------------------------------------------------------------------------------------------------
def retrieval_figures(judged: Sequence[Judged]) -> dict[str, float | int | None]:
    """Over questions whose gold passage is known: a hit is a chunk that overlaps it."""
    rows = [_hits(item) for item in judged if item.source.hidden_passage.chunk_ids]
    if not rows:
        return {"n": 0, "r_at_1": None, "r_at_8": None, "ndcg_at_10": None, "mrr": None}
    return {
        "n": len(rows),
        "r_at_1": _mean(float(hits[:1] == [True]) for hits, _gold in rows),
        "r_at_8": _mean(float(any(hits[:TOP])) for hits, _gold in rows),
        "ndcg_at_10": _mean(_ndcg(hits, gold) for hits, gold in rows),
        "mrr": _mean(next((1 / rank for rank, hit in enumerate(hits, start=1) if hit), 0.0) for hits, _gold in rows),
    }


def _hits(item: Judged) -> tuple[list[bool], int]:
    gold = item.source.hidden_passage.chunk_ids
    return [chunk_id in gold for chunk_id in item.answer.ranking], len(gold)


def _ndcg(hits: Sequence[bool], gold: int) -> float:
    gained = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits[:10], start=1) if hit)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(gold, 10) + 1))


# --- gate ----------------------------------------------------------------------------------------------------------
def gate_figures(judged: Sequence[Judged], *, masked: str, tau: float) -> dict[str, Any]:
    """C of the answerable against C of those asked with their source hidden, or else known to be unanswerable."""
    shares = {name: _answered(judged, name, tau) for name in ("answerable", "masked", "off_domain", "unanswerable")}
    positives = [item.answer.confidence for item in judged if item.asked == "answerable" and item.question.answerable]
    negatives = [item.answer.confidence for item in judged if item.asked == "masked"]
    negatives = negatives or [item.answer.confidence for item in judged if item.asked in ("off_domain", "unanswerable")]
    figures: dict[str, float | None] = {"auroc": None, "brier": None, "ece": None}
    if positives and negatives:
        labels = np.array([True] * len(positives) + [False] * len(negatives))
        figures |= calibration.scores(labels, np.array(positives + negatives))
    return {
        "n": len(positives) + len(negatives),
        **figures,
        "tau": tau,
        "answered": shares,
        "masked": masked,
        "scorer": control.current().scorer,
        "calibration": calibration.status().source,
    }


def _answered(judged: Sequence[Judged], asked: str, tau: float) -> float | None:
    values = [item.answer.confidence >= tau for item in judged if item.asked == asked]
    return _mean(float(value) for value in values) if values else None


# --- answers -------------------------------------------------------------------------------------------------------
def answer_figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Over answerable questions, answered or not (not answered counts 0); `refused` is the share not answered."""
    rows = [item for item in judged if item.asked == "answerable" and item.question.answers]
    given = [item.answer for item in rows if item.answer.used != "abstain"]
    unanswerable = [item.answer for item in judged if item.asked == "unanswerable"]
    seconds = [reply.timings["total"] / 1000 for reply in given]
    tokens = sum(reply.usage["output_tokens"] for reply in given)
    generating_s = sum(reply.timings["generate"] for reply in given) / 1000
    return {
        "n": len(rows),
        "f1": _mean(_over_answers(item, token_f1) for item in rows),
        "exact_match": _mean(_over_answers(item, exact_match) for item in rows),
        "contains": _mean(_over_answers(item, contains) for item in rows),
        "grounded": _mean(float(bool(reply.grounded)) for reply in given),
        "cited": _mean(float(any(source.cited for source in reply.sources)) for reply in given),
        "citations_right": _mean(_citations_right(item) for item in rows if _can_judge_citations(item)),
        "refused": _mean(float(item.answer.used == "abstain") for item in rows),
        "refused_unanswerable": _mean(float(reply.used == "abstain") for reply in unanswerable),
        "modes": dict(Counter(reply.mode for reply in given)),
        "seconds_per_answer": _mean(seconds),
        "tokens_per_second": round(tokens / generating_s, 1) if generating_s else None,
    }


def _over_answers(item: Judged, measure: Callable[[str, str], float]) -> float:
    if item.answer.used == "abstain":
        return 0.0
    said = plain_reply(item.answer.text)
    return max(measure(said, gold) for gold in item.question.answers)


def plain_reply(text: str) -> str:
    """The reply without citations and the line of sources."""
    return CITATION.sub("", _SOURCES.sub("", text)).strip()


def normalise(text: str) -> list[str]:
    """SQuAD's normalisation for Portuguese: lower case, no punctuation, no articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def token_f1(said: str, gold: str) -> float:
    """SQuAD's token F1."""
    ours, theirs = normalise(said), normalise(gold)
    common = sum((Counter(ours) & Counter(theirs)).values())
    if not common:
        return float(ours == theirs)
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)


def exact_match(said: str, gold: str) -> float:
    return float(normalise(said) == normalise(gold))


def contains(said: str, gold: str) -> float:
    """Whether the reply holds the gold answer, word by word."""
    return float(f" {' '.join(normalise(gold))} " in f" {' '.join(normalise(said))} ")


def _can_judge_citations(item: Judged) -> bool:
    cites = any(source.cited for source in item.answer.sources)
    return cites and bool(item.source.hidden_passage.chunk_ids)


def _citations_right(item: Judged) -> float:
    """The share of what it cites that overlaps the gold passage."""
    cited = [source.chunk_id in item.source.hidden_passage.chunk_ids for source in item.answer.sources if source.cited]
    return sum(cited) / len(cited)


# --- time ----------------------------------------------------------------------------------------------------------
def timing_figures(answers: Sequence[Answer]) -> dict[str, dict[str, float] | None]:
    """p50 and p95 in milliseconds; `generate` over those that generated; `overhead` is all but the stages named."""
    stages: dict[str, list[float]] = {}
    for given in answers:
        for stage in ("embed", "search", "route", "overhead"):
            stages.setdefault(stage, []).append(given.timings[stage])
        if given.timings["generate"]:
            stages.setdefault("generate", []).append(given.timings["generate"])
    return {stage: percentiles(stages.get(stage, ())) for stage in ("embed", "search", "route", "generate", "overhead")}


def percentiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p95 = np.percentile(np.array(values), [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return round(sum(listed) / len(listed), 4) if listed else None


def figures_in_words(report: Mapping[str, Any]) -> str:
    """The report as lines for a terminal."""
    lines = []
    for part in ("retrieval", "gate", "answer"):
        rows = report.get(part) or {}
        shown = ", ".join(f"{name} {value}" for name, value in rows.items() if value is not None)
        lines.append(f"{part}: {shown or '-'}")
    return "\n".join(lines)
