"""Settings are compared, explained and confirmed before they hold; every earlier state can be had back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from chat import control
from chat.models import ChatSettingsRevision
from retrieval.models import Document

pytestmark = pytest.mark.django_db
ADD = reverse("admin:chat_chatsettingsrevision_add")


def form_values(**changes: Any) -> dict[str, Any]:
    newest = ChatSettingsRevision.objects.values_list("pk", flat=True).first() or ""
    return {
        "reason": "menos erros",
        "based_on": newest,
        "fallback_allowed": "unknown",
        "fallback_on_overload": "unknown",
        **changes,
    }


def test_a_change_is_shown_before_it_is_made(owning: Client) -> None:
    page = owning.post(ADD, form_values(tau="0.7", top_k="6")).content.decode()
    assert "Confirmar os novos ajustes" in page
    assert "padrão (0,62)" in page
    assert "<strong>6</strong>" in page
    assert not ChatSettingsRevision.objects.exists()


def test_a_confirmed_change_holds_and_is_written_down(owning: Client, owner: User) -> None:
    owning.post(ADD, form_values(tau="0.7", confirmed="yes"))
    revision = ChatSettingsRevision.objects.get()
    assert (revision.tau, revision.top_k, revision.by, revision.reason) == (0.7, None, owner, "menos erros")
    control.forget()
    assert control.current().tau == 0.7
    assert LogEntry.objects.get().user == owner


def test_what_is_left_out_inherits_again(owning: Client) -> None:
    control.revise({"tau": 0.7, "top_k": 6}, by=None)
    owning.post(ADD, form_values(top_k="6", confirmed="yes"))
    control.forget()
    assert (control.current().tau, control.current().top_k) == (0.62, 6)


@pytest.mark.parametrize("wrong", [{"tau": "7"}, {"tau": "alto"}, {"top_k": "-1"}, {"reason": ""}])
def test_what_is_out_of_range_is_named_and_changes_nothing(owning: Client, wrong: dict[str, str]) -> None:
    for confirmed in ({}, {"confirmed": "yes"}):
        response = owning.post(ADD, form_values(**({"tau": "0.7"} | wrong | confirmed)))
        assert response.status_code == 200
        assert "errorlist" in response.content.decode() or "errornote" in response.content.decode()
    assert not ChatSettingsRevision.objects.exists()


def test_what_somebody_else_changed_in_between_is_asked_again_instead_of_undone(owning: Client) -> None:
    confirmed = form_values(tau="0.7", confirmed="yes")
    control.revise({"top_k": 6}, by=None, reason="outra pessoa")
    page = owning.post(ADD, confirmed).content.decode()
    assert "Confirmar os novos ajustes" in page
    assert ChatSettingsRevision.objects.count() == 1


def test_nothing_changed_is_no_revision(owning: Client) -> None:
    assert "Nada foi alterado." in owning.post(ADD, form_values(), follow=True).content.decode()
    assert not ChatSettingsRevision.objects.exists()


def test_an_earlier_revision_is_restored_by_a_confirmed_post(owning: Client) -> None:
    first = control.revise({"tau": 0.7}, by=None, reason="a")
    control.revise({"tau": 0.5}, by=None, reason="b")
    address = reverse("admin:chat_chatsettingsrevision_restore", args=[first.pk])

    assert "<strong>0,7</strong>" in owning.get(address).content.decode()
    assert ChatSettingsRevision.objects.count() == 2
    owning.post(address)
    control.forget()
    assert control.current().tau == 0.7
    assert ChatSettingsRevision.objects.first().restored_from == first  # type: ignore[union-attr]  # there are three
    assert LogEntry.objects.count() == 1


def test_who_may_only_look_neither_changes_nor_restores(staff_with: Callable[..., Client]) -> None:
    revision = control.revise({"tau": 0.7}, by=None)
    client = staff_with("chat.view_chatsettingsrevision")
    assert client.get(reverse("admin:chat_chatsettingsrevision_change", args=[revision.pk])).status_code == 200
    assert client.post(ADD, form_values(tau="0.1", confirmed="yes")).status_code == 403
    assert client.post(reverse("admin:chat_chatsettingsrevision_restore", args=[revision.pk])).status_code == 403
    assert ChatSettingsRevision.objects.count() == 1


def test_hours_labels_and_what_low_confidence_brings_are_compared_in_words_and_saved(owning: Client) -> None:
    values = {
        "on_low_confidence": "warn",
        "fallback_from": "08:00",
        "fallback_to": "18:30",
        "labels_that_stay": "sigiloso, local-only,  diretoria ,",
    }
    page = owning.post(ADD, form_values(**values)).content.decode()
    for words in ("responder com ressalva", "8h00", "18h30", "sigiloso, diretoria"):
        assert f"<strong>{words}</strong>" in page
    owning.post(ADD, form_values(**values, confirmed="yes"))
    control.forget()
    policy = control.current()
    assert (policy.warns, policy.fallback_from, policy.fallback_to) == (True, time(8), time(18, 30))
    assert policy.labels_that_stay == ("local-only", "sigiloso", "diretoria")
    form = owning.get(ADD).content.decode()
    assert 'value="sigiloso, diretoria"' in form


def test_labels_that_stay_are_forgotten_again_but_for_local_only(owning: Client) -> None:
    control.revise({"labels_that_stay": ["sigiloso"]}, by=None)
    owning.post(ADD, form_values(labels_that_stay="", confirmed="yes"))
    control.forget()
    assert control.current().labels_that_stay == ("local-only",)


def test_half_an_interval_of_hours_is_named_at_its_field(owning: Client) -> None:
    page = owning.post(ADD, form_values(fallback_from="08:00", confirmed="yes")).content.decode()
    assert "Preencha os dois horários ou deixe os dois em branco." in page
    assert not ChatSettingsRevision.objects.exists()


def test_the_labels_that_documents_have_are_named_beside_the_field(owning: Client, document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(labels=["preços", "local-only"])
    assert "Rótulos que os documentos têm hoje: local-only, preços." in owning.get(ADD).content.decode()
