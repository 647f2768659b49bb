"""Every page of the panel opens, empty and full, for those who may see it and for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.translation import override
from django_celery_beat.models import PeriodicTask

from aion.navigation import SCREENS
from chat.models import Calibration
from telemetry import events
from telemetry.events import EventKind, Json
from telemetry.models import BudgetLimit, Event, Question
from telemetry.rollups.keeping import keep_all

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def address_of(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_the_first_page_of_an_empty_installation_says_what_to_do_next(owning: Client) -> None:
    page = owning.get(reverse("admin:index")).content.decode()
    assert "Ainda não há documentos" in page
    assert "Ninguém perguntou nada neste período" in page
    assert reverse("admin:retrieval_ingestjob_add") in page


def test_the_first_page_shows_what_was_asked_and_found(installation: User, owning: Client) -> None:
    keep_all()
    page = owning.get(reverse("admin:index")).content.decode()
    assert "Perguntas por rota, últimos 14 dias" in page
    assert ">Sintra</a>" in page
    assert "0,66" in page or "0.66" in page


def test_every_list_opens_empty(owning: Client) -> None:
    statuses = {
        model._meta.label: owning.get(address_of(model, "changelist"), follow=True).status_code for model in MODELS
    }
    assert set(statuses.values()) == {200}, statuses


def test_every_list_and_every_object_opens_with_data(installation: User, owning: Client) -> None:
    request = RequestFactory().get("/")
    request.user = installation
    for model, screen in admin.site._registry.items():
        assert owning.get(address_of(model, "changelist"), follow=True).status_code == 200, model
        row = screen.get_queryset(request).first()
        if row is not None:
            assert owning.get(address_of(model, "change", row.pk)).status_code == 200, model


def test_something_of_every_screen_in_the_sidebar_is_in_the_filled_installation(installation: User) -> None:
    request = RequestFactory().get("/")
    request.user = installation
    empty = {
        model
        for _heading, screens in SCREENS
        for _title, _icon, model in screens
        if not _screen_of(model).get_queryset(request).exists()
    }
    assert empty <= {"auth.group"}


def _screen_of(name: str) -> admin.ModelAdmin[Model]:
    return next(screen for model, screen in admin.site._registry.items() if model._meta.label_lower == name)


def test_staff_without_a_permission_sees_no_list(staff_with: Callable[..., Client]) -> None:
    client = staff_with()
    statuses = {model._meta.label: client.get(address_of(model, "changelist")).status_code for model in MODELS}
    assert set(statuses.values()) == {403}, statuses


def test_staff_sees_in_the_sidebar_only_what_he_may_open(staff_with: Callable[..., Client]) -> None:
    page = staff_with("telemetry.view_event").get(reverse("admin:index")).content.decode()
    assert reverse("admin:telemetry_event_changelist") in page
    sidebar = page[page.index("nav-sidebar-apps") : page.index('id="main"')]
    assert reverse("admin:chat_apikey_changelist") not in sidebar


def test_strangers_are_asked_to_sign_in() -> None:
    response = Client().get(reverse("admin:index"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))


def test_the_path_of_a_question_is_shown_whole(installation: User, owning: Client) -> None:
    listed = owning.get(reverse("admin:telemetry_question_changelist")).content.decode()
    assert "Quanto custa?" in listed
    question = Question.objects.get(kind="answer")
    page = owning.get(address_of(Question, "change", question.pk)).content.decode()
    for shown in (
        "0,910",
        "0,62",
        "95 euros",
        "best_similarity",
        "1,500",
        "930,0",
        "O preço mudou.",
        "Custa 98 euros.",
    ):
        assert shown in page, shown
    assert "O que foi buscado" not in page


def test_the_page_of_a_question_says_what_was_searched_for_where_that_is_not_what_was_typed(owning: Client) -> None:
    found: dict[str, Json] = {"query": "Quanto custa Sintra? E para crianças?", "items": []}
    retrieval = events.record(EventKind.RETRIEVAL, value=0, meta=found, tenant="default")
    meta: dict[str, Json] = {"prompt": "E para crianças?", "retrievalId": str(retrieval)}
    asked = events.record(EventKind.ANSWER, value=1, meta=meta, tenant="default")
    page = owning.get(address_of(Question, "change", asked)).content.decode()
    assert "O que foi buscado: “Quanto custa Sintra? E para crianças?”" in page


def test_a_calibration_shows_its_curve_and_each_kind_of_negative_apart(installation: User, owning: Client) -> None:
    page = owning.get(address_of(Calibration, "change", Calibration.objects.get().pk)).content.decode()
    assert 'points="10.00,75.00"' in page
    assert "só o trecho escondido (os vizinhos ficam)" in page
    assert "0,791" in page


def test_schedules_are_told_as_people_say_them(installation: User, owning: Client) -> None:
    page = owning.get(reverse("admin:django_celery_beat_periodictask_changelist")).content.decode()
    assert "todo dia às 02:30" in page
    assert "a cada minuto" in page


def test_who_may_only_look_at_schedules_cannot_run_or_disable_them(
    installation: User, staff_with: Callable[..., Client]
) -> None:
    address = reverse("admin:django_celery_beat_periodictask_changelist")
    chosen = list(PeriodicTask.objects.values_list("pk", flat=True))
    client = staff_with("django_celery_beat.view_periodictask")
    client.post(address, {"action": "disable_tasks", "_selected_action": chosen})
    assert not PeriodicTask.objects.filter(enabled=False).exists()


def test_staff_edits_the_amount_of_a_limit_alone_and_its_history_is_kept(installation: User, owning: Client) -> None:
    limit = BudgetLimit.objects.get(tenant="default", period="day")
    page = owning.get(address_of(BudgetLimit, "change", limit.pk)).content.decode()
    assert 'value="1.00"' in page or 'value="1,00"' in page
    owning.post(address_of(BudgetLimit, "change", limit.pk), {"limit_usd": "2.50", "spent_usd": "0"})
    limit.refresh_from_db()
    assert limit.limit_usd == Decimal("2.50")
    assert limit.history.first().history_user == installation
    refused = owning.post(address_of(BudgetLimit, "change", limit.pk), {"limit_usd": "-1"})
    assert refused.status_code == 200


def test_events_can_be_filtered_by_kind_and_period(installation: User, owning: Client) -> None:
    page = owning.get(reverse("admin:telemetry_event_changelist"), {"kind__exact": "feedback", "days": "7"})
    assert {event.kind for event in page.context["cl"].result_list} == {"feedback"}


def test_the_panel_speaks_english_when_asked(owning: Client) -> None:
    with override("en"):
        page = owning.get(reverse("admin:index"), headers={"accept-language": "en"}).content.decode()
    assert "State at a glance" in page


def test_what_happened_cannot_be_edited(installation: User, owning: Client) -> None:
    event = Event.objects.first()
    assert event is not None
    assert owning.post(address_of(Event, "change", event.pk), {"kind": "answer"}).status_code == 403
    assert owning.post(address_of(Event, "delete", event.pk), {"post": "yes"}).status_code == 403
    assert owning.get(address_of(Event, "add")).status_code == 403
