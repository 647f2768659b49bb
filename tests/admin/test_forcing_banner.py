"""As long as the paid API is forced, every page that staff open says so, and where it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat import control, wording

pytestmark = pytest.mark.django_db
STOP = reverse("admin:panel_action", args=["stop-forcing"])
NOTICE = "O fallback pago está forçado até"
PAGES = (
    reverse("admin:index"),
    reverse("admin:chat_chatsettingsrevision_changelist"),
    reverse("admin:chat_chatsettingsrevision_add"),
    reverse("admin:auth_user_changelist"),
    reverse("admin:password_change"),
    reverse("admin:panel_action", args=["export-dataset"]),
    reverse("chat"),
)


def force(until: datetime) -> str:
    control.revise({"forced_fallback_until": until}, by=None)
    control.forget()
    return wording.until(until)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_it_is_forced_and_links_to_the_end(owning: Client, page: str) -> None:
    assert NOTICE not in owning.get(page).content.decode()
    until = force(timezone.now() + timedelta(minutes=90))
    shown = owning.get(page).content.decode()
    assert f"{NOTICE} {until}." in shown
    assert f'href="{STOP}"' in shown


@pytest.mark.parametrize("page", PAGES)
def test_the_notice_is_gone_by_itself_as_soon_as_the_switch_is(owning: Client, page: str) -> None:
    force(timezone.now() - timedelta(seconds=1))
    assert NOTICE not in owning.get(page).content.decode()


def test_the_notice_knows_after_how_many_seconds_it_is_to_go(owning: Client) -> None:
    force(timezone.now() + timedelta(seconds=40))
    assert 'data-seconds-left="40"' in owning.get(reverse("admin:index")).content.decode()


def test_staff_who_may_not_stop_it_see_it_without_a_link(staff_with: Callable[..., Client]) -> None:
    client = staff_with("chat.force_fallback")
    force(timezone.now() + timedelta(minutes=5))
    page = client.get(reverse("admin:index")).content.decode()
    assert NOTICE in page
    assert STOP not in page
    assert client.post(STOP, {"reason": "x"}).status_code == 403


def test_people_who_only_ask_see_nothing_of_it() -> None:
    client = Client()
    client.force_login(User.objects.create_user("rui"))
    force(timezone.now() + timedelta(minutes=5))
    assert NOTICE not in client.get(reverse("chat")).content.decode()


def test_an_end_on_another_day_names_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ZoneInfo("America/Sao_Paulo")
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 10, 14, 0, tzinfo=here))
    assert wording.until(datetime(2026, 3, 10, 14, 30, tzinfo=here)) == "14h30"
    assert wording.until(datetime(2026, 3, 11, 9, 5, tzinfo=here)) == "9h05 de 11/03/2026"
