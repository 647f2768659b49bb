"""Gaps in the panel: found, taken over, named, merged, written about; and who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from retrieval.models import Document
from telemetry.models import Gap, GapQuestion, GapSearch

pytestmark = pytest.mark.django_db
TENANT = "default"
LIST = "admin:telemetry_gap_changelist"
WORKING = ("telemetry.view_gap", "telemetry.manage_gaps")


def a_gap(name: str = "", *texts: str, **values: object) -> Gap:
    now = timezone.now()
    gap = Gap.objects.create(tenant=TENANT, name=name, state_at=now, created_at=now - timedelta(days=9), **values)
    for number, text in enumerate(texts):
        GapQuestion.objects.create(
            tenant=TENANT,
            gap=gap,
            event_id=UUID(int=number + 1),
            text=text,
            why="abstained",
            user_id=number,
            asked_at=now,
            day=timezone.localdate(now),
            fingerprint=text[:32],
        )
    return gap


def page(gap: Gap) -> str:
    return reverse("admin:telemetry_gap_change", args=[gap.pk])


def act(gap: Gap) -> str:
    return reverse("admin:telemetry_gap_act", args=[gap.pk])


def test_an_empty_list_says_what_a_gap_is_and_when_one_comes(owning: Client) -> None:
    text = owning.get(reverse(LIST)).content.decode()
    assert "Uma lacuna é um assunto" in text
    assert "A primeira noite faz isso sozinha" in text


def test_the_list_has_what_most_people_asked_first_and_by_default_what_is_to_be_done(owning: Client) -> None:
    a_gap("estorno", "Como peço estorno?")
    a_gap("garagem", "Onde estaciono?", "Tem garagem?")
    a_gap("bom dia", "bom dia", state="ignored")
    text = owning.get(reverse(LIST)).content.decode()
    assert text.index("garagem") < text.index("estorno")
    assert "bom dia" not in text
    assert "aion-spark" in text
    assert "Lacunas conhecidas perguntadas de novo" in text
    assert "bom dia" in owning.get(f"{reverse(LIST)}?show=ignored").content.decode()
    assert "estorno" not in owning.get(f"{reverse(LIST)}?show=mine").content.decode()
    assert "garagem" in owning.get(f"{reverse(LIST)}?q=estaciono").content.decode()


def test_a_night_that_failed_is_told(owning: Client) -> None:
    GapSearch.objects.create(tenant=TENANT, tried_at=timezone.now(), problem="o servidor não respondeu")
    assert "o servidor não respondeu" in owning.get(reverse(LIST)).content.decode()


def test_one_click_takes_a_gap_over_and_is_logged(owning: Client, owner: User) -> None:
    gap = a_gap("estorno", "Como peço estorno?")
    assert "Assumir" in owning.get(page(gap)).content.decode()
    assert owning.post(act(gap), {"action": "take"})["Location"] == page(gap)
    gap.refresh_from_db()
    assert gap.owner_id == owner.pk
    assert LogEntry.objects.get(object_id=str(gap.pk)).user == owner
    assert "estorno" in owning.get(f"{reverse(LIST)}?show=mine").content.decode()


def test_name_owner_and_state_are_set_and_an_unknown_button_changes_nothing(owning: Client, owner: User) -> None:
    gap = a_gap("a · b", "Como peço estorno?")
    owning.post(act(gap), {"action": "name", "name": "Estornos"})
    owning.post(act(gap), {"action": "assign", "owner": owner.pk})
    owning.post(act(gap), {"action": "ignore"})
    owning.post(act(gap), {"action": "explode"})
    gap.refresh_from_db()
    assert (gap.name, gap.named_by_id, gap.owner_id, gap.state) == ("Estornos", owner.pk, owner.pk, "ignored")
    owning.post(act(gap), {"action": "open"})
    owning.post(act(gap), {"action": "assign", "owner": ""})
    gap.refresh_from_db()
    assert (gap.owner_id, gap.state) == (None, "open")


def test_a_person_without_the_permission_owns_nothing(owning: Client) -> None:
    gap = a_gap("estorno")
    stranger = User.objects.create_user("rui", is_staff=True)
    owning.post(act(gap), {"action": "assign", "owner": stranger.pk})
    gap.refresh_from_db()
    assert gap.owner_id is None


def test_merging_shows_what_becomes_of_both_and_then_does_it(owning: Client) -> None:
    gap, into = a_gap("estorno", "Como peço estorno?"), a_gap("reembolso", "Como peço reembolso?")
    address = reverse("admin:telemetry_gap_merge", args=[gap.pk])
    shown = owning.post(address, {"into": into.pk}).content.decode()
    assert "Mesclar duas lacunas" in shown
    assert Gap.objects.count() == 2
    assert owning.post(address, {"into": into.pk, "confirmed": "yes"})["Location"] == page(into)
    assert list(Gap.objects.all()) == [into]
    assert into.questions.count() == 2
    assert owning.post(reverse("admin:telemetry_gap_merge", args=[into.pk]), {"into": "x"})["Location"] == page(into)


def test_ticked_questions_move_to_a_new_gap(owning: Client) -> None:
    gap = a_gap("estorno", "Como peço estorno?", "Onde estaciono?")
    chosen = GapQuestion.objects.get(text="Onde estaciono?")
    assert owning.post(reverse("admin:telemetry_gap_move"), {"question": [chosen.pk], "into": ""}).status_code == 302
    chosen.refresh_from_db()
    assert chosen.gap != gap
    assert owning.post(reverse("admin:telemetry_gap_move"), {"into": gap.pk})["Location"] == reverse(
        "admin:telemetry_gap_alone"
    )
    chosen.gap = None
    chosen.save()
    assert "Onde estaciono?" in owning.get(reverse("admin:telemetry_gap_alone")).content.decode()


def test_a_document_is_written_beside_the_questions_and_kept_with_the_gap(owning: Client) -> None:
    gap = a_gap("estorno", "Como peço estorno?")
    address = reverse("admin:telemetry_gap_write", args=[gap.pk])
    assert "Como peço estorno?" in owning.get(address).content.decode()
    body = {
        "title": "Estornos",
        "body": "## Prazo\n\nO estorno leva dez dias úteis.",
        "labels": "interno",
        "groups": "",
    }
    assert "Este campo é obrigatório" in owning.post(address, body | {"body": " "}).content.decode()
    assert owning.post(address, body)["Location"] == page(gap)
    gap.refresh_from_db()
    document = Document.objects.get()
    assert (document.title, document.labels, document.media_type) == ("Estornos", ["interno"], "text/markdown")
    assert gap.document_id == document.pk
    assert gap.state in ("writing", "closed")
    assert "Estornos" in owning.get(page(gap)).content.decode()


def test_questions_are_for_those_with_the_permission_alone(staff_with: Callable[..., Client]) -> None:
    gap = a_gap("estorno", "Meu CPF é 529.982.247-25, e o estorno?")
    stranger = staff_with("telemetry.view_event")
    for address in (reverse(LIST), page(gap), reverse("admin:telemetry_gap_alone")):
        assert stranger.get(address).status_code == 403
    assert "telemetry/gap" not in stranger.get(reverse("admin:index")).content.decode()


def test_who_may_look_may_not_change(staff_with: Callable[..., Client]) -> None:
    gap = a_gap("estorno", "Como peço estorno?")
    looking = staff_with("telemetry.view_gap")
    assert "Assumir" not in looking.get(page(gap)).content.decode()
    for name in ("act", "merge", "write"):
        assert looking.post(reverse(f"admin:telemetry_gap_{name}", args=[gap.pk])).status_code == 403
    for name in ("move", "search"):
        assert looking.post(reverse(f"admin:telemetry_gap_{name}")).status_code == 403


def test_working_on_gaps_alone_writes_no_document(staff_with: Callable[..., Client]) -> None:
    gap = a_gap("estorno", "Como peço estorno?")
    working = staff_with(*WORKING)
    shown = working.get(page(gap)).content.decode()
    assert "Assumir" in shown
    assert "Escrever um documento" not in shown
    assert working.post(reverse("admin:telemetry_gap_write", args=[gap.pk])).status_code == 403


def test_nothing_is_changed_by_looking(owning: Client) -> None:
    gap = a_gap("estorno", "Como peço estorno?")
    assert owning.get(act(gap)).status_code == 405
    assert owning.get(reverse("admin:telemetry_gap_move")).status_code == 405
