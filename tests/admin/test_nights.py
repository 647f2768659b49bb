"""The pages of nights and of lineage, the panel's buttons, and what the first page says of the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from celery import Task
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from aion import tasks
from aion.autopilot import run_night
from aion.celery import app
from aion.loop.decision import Drift, Measured
from aion.loop.lights import nights_light
from aion.schedules import create_missing_schedules
from chat import tasks as chat_tasks
from inference import tasks as inference_tasks
from inference.models import Adapter, TrainingRun
from telemetry.models import Event, Night
from tests.aion.loop.nights import CALM, Rooms
from tests.telemetry.answers import record_answer

pytestmark = pytest.mark.django_db(transaction=True)
NIGHTS = reverse("admin:telemetry_night_changelist")
NOW = timezone.now()


def page_of(client: Client, night: Night) -> str:
    return client.get(reverse("admin:telemetry_night_change", args=[night.pk])).content.decode()


def test_without_a_night_the_list_says_what_will_happen(owning: Client) -> None:
    page = owning.get(NIGHTS).content.decode()
    assert "Ainda não houve noite" in page
    assert reverse("admin:panel_action", args=["dry-run-night"]) in page


def test_the_list_tells_what_each_night_decided_and_why(owning: Client) -> None:
    run_night(NOW, steps=Rooms().steps())
    run_night(NOW, steps=Rooms(facts=replace(CALM, ndcg_golden=Measured(0.5, 60))).steps())
    run_night(NOW, steps=Rooms(facts=replace(CALM, new_rows=4)).steps(), dry_run=True)
    page = owning.get(NIGHTS).content.decode()
    assert "melhorar a busca primeiro" in page
    assert "40 respostas revisadas desde o último treino; bastam 30." in page
    assert "ensaio: esperar" in page


def test_a_nights_page_shows_facts_beside_limits_and_steps_in_order(owning: Client) -> None:
    adapter = Adapter.objects.create(pk=70, name="novo", digest="7" * 64, base_model="m", rank=8, size_bytes=1)
    TrainingRun.objects.create(pk=7, state="done", dataset="d", adapter=adapter)
    moved = Drift("question_terms", 0.31, 500, 300, is_large=True)
    night = run_night(NOW, steps=Rooms(facts=replace(CALM, drift=moved)).steps())
    page = page_of(owning, night)
    for said in ("10\xa0% (400 perguntas)", "no máximo 18\xa0%", "0,90 (60 perguntas)", "no mínimo 0,82", "perda 0,9"):
        assert said in page
    places = [
        page.index(f"<h3>{name}") for name in ("Exportação", "Decisão", "Conjunto", "Treino", "Exame", "Promoção")
    ]
    assert places == sorted(places)
    assert reverse("admin:inference_trainingrun_change", args=[7]) in page
    assert reverse("admin:panel_lineage_adapter", args=[70]) in page


def test_a_night_that_is_still_at_work_and_one_that_failed_have_pages(owning: Client) -> None:
    night = Night.objects.create(tenant="default", started_at=NOW, occasion="a")
    assert "Ainda não começou" in page_of(owning, night)
    assert nights_light().level == "green"

    def fail() -> None:
        raise OSError("o disco encheu")

    night.delete()
    failed = run_night(NOW, steps=Rooms(at={"train": fail}).steps())
    assert "o disco encheu" in page_of(owning, failed)


@pytest.mark.parametrize(
    ("rooms", "level", "said"),
    [
        (Rooms(), "green", "treinar"),
        (Rooms(facts=replace(CALM, ndcg_golden=Measured(0.5, 60))), "red", "A busca encontra pouco: nDCG 0,50"),
        (Rooms(facts=replace(CALM, free_bytes=1)), "red", "Libere espaço"),
        (Rooms(facts=replace(CALM, new_rows=1)), "green", "esperar"),
    ],
)
def test_the_first_page_says_how_the_last_night_went(rooms: Rooms, level: str, said: str, owning: Client) -> None:
    run_night(NOW, steps=rooms.steps())
    light = nights_light()
    assert (light.level, said in light.sentence) == (level, True)
    assert light.title in owning.get(reverse("admin:index")).content.decode()


def test_a_failed_night_is_red_until_the_next(owning: Client) -> None:
    def fail() -> None:
        raise OSError("o disco encheu")

    failed = run_night(NOW, steps=Rooms(at={"build": fail}).steps())
    light = nights_light()
    assert (light.level, light.sentence) == ("red", "Falhou em “Conjunto de treino”: o disco encheu")
    assert str(failed.pk) in light.link
    run_night(NOW, steps=Rooms().steps())
    assert nights_light().level == "green"


def test_only_those_who_may_run_nights_see_and_use_its_buttons(staff_with: Callable[..., Client]) -> None:
    reader = staff_with("telemetry.view_night")
    assert reader.get(NIGHTS).status_code == 200
    for slug in ("run-night", "dry-run-night", "pause-autopilot", "resume-autopilot"):
        assert reader.post(reverse("admin:panel_action", args=[slug])).status_code == 403


@pytest.mark.parametrize(("slug", "dry"), [("run-night", False), ("dry-run-night", True)])
def test_the_buttons_ask_a_worker_for_a_night(
    slug: str, dry: bool, owning: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bool] = []
    monkeypatch.setattr(
        tasks.autopilot,
        "apply_async",
        lambda args=None, kwargs=None, **options: sent.append(bool((kwargs or {}).get("dry_run"))),
    )
    address = reverse("admin:panel_action", args=[slug])
    assert "<button" in owning.get(address).content.decode()
    owning.post(address)
    assert sent == [dry]


@pytest.mark.parametrize("task", [tasks.autopilot, chat_tasks.examine_adapter, inference_tasks.train])
def test_what_takes_hours_goes_by_the_training_queue(task: Task) -> None:
    assert app.amqp.router.route({}, task.name)["queue"].name == "training"


def test_while_a_night_is_at_work_no_other_is_offered(owning: Client) -> None:
    Night.objects.create(tenant="default", started_at=NOW, occasion="a")
    page = owning.get(reverse("admin:panel_action", args=["run-night"])).content.decode()
    assert "Já há uma noite em andamento" in page


def test_the_task_of_the_schedule_does_a_date_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aion.night_steps.REAL_STEPS", Rooms().steps())
    tasks.autopilot()
    tasks.autopilot()
    assert [night.occasion for night in Night.objects.all()] == [timezone.localdate().isoformat()]


def test_nights_and_the_watch_are_scheduled(owning: Client) -> None:
    create_missing_schedules()
    night, watch = (PeriodicTask.objects.get(name=name) for name in ("autopilot", "watch-adapter"))
    assert (night.crontab.hour, night.crontab.minute, watch.crontab.minute) == ("3", "30", "*/10")
    assert (
        "a cada 10 minutos" in owning.get(reverse("admin:django_celery_beat_periodictask_changelist")).content.decode()
    )


def test_an_answer_leads_to_its_adapter_and_that_to_its_training(owning: Client) -> None:
    adapter = Adapter.objects.create(name="novo", digest="7" * 64, base_model="m", rank=8, size_bytes=1)
    run = TrainingRun.objects.create(state="done", dataset="d", adapter=adapter)
    written = record_answer("Quanto custa?", "95 euros [1].", adapterDigest=adapter.digest, conversationId=None)
    page = owning.get(reverse("admin:telemetry_question_change", args=[written])).content.decode()
    lineage = reverse("admin:panel_lineage", args=[written])
    assert lineage in page
    page = owning.get(lineage).content.decode()
    assert "Quanto custa?" in page
    assert reverse("admin:inference_trainingrun_change", args=[run.pk]) in page
    assert "Nada foi treinado com esta resposta" in page
    page = owning.get(reverse("admin:inference_adapter_change", args=[adapter.pk])).content.decode()
    assert reverse("admin:panel_lineage_adapter", args=[adapter.pk]) in page
    assert "novo" in owning.get(reverse("admin:panel_lineage_adapter", args=[adapter.pk])).content.decode()


def test_a_tainted_adapter_says_so_on_its_page(owning: Client) -> None:
    adapter = Adapter.objects.create(
        name="sujo", digest="8" * 64, base_model="m", rank=8, size_bytes=1, tainted_at=NOW - timedelta(days=1)
    )
    assert (
        "Aprendeu com dados apagados"
        in owning.get(reverse("admin:inference_adapter_change", args=[adapter.pk])).content.decode()
    )


def test_lineage_is_for_those_who_may_read_answers(staff_with: Callable[..., Client], owning: Client) -> None:
    written = record_answer("a", "r", conversationId=None)
    address = reverse("admin:panel_lineage", args=[written])
    assert staff_with("inference.view_adapter").get(address).status_code == 403
    missing = Event.objects.get().pk.int + 1
    from uuid import UUID

    assert owning.get(reverse("admin:panel_lineage", args=[UUID(int=missing)])).status_code == 404
    assert owning.get(reverse("admin:panel_lineage_adapter", args=[99])).status_code == 404
