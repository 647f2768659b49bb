"""Each role may do what its table says, on every address and button of the panel, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from aion.panel_actions import ACTIONS
from aion.roles import ROLES, Role, keep_roles, role_of
from tests.admin.conftest import _fresh, document, installation, owner, owning

pytestmark = pytest.mark.django_db
__all__ = ["_fresh", "document", "installation", "owner", "owning"]

TABLE = settings.BASE_DIR / "docs" / "roles.md"
PAGES = {
    "panel_search": "retrieval.view_document",
    "panel_search_quality": "retrieval.view_goldenquestion",
    "golden_import": "retrieval.add_goldenquestion",
    "telemetry_review_queue": "telemetry.review_answers",
}


@pytest.fixture(params=ROLES, ids=lambda role: role.key)
def role(request: pytest.FixtureRequest) -> Role:
    found: Role = request.param
    return found


@pytest.fixture
def member(role: Role, db: None) -> Client:
    keep_roles()
    person = User.objects.create_user("membro", is_staff=True)
    person.groups.add(Group.objects.get(name=role.key))
    client = Client()
    client.force_login(person)
    return client


def written() -> Mapping[str, Mapping[str, str]]:
    """The table of the documentation: permission -> role -> "sim" or "—"."""
    lines = [line.strip("| \n").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    head = [role.key for role in ROLES]
    return {line[0].strip("`"): dict(zip(head, [cell.strip() for cell in line[1:]], strict=True)) for line in lines}


def test_the_table_in_the_documentation_is_what_the_code_gives(role: Role) -> None:
    table = written()
    assert set(table) == frozenset().union(*(each.permissions for each in ROLES))
    assert {code for code, cells in table.items() if cells[role.key] == "sim"} == role.permissions


def test_every_list_and_form_opens_for_whom_the_table_says(role: Role, member: Client, installation: User) -> None:
    wrong = {}
    for model, screen in admin.site._registry.items():
        app, name = model._meta.app_label, model._meta.model_name
        may_see = bool({f"{app}.view_{name}", f"{app}.change_{name}"} & role.permissions)
        status = member.get(reverse(f"admin:{app}_{name}_changelist"), follow=True).status_code
        if status != (200 if may_see else 403):
            wrong[f"{app}.{name} list"] = status
        if f"{app}.add_{name}" not in role.permissions:
            status = member.get(reverse(f"admin:{app}_{name}_add")).status_code
            if status != 403:
                wrong[f"{app}.{name} add"] = status
        row = screen.model._default_manager.first()
        if row is not None and f"{app}.delete_{name}" not in role.permissions:
            status = member.post(reverse(f"admin:{app}_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code
            if status not in (403, 302) or (status == 302 and not model._default_manager.filter(pk=row.pk).exists()):
                wrong[f"{app}.{name} delete"] = status
    assert wrong == {}


def test_every_button_of_the_panel_answers_as_the_table_says(role: Role, member: Client) -> None:
    for slug, action in ACTIONS.items():
        may = set(action.permissions) <= role.permissions
        status = member.get(reverse("admin:panel_action", args=[slug])).status_code
        assert status == (200 if may else 403), (slug, status)
    for page, code in PAGES.items():
        status = member.get(reverse(f"admin:{page}")).status_code
        assert (status != 403) is (code in role.permissions), (page, status)
    for kind, code in (("copy", "copy_person"), ("erasure", "erase_person")):
        status = member.get(reverse("admin:telemetry_datarequest_ask", args=[kind])).status_code
        assert status == (200 if f"telemetry.{code}" in role.permissions else 403)
    status = member.get(reverse("admin:telemetry_auditentry_export", args=["csv"])).status_code
    assert status == (200 if "telemetry.export_audit" in role.permissions else 403)


def test_every_permission_of_the_panels_buttons_is_somebodys() -> None:
    needed = {code for action in ACTIONS.values() for code in action.permissions}
    assert needed <= frozenset().union(*(role.permissions for role in ROLES))


def test_readers_and_auditors_change_nothing() -> None:
    for role in ROLES:
        if role.key in ("leitor", "auditor"):
            assert {code.split(".")[1].split("_")[0] for code in role.permissions} <= {"view", "export"}


def test_what_was_changed_by_hand_is_set_right_at_the_next_start() -> None:
    keep_roles()
    reader = Group.objects.get(name="leitor")
    reader.permissions.add(Permission.objects.get(codename="erase_person"))
    keep_roles()
    assert not reader.permissions.filter(codename="erase_person").exists()
    assert Group.objects.count() == len(ROLES)


def test_somebodys_own_group_of_that_name_gets_no_rights() -> None:
    own = Group.objects.create(name="administrador")
    keep_roles()
    assert not own.permissions.exists()
    assert role_of(own) is None
    role = role_of(Group.objects.get(name="administrador (AION)"))
    assert role is not None
    assert role.key == "administrador"


def test_the_group_screen_says_what_a_role_may_and_lets_nobody_change_it(owning: Client) -> None:
    keep_roles()
    group = Group.objects.get(name="curador")
    page = owning.get(reverse("admin:auth_group_change", args=[group.pk])).content.decode()
    assert "revisa as respostas" in page
    owning.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "outro", "permissions": []})
    group.refresh_from_db()
    assert (group.name, group.permissions.exists()) == ("curador", True)
    assert owning.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403


def test_the_user_screen_says_what_a_person_may(owning: Client) -> None:
    keep_roles()
    person = User.objects.create_user("membro")
    person.groups.add(Group.objects.get(name="curador"))
    page = owning.get(reverse("admin:auth_user_change", args=[person.pk])).content.decode()
    assert re.search(r"curador: .*revisa as respostas", page)
    assert "ninguém entra no painel" in page
