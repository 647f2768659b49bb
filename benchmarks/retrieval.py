"""How well and how fast passages are found, beside dense alone and text alone in the same run.

`make bench-retrieval ARGS="DATA"`: DATA is a folder with `faquad.json` (SQuAD) and `pira.jsonl` (question, passage);
default `../shared/data`. A private PostgreSQL is started in a temporary folder and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TENANT = "benchmark"
NOWHERE = 10_000


@dataclass(frozen=True)
class Question:
    text: str
    passage: str


@dataclass(frozen=True)
class Case:
    """Questions asked of some collections; `typed` is how they are typed."""

    name: str
    questions: Sequence[Question]
    collections: tuple[str, ...]
    typed: Callable[[str], str] = str


def main(data: Path) -> None:
    from aion.services import postgres

    with tempfile.TemporaryDirectory(prefix="aion-bench-") as folder:
        Path(folder).chmod(0o755)  # as root PostgreSQL runs as another user, who must get through
        service = postgres.start(Path(folder), durable=False)
        try:
            os.environ |= {"AION_VAR_DIR": folder, "DATABASE_URL": service.url, "AION_ENV_FILE": os.devnull}
            measure(data)
        finally:
            service.stop()


def measure(data: Path) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "aion.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    faquad, pira = read_squad(data / "faquad.json"), read_lines(data / "pira.jsonl")
    measure_ingestion(data / "faquad.json", [passage for _, passage in pira])
    both = ("faquad", "pira")
    ocean = [question for question, _ in pira]
    for case in [
        Case("faquad", faquad, ("faquad",)),
        Case("faquad among both", faquad, both),
        Case("faquad among both, typed without accents", faquad, both, without_accents),
        Case("pira among both", ocean, both),
        Case("pira among both, typed without accents", ocean, both, without_accents),
    ]:
        measure_case(case)


def read_squad(path: Path) -> list[Question]:
    entries = json.loads(path.read_text())["data"]
    paragraphs = [paragraph for entry in entries for paragraph in entry["paragraphs"]]
    return [Question(qa["question"], paragraph["context"]) for paragraph in paragraphs for qa in paragraph["qas"]]


def read_lines(path: Path) -> list[tuple[Question, str]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [(Question(row["question"], row["passage"]), row["passage"]) for row in rows]


def without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def measure_ingestion(squad: Path, passages: Sequence[str]) -> None:
    """Chunks a second of a whole ingestion, against the embedder alone on some of the same passages."""
    from retrieval.embeddings import get_embedder
    from retrieval.ingestion import ingest, ingest_text

    embedder = get_embedder()
    embedder.passages(passages[:2])
    started = time.perf_counter()
    report = ingest([squad], tenant=TENANT, collection="faquad")
    rate = sum(outcome.chunks for outcome in report.documents) / (time.perf_counter() - started)
    texts = [question.passage for question in read_squad(squad)]
    sample = list(dict.fromkeys(texts))[::4]
    started = time.perf_counter()
    embedder.passages(sample)
    bare = len(sample) / (time.perf_counter() - started)
    emit("faquad", "ingested_chunks_per_s", rate, bare, {"peer": "the embedder alone"})
    for number, passage in enumerate(dict.fromkeys(passages)):
        ingest_text("", passages=[passage], tenant=TENANT, collection="pira", source=f"pira:{number}")


def measure_case(case: Case) -> None:
    from retrieval.results import SearchScope
    from retrieval.search import retrieve

    scope = SearchScope(TENANT, case.collections)
    found = [(question, retrieve(case.typed(question.text), scope=scope)) for question in case.questions]
    conditions = {"questions": len(found), "passages": found[0][1].chunk_count, "embedder": found[0][1].embedder}
    places = {
        name: np.array([place_of(question.passage, order(retrieval)) for question, retrieval in found])
        for name, order in ORDERS.items()
    }
    for metric, value_of in METRICS.items():
        ours = value_of(places["selected"])
        for peer in ("dense alone", "text alone", "fused, before MMR"):
            emit(case.name, metric, ours, value_of(places[peer]), conditions | {"peer": peer})
    for part in ("embed_ms", "dense_ms", "text_ms", "fuse_ms", "search_ms"):
        times = [getattr(retrieval.timings, part) for _, retrieval in found]
        for percentile in (50, 95):
            emit(case.name, f"{part}_p{percentile}", float(np.percentile(times, percentile)), None, conditions)


def selected_first(retrieval: object) -> Iterator[str]:
    """The selection, then what it left, by fused score."""
    chosen = {hit.chunk_id for hit in retrieval.selected}
    yield from (hit.text for hit in retrieval.selected)
    yield from (hit.text for hit in retrieval.candidates if hit.chunk_id not in chosen)


def by_list(name: str) -> Callable[[object], Iterator[str]]:
    def order(retrieval: object) -> Iterator[str]:
        listed = [hit for hit in retrieval.candidates if getattr(hit, name) is not None]
        return (hit.text for hit in sorted(listed, key=lambda hit: getattr(hit, name)))

    return order


ORDERS = {
    "selected": selected_first,
    "dense alone": by_list("dense_rank"),
    "text alone": by_list("text_rank"),
    "fused, before MMR": by_list("rank"),
}
METRICS = {
    "r_at_1": lambda places: float(np.mean(places < 1)),
    "r_at_8": lambda places: float(np.mean(places < 8)),
    "ndcg_at_10": lambda places: float(np.mean(np.where(places < 10, 1 / np.log2(places + 2.0), 0.0))),
    "mrr": lambda places: float(np.mean(np.where(places < NOWHERE, 1 / (places + 1.0), 0.0))),
}


def place_of(passage: str, texts: Iterator[str]) -> int:
    gold = essence(passage)
    return next((place for place, text in enumerate(texts) if essence(text) == gold), NOWHERE)


def essence(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def emit(case: str, metric: str, value: float, peer: float | None, conditions: dict[str, object]) -> None:
    row = {"benchmark": "retrieval", "case": case, "metric": metric, "value": round(value, 4)}
    row |= {"peer": None if peer is None else round(peer, 4), "ratio": round(value / peer, 3) if peer else None}
    print(json.dumps(row | {"conditions": conditions}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_DATA)
