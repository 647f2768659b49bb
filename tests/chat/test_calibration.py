"""Confidence: what is measured, how it is fitted, and what it is honest about."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from chat import calibration, control
from chat.calibration import Example, Kind, activate, cross_fitted, fit, scores, weights_in_force
from chat.confidence import Weights, cosine, default_calibration, read, score
from chat.exceptions import CalibrationRefused
from chat.features import FEATURES, holds_expected_kind
from chat.models import Calibration
from retrieval.models import Document
from tests.chat.test_evidence import LUNCH, OTHER, QUESTION, chunk, retrieval_of
from tests.chat.test_golden import written

SHIPPED = Weights.from_json(default_calibration()["weights"])


def examples(count=60, *, groups=6, lift=2.0, seed=1):
    """Answerable ones have a better first signal; every other signal is noise."""
    random = np.random.default_rng(seed)
    made = []
    for index in range(count):
        for kind in ("answerable", "passage"):
            values = random.normal(size=len(FEATURES))
            values[0] += lift if kind == "answerable" else 0
            features = dict(zip(FEATURES, values.tolist(), strict=True))
            made.append(Example(features, kind, f"d{index % groups}", cosine=float(random.random())))
    return made


def test_every_signal_is_measured_and_finite():
    features = read(retrieval_of(QUESTION, LUNCH, OTHER), passages=4).features
    assert tuple(features) == FEATURES
    assert all(np.isfinite(value) for value in features.values())


def test_signals_survive_one_passage_and_no_term():
    features = read(retrieval_of("???", chunk(1, "x")), passages=4).features
    assert all(np.isfinite(value) for value in features.values())


def test_the_older_formula_is_the_mean_of_the_mapped_similarities():
    found = retrieval_of(QUESTION, chunk(1, "a", similarity=0.8), chunk(2, "b", similarity=0.9))
    assert cosine(found) == pytest.approx(0.925)
    assert score(found, read(found, passages=4), scorer="cosine", weights=SHIPPED).value == 0.925


def test_nothing_found_is_no_confidence():
    found = retrieval_of(QUESTION)
    assert score(found, read(found, passages=4), scorer="calibrated", weights=SHIPPED).value == 0.0


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Quanto custa?", "Custa 18 euros.", 1.0),
        ("Quanto custa?", "O preço muda.", 0.0),
        ("Quando abre?", "Abre em maio.", 1.0),
        ("Quem guia?", "A guia é Marta.", 1.0),
        ("Quem guia?", "alguém da casa.", 0.0),
        ("Explique o passeio.", "Vamos a Sintra.", 0.5),
    ],
)
def test_the_expected_kind_of_answer_is_looked_for(question, sentence, expected):
    assert holds_expected_kind(question, sentence) == expected


def test_fitting_finds_the_signal_and_reports_on_documents_it_had_not_seen():
    fitted = fit(examples(), tau=0.62)
    assert fitted.report["auroc"] > 0.8
    assert fitted.report["against"]["passage"]["auroc"] == fitted.report["auroc"]
    assert max(range(len(FEATURES)), key=lambda index: fitted.weights.weights[index]) == 0
    assert Weights.from_json(json.loads(json.dumps(fitted.weights.to_json()))) == fitted.weights


def test_without_a_signal_the_report_claims_none():
    assert 0.35 < fit(examples(lift=0.0), tau=0.62).report["auroc"] < 0.65


def test_no_document_judges_itself():
    """A signal that only names its document would look perfect if a fold had seen it."""
    kinds: tuple[Kind, Kind] = ("passage", "answerable")
    made = [
        Example(dict.fromkeys(FEATURES, 0.0) | {"best_similarity": float(group)}, kinds[group % 2], f"d{group}", 0.5)
        for group in range(12)
        for _ in range(8)
    ]
    assert scores(np.array([e.answerable for e in made]), cross_fitted(made))["auroc"] < 0.9


def test_too_little_data_is_refused_and_nothing_changes():
    with pytest.raises(CalibrationRefused):
        fit(examples(count=10), tau=0.62)
    with pytest.raises(CalibrationRefused):
        fit(examples(groups=2), tau=0.62)


def test_scores_of_a_perfect_and_of_an_empty_gate():
    labels = np.array([True, True, False, False])
    assert scores(labels, np.array([1.0, 1.0, 0.0, 0.0])) == {"auroc": 1.0, "brier": 0.0, "ece": 0.0}
    assert scores(labels, np.full(4, 0.5))["auroc"] == 0.5
    assert scores(labels, np.array([0.0, 0.0, 1.0, 1.0]))["ece"] == 1.0


@pytest.mark.django_db
def test_the_newest_calibration_is_in_force_and_one_at_a_time():
    activate(fit(examples(), tau=0.62), fitted_on="a")
    activate(fit(examples(seed=2), tau=0.62), fitted_on="b")
    calibration.forget()
    assert Calibration.objects.filter(active=True).count() == 1
    assert weights_in_force() == Weights.from_json(Calibration.objects.get(active=True).weights)
    assert calibration.status().source == "b"


@pytest.mark.django_db
def test_one_fitted_for_another_embedder_is_not_used_and_said_to_be_stale(settings):
    activate(fit(examples(), tau=0.62), fitted_on="a")
    Calibration.objects.update(embedder="another:one")
    calibration.forget()
    assert weights_in_force() == Weights.from_json(default_calibration()["weights"])
    assert calibration.status().stale


@pytest.mark.django_db
def test_moved_sizes_and_documents_make_it_stale(documents):
    activate(fit(examples(), tau=0.62), fitted_on="a")
    assert calibration.status().stale == ""
    Calibration.objects.update(chunk_count=50)
    assert "documentos" in calibration.status().stale
    Calibration.objects.update(chunk_count=3)
    control.revise({"top_k": 4}, by=None)
    control.forget()
    assert "busca" in calibration.status().stale


@pytest.mark.django_db
def test_another_reranker_makes_it_stale_own_or_shipped(settings, monkeypatch):
    monkeypatch.setattr(calibration, "serving_embedder_id", lambda: default_calibration()["embedder"])
    assert calibration.status().stale == ""
    settings.AION_RERANKER = "a/cross-encoder"
    assert "reordena" in calibration.status().stale
    activate(fit(examples(), tau=0.62), fitted_on="a")
    assert calibration.status().stale == ""
    settings.AION_RERANKER = ""
    assert "reordena" in calibration.status().stale


def golden_lines(things=("almoço", "museu", "ônibus", "castelo", "barco")) -> str:
    """Questions on eight towns, each a document of its own."""
    towns = ["Sintra", "Évora", "Óbidos", "Tomar", "Nazaré", "Mafra", "Cascais", "Setúbal"]
    lines = [
        {
            "question": f"Quanto custa o {thing} em {town}?",
            "answer": f"{price} euros",
            "document": town,
            "passage": f"Em {town}, o {thing} custa {price} euros. Reserve antes.",
            "answerable": True,
        }
        for price, (town, thing) in enumerate(((t, x) for t in towns for x in things), start=10)
    ]
    return "\n".join(json.dumps(line) for line in lines)


def calibrate(*options: str) -> str:
    out = StringIO()
    call_command("calibrate", *options, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_fits_on_a_file_and_a_dry_run_changes_nothing(tmp_path):
    path = written(tmp_path, golden_lines())
    for options, rows in ((["--dry-run"], 0), ([], 1)):
        report = json.loads(calibrate("--golden", str(path), "--json", *options))
        assert set(report["against"]) == {"document", "passage"}
        assert report["activated"] == bool(rows)
        assert Calibration.objects.count() == rows
    assert not Document.objects.exists()


@pytest.mark.django_db
def test_the_report_has_intervals_and_a_curve_for_each_kind_and_is_kept(tmp_path):
    report = json.loads(calibrate("--golden", str(written(tmp_path, golden_lines())), "--json"))
    for kind, figures in report["against"].items():
        assert sum(row["count"] for row in figures["reliability"]) == figures["n"]
        for name in ("auroc", "brier"):
            low, high = report["intervals"]["against"][kind][name]
            assert low <= figures[name] <= high
    assert set(report["intervals"]["answered"]) == set(report["answered"])
    kept = Calibration.objects.get().report
    assert kept == {name: value for name, value in report.items() if name in kept}
    assert "intervals" in kept


@pytest.mark.django_db
def test_without_json_it_is_for_people_in_portuguese(tmp_path):
    said = calibrate("--golden", str(written(tmp_path, golden_lines())), "--dry-run")
    assert "só o trecho escondido" in said
    assert "50 % do que se pergunta tem resposta" in said
    assert "Nada mudou" in said


@pytest.mark.django_db
def test_too_little_data_is_an_error_in_words_and_the_one_in_force_stays(tmp_path):
    activate(fit(examples(), tau=0.62), fitted_on="a")
    with pytest.raises(CommandError, match="pelo menos 40"):
        calibrate("--golden", str(written(tmp_path, golden_lines(things=("almoço",)))))
    assert Calibration.objects.get(active=True).fitted_on == "a"
    assert not Document.objects.exists()


@pytest.mark.django_db
def test_the_demos_questions_teach_nothing_where_its_documents_are_not_installed():
    with pytest.raises(CommandError, match="demonstração não estão instalados"):
        calibrate()


def test_each_file_weighs_alike_however_many_questions_it_has() -> None:
    features = dict.fromkeys(FEATURES, 0.0)
    many = [Example(features, "answerable", "a", 0.5, "long.json")] * 90
    few = [Example(features, "answerable", "b", 0.5, "short.json")] * 10
    weights = calibration._balancing([*many, *few])
    assert weights[:90].sum() == pytest.approx(weights[90:].sum())
