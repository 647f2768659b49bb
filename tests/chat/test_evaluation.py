"""The evaluator's measures, and its report as others read it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat.evaluation import contains, exact_match, plain_reply, token_f1
from inference.backends.fake import FakeEngine
from retrieval.models import Document
from telemetry.models import Event
from tests.chat.test_golden import SQUAD, written


def test_token_f1_is_squads_without_articles_case_and_punctuation():
    assert token_f1("O preço é € 98.", "o preço é € 98") == 1.0
    assert token_f1("Custa 98 euros", "98 euros") == pytest.approx(0.8)
    assert token_f1("nada", "98 euros") == 0.0
    assert exact_match("As nove horas!", "nove horas") == 1.0
    assert exact_match("nove", "nove horas") == 0.0


def test_contains_looks_for_whole_words():
    assert contains("O passeio custa 98 euros por adulto", "98 euros") == 1.0
    assert contains("O passeio custa 198 euros", "98 euros") == 0.0


def test_citations_and_the_line_of_sources_are_not_judged():
    assert plain_reply("Custa € 98 [1].\n\nFontes: [1] Sintra") == "Custa € 98."


def run(path: Path, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("evaluate", str(path), "--json", *options, stdout=out, stderr=StringIO())
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


@pytest.mark.django_db
def test_the_report_has_the_promised_form_and_leaves_nothing(tmp_path):
    FakeEngine.script(*["O passeio de dia inteiro em Sintra custa € 98 por adulto [1]."] * 2)
    off = written(tmp_path, '{"question": "Quem ganhou a Copa do Mundo de 1958?"}', "off.jsonl")
    path = written(tmp_path, json.dumps(SQUAD), "squad.json")
    report = run(path, "--masked", "passage", "--off-domain", str(off), "--tau", "0")
    assert set(report["retrieval"]) == {"n", "r_at_1", "r_at_8", "ndcg_at_10", "mrr"}
    assert report["retrieval"]["n"] == 2
    assert report["retrieval"]["r_at_8"] == 1.0
    gate = report["gate"]
    assert {"n", "auroc", "brier", "ece", "tau", "answered", "masked", "scorer", "calibration"} <= set(gate)
    assert {"answerable", "masked", "off_domain"} <= set(gate["answered"])
    assert (gate["n"], gate["masked"], gate["tau"]) == (4, "passage", 0.0)
    promised = {"n", "f1", "exact_match", "contains", "grounded", "cited", "refused"}
    assert promised | {"seconds_per_answer", "tokens_per_second"} <= set(report["answer"])
    assert report["answer"]["n"] == 2
    assert report["answer"]["contains"] >= 0.5
    assert set(report["timings_ms"]) == {"embed", "search", "route", "generate", "overhead"}
    assert set(report["timings_ms"]["embed"]) == {"p50", "p95"}
    assert (report["model"], report["documents"], report["chunks"]) == ("fake", 1, 2)
    assert len(FakeEngine.requests) == 2
    assert not Document.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_without_generating_no_model_is_asked(tmp_path):
    report = run(written(tmp_path, json.dumps(SQUAD), "squad.json"), "--no-generate")
    assert report["answer"] is None
    assert report["retrieval"]["n"] == 2
    assert not FakeEngine.requests


@pytest.mark.django_db
def test_not_answering_counts_zero(tmp_path):
    report = run(written(tmp_path, json.dumps(SQUAD), "squad.json"), "--tau", "1")
    assert report["answer"]["f1"] == 0.0
    assert report["answer"]["refused"] == 1.0


@pytest.mark.django_db
def test_a_bad_file_is_an_error_in_words(tmp_path):
    with pytest.raises(CommandError, match="golden"):
        run(written(tmp_path, "nonsense"))
