"""Every act of staff is written down with who, what, before, after and why, and can't be changed without showing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat import control
from chat.authentication import issue_key
from retrieval.models import GoldenQuestion
from telemetry.audit.acting import from_command_line, masked_address
from telemetry.audit.trail import Action, verify, write
from telemetry.models import AuditEntry, BudgetLimit, LoopSettings
from tests.admin.conftest import _fresh, owner, owning, staff_with

pytestmark = pytest.mark.django_db
__all__ = ["_fresh", "owner", "owning", "staff_with"]


def last(action: Action) -> AuditEntry:
    return AuditEntry.objects.filter(action=action).order_by("-id")[0]


def touch_the_database(sql: str) -> None:
    """As somebody does who owns the database: without the trigger."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_auditentry DISABLE TRIGGER ALL")
        cursor.execute(sql)
        cursor.execute("ALTER TABLE telemetry_auditentry ENABLE TRIGGER ALL")


def three_acts() -> list[AuditEntry]:
    return [write(Action.BUTTON, object_name=name, after={"share": 0.62, "n": 3}) for name in ("um", "dois", "três")]


def test_a_change_in_the_panel_tells_who_what_before_and_after(owning: Client, owner: User) -> None:
    add = {"min_new_rows": "50", "refusal_share": "0"}
    owning.post(reverse("admin:telemetry_loopsettings_add"), add)
    row = LoopSettings.objects.get()
    owning.post(
        reverse("admin:telemetry_loopsettings_change", args=[row.pk]),
        {**add, "min_new_rows": "60"},
        REMOTE_ADDR="203.0.113.77",
    )
    entry = last(Action.CHANGED)
    assert (entry.actor, entry.actor_id, entry.source, entry.address) == ("dona", owner.pk, "panel", "203.0.113.x")
    assert (entry.object_type, entry.object_id) == ("telemetry.loopsettings", str(row.pk))
    assert (entry.before, entry.after) == ({"min_new_rows": 50}, {"min_new_rows": 60})


def test_a_button_is_written_down_with_its_reason_and_what_it_changed(owning: Client) -> None:
    owning.post(reverse("admin:panel_action", args=["tau"]), {"tau": "0.7", "reason": "menos erros"})
    button = last(Action.BUTTON)
    assert (button.object_name, button.reason) == ("Alterar o tau", "menos erros")
    assert "0,70" in button.detail
    revision = AuditEntry.objects.get(action=Action.ADDED, object_type="chat.chatsettingsrevision")
    assert (revision.after["tau"], revision.reason) == ("0.7", "menos erros")


def test_signing_in_and_out_and_refused_sign_ins_are_written_down(owner: User) -> None:
    client, login = Client(), reverse("admin:login")
    client.post(login, {"username": "dona", "password": "errada"}, REMOTE_ADDR="203.0.113.9")
    client.post(login, {"username": "minha-senha-secreta", "password": "x"})
    client.post(login, {"username": "dona", "password": "senha-de-teste"})
    client.post(reverse("admin:logout"))
    told = [(entry.action, entry.object_name) for entry in AuditEntry.objects.order_by("id")]
    assert told == [
        ("refused", "dona"),
        ("refused", "conta que não existe"),
        ("signed_in", "dona"),
        ("signed_out", "dona"),
    ]


def test_somebody_who_tries_passwords_cannot_fill_the_disk(owner: User) -> None:
    client = Client()
    for _number in range(40):
        client.login(username="dona", password="errada")
    assert AuditEntry.objects.filter(action=Action.REFUSED).count() == 30


def test_rights_are_told_by_name_and_secrets_never(owning: Client) -> None:
    person = User.objects.create_user("rui", password="senha-de-teste")
    group = Group.objects.create(name="vendas")
    right = Permission.objects.get(codename="export_dataset")
    values = {"username": "rui", "is_active": "on", "groups": [group.pk], "user_permissions": [right.pk]}
    when = {"date_joined_0": "01/01/2026", "date_joined_1": "10:00:00"}
    owning.post(reverse("admin:auth_user_change", args=[person.pk]), values | when)
    told = [entry.after for entry in AuditEntry.objects.filter(object_type="auth.user", action=Action.CHANGED)]
    assert {"groups": ["vendas"]} in told
    assert {"user_permissions": ["telemetry.export_dataset"]} in told
    new = {"password1": "outra-senha-9", "password2": "outra-senha-9", "usable_password": "true"}
    owning.post(reverse("admin:auth_user_password_change", args=[person.pk]), new)
    entry = last(Action.CHANGED)
    assert (entry.before, entry.after) == ({"password": "•••"}, {"password": "•••"})
    person.refresh_from_db()
    assert person.password not in json.dumps(list(AuditEntry.objects.values_list("before", "after")))


def test_a_key_that_is_made_and_revoked_leaves_no_secret(owning: Client, owner: User) -> None:
    owning.post(reverse("admin:chat_apikey_add"), {"name": "site", "user": owner.pk, "scopes": ["chat"]})
    made = AuditEntry.objects.get(action=Action.ADDED, object_type="chat.apikey")
    assert made.after["hashed"] == "•••"
    owning.post(reverse("admin:chat_apikey_revoke", args=[made.object_id]))
    assert "Revogada" in last(Action.CHANGED).detail


def test_what_people_asked_is_told_by_its_length_alone(owning: Client) -> None:
    golden = GoldenQuestion.objects.create(
        tenant="default", question="E o mirabolante?", answers=["mirabolante"], event_id="0" * 32
    )
    owning.post(reverse("admin:retrieval_goldenquestion_delete", args=[golden.pk]), {"post": "yes"})
    entry = last(Action.DELETED)
    assert entry.before["question"] == "texto de 16 caracteres"
    whole = json.dumps([entry.before, entry.object_name, entry.detail])
    assert "mirabolante" not in whole


def test_the_command_line_is_told_apart_and_aion_itself_is_no_staff(monkeypatch: pytest.MonkeyPatch) -> None:
    control.revise({"tau": 0.7}, by=None, reason="por si mesmo")
    assert not AuditEntry.objects.exists()
    monkeypatch.setattr("telemetry.audit.acting._command", [])
    monkeypatch.setattr("getpass.getuser", lambda: "raiz")
    from_command_line(["manage.py", "up"])
    control.revise({"tau": 0.6}, by=None, reason="por si mesmo")
    assert not AuditEntry.objects.exists()
    from_command_line(["manage.py", "shell"])
    control.revise({"tau": 0.5}, by=None, reason="ensaio")
    entry = AuditEntry.objects.get()
    assert (entry.source, entry.actor, entry.reason) == ("command", "raiz", "ensaio")


def test_what_is_undone_leaves_no_entry(owning: Client) -> None:
    with transaction.atomic():
        write(Action.BUTTON, object_name="desfeito")
        transaction.set_rollback(True)
    assert not AuditEntry.objects.filter(object_name="desfeito").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE telemetry_auditentry SET actor = 'outro'",
        "DELETE FROM telemetry_auditentry",
        "TRUNCATE telemetry_auditentry",
    ],
)
def test_the_database_itself_refuses_to_change_the_trail(sql: str) -> None:
    three_acts()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_auditentry ENABLE TRIGGER telemetry_audit_whole")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEntry.objects.count() == 3
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_auditentry DISABLE TRIGGER telemetry_audit_whole")


def test_an_untouched_trail_is_whole() -> None:
    first = three_acts()[0]
    write(Action.CHANGED, before={"x": -0.0, "y": 1e22, "z": [1, None, True], "at": timezone.now()}, detail="\x00a")
    assert verify().intact
    assert verify(expected=first.hash).intact


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE telemetry_auditentry SET actor = 'outro' WHERE object_name = 'dois'",
        "UPDATE telemetry_auditentry SET after = '{\"share\": \"0.9\"}' WHERE object_name = 'um'",
        "UPDATE telemetry_auditentry SET at = at - interval '1 hour' WHERE object_name = 'três'",
        "DELETE FROM telemetry_auditentry WHERE object_name = 'um'",
        "DELETE FROM telemetry_auditentry WHERE object_name = 'dois'",
    ],
)
def test_what_a_superuser_does_in_the_database_shows(sql: str) -> None:
    three_acts()
    touch_the_database(sql)
    assert verify().broken
    with pytest.raises(CommandError, match="não está como foi gravada"):
        call_command("verify_audit")


def test_newest_rows_taken_away_show_against_a_hash_noted_before(capsys: pytest.CaptureFixture[str]) -> None:
    three_acts()
    call_command("verify_audit", json=True)
    noted = json.loads(capsys.readouterr().out)["last"]
    touch_the_database("DELETE FROM telemetry_auditentry WHERE object_name = 'três'")
    assert verify().intact
    with pytest.raises(CommandError, match="retiradas"):
        call_command("verify_audit", expect=noted)


def test_a_chain_made_anew_without_the_secret_key_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = settings.SECRET_KEY
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(settings, "SECRET_KEY", "de outra pessoa")
        three_acts()
    with pytest.raises(CommandError, match="outra chave"):
        call_command("verify_audit")
    (tmp_path / "key").write_text("de outra pessoa\n")
    call_command("verify_audit", earlier_key=[tmp_path / "key"])
    assert key == settings.SECRET_KEY


def test_the_screen_shows_before_and_after_and_offers_no_change(owning: Client) -> None:
    entry = write(
        Action.CHANGED, object_type="telemetry.budgetlimit", before={"limit_usd": "1"}, after={"limit_usd": "2"}
    )
    page = owning.get(reverse("admin:telemetry_auditentry_change", args=[entry.pk])).content.decode()
    assert "Limite (US$)" in page
    assert 'name="_save"' not in page
    for name in ("change", "delete"):
        address = reverse(f"admin:telemetry_auditentry_{name}", args=[entry.pk])
        assert owning.post(address, {"post": "yes"}).status_code == 403
    assert owning.get(reverse("admin:telemetry_auditentry_add")).status_code == 403
    listed = owning.get(reverse("admin:telemetry_auditentry_changelist"), {"days": "7", "action__exact": "changed"})
    assert listed.status_code == 200


def test_it_is_taken_out_as_a_file_by_who_may_and_that_is_an_act_too(
    owning: Client, staff_with: Callable[..., Client]
) -> None:
    write(Action.BUTTON, object_name='=HYPERLINK("http://mau")')
    address = reverse("admin:telemetry_auditentry_export", args=["csv"])
    assert staff_with("telemetry.view_auditentry").get(address).status_code == 403
    table = b"".join(owning.get(address, {"action__exact": "button"})).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table), delimiter=";"))
    assert [row["object_name"] for row in rows] == ['\'=HYPERLINK("http://mau")']
    lines = b"".join(owning.get(address.replace("csv", "jsonl"))).decode().splitlines()
    assert json.loads(lines[-1])["action"] == "downloaded"
    assert owning.get(address.replace("csv", "xls")).status_code == 404


def test_taking_out_golden_questions_is_an_act(owning: Client) -> None:
    owning.get(reverse("admin:golden_export", args=["csv"]))
    assert last(Action.DOWNLOADED).object_type == "retrieval.goldenquestion"


def test_a_key_of_the_api_is_told_by_its_person(owner: User) -> None:
    _key, text = issue_key(name="site", user_id=owner.pk, scopes=["adapter"], tenant="default")
    BudgetLimit.objects.all()
    Client().post("/adapter/rollback", headers={"authorization": f"Bearer {text}"})
    assert {entry.source for entry in AuditEntry.objects.all()} <= {"api"}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("203.0.113.77", "203.0.113.x"),
        ("2001:db8:7:8::1", "2001:db8:7::x"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
        ("socket", ""),
    ],
)
def test_addresses_are_masked(address: str, shown: str) -> None:
    assert masked_address(address) == shown
