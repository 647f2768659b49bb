"""How a search bears two hundred thousand chunks: whether the index finds what comparing all vectors finds, and how
long a whole search takes, for who may see everything, a tenth of it, and a hundredth.

The chunks are made of the sets' real sentences, two neighbours of one passage and two of another; a chunk's vector is
the mean of its sentences' own (each embedded once), since embedding as many texts takes hours. Loaded as a library
would be that comes all at once: rows by COPY, the index of vectors after; `copied_into_index_per_s` is how many vectors
a second the index takes where it is there already, as when documents are read in one by one. First a tenth, so that
growth is seen. A million is not measured but projected: times grow once more, by the power of size that they grew by in
the last tenfold. At the end the index is made and searched with other numbers than those that ship. Times leave
embedding out, warm, one client after the other. The bars are recall .98 and a p95 of 30 ms. `--limit` is the number of
chunks."""

from __future__ import annotations

import math
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from benchmarks.hnsw import NEAREST, recall_and_ms, tuning
from benchmarks.lines import Line, beside, skipped
from benchmarks.options import NO_DATA, Options, spread
from benchmarks.questions import DEMO, FILES, say
from chat.evaluation.measures import percentiles
from chat.golden import read_golden
from retrieval.embeddings import Vectors, get_embedder
from retrieval.generations import serving_generation
from retrieval.models import Document
from retrieval.results import SearchScope
from retrieval.search import retrieve
from retrieval.storage import vector_literal
from retrieval.text import split_sentences, tokens

CHUNKS, SEED, QUESTIONS = 200_000, 2026, 200
CHUNKS_A_DOCUMENT, NEIGHBOURS = 50, 2
INDEXED = 1000  # vectors copied into the index to see what it takes
MILLION = 1_000_000
SAY_EVERY = 20_000
BAR_RECALL, BAR_P95_MS = 0.98, 30.0
GROUPS = {"one": 100, "ten": 10}  # each so-manieth document; the others are for "rest"
SCOPES = {"everything": None, "a tenth": ("one", "ten"), "a hundredth": ("one",)}

Times = dict[str, float]
"""Milliseconds by scope."""


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    terms: Counter[str]
    vector: Vectors


def measure(options: Options) -> Iterator[Line]:
    """A tenth of the chunks, then all of them."""
    if options.data is None:
        yield skipped("chunks", NO_DATA)
        return
    sets = [read_golden(options.data / file) for file in FILES.values()]
    say("scale: embedding the sets' sentences")
    passages = [_sentences(text) for own in sets for texts in own.documents.values() for text in texts]
    passages = [passage for passage in passages if len(passage) >= NEIGHBOURS]
    asked = [question.text for own in sets for question in own.questions]
    asked += [question.text for question in read_golden(DEMO / "golden.jsonl").questions]
    questions = spread(asked, QUESTIONS)
    chance, total, loaded = random.Random(SEED), options.limit or CHUNKS, 0
    p95: dict[int, Times] = {}
    for target in (total // 10, total):
        began = time.monotonic()
        _load(passages, chance, target - loaded)
        loaded = target
        load_s = round(time.monotonic() - began)
        p95[target] = {}
        for scope in SCOPES:
            yield from _figures(scope, questions, loaded, load_s, p95[target])
        yield Line(f"{loaded} chunks", "copied_into_index_per_s", _copied_into_index_per_s())
    yield from _growth(total // 10, total, p95)
    yield from tuning(questions, SearchScope(tenant=settings.PRIMARY_TENANT_ID, groups=None))


def _sentences(passage: str) -> list[Sentence]:
    texts = [sentence.text.strip() for sentence in split_sentences(passage)]
    texts = [text for text in texts if len(text) > 20]
    vectors = get_embedder().passages(texts)
    return [Sentence(text, Counter(tokens(text)), vector) for text, vector in zip(texts, vectors, strict=True)]


def _load(passages: Sequence[Sequence[Sentence]], chance: random.Random, count: int) -> None:
    """`count` chunks more, in documents of their own."""
    generation, embedder = serving_generation()
    index = f"retrieval_embedding_g{generation.pk}_hnsw"
    say(f"scale: loading {count} chunks")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {index}")
        for number in range(count // CHUNKS_A_DOCUMENT):
            if number and number * CHUNKS_A_DOCUMENT % SAY_EVERY == 0:
                say(f"scale: {number * CHUNKS_A_DOCUMENT} loaded")
            _write_document([_chunk(passages, chance) for _ in range(CHUNKS_A_DOCUMENT)], number, generation.pk)
        say("scale: making the index")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute("SELECT retrieval_make_partition(%s, %s)", [generation.pk, embedder.dimensions])
        cursor.execute("ANALYZE retrieval_chunk, retrieval_posting, retrieval_embedding, retrieval_document")


def _chunk(passages: Sequence[Sequence[Sentence]], chance: random.Random) -> list[Sentence]:
    """Two neighbours of one passage, two of another."""
    chosen: list[Sentence] = []
    for passage in chance.sample(range(len(passages)), 2):
        own = passages[passage]
        first = chance.randrange(len(own) - NEIGHBOURS + 1)
        chosen += own[first : first + NEIGHBOURS]
    return chosen


def _write_document(chunks: Sequence[Sequence[Sentence]], number: int, generation: int) -> None:
    group = next((name for name, every in GROUPS.items() if number % every == 0), "rest")
    lengths = [sum(sentence.terms.total() for sentence in chunk) for chunk in chunks]
    document = Document.objects.create(
        tenant=settings.PRIMARY_TENANT_ID, title=f"{number}", source=f"scale:{uuid.uuid4()}", groups=[group],
        media_type="text/plain", sha256=uuid.uuid4().hex * 2, size_bytes=1, text="", chunk_count=len(chunks),
        term_count=sum(lengths),
    )  # fmt: skip
    document.refresh_from_db(fields=["shelf"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('retrieval_chunk_id_seq') FROM generate_series(1, %s)", [len(chunks)])
        ids = [row[0] for row in cursor.fetchall()]
        columns = '(id, document_id, ordinal, section, page, text, start, "end", token_count, term_count)'
        with cursor.copy(f"COPY retrieval_chunk {columns} FROM STDIN") as copy:
            for place, (chunk, length) in enumerate(zip(chunks, lengths, strict=True)):
                text = " ".join(sentence.text for sentence in chunk)
                copy.write_row((ids[place], document.pk, place, "", None, text, 0, len(text), length, length))
        columns = "(term, chunk_id, document_id, shelf_id, frequency, length)"
        with cursor.copy(f"COPY retrieval_posting {columns} FROM STDIN") as copy:
            for place, (chunk, length) in enumerate(zip(chunks, lengths, strict=True)):
                terms = sum((sentence.terms for sentence in chunk), Counter[str]())
                for term, frequency in terms.items():
                    copy.write_row((term, ids[place], document.pk, document.shelf_id, frequency, length))
        columns = "(generation, chunk_id, document_id, shelf_id, embedding)"
        with cursor.copy(f"COPY retrieval_embedding {columns} FROM STDIN") as copy:
            for place, chunk in enumerate(chunks):
                mean = np.mean([sentence.vector for sentence in chunk], axis=0)
                vector = vector_literal(mean / np.linalg.norm(mean))
                copy.write_row((generation, ids[place], document.pk, document.shelf_id, vector))


def _copied_into_index_per_s() -> float:
    """Vectors a second that go into the table with its index in place; they are gone again afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT generation, document_id, shelf_id, embedding::text FROM retrieval_embedding LIMIT 1")
        generation, document, shelf, _vector = cursor.fetchone()
        cursor.execute("SELECT embedding::text FROM retrieval_embedding ORDER BY random() LIMIT %s", [INDEXED])
        vectors = [row[0] for row in cursor.fetchall()]
        columns = "(generation, chunk_id, document_id, shelf_id, embedding)"
        with transaction.atomic():
            began = time.perf_counter()
            with cursor.copy(f"COPY retrieval_embedding {columns} FROM STDIN") as copy:
                for place, vector in enumerate(vectors, start=1):
                    copy.write_row((generation, -place, document, shelf, vector))
            took = time.perf_counter() - began
            transaction.set_rollback(True)
    return len(vectors) / took


def _figures(name: str, questions: Sequence[str], chunks: int, load_s: int, p95: Times) -> Iterator[Line]:
    """Of one scope; notes its p95 in `p95`."""
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, groups=SCOPES[name])
    case = f"{chunks} chunks, {name} in sight"
    say(f"scale: {case}")
    conditions = {"n": len(questions), "load_s": load_s}
    recall = fmean(recall_and_ms(question, scope)[0] for question in questions)
    yield from beside(case, f"recall_at_{NEAREST}", recall, {"the bar": BAR_RECALL}, **conditions)
    timings = [retrieve(question, scope=scope).timings for question in questions]
    times = percentiles([own.search_ms for own in timings])
    p95[name] = times["p95"] or 0.0
    yield from beside(case, "search_p95_ms", times["p95"], {"the bar": BAR_P95_MS}, **conditions)
    yield Line(case, "search_p50_ms", times["p50"], conditions=conditions)
    for part in ("dense", "text"):
        own = percentiles([getattr(timing, f"{part}_ms") for timing in timings])
        yield Line(case, f"{part}_p95_ms", own["p95"], conditions=conditions)


def _growth(few: int, many: int, p95: Mapping[int, Times]) -> Iterator[Line]:
    """How much longer a search takes for the last tenfold, and what that makes of a million."""
    for name in SCOPES:
        before, after = p95[few][name], p95[many][name]
        yield Line(f"from {few} to {many} chunks, {name} in sight", "search_p95_growth", after / before)
        projected = after * (after / before) ** (math.log(MILLION / many) / math.log(many / few))
        yield Line(f"{MILLION} chunks, {name} in sight, projected", "search_p95_ms", projected)
