"""How long a chunk should be: the sets read in anew at several sizes, as the embedder counts tokens, beside the size
that ships. FaQuAD's and Pirá's passages are joined to running text first, as documents come; all sets are searched
together.

A hit is a chunk that overlaps the sentence with the answer; Pirá names no sentence, so there its passage, which favours
short chunks. `packed_holds_answer` is the share of answers that stand word by word in what the prompt shows; it and
`packed_tokens` (what that costs) are what a small model sees, `selected_tokens` what the eight chosen cost a model that
reads them whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from unittest.mock import patch

from django.conf import settings

from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import DEMO, FILES, missing_sets, say
from chat import control
from chat.confidence import read
from chat.evaluation.measures import contains, ndcg
from chat.evidence import EVIDENCE_PASSAGES, estimate_tokens, pack
from chat.golden import GoldenQuestion, GoldenSet, find_sources, read_golden, scratch
from retrieval import ingestion
from retrieval.chunking import MAX_TOKENS, chunk
from retrieval.ingestion import ingest, ingest_text
from retrieval.models import Chunk
from retrieval.results import Retrieval, SearchScope
from retrieval.search import retrieve
from retrieval.text import split_sentences

SIZES = (MAX_TOKENS, 96, 128, 256, 384)
SHIPS = f"{MAX_TOKENS} tokens, as shipped"

Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the chunks that hold its answer, and what was found."""

    question: GoldenQuestion
    gold: frozenset[int]
    found: Retrieval


def measure(options: Options) -> Iterator[Line]:
    """The shipped size first."""
    yield from missing_sets(options, *FILES)
    files = {name: options.data / file for name, file in FILES.items()} if options.data else {}
    sets = {name: read_golden(path) for name, path in (files | {"demo": DEMO / "golden.jsonl"}).items()}
    shipped: dict[str, Figures] = {}
    for size in SIZES:
        with installed(sets, size) as collections:
            for name, golden in sets.items():
                say(f"chunks: {size} tokens, {name}")
                figures = _figures(_asked(golden, name, collections, options.limit), collections[name])
                peers = shipped.setdefault(name, figures)
                for metric, value in figures.items():
                    yield from beside(f"{name}, {size} tokens", metric, value, {SHIPS: peers[metric]})


@contextmanager
def installed(sets: Mapping[str, GoldenSet], max_tokens: int) -> Iterator[dict[str, str]]:
    """A collection of each set while the block runs, its documents cut into chunks of that size."""
    cut_so = partial(chunk, max_tokens=max_tokens)
    with ExitStack() as stack, patch.object(ingestion, "chunk", cut_so):
        collections = {}
        for name, golden in sets.items():
            say(f"chunks: {max_tokens} tokens, reading {name}")
            own = stack.enter_context(scratch(replace(golden, documents={})))
            if name not in FILES:
                ingest([DEMO / "documents"], tenant=settings.PRIMARY_TENANT_ID, collection=own)
            for title, passages in golden.documents.items() if name in FILES else ():
                text = "\n\n".join(passages)
                ingest_text(title, text, tenant=settings.PRIMARY_TENANT_ID, collection=own, source=f"{own}/{title}")
            collections[name] = own
        yield collections


def _asked(golden: GoldenSet, name: str, collections: Mapping[str, str], limit: int | None) -> list[Asked]:
    known = [one for one in golden.questions if one.passage and one.answerable is not False and not one.follows_up]
    questions = [to_the_point(question) for question in spread(known, limit)]
    scope = SearchScope(settings.PRIMARY_TENANT_ID, tuple(collections.values()), groups=None)
    sources = find_sources(questions, [collections[name]])
    return [
        Asked(question, source.hidden_passage.chunk_ids, retrieve(question.text, scope=scope))
        for question, source in zip(questions, sources, strict=True)
        if source.hidden_passage.chunk_ids
    ]


def to_the_point(question: GoldenQuestion) -> GoldenQuestion:
    """With the sentence that holds an answer word by word for a passage, where there is one."""
    sentences = (sentence.text for sentence in split_sentences(question.passage))
    holding = (text for text in sentences if any(contains(text, answer) for answer in question.answers))
    return replace(question, passage=next(holding, question.passage))


def _figures(asked: Sequence[Asked], collection: str) -> Figures:
    hits = [[hit in one.gold for hit in _order(one.found)] for one in asked]
    packed = [_packed(one.found) for one in asked]
    quotable = [
        (one, text)
        for one, text in zip(asked, packed, strict=True)
        if any(contains(one.question.passage, answer) for answer in one.question.answers)
    ]
    held = [any(contains(text, answer) for answer in one.question.answers) for one, text in quotable]
    return {
        "chunks": Chunk.objects.filter(document__collection=collection).count(),
        "r_at_1": fmean(any(own[:1]) for own in hits),
        "r_at_8": fmean(any(own[:8]) for own in hits),
        "ndcg_at_10": fmean(ndcg(own, len(one.gold)) for own, one in zip(hits, asked, strict=True)),
        "packed_holds_answer": fmean(held) if held else None,
        "packed_tokens": fmean(estimate_tokens(text) for text in packed),
        "selected_tokens": fmean(sum(estimate_tokens(hit.text) for hit in one.found.selected) for one in asked),
    }


def _order(found: Retrieval) -> list[int]:
    return list(dict.fromkeys(hit.chunk_id for hit in (*found.selected, *found.candidates)))


def _packed(found: Retrieval) -> str:
    sentences = read(found, passages=EVIDENCE_PASSAGES).sentences
    packed = pack(found.selected, sentences, control.current().evidence_tokens)
    return "\n".join(passage.text for passage in packed.passages)
