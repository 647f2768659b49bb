"""The evaluator's measures, and its report as others read it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat import control
from chat.evaluation import contains, exact_match, plain_reply, token_f1
from inference.backends.fake import FakeEngine
from retrieval.models import Document
from telemetry.models import Event, Reservation
from tests.chat.conftest import FULL_DAY, HALF_DAY, LOST
from tests.chat.test_golden import SQUAD, written

PRICE = "O passeio de dia inteiro em Sintra custa € 98 por adulto [1]."
UNANSWERABLE = {"question": "Quem fundou a empresa?", "answers": [], "is_impossible": True}
TWO_DOCUMENTS = {
    "data": [
        {"title": "Sintra", "paragraphs": [*SQUAD["data"][0]["paragraphs"], {"context": LOST, "qas": [UNANSWERABLE]}]},
        {
            "title": "Loja",
            "paragraphs": [
                {
                    "context": "A loja abre às nove horas e fecha às dezoito. Ela fica na praça.",
                    "qas": [{"question": "A que horas a loja abre?", "answers": [{"text": "nove horas"}]}],
                }
            ],
        },
    ]
}


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
    FakeEngine.script(PRICE, PRICE)
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
def test_each_kind_of_negative_is_told_apart_by_itself(tmp_path):
    off = written(tmp_path, '{"question": "Quem ganhou a Copa do Mundo de 1958?"}', "off.jsonl")
    path = written(tmp_path, json.dumps(TWO_DOCUMENTS), "squad.json")
    report = run(path, "--masked", "both", "--off-domain", str(off), "--no-generate")
    against = report["gate"]["against"]
    assert {kind: row["n"] for kind, row in against.items()} == {
        "document": 6,
        "passage": 6,
        "off_domain": 4,
        "unanswerable": 4,
    }
    assert (report["gate"]["n"], report["gate"]["masked"]) == (9, "both")
    assert set(report["intervals"]["gate"]["against"]) == set(against)
    assert all(0 <= row["auroc"] <= 1 and row["answered"] is not None for row in against.values())


@pytest.mark.django_db
def test_without_a_source_hidden_the_gate_is_judged_by_what_is_known_to_be_unanswerable(tmp_path):
    gate = run(written(tmp_path, json.dumps(TWO_DOCUMENTS), "squad.json"), "--no-generate")["gate"]
    assert (gate["masked"], gate["n"]) == (None, 4)
    assert gate["auroc"] == gate["against"]["unanswerable"]["auroc"]
    assert gate["answered"]["masked"] is None


@pytest.mark.django_db
def test_figures_have_intervals_over_documents_nested_alike(tmp_path):
    path = written(tmp_path, json.dumps(TWO_DOCUMENTS), "squad.json")
    report = run(path, "--masked", "document", "--tau", "0")
    low, high = report["intervals"]["answer"]["f1"]
    assert low <= report["answer"]["f1"] <= high
    for part in ("retrieval", "gate", "answer"):
        assert set(report["intervals"][part]) <= set(report[part])
    assert report["intervals"] == run(path, "--masked", "document", "--tau", "0")["intervals"]
    alone = run(written(tmp_path, json.dumps(SQUAD), "one.json"), "--masked", "document", "--tau", "0")
    assert alone["intervals"]["answer"]["f1"] is alone["intervals"]["gate"]["auroc"] is None


@pytest.mark.django_db
def test_nobody_knows_is_neither_answerable_nor_not(tmp_path):
    rows = [
        {"question": "Quanto custa o dia inteiro?", "answer": "€ 98", "passage": FULL_DAY, "answerable": None},
        {"question": "Quanto custa o meio dia?", "answer": "€ 62", "passage": HALF_DAY},
    ]
    FakeEngine.script("O passeio de meio dia em Sintra custa € 62 por adulto [1].")
    report = run(written(tmp_path, "\n".join(json.dumps(row) for row in rows)), "--tau", "0", "--masked", "document")
    assert (report["retrieval"]["n"], report["answer"]["n"], report["gate"]["n"]) == (2, 1, 3)
    assert report["gate"]["answered"]["unknown"] == 1.0
    assert [example["right"] for example in report["examples"]] == [None, True]


@pytest.mark.django_db
def test_answers_are_reported_by_mode_and_by_kind(tmp_path):
    rows = [
        {"question": "Quanto custa o dia inteiro?", "answer": "€ 98", "passage": FULL_DAY, "kind": "fact"},
        {"question": "Quem fundou a empresa?", "answerable": False, "kind": "unanswerable"},
    ]
    FakeEngine.script(PRICE, "")
    report = run(written(tmp_path, "\n".join(json.dumps(row) for row in rows)), "--tau", "0")
    answer = report["answer"]
    assert {mode: row["n"] for mode, row in answer["by_mode"].items()} == {"generated": 1}
    assert answer["by_mode"]["generated"]["citations_right"] == 1.0
    assert answer["by_kind"]["fact"]["contains"] == 1.0
    assert answer["by_kind"]["unanswerable"]["refused_unanswerable"] == 1.0
    assert answer["by_kind"]["unanswerable"]["f1"] is None


@pytest.mark.django_db
def test_a_follow_up_is_asked_after_the_questions_it_leans_on(tmp_path):
    said = [{"role": "user", "content": "Quanto custa o passeio?"}, {"role": "assistant", "content": "98 euros."}]
    row = {"question": "E de meio dia?", "answer": "€ 62", "document": "A", "passage": HALF_DAY, "conversation": said}
    report = run(written(tmp_path, json.dumps(row)), "--tau", "0")
    assert report["examples"][0]["earlier"] == ["Quanto custa o passeio?"]
    assert "Quanto custa o passeio?" in FakeEngine.requests[0].messages[-1].content


@pytest.mark.django_db
def test_a_citation_of_another_passage_is_wrong(tmp_path):
    rows = [
        {"question": "Quanto custa o passeio de dia inteiro?", "answer": "€ 98", "document": "A", "passage": HALF_DAY},
        {"question": "Onde ficam os objetos esquecidos?", "answer": "escritório", "document": "B", "passage": FULL_DAY},
    ]
    FakeEngine.script(PRICE, PRICE)
    report = run(written(tmp_path, "\n".join(json.dumps(row) for row in rows)), "--tau", "0", "--limit", "1")
    assert report["answer"]["citations_right"] == 0.0


@pytest.mark.django_db
def test_without_generating_no_model_is_asked(tmp_path):
    report = run(written(tmp_path, json.dumps(SQUAD), "squad.json"), "--no-generate")
    assert report["answer"] is None
    assert report["retrieval"]["n"] == 2
    assert report["timings_ms"]["generate"] == {"p50": None, "p95": None}
    assert not FakeEngine.requests


@pytest.mark.django_db
def test_not_answering_counts_zero(tmp_path):
    report = run(written(tmp_path, json.dumps(SQUAD), "squad.json"), "--tau", "1")
    assert report["answer"]["f1"] == 0.0
    assert report["answer"]["refused"] == 1.0


@pytest.mark.django_db
def test_what_staff_let_pass_with_a_warning_has_not_passed_the_gate(tmp_path):
    control.revise({"on_low_confidence": "warn"}, by=None)
    control.forget()
    FakeEngine.script(PRICE, PRICE)
    report = run(written(tmp_path, json.dumps(SQUAD), "squad.json"), "--tau", "1")
    assert report["answer"]["refused"] == 1.0
    assert report["gate"]["answered"]["answerable"] == 0.0


@pytest.mark.django_db
def test_nothing_is_spent_even_where_the_paid_api_is_allowed(tmp_path, provider):
    path = written(tmp_path, json.dumps(SQUAD), "squad.json")
    assert run(path, "--tau", "1")["answer"]["refused"] == 1.0
    assert not provider.requests
    assert not Reservation.objects.exists()


@pytest.mark.django_db
def test_who_says_so_lets_the_paid_api_answer(tmp_path, provider):
    report = run(written(tmp_path, json.dumps(SQUAD), "squad.json"), "--tau", "1", "--with-fallback")
    assert len(provider.requests) == 2
    assert set(report["answer"]["by_mode"]) == {"fallback"}
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_it_is_greedy_unless_told_otherwise(tmp_path):
    control.revise({"temperature": 0.7, "repetition_penalty": 1.1}, by=None)
    control.forget()
    path = written(tmp_path, json.dumps(SQUAD), "squad.json")
    run(path, "--tau", "0")
    assert {(request.temperature, request.repetition_penalty) for request in FakeEngine.requests} == {(0.0, 1.0)}
    FakeEngine.reset()
    run(path, "--tau", "0", "--sampled")
    assert {(request.temperature, request.repetition_penalty) for request in FakeEngine.requests} == {(0.7, 1.1)}
    assert control.current().temperature == 0.7


@pytest.mark.django_db
def test_examples_are_every_nth_question(tmp_path):
    rows = [{"question": f"Pergunta {number}?", "answer": "a", "passage": FULL_DAY} for number in range(10)]
    path = written(tmp_path, "\n".join(json.dumps(row) for row in rows))
    report = run(path, "--tau", "1", "--examples", "3")
    assert [example["question"] for example in report["examples"]] == ["Pergunta 0?", "Pergunta 3?", "Pergunta 6?"]
    assert len(run(path, "--tau", "1", "--limit", "4")["examples"]) == 4


@pytest.mark.django_db
def test_the_test_split_is_asked_of_all_documents(tmp_path):
    rows = [
        {"question": "Quanto custa?", "answer": "€ 98", "passage": FULL_DAY, "split": "train"},
        {"question": "Quanto custa o meio dia?", "answer": "€ 62", "passage": HALF_DAY, "split": "test"},
    ]
    path = written(tmp_path, "\n".join(json.dumps(row) for row in rows))
    report = run(path, "--split", "test", "--no-generate")
    assert (report["retrieval"]["n"], report["documents"]) == (1, 2)


@pytest.mark.django_db
@pytest.mark.usefixtures("documents")
def test_questions_without_documents_are_asked_of_the_installed_ones(tmp_path):
    path = written(tmp_path, '{"question": "Quanto custa o dia inteiro?", "document": "Sintra dia inteiro"}')
    report = run(path, "--no-generate", "--masked", "document")
    assert (report["documents"], report["retrieval"]["n"], report["gate"]["n"]) == (3, 1, 2)


@pytest.mark.django_db
def test_with_the_only_passage_hidden_nothing_passes(tmp_path):
    path = written(tmp_path, json.dumps({"question": "Quanto custa?", "answer": "€ 98", "passage": FULL_DAY}))
    assert run(path, "--no-generate", "--masked", "passage", "--tau", "0")["gate"]["answered"]["masked"] == 0.0


@pytest.mark.django_db
def test_a_bad_file_is_an_error_in_words(tmp_path):
    with pytest.raises(CommandError, match="golden"):
        run(written(tmp_path, "nonsense"))


@pytest.mark.django_db
def test_a_question_too_long_is_an_error_before_any_is_asked(tmp_path):
    rows = [{"question": "Quanto?"}, {"question": "a" * 8001}]
    with pytest.raises(CommandError, match="8000"):
        run(written(tmp_path, "\n".join(json.dumps(row) for row in rows)))
    assert not FakeEngine.requests


@pytest.mark.parametrize("options", [("--tau", "1.5"), ("--tau", "nan"), ("--limit", "0"), ("--examples", "-1")])
def test_an_argument_out_of_range_is_refused(tmp_path, options):
    with pytest.raises(CommandError):
        run(written(tmp_path, json.dumps(SQUAD)), *options)


@pytest.mark.django_db
def test_without_json_it_is_for_people_in_portuguese(tmp_path):
    out = StringIO()
    path = written(tmp_path, json.dumps(TWO_DOCUMENTS), "squad.json")
    call_command("evaluate", str(path), "--masked", "both", "--tau", "0", stdout=out, stderr=StringIO())
    said = out.getvalue()
    assert "Busca (3 perguntas)" in said
    assert "Trecho certo em primeiro (R@1)" in said
    assert "só o trecho escondido" in said
    assert "Recusas acertadas" in said
