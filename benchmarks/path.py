"""AION's own time for a question: all of it, recording included, but embedding and generating (an engine that answers
at once). The demo's documents and questions; the bar is a median of at most 25 ms."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.conf import settings
from django.db import transaction

from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import installed_demo
from chat.answering import Asker, Question, answer
from chat.evaluation import percentiles
from inference.backends.fake import FakeEngine
from retrieval.results import SearchScope

ASKED = 100
BAR_MS = 25.0
STAGES = ("own", "search", "route")


def measure(options: Options) -> Iterator[Line]:
    """p50 and p95 of each stage."""
    with installed_demo() as demo:
        questions = [question.text for question in spread(demo.questions, options.limit or ASKED)]
        scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(demo.collection,), groups=None)
        for text in questions:
            _ask(text, scope)  # each sentence is embedded once in its life; that is not what is measured
        measured = [_ask(text, scope) for text in questions]
    for stage in STAGES:
        for name, value in percentiles([times[stage] for times in measured]).items():
            bar = {"the bar": BAR_MS} if (stage, name) == ("own", "p50") else {}
            yield from beside(stage, f"{name}_ms", value, bar, n=len(questions))


def _ask(text: str, scope: SearchScope) -> dict[str, float]:
    """Milliseconds of one question by stage."""
    asker = Asker(groups=None, may_set_tau=True, is_service=True)
    began = time.perf_counter()
    with transaction.atomic():
        given = answer(Question(text, tau=0.0, scope=scope), asker=asker, engine=FakeEngine())
    wall_ms = (time.perf_counter() - began) * 1000
    own_ms = wall_ms - given.timings["embed"] - given.timings["generate"]
    return {"own": own_ms, "search": given.timings["search"], "route": given.timings["route"]}
