"""Whether the right passage is found, and how fast: what `retrieve()` gives (dense and BM25 fused by z-scores, then
MMR) beside dense alone, BM25 alone, reciprocal rank fusion of both (RRF), and the fusion before MMR: the same searches.
And beside rank-bm25 on the same chunks, with AION's stems and with plain words.

A hit is a chunk that overlaps the gold passage. Times leave embedding out, but for `embed`; of a peer they are those of
its part of the search. Questions without accents have what the same ones reach with them, less a point, for a bar."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from django.conf import settings

from benchmarks.bm25_peer import Peer, Ranking, peers
from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import QuestionSet, installed_sets, missing_sets, say
from chat.evaluation.intervals import Sample
from chat.evaluation.measures import ndcg, percentiles, reciprocal_rank
from chat.golden import Source, find_sources
from retrieval.results import Retrieval, RetrievedChunk, SearchScope
from retrieval.search import retrieve

Order = Callable[[Retrieval], list[int]]
Judge = Callable[[Sequence[bool], int], float]  # hits in order, and how many there are to find

SETS = ("faquad", "pira", "demo")
RRF_K = 60  # Cormack, Clarke and Büttcher 2009
BAR = "the bar"
BARS = {
    "faquad among both": {"r_at_1": 0.89, "ndcg_at_10": 0.95},
    "pira among both": {"r_at_8": 0.945, "ndcg_at_10": 0.885},
}
LOST_WITHOUT_ACCENTS = 0.01
KEPT_BY_MMR = 0.995  # of the fused top 8's R@8


@dataclass(frozen=True, slots=True)
class Case:
    """The questions of a set, asked of some sets' documents; `typed` is how they are typed. Where that makes it harder,
    it must reach what `as_good_as` does, less a point."""

    name: str
    asked: QuestionSet
    of: Sequence[QuestionSet]
    typed: Callable[[str], str] = str
    as_good_as: str = ""

    @property
    def is_alone(self) -> bool:
        return len(self.of) == 1

    @property
    def collections(self) -> tuple[str, ...]:
        return tuple(own.collection for own in self.of)


@dataclass(frozen=True, slots=True)
class Found:
    """One search, what rank-bm25 found instead, the chunks that would have been right, and the document they are in."""

    retrieval: Retrieval
    others: Mapping[str, Ranking]
    gold: frozenset[int]
    document: str

    def orders(self) -> dict[str, Sequence[int]]:
        """Chunks, the best first, by whose order it is."""
        own = {name: order(self.retrieval) for name, order in ORDERS.items()}
        return own | {name: ranking.chunk_ids for name, ranking in self.others.items()}


def measure(options: Options) -> Iterator[Line]:
    """All cases in turn."""
    yield from missing_sets(options, *SETS)
    with installed_sets(options, *SETS) as sets:
        reached: dict[str, dict[str, float]] = {}
        for case in _cases(sets):
            found = _search(case, options.limit)
            lines = list(_quality(case.name, found, _bars(case, reached)))
            reached[case.name] = {line.metric: line.value for line in lines if line.value is not None}
            yield from lines
            yield from _kept_by_mmr(case.name, found)
            yield from _times(case, found)


def _cases(sets: Mapping[str, QuestionSet]) -> Iterator[Case]:
    for own in sets.values():
        yield Case(own.name, own, [own])
    both = [sets[name] for name in ("faquad", "pira") if name in sets]
    for own in both:
        yield Case(f"{own.name} among both", own, both)
        yield Case(
            f"{own.name} among both, typed without accents", own, both, without_accents, f"{own.name} among both"
        )


def _bars(case: Case, reached: Mapping[str, Mapping[str, float]]) -> Mapping[str, float]:
    """By metric; what earlier cases `reached` is a bar for those that must be as good."""
    if case.as_good_as:
        return {metric: value - LOST_WITHOUT_ACCENTS for metric, value in reached[case.as_good_as].items()}
    return BARS.get(case.name, {})


def without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _search(case: Case, limit: int | None) -> list[Found]:
    """Questions whose passage is known: also those that nobody has judged."""
    known = [question for question in case.asked.questions if question.passage and question.answerable is not False]
    questions = spread(known, limit)
    say(f"retrieval: {len(questions)} questions, {case.name}")
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=case.collections, groups=None)
    sources = find_sources(questions, case.collections)
    others = peers(case.collections)
    return [
        _found(case.typed(question.text), scope, others, source)
        for question, source in zip(questions, sources, strict=True)
        if source.hidden_passage.chunk_ids
    ]


def _found(question: str, scope: SearchScope, others: Mapping[str, Peer], source: Source) -> Found:
    rankings = {name: peer.rank(question) for name, peer in others.items()}
    return Found(retrieve(question, scope=scope), rankings, source.hidden_passage.chunk_ids, source.group)


def _quality(case: str, found: Sequence[Found], bars: Mapping[str, float]) -> Iterator[Line]:
    documents = tuple(one.document for one in found)
    about = {"n": len(found), "passages": found[0].retrieval.chunk_count}
    for metric, judge in METRICS.items():
        scores = _judged(found, judge)
        ours = Sample(tuple(scores.pop(OURS)), documents)
        beaten = {name: fmean(values) for name, values in scores.items()}
        beaten |= {BAR: bars[metric]} if metric in bars else {}
        yield from beside(case, metric, fmean(ours.values), beaten, interval_95=ours.interval, **about)


def _judged(found: Sequence[Found], judge: Judge) -> dict[str, list[float]]:
    """What each order scores at each question."""
    orders = [one.orders() for one in found]
    return {
        name: [
            judge([chunk_id in one.gold for chunk_id in own[name]], len(one.gold))
            for one, own in zip(found, orders, strict=True)
        ]
        for name in orders[0]
    }


def _kept_by_mmr(case: str, found: Sequence[Found]) -> Iterator[Line]:
    """Of the R@8 of the fused top 8, what the 8 selected for variety keep."""
    scores = _judged(found, METRICS["r_at_8"])
    fused = fmean(scores[FUSED])
    kept = fmean(scores[OURS]) / fused if fused else None
    yield from beside(case, "r_at_8_kept_by_mmr", kept, {BAR: KEPT_BY_MMR}, n=len(found))


def _times(case: Case, found: Sequence[Found]) -> Iterator[Line]:
    timings = [one.retrieval.timings for one in found]
    ours = percentiles([own.search_ms for own in timings])
    dense, text = percentiles([own.dense_ms for own in timings]), percentiles([own.text_ms for own in timings])
    for name, value in ours.items():
        beaten = {"dense alone": dense[name], "BM25 alone": text[name]}
        for peer in found[0].others:
            beaten[peer] = percentiles([one.others[peer].ms for one in found])[name]
        yield from beside(case.name, f"search_{name}_ms", value, beaten, n=len(found))
    if case.is_alone:  # asked again, a question has its vector already
        for name, value in percentiles([own.embed_ms for own in timings]).items():
            yield Line(case.name, f"embed_{name}_ms", value, conditions={"n": len(found)})


# --- orders --------------------------------------------------------------------------------------------------------
OURS, FUSED = "AION", "fused, before MMR"


def selected_first(retrieval: Retrieval) -> list[int]:
    """What the prompt is made of, in its order, then what it left."""
    return list(dict.fromkeys(chunk.chunk_id for chunk in (*retrieval.selected, *retrieval.candidates)))


def by_similarity(retrieval: Retrieval) -> list[int]:
    """Only what the dense search named itself."""
    return _by_rank((chunk.dense_rank, chunk.chunk_id) for chunk in retrieval.candidates)


def by_text(retrieval: Retrieval) -> list[int]:
    """Only what the text search named itself."""
    return _by_rank((chunk.text_rank, chunk.chunk_id) for chunk in retrieval.candidates)


def _by_rank(ranked: Iterable[tuple[int | None, int]]) -> list[int]:
    return [chunk_id for _rank, chunk_id in sorted((rank, chunk_id) for rank, chunk_id in ranked if rank is not None)]


def by_reciprocal_ranks(retrieval: Retrieval) -> list[int]:
    def score(chunk: RetrievedChunk) -> float:
        return sum(1 / (RRF_K + rank) for rank in (chunk.dense_rank, chunk.text_rank) if rank is not None)

    return [chunk.chunk_id for chunk in sorted(retrieval.candidates, key=score, reverse=True)]


def by_fused_score(retrieval: Retrieval) -> list[int]:
    return [chunk.chunk_id for chunk in retrieval.candidates]


ORDERS: Mapping[str, Order] = {
    OURS: selected_first,
    "dense alone": by_similarity,
    "BM25 alone": by_text,
    "RRF": by_reciprocal_ranks,
    FUSED: by_fused_score,
}

# --- metrics -------------------------------------------------------------------------------------------------------
METRICS: Mapping[str, Judge] = {
    "r_at_1": lambda hits, _gold: float(any(hits[:1])),
    "r_at_8": lambda hits, _gold: float(any(hits[:8])),
    "ndcg_at_10": ndcg,
    "mrr": lambda hits, _gold: reciprocal_rank(hits),
}
