"""What a group has otherwise is chosen, compared and confirmed; every state stays readable and can be chosen again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from chat import control
from chat.models import GroupPolicyRevision

pytestmark = pytest.mark.django_db
ADD = reverse("admin:chat_grouppolicyrevision_add")
LIST = reverse("admin:chat_grouppolicyrevision_changelist")


@pytest.fixture(autouse=True)
def _groups(db: None) -> None:
    Group.objects.create(name="caixa")
    Group.objects.create(name="obras")


def form_values(group: str = "caixa", **changes: Any) -> dict[str, Any]:
    newest = GroupPolicyRevision.objects.filter(group_name=group).values_list("pk", flat=True).first() or ""
    values = {"group_name": group, "reason": "mais cautela", "fallback_allowed": "unknown", "based_on": newest}
    return values | changes


def test_a_difference_is_shown_before_it_is_made(owning: Client) -> None:
    page = owning.post(ADD, form_values(tau="0.8", on_low_confidence="warn")).content.decode()
    assert "Confirmar as diferenças do grupo “caixa”" in page
    assert "Como para todos (0,62)" in page
    assert "<strong>0,8</strong>" in page
    assert "<strong>responder com ressalva</strong>" in page
    assert not GroupPolicyRevision.objects.exists()


def test_a_confirmed_difference_holds_and_is_written_down(owning: Client, owner: User) -> None:
    owning.post(ADD, form_values(tau="0.8", fallback_allowed="false", confirmed="yes"))
    revision = GroupPolicyRevision.objects.get()
    assert (revision.group_name, revision.tau, revision.fallback_allowed) == ("caixa", 0.8, False)
    assert (revision.on_low_confidence, revision.by, revision.reason) == (None, owner, "mais cautela")
    control.forget()
    assert control.current_for(["caixa"]).tau == 0.8
    assert LogEntry.objects.get().user == owner


def test_what_is_in_force_is_listed_by_group_and_on_the_panel(owning: Client) -> None:
    control.revise_group("caixa", {"tau": 0.8}, by=None, reason="a")
    control.revise_group("obras", {"tau": 0.7}, by=None, reason="b")
    control.revise_group("obras", {"tau": None}, by=None, reason="c")
    control.forget()
    page = owning.get(LIST).content.decode()
    in_force = page[page.index('id="in-force"') : page.index("</section>", page.index('id="in-force"'))]
    assert "caixa" in in_force
    assert "<strong>0,8</strong>" in in_force
    assert "obras" not in in_force
    panel = owning.get(reverse("admin:index")).content.decode()
    assert "Grupos com diferenças" in panel
    assert "<strong>caixa</strong>" in panel


def test_without_differences_the_list_says_that_all_have_the_same(owning: Client) -> None:
    assert "Todos os grupos seguem os ajustes das respostas." in owning.get(LIST).content.decode()
    assert "Grupos com diferenças" not in owning.get(reverse("admin:index")).content.decode()


def test_an_earlier_state_can_be_chosen_again(owning: Client) -> None:
    first = control.revise_group("caixa", {"tau": 0.8, "fallback_allowed": True}, by=None, reason="a")
    control.revise_group("caixa", {"tau": 0.5, "fallback_allowed": None}, by=None, reason="b")
    page = owning.get(reverse("admin:chat_grouppolicyrevision_change", args=[first.pk])).content.decode()
    again = f"{ADD}?group_name=caixa&amp;tau=0.8&amp;fallback_allowed=true"
    assert again in page
    form = owning.get(again.replace("&amp;", "&")).content.decode()
    assert '<option value="caixa" selected' in form
    assert '<option value="true" selected' in form
    assert 'value="0.8"' in form or 'value="0,8"' in form


@pytest.mark.parametrize(
    "wrong", [{"tau": "7"}, {"tau": "alto"}, {"reason": ""}, {"group_name": "ninguém"}, {"group_name": ""}]
)
def test_what_cannot_be_is_named_and_changes_nothing(owning: Client, wrong: dict[str, str]) -> None:
    for confirmed in ({}, {"confirmed": "yes"}):
        response = owning.post(ADD, form_values(**({"tau": "0.7"} | wrong | confirmed)))
        assert response.status_code == 200
        assert "errorlist" in response.content.decode() or "errornote" in response.content.decode()
    assert not GroupPolicyRevision.objects.exists()


def test_what_somebody_else_changed_in_between_is_asked_again(owning: Client) -> None:
    confirmed = form_values(tau="0.7", confirmed="yes")
    control.revise_group("caixa", {"tau": 0.9}, by=None, reason="outra pessoa")
    page = owning.post(ADD, confirmed).content.decode()
    assert "<td>0,9</td>" in page
    assert GroupPolicyRevision.objects.count() == 1


def test_nothing_changed_is_no_revision(owning: Client) -> None:
    assert "Nada foi alterado." in owning.post(ADD, form_values(), follow=True).content.decode()
    assert not GroupPolicyRevision.objects.exists()


def test_a_group_that_is_gone_is_marked(owning: Client) -> None:
    control.revise_group("caixa", {"tau": 0.8}, by=None, reason="a")
    Group.objects.filter(name="caixa").delete()
    assert "o grupo não existe mais" in owning.get(LIST).content.decode()


def test_who_may_only_look_changes_nothing(staff_with: Callable[..., Client]) -> None:
    revision = control.revise_group("caixa", {"tau": 0.8}, by=None)
    client = staff_with("chat.view_grouppolicyrevision", "chat.add_chatsettingsrevision")
    page = client.get(reverse("admin:chat_grouppolicyrevision_change", args=[revision.pk]))
    assert page.status_code == client.get(LIST).status_code == 200
    assert client.post(ADD, form_values(tau="0.1", confirmed="yes")).status_code == 403
    assert GroupPolicyRevision.objects.count() == 1
