"""An evaluation as one object: the figures others build on, their intervals, the curves and the examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.conf import settings

from chat import calibration
from chat.evaluation import figures, measures
from chat.evaluation.asking import Judged, Plan, ask_all, tau_of
from inference.bundled import BUNDLED_NAME
from inference.engine import Engine
from inference.serving import engine_status
from retrieval.generations import serving_embedder_id
from retrieval.models import Chunk, Document

BINS = 20
STEPS = 50


def evaluate(plan: Plan, *, engine: Engine | None = None) -> dict[str, Any]:
    """Ask everything and report. Raises what the chat path raises."""
    return report_of(plan, ask_all(plan, engine), engine)


def report_of(plan: Plan, judged: Sequence[Judged], engine: Engine | None = None) -> dict[str, Any]:
    """What was asked as one object."""
    asked_as_is = [item for item in judged if item.asked not in ("masked", "off_domain")]
    parts = {
        "retrieval": figures.retrieval_figures(asked_as_is),
        "gate": figures.gate_figures(judged, masked=plan.masked, tau=tau_of(plan)),
        "answer": figures.answer_figures(asked_as_is) if plan.generate else figures.Figures(),
    }
    documents = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection__in=plan.collections)
    return {
        **{name: part.values or None for name, part in parts.items()},
        # asked a second time a question is embedded already: that would flatter the times
        "timings_ms": figures.timing_figures(item.answer for item in asked_as_is or judged),
        **_served(judged, engine),
        "embedder": serving_embedder_id(),
        "documents": documents.count(),
        "chunks": Chunk.objects.filter(document__in=documents).count(),
        "intervals": {name: part.intervals or None for name, part in parts.items()},
        "curves": curves(judged),
        "examples": examples(asked_as_is, plan.examples) if plan.generate else [],
    }


def _served(judged: Sequence[Judged], engine: Engine | None) -> dict[str, str]:
    """The model and the adapter that wrote, or would have: quotations need neither."""
    wrote = next((item.answer for item in judged if item.answer.model), None)
    if wrote:
        return {"model": wrote.model, "adapter": wrote.adapter}
    status = engine.status() if engine else engine_status()
    return {"model": status.base_model or BUNDLED_NAME, "adapter": status.adapter}


def curves(judged: Sequence[Judged]) -> dict[str, Any]:
    """What the charts are drawn from: promise against truth for each kind of negative, how C is spread, and the share
    the gate lets through by tau."""
    kinds = {"answerable": [item for item in judged if item.asked == "answerable"]}
    kinds |= figures.negatives_by_kind(judged)
    spread = {kind: np.array([item.answer.confidence for item in items]) for kind, items in kinds.items() if items}
    right = spread.get("answerable", np.array([]))
    taus = [round(step / STEPS, 2) for step in range(STEPS + 1)]
    return {
        "reliability": {
            kind: calibration.reliability(np.arange(len(right) + len(values)) < len(right), np.append(right, values))
            for kind, values in spread.items()
            if kind != "answerable" and len(right)
        },
        "confidence": {
            kind: np.histogram(values, bins=BINS, range=(0, 1))[0].tolist() for kind, values in spread.items()
        },
        "tau": taus,
        "answered": {
            kind: [round(float((values >= tau).mean()), 4) for tau in taus] for kind, values in spread.items()
        },
    }


def examples(judged: Sequence[Judged], count: int) -> list[dict[str, Any]]:
    """Every nth of the questions, unpicked, with what was said to each."""
    chosen = [judged[index * len(judged) // count] for index in range(count)] if count < len(judged) else judged
    return [_example(item) for item in chosen]


def _example(item: Judged) -> dict[str, Any]:
    question, given = item.question, item.answer
    return {
        "question": question.text,
        "earlier": list(question.earlier),
        "kind": question.kind,
        "document": question.document,
        "answerable": question.answerable,
        "answers": list(question.answers),
        "reply": given.text,
        "used": given.used,
        "C": given.confidence,
        "tau": given.tau,
        "mode": given.mode,
        "reason": given.reason_text,
        "sources": [
            {"number": source.number, "name": source.name, "text": source.text}
            for source in given.sources
            if source.cited
        ],
        "f1": round(figures.over_answers(item, measures.token_f1), 4) if question.answers else None,
        "right": is_right(item),
    }


def is_right(item: Judged) -> bool | None:
    """By the reply that contains a gold answer, or the refusal that was due; None where nobody knows."""
    if item.asked == "unanswerable":
        return not item.is_answered
    if item.asked == "unknown" or not item.question.answers:
        return None
    return bool(figures.over_answers(item, measures.contains))
