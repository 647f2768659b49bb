"""How fast documents are read in: chunks a second of a whole ingestion, beside the embedder alone on the same texts."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.conf import settings

from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import DEMO, say
from retrieval.embeddings import get_embedder
from retrieval.ingestion import ingest
from retrieval.models import Chunk


def measure(options: Options) -> Iterator[Line]:
    """The demo's files: Markdown, HTML, PDF, DOCX, XLSX, CSV, text."""
    get_embedder().passages(["warm"])
    files = spread(sorted((DEMO / "documents").iterdir()), options.limit)
    say(f"reading {len(files)} files")
    started = time.perf_counter()
    report = ingest(files, tenant=settings.PRIMARY_TENANT_ID)
    chunks = sum(outcome.chunks for outcome in report.documents)
    rate = chunks / (time.perf_counter() - started)
    texts = list(Chunk.objects.values_list("text", flat=True))
    started = time.perf_counter()
    get_embedder().passages(texts)
    alone = len(texts) / (time.perf_counter() - started)
    yield from beside("demo", "chunks_per_s", rate, {"the embedder alone": alone}, n=chunks, files=len(files))
