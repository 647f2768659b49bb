"""API keys are shown once and revoked for good; who may edit people cannot raise himself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from aion.permissions import permission_in_words
from chat.authentication import find_key, issue_key
from chat.models import ApiKey

pytestmark = pytest.mark.django_db
ADD = reverse("admin:chat_apikey_add")


def make_key(client: Client, user: User) -> str:
    """The page that shows a new key."""
    return client.post(ADD, {"name": "site", "user": user.pk, "scopes": ["chat"]}).content.decode()


def shown_key(page: str) -> str:
    return page.split('id="issued-key"')[1].split('value="')[1].split('"')[0]


def test_a_new_key_is_shown_once_works_and_its_hash_is_nowhere(owning: Client, owner: User) -> None:
    text = shown_key(make_key(owning, owner))
    key = ApiKey.objects.get()
    assert find_key(text) == key
    assert (key.user, key.scopes, key.tenant) == (owner, ["chat"], "default")
    for address in ("changelist", "change"):
        args = [key.pk] if address == "change" else []
        page = owning.get(reverse(f"admin:chat_apikey_{address}", args=args)).content.decode()
        assert text not in page
        assert key.hashed not in page
    assert LogEntry.objects.get().object_id == str(key.pk)


def test_the_page_with_the_key_is_kept_by_no_cache(owning: Client, owner: User) -> None:
    response = owning.post(ADD, {"name": "site", "user": owner.pk, "scopes": ["chat"]})
    assert "no-store" in response["Cache-Control"]


def test_only_a_superuser_makes_keys_for_others(staff_with: Callable[..., Client], owner: User) -> None:
    client = staff_with("chat.add_apikey", "chat.view_apikey")
    assert "issued-key" not in make_key(client, owner)
    assert not ApiKey.objects.exists()
    assert "issued-key" in make_key(client, User.objects.get(username="ana"))


def test_a_key_is_revoked_by_post_alone(owning: Client, owner: User) -> None:
    key, text = issue_key(name="site", user_id=owner.pk, scopes=["chat"], tenant="default")
    address = reverse("admin:chat_apikey_revoke", args=[key.pk])
    assert "Revogar" in owning.get(address).content.decode()
    assert find_key(text) == key
    owning.post(address)
    assert find_key(text) is None
    owning.post(address)
    assert LogEntry.objects.count() == 1


def test_who_may_only_see_keys_does_not_revoke_them(staff_with: Callable[..., Client], owner: User) -> None:
    key, text = issue_key(name="site", user_id=owner.pk, scopes=["chat"], tenant="default")
    client = staff_with("chat.view_apikey")
    assert client.post(reverse("admin:chat_apikey_revoke", args=[key.pk])).status_code == 403
    assert find_key(text) == key


def test_who_may_edit_people_cannot_raise_himself_nor_touch_a_superuser(
    staff_with: Callable[..., Client], owner: User
) -> None:
    client = staff_with("auth.change_user", "auth.view_user")
    himself = User.objects.get(username="ana")
    values = {
        "username": "ana",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "date_joined_0": "01/01/2026",
    }
    client.post(reverse("admin:auth_user_change", args=[himself.pk]), {**values, "date_joined_1": "10:00:00"})
    himself.refresh_from_db()
    assert not himself.is_superuser
    new_password = {"password1": "outra-senha-9", "password2": "outra-senha-9", "usable_password": "true"}
    assert client.post(reverse("admin:auth_user_password_change", args=[owner.pk]), new_password).status_code == 403
    owner.refresh_from_db()
    assert owner.check_password("senha-de-teste")


def test_who_may_edit_people_does_not_become_one_who_may_more(staff_with: Callable[..., Client]) -> None:
    client = staff_with("auth.change_user", "auth.view_user")
    other = User.objects.create_user("rui", password="senha-de-teste", is_staff=True)
    address = reverse("admin:auth_user_password_change", args=[other.pk])
    assert client.get(address).status_code == 200
    other.user_permissions.add(Permission.objects.get(codename="export_dataset"))
    assert client.get(address).status_code == 403


def test_who_may_edit_groups_gives_them_neither_rights_nor_anothers_documents(
    staff_with: Callable[..., Client],
) -> None:
    client = staff_with("auth.add_group", "auth.change_group", "auth.view_group")
    own = Group.objects.create(name="vendas")
    right = Permission.objects.get(codename="export_dataset")
    client.post(reverse("admin:auth_group_change", args=[own.pk]), {"name": "rh", "permissions": [right.pk]})
    client.post(reverse("admin:auth_group_add"), {"name": "novo", "permissions": [right.pk]})
    assert set(Group.objects.values_list("name", flat=True)) == {"novo", "vendas"}
    assert not Group.objects.exclude(permissions=None).exists()


def test_permissions_are_named_in_portuguese() -> None:
    named = {permission.codename: permission_in_words(permission) for permission in Permission.objects.all()}
    assert named["view_document"] == "Conhecimento: ver documento"
    assert named["export_dataset"] == "Telemetria: Pode exportar o conjunto de dados"
