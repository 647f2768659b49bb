"""The panel's buttons: looking changes nothing; a POST of who may does, and is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize

from aion.panel_actions import ACTIONS
from chat import control
from chat.models import ChatSettingsRevision
from inference import adapters, serving
from inference.engine import ServedAdapter
from inference.exceptions import AdapterRejected
from inference.models import Adapter, DesiredState
from telemetry.models import DatasetExport, Event

pytestmark = pytest.mark.django_db


class Judged(NamedTuple):
    """As much of a question's source as is looked at before a fit."""

    group: str


VALUES: dict[str, dict[str, Any]] = {
    "tau": {"tau": "0.7", "reason": "menos erros"},
    "load-adapter": {"adapter": "folder"},
    "merge-adapter": {},
    "unmerge-adapter": {},
    "unload-adapter": {},
    "rollback-adapter": {},
    "force-fallback": {"minutes": "15", "reason": "ensaio"},
    "stop-forcing": {"reason": "fim do ensaio"},
    "test-fallback": {},
    "recalibrate": {},
    "export-dataset": {"days": "7"},
    "pause-autopilot": {"reason": "reforma"},
    "resume-autopilot": {"reason": "fim da reforma"},
    "run-night": {},
    "dry-run-night": {},
    "train-adapter": {},
    "examine-adapter": {"adapter": "1"},
    "promote-adapter": {"examination": "1", "reason": "campanha de verão"},
}


def button(slug: str) -> str:
    return reverse("admin:panel_action", args=[slug])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which adapter operations were asked for; an adapter is served and may be merged."""
    made: list[str] = []
    monkeypatch.setattr(adapters, "reload_adapter", lambda adapter_id, by: made.append(f"reload {adapter_id} {by}"))
    monkeypatch.setattr(adapters, "merge_adapter", lambda by: made.append(f"merge {by}"))
    monkeypatch.setattr(adapters, "rollback_adapter", lambda by: made.append(f"rollback {by}"))
    monkeypatch.setattr(adapters, "unload_adapter", lambda by: made.append(f"unload {by}"))
    monkeypatch.setattr(adapters, "unmerge_adapter", lambda by: made.append(f"unmerge {by}"))
    monkeypatch.setattr(adapters, "previous_state", DesiredState)
    serving.get_engine().serve_adapter(ServedAdapter("demo", "9" * 64, "nowhere"))
    return made


@pytest.fixture
def _paid_api_allowed(settings: Any) -> None:
    settings.AION_FALLBACK_ENABLED = True
    settings.OPENAI_API_KEY = "sk-teste"


def test_the_values_tried_here_are_those_of_every_button() -> None:
    assert set(VALUES) == set(ACTIONS)


@pytest.mark.usefixtures("_paid_api_allowed")
@pytest.mark.parametrize("slug", ACTIONS)
def test_looking_at_a_button_changes_nothing(owning: Client, calls: list[str], slug: str) -> None:
    response = owning.get(button(slug), VALUES[slug])
    assert response.status_code == 200
    assert calls == []
    for rows in (ChatSettingsRevision, DatasetExport, LogEntry, Event):
        assert not rows.objects.exists(), rows


@pytest.mark.parametrize("slug", ACTIONS)
def test_a_button_is_refused_without_its_permission(
    staff_with: Callable[..., Client], calls: list[str], slug: str
) -> None:
    client = staff_with("telemetry.view_event")
    assert client.get(button(slug)).status_code == 403
    assert client.post(button(slug), VALUES[slug]).status_code == 403
    assert calls == []
    assert not ChatSettingsRevision.objects.exists()
    assert not DatasetExport.objects.exists()


def test_a_button_without_the_forgery_token_is_refused(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post(button("tau"), VALUES["tau"]).status_code == 403
    assert not ChatSettingsRevision.objects.exists()


def test_tau_is_confirmed_with_before_and_after_then_saved_as_a_revision(owning: Client, owner: User) -> None:
    asked = owning.get(button("tau"), {"tau": "0.7"}).content.decode()
    assert "0,62" in asked
    assert "<strong>0,70</strong>" in asked

    done = owning.post(button("tau"), VALUES["tau"], follow=True)
    assert "O tau passou de 0,62 para 0,70." in done.content.decode()
    revision = ChatSettingsRevision.objects.get()
    assert (revision.tau, revision.by, revision.reason) == (0.7, owner, "menos erros")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_repr) == (owner, "Alterar o tau")
    assert "0,70" in entry.change_message


@pytest.mark.parametrize("values", [{"tau": "1.2", "reason": "x"}, {"tau": "0.7"}, {"tau": "muito", "reason": "x"}])
def test_a_tau_out_of_range_or_without_reason_is_asked_again(owning: Client, values: dict[str, str]) -> None:
    assert owning.post(button("tau"), values).status_code == 200
    assert not ChatSettingsRevision.objects.exists()


@pytest.mark.usefixtures("_paid_api_allowed")
def test_the_paid_api_is_forced_for_a_while_and_let_go(owning: Client) -> None:
    owning.post(button("force-fallback"), VALUES["force-fallback"])
    control.forget()
    assert control.current().fallback_forced()
    page = owning.get(reverse("admin:index")).content.decode()
    assert "Forçada para todas as perguntas até" in page
    owning.post(button("stop-forcing"), VALUES["stop-forcing"])
    control.forget()
    assert not control.current().fallback_forced()
    assert LogEntry.objects.count() == 2


def test_the_paid_api_cannot_be_forced_while_it_is_off(owning: Client) -> None:
    page = owning.post(button("force-fallback"), VALUES["force-fallback"]).content.decode()
    assert "A API paga está desligada." in page
    assert not ChatSettingsRevision.objects.exists()


def test_adapters_are_loaded_merged_and_taken_back(owning: Client, owner: User, calls: list[str]) -> None:
    chosen = Adapter.objects.create(name="noite", digest="1" * 64, base_model="fake", rank=8, size_bytes=1)
    owning.post(button("load-adapter"), {"adapter": "folder"})
    owning.post(button("load-adapter"), {"adapter": str(chosen.pk)})
    owning.post(button("merge-adapter"))
    owning.post(button("rollback-adapter"))
    assert calls == [f"reload None {owner}", f"reload {chosen.pk} {owner}", f"merge {owner}", f"rollback {owner}"]
    assert LogEntry.objects.count() == 4


def test_an_adapter_is_unloaded_and_a_merge_undone(owning: Client, owner: User, calls: list[str]) -> None:
    owning.post(button("unload-adapter"))
    assert "Nenhum adapter está mesclado." in owning.get(button("unmerge-adapter")).content.decode()
    serving.get_engine().serve_adapter(ServedAdapter("demo", "9" * 64, "nowhere", merged=True))
    owning.post(button("unmerge-adapter"))
    assert calls == [f"unload {owner}", f"unmerge {owner}"]


def test_the_button_of_one_adapter_says_which_one_it_would_serve(owning: Client, calls: list[str]) -> None:
    chosen = Adapter.objects.create(name="noite", digest="1" * 64, base_model="fake", rank=8, size_bytes=1)
    page = owning.get(button("load-adapter"), {"adapter": str(chosen.pk)}).content.decode()
    assert "<td>demo (999999999999)</td><td><strong>noite (111111111111)</strong></td>" in page


def test_what_a_rollback_would_serve_is_shown(owning: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Adapter.objects.create(name="ontem", digest="2" * 64, base_model="fake", rank=8, size_bytes=1)
    DesiredState.objects.create(adapter=before, outcome=DesiredState.Outcome.SERVED)
    DesiredState.objects.create(adapter=None, outcome=DesiredState.Outcome.SERVED)
    assert "ontem (222222222222)" in owning.get(button("rollback-adapter")).content.decode()
    DesiredState.objects.all().delete()
    assert "Nada mais serviu antes." in owning.get(button("rollback-adapter")).content.decode()


def test_a_rejected_adapter_is_told_in_words_and_written_down(
    owning: Client, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject(adapter_id: int | None, by: User) -> None:
        raise AdapterRejected("other_base", "é de outro modelo base")

    monkeypatch.setattr(adapters, "reload_adapter", reject)
    page = owning.post(button("load-adapter"), {"adapter": "folder"}, follow=True).content.decode()
    assert "O adapter não foi trocado: é de outro modelo base" in page
    assert "é de outro modelo base" in LogEntry.objects.get().change_message


def test_merging_is_disabled_with_the_reason_while_no_adapter_serves(owning: Client) -> None:
    page = owning.get(reverse("admin:index")).content.decode()
    assert "Nenhum adapter está carregado." in page
    assert button("merge-adapter") not in page


def test_with_too_few_judged_questions_recalibrating_says_how_many_it_needs(
    owning: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr("chat.tasks.recalibrate.delay", lambda: sent.append("sent"))
    page = owning.post(button("recalibrate"), follow=True).content.decode()
    assert "pelo menos 40 perguntas" in page
    assert sent == []
    monkeypatch.setattr("chat.nightly.judged_questions", lambda since: [("a", Judged(str(i % 5))) for i in range(40)])
    assert "está sendo recalibrada" in owning.post(button("recalibrate"), follow=True).content.decode()
    assert sent == ["sent"]


def test_an_export_is_queued_and_not_twice(
    owning: Client, owner: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[str] = []
    monkeypatch.setattr("telemetry.tasks.run_export.delay", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        owning.post(button("export-dataset"), VALUES["export-dataset"])
    export = DatasetExport.objects.get()
    assert (export.requested_by, (export.until - export.since).days) == (owner.pk, 7)
    assert sent == [str(export.pk)]
    assert "Há uma exportação em andamento" in owning.post(button("export-dataset"), {"days": "7"}).content.decode()
    assert DatasetExport.objects.count() == 1


def test_the_manifest_of_an_export_is_downloaded_by_who_may(
    installation: User, owning: Client, staff_with: Callable[..., Client]
) -> None:
    address = reverse("admin:telemetry_datasetexport_manifest", args=[DatasetExport.objects.get().pk])
    response = owning.get(address)
    assert response.json() == {"rows": 3}
    assert "attachment" in response["Content-Disposition"]
    assert staff_with("telemetry.view_event").get(address).status_code == 403


def test_status_looks_at_everything_and_writes_it_down(owning: Client) -> None:
    address = reverse("admin:panel_status")
    assert owning.get(address).status_code == 405
    page = owning.post(address, follow=True).content.decode()
    assert "Documentos: Ainda não há documentos" in page
    assert "Redis responde" in LogEntry.objects.get().change_message


def test_an_unknown_button_is_not_found(owning: Client) -> None:
    assert owning.get(button("formatar-disco")).status_code == 404


@pytest.mark.usefixtures("_paid_api_allowed")
def test_the_paid_api_cannot_be_forced_outside_its_hours(owning: Client) -> None:
    now = timezone.localtime()
    later = [(now + timedelta(hours=hours)).time() for hours in (1, 2)]
    control.revise({"fallback_from": later[0], "fallback_to": later[1]}, by=None)
    page = owning.post(button("force-fallback"), VALUES["force-fallback"]).content.decode()
    assert "fora do horário" in page
    light = owning.get(reverse("admin:index")).content.decode()
    assert f"Fora do horário, das {localize(later[0])} às {localize(later[1])}." in light
    control.forget()
    assert not control.current().fallback_forced()


@pytest.mark.usefixtures("_paid_api_allowed")
@pytest.mark.parametrize("held", ["chat.add_chatsettingsrevision", "chat.force_fallback"])
def test_forcing_needs_both_of_its_permissions(staff_with: Callable[..., Client], held: str) -> None:
    client = staff_with(held)
    assert client.post(button("force-fallback"), VALUES["force-fallback"]).status_code == 403
    assert not ChatSettingsRevision.objects.exists()
