"""The pipeline's own time: all of a question but embedding and generating, on the demo's documents and questions.

`make bench-path` reads the demo into a scratch collection, asks with an engine that answers at once, and prints JSON
lines. The bar (issue 2): p50 of at most 25 ms.
"""

from __future__ import annotations

import json
import os
import platform
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
django.setup()

from django.conf import settings  # noqa: E402

from chat.answering import Answer, Asker, Question, answer  # noqa: E402
from chat.evaluation import percentiles  # noqa: E402
from chat.golden import GoldenSet, read_golden, scratch  # noqa: E402
from inference.backends.fake import FakeEngine  # noqa: E402
from retrieval.ingestion import ingest  # noqa: E402
from retrieval.results import SearchScope  # noqa: E402

DEMO = settings.BASE_DIR / "demo"
BAR_MS = 25.0
ASKED = 100


def main() -> None:
    questions = [question.text for question in read_golden(DEMO / "golden.jsonl").questions][:ASKED]
    with scratch(GoldenSet("demo", (), {})) as collection:
        report = ingest([DEMO / "documents"], tenant=settings.PRIMARY_TENANT_ID, collection=collection)
        scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(collection,), groups=None)
        for text in questions:
            ask(text, scope)  # passages' sentences are embedded once; this is not what is measured
        answers = [ask(text, scope) for text in questions]
    conditions = {"documents": len(report.documents), "questions": len(questions), "machine": platform.processor()}
    stages = {stage: [given.timings[stage] for given in answers] for stage in ("search", "route", "overhead")}
    for stage, values in stages.items():
        measured = percentiles(values) or {}
        for name, value in measured.items():
            emit(
                f"path/{stage}",
                f"{name}_ms",
                value,
                BAR_MS if (stage, name) == ("overhead", "p50") else None,
                conditions,
            )
    if (percentiles(stages["overhead"]) or {"p50": 0.0})["p50"] > BAR_MS:
        sys.exit(1)


def ask(text: str, scope: SearchScope) -> Answer:
    asker = Asker(groups=None, may_set_tau=True, is_service=True)
    return answer(Question(text, tau=0.0, scope=scope), asker=asker, engine=FakeEngine())


def emit(case: str, metric: str, value: float, peer: float | None, conditions: dict[str, object]) -> None:
    ratio = round(value / peer, 3) if peer else None
    row = {"benchmark": "path", "case": case, "metric": metric, "value": value, "peer": peer, "ratio": ratio}
    print(json.dumps(row | {"conditions": conditions}, ensure_ascii=False))


if __name__ == "__main__":
    main()
