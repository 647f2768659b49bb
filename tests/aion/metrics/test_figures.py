"""The figures and charts of a period, against events counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from aion.metrics import adapters, confidence, costs, documents, questions, search, speed
from aion.metrics.figures import figures
from aion.metrics.page import BUILDERS, lateness, sections
from aion.metrics.panel import Panel
from retrieval.models import Document, GoldenQuestion, Judgement, RetrievalMetric
from telemetry.events import EventKind, Json, record
from telemetry.feedback import give_feedback
from telemetry.models import RollupDue
from telemetry.rollups.keeping import keep_all
from telemetry.rollups.reading import Grain, Range
from tests.telemetry.answers import TENANT, id_at, record_answer

from .conftest import BELEM, NOON, NOVEMBER, PENA

SPACE = "\N{NO-BREAK SPACE}"
EMPTY = replace(NOVEMBER, span=Range(date(2026, 1, 1), date(2026, 1, 7)))


def counts(panel: Panel, column: int) -> list[object]:
    """The column of a panel's table where it is not 0 or empty."""
    return [row[column] for row in panel.table.rows if row[column]]


@pytest.mark.usefixtures("happened")
def test_each_figure_is_compared_with_as_many_days_before() -> None:
    found = {one.name: one for one in figures(NOVEMBER)}
    said = {name: (one.value.replace(SPACE, " "), one.change.replace(SPACE, " ")) for name, one in found.items()}
    before = "que nos 30 dias anteriores"
    assert said["Perguntas"] == ("10", f"150,0 % a mais {before} (4)")
    assert said["Respondidas pelo AION"] == ("50,0 %", f"50,0 pontos percentuais a menos {before} (100,0 %)")
    assert said["Pela API paga"] == ("33,3 %", f"33,3 pontos percentuais a mais {before} (0,0 %)")
    assert found["Pela API paga"].aside.replace(SPACE, " ") == "acima do limite de 18,0 %"
    assert said["Não encontradas nos documentos"][0] == "10,0 %"
    assert said["Com falha"][0] == "10,0 %"
    assert said["Sustentadas pelos trechos"] == ("87,5 %", f"12,5 pontos percentuais a menos {before} (100,0 %)")
    assert said["Polegares para cima"] == ("60,0 %", "nos 30 dias anteriores não houve com que comparar")
    assert said["Tokens"] == ("550", f"25,0 % a mais {before} (440)")
    assert said["Custo"] == ("US$ 1,50", "nos 30 dias anteriores não houve")
    assert found["Custo"].aside == "R$ 8,10"


@pytest.mark.usefixtures("happened")
def test_routes_are_counted_by_local_day() -> None:
    panel = questions.routes(NOVEMBER)
    assert panel.table.rows[-1] == (date(2026, 11, 22), 1, 3, 1, 1)
    assert panel.table.rows[-2] == (date(2026, 11, 21), 1, 0, 0, 0)
    assert len(panel.table.rows) == 30
    assert panel.sentence.replace(SPACE, " ").startswith(
        "10 perguntas: 50,0 % local, 30,0 % API paga, 10,0 % não encontrado, 10,0 % falhou. 150,0 % a mais"
    )


@pytest.mark.usefixtures("happened")
def test_by_the_hour_there_is_a_point_an_hour() -> None:
    day = replace(NOVEMBER, span=Range(date(2026, 11, 22), date(2026, 11, 22)), grain=Grain.HOUR)
    panel = questions.routes(day)
    assert [row[1:] for row in panel.table.rows if any(row[1:])] == [(1, 3, 1, 1)]
    assert len(panel.table.rows) == 24
    assert panel.drawing is not None
    assert panel.drawing.labels[12] == "22/11 12h"


@pytest.mark.usefixtures("happened")
def test_reasons_errors_and_opinions_have_names() -> None:
    reasons = questions.reasons(NOVEMBER)
    assert [column.name for column in reasons.table.columns[1:]] == [
        "confiança suficiente",
        "confiança abaixo do tau",
        "nenhum trecho encontrado",
    ]
    assert "fila cheia" in questions.errors(NOVEMBER).sentence
    assert counts(questions.feedback(NOVEMBER), 1) == [1, 1, 1]


@pytest.mark.usefixtures("happened")
def test_the_paid_share_is_of_the_answered_and_told_beside_its_limit() -> None:
    panel = questions.paid_share(NOVEMBER)
    assert panel.table.rows[-1] == (date(2026, 11, 22), 3, 5, 0.6)
    assert panel.table.rows[0] == (date(2026, 10, 24), 0, 0, None)
    assert panel.sentence.replace(SPACE, " ").startswith("33,3 % (12,1 % a 64,6 %) de 9 perguntas respondidas: acima")


@pytest.mark.usefixtures("happened")
def test_the_confidence_is_held_against_what_people_said() -> None:
    panel = confidence.reliability(NOVEMBER)
    judged = [row for row in panel.table.rows if row[1]]
    assert [(row[0], row[1], row[2], row[5], row[7], row[8]) for row in judged] == [("0,85–0,90", 5, 0.6, 0, 5, 3)]
    assert "erra por 25,0 pontos" in panel.sentence
    assert counts(confidence.distribution(NOVEMBER), 1) == [5]


@pytest.mark.usefixtures("happened")
def test_costs_are_by_model_and_in_both_currencies() -> None:
    panel = costs.cost(NOVEMBER)
    assert panel.table.rows[-1] == (date(2026, 11, 22), Decimal("1.5"), Decimal("1.5"), Decimal("8.1"))
    assert (counts(costs.tokens(NOVEMBER), 1), counts(costs.tokens(NOVEMBER), 2)) == ([100] * 5, [10] * 5)


@pytest.mark.usefixtures("happened")
def test_stages_stand_in_the_order_in_which_they_happen() -> None:
    panel = speed.stages(NOVEMBER)
    assert [(row[0], row[1], row[2]) for row in panel.table.rows] == [
        ("escrever a resposta", 5, 900.0),
        ("no total", 5, 1000.0),
    ]
    p50 = panel.table.rows[1][3]
    assert isinstance(p50, float)
    assert p50 == pytest.approx(1000, rel=0.13)


@pytest.mark.usefixtures("happened")
def test_an_adapter_is_judged_by_the_days_on_which_it_wrote_alone() -> None:
    both = replace(NOVEMBER, span=Range(date(2026, 10, 1), date(2026, 11, 22)))
    rows = adapters.quality(both).table.rows
    # of the last day: one local answer unsupported, three paid ones supported
    assert [row[:6] for row in rows] == [("novo", 5, 7 / 8, 8, 0.6, 5), ("velho", 4, 1.0, 4, None, 0)]
    assert [column.name for column in adapters.adapters(both).table.columns[1:]] == ["novo", "velho"]


@pytest.mark.usefixtures("happened")
def test_documents_are_found_dead_or_overused() -> None:
    for number, document_id in enumerate((PENA, BELEM, UUID(int=3))):
        Document.objects.create(
            id=document_id, tenant=TENANT, title=f"D{number}", source=f"{number}.md", media_type="text/plain",
            sha256=f"{number:064d}", size_bytes=1, text="x", labels=["passeios"] if number < 2 else [],
        )  # fmt: skip
    Document.objects.update(created_at=NOON)
    panel = documents.heatmap(NOVEMBER)
    assert panel.heat is not None
    assert [sum(count for count, _step in row.cells) for row in panel.heat.rows] == [2, 1]
    subjects = documents.subjects(NOVEMBER)
    assert [(row[0], row[-1]) for row in subjects.table.rows] == [("passeios", 3)]
    assert [row[0] for row in documents.dead(NOVEMBER).table.rows] == ["D2"]
    assert "20,0" in str(documents.overused(NOVEMBER).empty)  # two searches prove nothing
    for number in range(60):
        items: list[Json] = [{"documentId": str(PENA), "title": "Palácio da Pena"}]
        record(EventKind.RETRIEVAL, value=1, meta={"items": items}, tenant=TENANT, event_id=id_at(NOON, 2000 + number))
    keep_all()
    assert [(row[0], row[1]) for row in documents.overused(NOVEMBER).table.rows] == [("Palácio da Pena", 62)]


def test_weeks_and_months_are_columns_of_a_long_heatmap() -> None:
    days = Range(date(2026, 10, 1), date(2026, 11, 22)).days
    groups = documents._groups(days)
    assert list(groups)[:3] == ["01/10", "05/10", "12/10"]  # a Thursday, then Mondays
    assert sum(map(len, groups.values())) == len(days)
    year = documents._groups(Range(date(2025, 11, 23), date(2026, 11, 22)).days)
    assert list(year)[-2:] == ["10/26", "11/26"]
    assert len(year) == 13


@pytest.mark.django_db
def test_judged_answers_are_ranked_as_the_search_served_them() -> None:
    for number, named in enumerate((1, 2)):
        items: list[Json] = [{"chunkId": chunk, "documentId": str(PENA)} for chunk in (11, 13, 12)]
        meta: dict[str, Json] = {"query": f"q{number}", "items": items}
        found = record(EventKind.RETRIEVAL, value=2, meta=meta, tenant=TENANT, event_id=id_at(NOON, 100 + number))
        sources: list[Json] = [
            {"number": place, "cited": place == 1, "chunkId": 10 + place, "documentId": str(UUID(int=place))}
            for place in (1, 2)
        ]
        answer = record_answer("P?", "R.", at=NOON, number=number, sources=sources, retrievalId=str(found))
        give_feedback(
            event_id=answer, tenant=TENANT, vote=1, comment="", correction="", user_id=_staff(), key_id=None,
            relevant_sources=[named] if named == 2 else [], question="P?", reply="R.",
        )  # fmt: skip
    golden = GoldenQuestion.objects.create(tenant=TENANT, question="P?")
    for number in range(4):
        Judgement.objects.create(question=golden, document="d", passage="p", sha256=str(number), relevant=number > 0)
    Judgement.objects.update(judged_at=NOON)
    assert [row[:4] for row in search.judged(NOVEMBER).table.rows] == [
        ("opiniões e revisões", "nDCG@10", 2, 0.75),  # the mean of 1 and 1 / log2(4)
        ("opiniões e revisões", "MRR", 2, 0.6667),
        ("avaliações na página de busca", "parcela relevante", 4, 0.75),
    ]
    assert search.judged(EMPTY).empty is not None


def _staff() -> int:
    from django.contrib.auth.models import User

    return User.objects.get_or_create(username="ana", is_staff=True)[0].pk


@pytest.mark.django_db
def test_golden_questions_have_count_and_interval_and_days_without_measure_a_gap() -> None:
    RetrievalMetric.objects.create(
        tenant=TENANT, day=NOON.date(), questions=40, ndcg_at_10=0.9, mrr=0.8, r_at_8=1.0,
        intervals={"ndcg_at_10": [0.85, 0.94], "mrr": None, "r_at_8": None},
    )  # fmt: skip
    panel = search.golden(NOVEMBER)
    assert panel.table.rows == ((NOON.date(), 40, 0.9, 0.85, 0.94, 0.8, None, None, 1.0, None, None),)
    assert "0,90 (0,85 a 0,94) em 40 perguntas" in panel.sentence
    assert panel.drawing is not None
    assert panel.drawing.series[1].values == (*[None] * 29, 0.9)


@pytest.mark.django_db
def test_every_chart_of_an_empty_period_says_why_and_what_to_do() -> None:
    for slug, build in BUILDERS.items():
        panel = build(EMPTY)
        assert panel.slug == slug
        assert panel.empty is not None, slug
        assert panel.empty.text.endswith("."), slug
    assert len(list(sections(EMPTY))) == 5


@pytest.mark.django_db
def test_it_says_since_when_nothing_was_counted() -> None:
    assert lateness(NOVEMBER) == ""
    due = RollupDue.objects.create(tenant=TENANT, moment=NOON)
    assert lateness(NOVEMBER) == ""  # the task comes every minute
    RollupDue.objects.filter(pk=due.pk).update(since=due.since - timedelta(minutes=10))
    assert "nada foi contado" in lateness(NOVEMBER)
