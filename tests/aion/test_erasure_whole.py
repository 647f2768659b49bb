"""One person's words, planted by really asking, are in no table and no file after the erasure; asked in the panel."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aion import data_requests, erasure
from chat import control
from chat.answers import Asker
from chat.feedback import feedback_on_answer
from chat.golden.from_answer import draft_from_answer
from chat.lessons import build
from inference.backends.fake import FakeEngine
from retrieval.models import GoldenQuestion
from telemetry.audit.trail import Action
from telemetry.events import EventKind, record
from telemetry.export_jobs import export_now
from telemetry.models import AuditEntry, DataRequest, Event, LedgerEntry
from telemetry.reviews import Verdict, decide
from tests.admin.conftest import _fresh, owner, owning, staff_with
from tests.aion.test_erasure import files_with, tables_with

__all__ = ["_fresh", "owner", "owning", "staff_with"]
TENANT = "default"
SAID = "mirabolante"
ASK = "admin:telemetry_datarequest_ask"


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(django_settings, "AION_TRAIN_ROOT", tmp_path / "train")
    monkeypatch.setattr(django_settings, "AION_EVENTS_JSONL", tmp_path / "train" / "events.jsonl")
    return tmp_path


def ask_over_http(client: Client, question: str) -> dict[str, object]:
    response = client.post("/api/ai/chat", {"message": question}, content_type="application/json")
    assert response.status_code == 200, response.content
    found: dict[str, object] = response.json()
    return found


def plant(person: User, judge: User, var: Path) -> None:
    """Everything that can come of a question."""
    source = var / "precos.md"
    source.write_text("# Preços\n\nO passeio de barco custa 95 euros por pessoa e sai às 8h30 da praça.\n")
    call_command("ingest", str(source), stdout=io.StringIO())
    control.revise({"tau": 0.0}, by=None, reason="")
    FakeEngine.script("O passeio de barco custa 95 euros por pessoa [1].")
    client = Client()
    client.force_login(person)
    answered = ask_over_http(client, f"Quanto custa o passeio de barco {SAID}?")
    assert answered["used"] == "local", answered
    event = Event.objects.get(pk=str(answered["eventId"]))
    feedback_on_answer(
        event.pk,
        asker=Asker(user_id=person.pk),
        vote=-1,
        comment=f"ruim {SAID}",
        correction=f"Custa 98 {SAID}",
        relevant_sources=[],
    )
    decide(event.pk, Verdict.CORRECTED, tenant=TENANT, by=judge.pk, correction=f"98 euros, {SAID} [1].")
    draft = draft_from_answer(event.pk)
    GoldenQuestion.objects.create(tenant=TENANT, question=draft.question, answers=["98"], event_id=event.pk)
    record(EventKind.DRAFT, value=1, meta={"answerId": str(event.pk), "prompt": SAID, "reply": SAID}, tenant=TENANT)
    export_now(tenant=TENANT, formats=("messages", "alpaca"))
    build(timezone.now())


@pytest.mark.django_db(transaction=True)
def test_nothing_that_was_said_is_left_anywhere_after_the_panels_erasure(
    owning: Client, owner: User, var: Path
) -> None:
    person = User.objects.create_user("zenaide", password="senha-de-teste")
    plant(person, owner, var)
    before = tables_with(SAID)
    assert {"chat_message", "telemetry_feedback", "telemetry_review", "telemetry_historicalreview"} <= set(before)
    assert files_with(var, SAID) != []

    owning.post(reverse(ASK, args=["erasure"]), {"login": "zenaide", "typed": "zenaide", "reason": "pedido 7"})
    (waiting,) = data_requests.unfinished()
    data_requests.do(waiting)

    assert tables_with(SAID) == []
    assert files_with(var, SAID) == []
    assert samples_with(SAID) == 0
    row = DataRequest.objects.get()
    assert (row.state, row.user_id) == ("done", None)
    assert row.receipt["erased"]["chat"] == {"conversations": 1, "messages": 2}
    page = owning.get(reverse("admin:telemetry_datarequest_change", args=[row.pk])).content.decode()
    assert "Recibo de apagamento" in page
    assert "zenaide" not in page
    acts = AuditEntry.objects.filter(action=Action.ERASED)
    assert [(act.source, act.reason) for act in acts.order_by("id")] == [("panel", "pedido 7"), ("system", "pedido 7")]
    assert not acts.filter(object_name__contains="zenaide").exists()
    assert not LedgerEntry.objects.exists()


def samples_with(text: str) -> int:
    """The planner's samples hold values of columns too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stats WHERE schemaname = 'public' AND tablename <> 'telemetry_auditentry'"
            " AND (most_common_vals::text || coalesce(histogram_bounds::text, '')) LIKE %s",
            [f"%{text}%"],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
def test_looking_changes_nothing_and_the_login_must_be_typed(owning: Client, var: Path) -> None:
    User.objects.create_user("zenaide")
    address = reverse(ASK, args=["erasure"])
    page = owning.post(address, {"login": "zenaide"}).content.decode()
    assert "Apagar definitivamente" in page
    for wrong in (
        {"typed": "zenaid", "reason": "pedido 7"},
        {"typed": "zenaide", "reason": ""},
        {"typed": "zenaide", "reason": "a zenaide pediu"},
    ):
        assert owning.post(address, {"login": "zenaide", **wrong}).status_code == 200
    assert "Não há conta" in owning.post(address, {"login": "ninguém"}).content.decode()
    assert not DataRequest.objects.exists()


@pytest.mark.django_db
def test_who_may_not_erase_is_refused(staff_with: Callable[..., Client]) -> None:
    client = staff_with("telemetry.view_datarequest", "telemetry.copy_person")
    assert client.post(reverse(ASK, args=["erasure"]), {"login": "ana"}).status_code == 403
    assert client.get(reverse(ASK, args=["outra"])).status_code == 404


@pytest.mark.django_db
def test_the_same_is_not_asked_for_twice_at_a_time(owning: Client) -> None:
    User.objects.create_user("zenaide")
    sure = {"login": "zenaide", "typed": "zenaide", "reason": "pedido 7"}
    owning.post(reverse(ASK, args=["erasure"]), sure)
    assert "já foi pedido" in owning.post(reverse(ASK, args=["erasure"]), sure).content.decode()
    assert DataRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_said_and_can_be_asked_for_again(owning: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    person = User.objects.create_user("zenaide")
    row = data_requests.ask(DataRequest.Kind.ERASURE, person.pk, reason="x", by=None)

    def broken(user_id: int) -> None:
        raise RuntimeError("nobody expected this")

    with monkeypatch.context() as breaking:
        breaking.setattr(erasure, "_erase", broken)
        data_requests.do(row.pk)
    row.refresh_from_db()
    assert (row.state, bool(row.error)) == ("failed", True)
    again = data_requests.ask(DataRequest.Kind.ERASURE, person.pk, reason="x", by=None)
    data_requests.do(again.pk)
    data_requests.do(again.pk)
    again.refresh_from_db()
    assert again.state == "done"


@pytest.mark.django_db
def test_the_preview_counts_what_the_erasure_then_finds(var: Path, owner: User) -> None:
    control.forget()
    person = User.objects.create_user("zenaide", password="senha-de-teste")
    plant(person, owner, var)
    seen = erasure.preview(person.pk)
    receipt = erasure.erase_person(person.pk)
    counted = {kind: n for kinds in receipt.erased.values() for kind, n in kinds.items()}
    foreseen = {kind: n for kinds in seen.found.values() for kind, n in kinds.items() if n}
    assert foreseen.items() <= counted.items()
    assert seen.adapters == receipt.adapters
