"""What is past its period goes at night, and nothing else; a shorter period is seen before it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aion import retention
from aion.exceptions import ActionFailed
from aion.retention import KINDS, change, days_of, end_all, would_go
from chat.models import Conversation, Message
from telemetry.audit.trail import Action, hash_of, seal_of, verify, write
from telemetry.models import AuditEntry, DatasetExport, Event, Feedback, RetentionRule, Review
from telemetry.partitions import ensure_partitions
from telemetry.reviews import Verdict, decide
from tests.admin.conftest import _fresh, owner, owning, staff_with
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
__all__ = ["_fresh", "owner", "owning", "staff_with"]
NOW = timezone.now()


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def conversation(person: User, days: int) -> Conversation:
    made = Conversation.objects.create(tenant=TENANT, user=person, title="Preços")
    made.messages.create(role="user", text="Quanto custa?")
    Conversation.objects.filter(pk=made.pk).update(updated_at=ago(days))
    return made


def test_conversations_go_a_year_after_their_last_message_with_their_messages(owner: User) -> None:
    conversation(owner, 366)
    kept = conversation(owner, 364)
    assert would_go(KINDS["conversations"], NOW) == 1
    assert end_all(NOW)["conversations"] == 1
    assert list(Conversation.objects.all()) == [kept]
    assert Message.objects.count() == 1


def test_texts_go_from_events_and_the_figures_stay() -> None:
    old = record_answer("Quanto custa?", "95 euros", at=ago(366))
    new = record_answer("Quanto custa?", "95 euros", at=ago(364), number=1)
    assert end_all(NOW)["texts"] == 1
    meta = Event.objects.get(pk=old).meta
    assert (meta["prompt"], meta["userId"], meta["C"], meta["erased"]) == ("", None, 0.8, True)
    assert Event.objects.get(pk=new).meta["prompt"] == "Quanto custa?"
    assert end_all(NOW)["texts"] == 0


def test_events_go_by_whole_months() -> None:
    ensure_partitions(datetime(2022, 3, 5, tzinfo=UTC), ahead=0)
    now = datetime(2024, 4, 15, tzinfo=UTC)
    record_answer("a", "b", at=datetime(2022, 3, 20, tzinfo=UTC))
    kept = record_answer("a", "b", at=datetime(2022, 4, 1, tzinfo=UTC), number=1)
    assert end_all(now)["events"] == 1
    assert list(Event.objects.exclude(kind="retention").values_list("id", flat=True)) == [kept]
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('telemetry_event_2022_03'), to_regclass('telemetry_event_default')")
        assert cursor.fetchone() == (None, "telemetry_event_default")


def test_reviews_go_with_their_history(owner: User) -> None:
    answered = record_answer("Quanto custa?", "95 euros")
    decide(answered, Verdict.APPROVED, tenant=TENANT, by=owner.pk)
    Review.objects.update(decided_at=ago(3 * 365 + 1))
    Review.history.update(decided_at=ago(3 * 365 + 1))
    assert end_all(NOW)["reviews"] == 1
    assert not Review.history.exists()


def test_an_exports_folder_goes_with_its_row(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "data.jsonl").write_text("{}")
    job = DatasetExport.objects.create(
        tenant=TENANT, state="done", formats=["messages"], since=NOW, until=NOW, path=str(folder)
    )
    DatasetExport.objects.filter(pk=job.pk).update(created_at=ago(91))
    assert end_all(NOW)["exports"] == 1
    assert not folder.exists()


def test_one_kind_that_fails_stops_no_other_and_is_told(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation(owner, 366)

    def refuses(before: datetime) -> int:
        raise DatabaseError("disk full")

    broken = {**KINDS, "feedback": replace(KINDS["feedback"], end=refuses)}
    monkeypatch.setattr(retention, "KINDS", broken)
    gone = end_all(NOW)
    assert gone["conversations"] == 1
    night = retention.last_night()
    assert night is not None
    assert night.meta["failed"] == ["feedback"]


def test_money_and_the_trail_are_kept_for_five_years_whatever_staff_say() -> None:
    for key in ("audit", "ledger"):
        with pytest.raises(ActionFailed):
            change(KINDS[key], 365, reason="x", by=None)
        RetentionRule.objects.create(tenant=TENANT, kind=key, days=1, reason="à mão")
        assert days_of(KINDS[key]) >= 5 * 365


def test_the_oldest_of_the_trail_go_after_their_time_and_the_rest_is_whole_still() -> None:
    for name in ("um", "dois", "três"):
        write(Action.BUTTON, object_name=name)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_auditentry DISABLE TRIGGER ALL")
    previous = ""
    for entry in AuditEntry.objects.order_by("id"):
        if entry.object_name != "três":
            entry.at = ago(6 * 365)
        entry.previous = previous
        entry.hash = previous = hash_of(entry)
        entry.seal = seal_of(entry.hash, settings.SECRET_KEY)
        entry.save()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_auditentry ENABLE TRIGGER ALL")
        cursor.execute("ALTER TABLE telemetry_auditentry DISABLE TRIGGER telemetry_audit_whole")
    assert end_all(NOW)["audit"] == 2
    assert verify().intact
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == ["button", "pruned"]


def test_a_period_is_seen_before_it_is_kept_with_its_reason(owning: Client, owner: User) -> None:
    conversation(owner, 40)
    address = reverse("admin:telemetry_retentionrule_period", args=["conversations"])
    page = owning.post(address, {"days": "30", "reason": "minimizar"}).content.decode()
    assert "30 dias" in page
    assert not RetentionRule.objects.exists()
    owning.post(address, {"days": "30", "reason": "minimizar", "sure": "yes"})
    rule = RetentionRule.objects.get()
    assert (rule.days, rule.reason, rule.by) == (30, "minimizar", owner.pk)
    assert AuditEntry.objects.filter(object_type="telemetry.retentionrule", reason="minimizar").exists()
    assert would_go(KINDS["conversations"], NOW) == 1


@pytest.mark.parametrize("values", [{"days": "1", "reason": "x"}, {"days": "30", "reason": ""}, {"days": "x"}])
def test_a_period_out_of_range_or_without_reason_is_asked_again(owning: Client, values: dict[str, str]) -> None:
    address = reverse("admin:telemetry_retentionrule_period", args=["conversations"])
    assert owning.post(address, {**values, "sure": "yes"}).status_code == 200
    assert not RetentionRule.objects.exists()


def test_the_screen_shows_tonight_and_last_night(owning: Client, owner: User) -> None:
    conversation(owner, 366)
    page = owning.get(reverse("admin:telemetry_retentionrule_changelist")).content.decode()
    assert "ainda não foi feito" in page
    end_all(NOW)
    page = owning.get(reverse("admin:telemetry_retentionrule_changelist")).content.decode()
    assert "Feito pela última vez em" in page


def test_who_may_only_look_changes_no_period(staff_with: Callable[..., Client]) -> None:
    client = staff_with("telemetry.view_retentionrule")
    assert client.get(reverse("admin:telemetry_retentionrule_changelist")).status_code == 200
    address = reverse("admin:telemetry_retentionrule_period", args=["conversations"])
    assert client.post(address, {"days": "30", "reason": "x", "sure": "yes"}).status_code == 403


def test_more_than_a_batch_goes(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.retention.BATCH", 3)
    for number in range(7):
        Feedback.objects.create(tenant=TENANT, event_id=f"{number:032x}", vote=1, question="a", reply="b")
        record_answer("a", "b", at=ago(370), number=number)
    Feedback.objects.update(created_at=ago(800))
    gone = end_all(NOW)
    assert (gone["feedback"], gone["texts"]) == (7, 7)
