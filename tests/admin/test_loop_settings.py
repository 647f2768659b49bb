"""Staff set the learning loop, once a tenant, within sound ranges, and every change is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from telemetry.models import LoopSettings, TrainingSet

pytestmark = pytest.mark.django_db
ADD = "/admin/telemetry/loopsettings/add/"
FORM = {"min_new_rows": "50", "refusal_share": "0"}


def test_it_is_set_once_and_then_changed_and_who_did_it_is_kept(owner: User, owning: Client) -> None:
    owning.post(ADD, {**FORM, "paused": "on"})
    row = LoopSettings.objects.get()
    assert (row.tenant, row.paused, row.min_new_rows, row.epochs) == ("default", True, 50, None)
    assert owning.get(ADD).status_code == 403
    address = reverse("admin:telemetry_loopsettings_change", args=[row.pk])
    owning.post(address, {**FORM, "min_new_rows": "60", "epochs": "2"})
    row.refresh_from_db()
    assert (row.paused, row.min_new_rows, row.epochs) == (False, 60, 2.0)
    assert [(each.min_new_rows, each.history_user) for each in row.history.all()] == [(60, owner), (50, owner)]


def test_its_list_is_its_form(owning: Client) -> None:
    listed = reverse("admin:telemetry_loopsettings_changelist")
    assert owning.get(listed).headers["Location"] == ADD
    owning.post(ADD, FORM)
    changed = reverse("admin:telemetry_loopsettings_change", args=[LoopSettings.objects.get().pk])
    assert owning.get(listed).headers["Location"] == changed


def test_what_would_make_no_sense_is_said_and_not_kept(owning: Client) -> None:
    page = owning.post(ADD, {**FORM, "refusal_share": "0.8"}).content.decode()
    assert "menor ou igual a 0,5" in page or "menor ou igual a 0.5" in page
    assert "O modelo que vem com o AION não suporta nenhuma" in page
    assert not LoopSettings.objects.exists()


def test_it_cannot_be_deleted_nor_changed_without_permission(
    installation: User, owning: Client, staff_with: Callable[..., Client]
) -> None:
    row = LoopSettings.objects.get()
    assert (
        owning.post(reverse("admin:telemetry_loopsettings_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    )
    viewer = staff_with("telemetry.view_loopsettings")
    viewer.post(reverse("admin:telemetry_loopsettings_change", args=[row.pk]), {**FORM, "min_new_rows": "1"})
    row.refresh_from_db()
    assert row.min_new_rows == 40


def test_a_training_set_tells_what_was_left_out_in_words(installation: User, owning: Client) -> None:
    made = TrainingSet.objects.get()
    page = owning.get(reverse("admin:telemetry_trainingset_change", args=[made.pk])).content.decode()
    assert "quase igual a outra: 3" in page
    assert "resposta aprovada: 2" in page
    assert "pronto para treinar" in page
