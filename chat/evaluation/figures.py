"""The figures of an evaluation: retrieval, gate, answers and time, each apart, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chat import calibration, control
from chat.answering import Answer
from chat.evaluation import measures
from chat.evaluation.asking import Asked, Judged, Mask
from chat.evaluation.intervals import Sample, gate_intervals

TOP = 8
STAGES = ("embed", "search", "route", "generate", "overhead")
SHARES: tuple[Asked, ...] = ("answerable", "masked", "off_domain", "unanswerable", "unknown")


@dataclass(frozen=True, slots=True)
class Figures:
    """Plain numbers by name, and the intervals of those that have one, nested alike."""

    values: dict[str, Any] = field(default_factory=dict)
    intervals: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, samples: Mapping[str, Sample]) -> Figures:
        return cls(
            {name: sample.mean for name, sample in samples.items()},
            {name: sample.interval for name, sample in samples.items()},
        )

    def joined(self, name: str, parts: Mapping[str, Figures]) -> Figures:
        """With `parts` under `name`."""
        return Figures(
            self.values | {name: {key: part.values for key, part in parts.items()}},
            self.intervals | {name: {key: part.intervals for key, part in parts.items()}},
        )


def sample(judged: Iterable[Judged], measure: Callable[[Judged], float]) -> Sample:
    rows = [(measure(item), item.group) for item in judged]
    return Sample(tuple(value for value, _group in rows), tuple(group for _value, group in rows))


# --- retrieval -----------------------------------------------------------------------------------------------------
def retrieval_figures(judged: Sequence[Judged]) -> Figures:
    """Over questions of known source that nobody called unanswerable: a hit is a chunk that overlaps the gold passage,
    or any chunk of the document where only that is known."""
    rows = [item for item in judged if item.asked in ("answerable", "unknown") and item.source.hidden_passage.chunk_ids]
    figures = Figures.of(
        {
            "r_at_1": sample(rows, lambda item: float(any(_hits(item)[:1]))),
            "r_at_8": sample(rows, lambda item: float(any(_hits(item)[:TOP]))),
            "ndcg_at_10": sample(
                rows, lambda item: measures.ndcg(_hits(item), len(item.source.hidden_passage.chunk_ids))
            ),
            "mrr": sample(rows, lambda item: measures.reciprocal_rank(_hits(item))),
        }
    )
    return Figures({"n": len(rows)} | figures.values, figures.intervals)


def _hits(item: Judged) -> list[bool]:
    gold = item.source.hidden_passage.chunk_ids
    return [chunk_id in gold for chunk_id in item.answer.ranking]


# --- gate ----------------------------------------------------------------------------------------------------------
def gate_figures(judged: Sequence[Judged], *, masked: Sequence[Mask], tau: float) -> Figures:
    """C of the answerable against C of those with their source hidden, or, where none was asked so, of those that
    nothing here answers. `against`: each kind of negative by itself."""
    positives = [item for item in judged if item.asked == "answerable"]
    kinds = negatives_by_kind(judged)
    hidden = [item for kind in masked for item in kinds.get(kind, ())]
    figures = told_apart(positives, hidden or [item for items in kinds.values() for item in items])
    answered = Figures.of({name: let_through([item for item in judged if item.asked == name], tau) for name in SHARES})
    about = {
        "tau": tau,
        "masked": "both" if len(masked) > 1 else next(iter(masked), None),
        "scorer": control.current().scorer,
        "calibration": calibration.status().source,
        "calibration_stale": calibration.status().stale,
    }
    kept = Figures(
        {**figures.values, **about, "answered": answered.values}, {**figures.intervals, "answered": answered.intervals}
    )
    return kept.joined("against", {kind: _against(positives, items, tau) for kind, items in kinds.items()})


def negatives_by_kind(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Those that should not be answered, by why: `document` or `passage` hidden, `off_domain`, `unanswerable`."""
    kinds: dict[str, list[Judged]] = {}
    for item in judged:
        if item.asked in ("masked", "off_domain", "unanswerable"):
            kinds.setdefault(item.mask or item.asked, []).append(item)
    return kinds


def told_apart(positives: Sequence[Judged], negatives: Sequence[Judged]) -> Figures:
    """AUROC, Brier and ECE of C over both."""
    rows = [*positives, *negatives]
    labels = [True] * len(positives) + [False] * len(negatives)
    given = [item.answer.confidence for item in rows]
    scores: dict[str, Any] = dict.fromkeys(("auroc", "brier", "ece"))
    intervals = scores | gate_intervals(labels, given, [item.group for item in rows])
    if positives and negatives:
        scores |= calibration.scores(np.array(labels), np.array(given))
    return Figures({"n": len(rows), **scores}, intervals)


def let_through(judged: Sequence[Judged], tau: float) -> Sample:
    return sample(judged, lambda item: float(item.passes(tau)))


def _against(positives: Sequence[Judged], negatives: Sequence[Judged], tau: float) -> Figures:
    figures, through = told_apart(positives, negatives), let_through(negatives, tau)
    return Figures({**figures.values, "answered": through.mean}, {**figures.intervals, "answered": through.interval})


# --- answers -------------------------------------------------------------------------------------------------------
def answer_figures(judged: Sequence[Judged]) -> Figures:
    """Over answerable questions with gold answers, answered or not (not answered counts 0), and apart by how they were
    answered (`by_mode`) and by the file's own kinds (`by_kind`). `refused` is the share not answered."""
    rows = [item for item in judged if item.asked == "answerable" and item.question.answers]
    refusable = [item for item in judged if item.asked == "unanswerable"]
    figures = _answers_of(rows, refusable)
    given = [item.answer for item in rows if item.is_answered]
    tokens = sum(reply.usage["output_tokens"] for reply in given)
    generating_s = sum(reply.timings["generate"] for reply in given) / 1000
    figures.values["seconds_per_answer"] = Sample(tuple(reply.timings["total"] / 1000 for reply in given), ()).mean
    figures.values["tokens_per_second"] = round(tokens / generating_s, 1) if generating_s else None
    modes: list[str] = sorted({item.mode for item in rows if item.is_answered})
    by_mode = {mode: _by_mode([item for item in rows if item.is_answered and item.mode == mode]) for mode in modes}
    kinds = dict.fromkeys(item.question.kind for item in (*rows, *refusable) if item.question.kind)
    by_kind = {
        kind: _answers_of(
            [item for item in rows if item.question.kind == kind],
            [item for item in refusable if item.question.kind == kind],
        )
        for kind in kinds
    }
    return figures.joined("by_mode", by_mode).joined("by_kind", by_kind)


def _answers_of(rows: Sequence[Judged], refusable: Sequence[Judged]) -> Figures:
    answered = [item for item in rows if item.is_answered]
    figures = Figures.of(
        {
            "f1": sample(rows, lambda item: over_answers(item, measures.token_f1)),
            "exact_match": sample(rows, lambda item: over_answers(item, measures.exact_match)),
            "contains": sample(rows, lambda item: over_answers(item, measures.contains)),
            "grounded": sample(answered, lambda item: float(bool(item.answer.grounded))),
            "cited": sample(answered, lambda item: float(_cites(item))),
            "citations_right": sample(filter(_can_judge_citations, answered), _citations_right),
            "refused": sample(rows, lambda item: float(not item.is_answered)),
            "refused_unanswerable": sample(refusable, lambda item: float(not item.is_answered)),
        }
    )
    return Figures({"n": len(rows), "n_unanswerable": len(refusable)} | figures.values, figures.intervals)


def _by_mode(rows: Sequence[Judged]) -> Figures:
    figures = Figures.of(
        {
            "f1": sample(rows, lambda item: over_answers(item, measures.token_f1)),
            "contains": sample(rows, lambda item: over_answers(item, measures.contains)),
            "citations_right": sample(filter(_can_judge_citations, rows), _citations_right),
        }
    )
    return Figures({"n": len(rows)} | figures.values, figures.intervals)


def over_answers(item: Judged, measure: Callable[[str, str], float]) -> float:
    """The reply against the best of the given answers; not answered is 0."""
    if not item.is_answered:
        return 0.0
    said = measures.plain_reply(item.answer.text)
    return max(measure(said, gold) for gold in item.question.answers)


def _cites(item: Judged) -> bool:
    return any(source.cited for source in item.answer.sources)


def _can_judge_citations(item: Judged) -> bool:
    return _cites(item) and bool(item.source.hidden_passage.chunk_ids)


def _citations_right(item: Judged) -> float:
    """The share of what it cites that overlaps the gold passage."""
    cited = [source.chunk_id in item.source.hidden_passage.chunk_ids for source in item.answer.sources if source.cited]
    return sum(cited) / len(cited)


# --- time ----------------------------------------------------------------------------------------------------------
def timing_figures(answers: Iterable[Answer]) -> dict[str, dict[str, float | None]]:
    """p50 and p95 in milliseconds; `generate` over those that generated; `overhead` is all but `embed` and
    `generate`."""
    stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for given in answers:
        for stage in STAGES:
            if stage != "generate" or given.timings[stage]:
                stages[stage].append(given.timings[stage])
    return {stage: measures.percentiles(values) for stage, values in stages.items()}
