"""The pipeline's own time: all of a question but embedding and generating, on the demo's documents and questions.

`make bench-path` reads the demo into a scratch collection, asks with an engine that answers at once, and prints JSON
lines. The bar: p50 of at most 25 ms.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402

from chat.answering import Asker, Question, answer  # noqa: E402
from chat.evaluation import percentiles  # noqa: E402
from chat.golden import GoldenSet, read_golden, scratch  # noqa: E402
from inference.backends.fake import FakeEngine  # noqa: E402
from retrieval.ingestion import ingest  # noqa: E402
from retrieval.results import SearchScope  # noqa: E402

DEMO = settings.BASE_DIR / "demo"
BAR_MS = 25.0
ASKED = 100
STAGES = ("own", "search", "route")


def main() -> None:
    questions = [question.text for question in read_golden(DEMO / "golden.jsonl").questions][:ASKED]
    with scratch(GoldenSet("demo", (), {})) as collection:
        report = ingest([DEMO / "documents"], tenant=settings.PRIMARY_TENANT_ID, collection=collection)
        scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(collection,), groups=None)
        for text in questions:
            ask(text, scope)  # each sentence is embedded once in its life; that is not what is measured
        measured = [ask(text, scope) for text in questions]
    conditions = {"documents": len(report.documents), "questions": len(questions), "cpus": os.cpu_count()}
    for stage in STAGES:
        figures = percentiles([times[stage] for times in measured]) or {}
        for name, value in figures.items():
            bar = BAR_MS if (stage, name) == ("own", "p50") else None
            emit(f"path/{stage}", f"{name}_ms", value, bar, conditions)
    if statistics.median(times["own"] for times in measured) > BAR_MS:
        sys.exit(f"the pipeline's own time is over {BAR_MS:.0f} ms")


def ask(text: str, scope: SearchScope) -> dict[str, float]:
    """Milliseconds of one question by stage; `own` is all of it, recording included, but embedding and generating."""
    asker = Asker(groups=None, may_set_tau=True, is_service=True)
    with transaction.atomic():  # what is recorded is taken back: a benchmark leaves no events
        began = time.perf_counter()
        given = answer(Question(text, tau=0.0, scope=scope), asker=asker, engine=FakeEngine())
        wall_ms = (time.perf_counter() - began) * 1000
        transaction.set_rollback(True)
    timings = given.timings
    own_ms = wall_ms - timings["embed"] - timings["generate"]
    return {"own": own_ms, "search": timings["search"], "route": timings["route"]}


def emit(case: str, metric: str, value: float, peer: float | None, conditions: dict[str, object]) -> None:
    ratio = round(value / peer, 3) if peer else None
    row = {"benchmark": "path", "case": case, "metric": metric, "value": value, "peer": peer, "ratio": ratio}
    print(json.dumps(row | {"conditions": conditions}, ensure_ascii=False))


if __name__ == "__main__":
    main()
