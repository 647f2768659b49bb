"""The screens of alarms: what to do, taken up and silenced; destinations, their secret and their test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from telemetry.alarms import raise_alarm, signing
from telemetry.models import Alarm, AlarmChannel, AlarmRule
from tests.telemetry.alarms.servers import Receiver, receiving

pytestmark = pytest.mark.django_db
CHANNELS = reverse("admin:telemetry_alarmchannel_changelist")
ADD = reverse("admin:telemetry_alarmchannel_add")


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.AION_WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    with receiving() as told:
        yield told


@pytest.fixture
def alarm() -> Alarm:
    raise_alarm("export", values={"said": "disco <cheio>"}, link="/admin/x/", now=timezone.now())
    return Alarm.objects.get()


def page_of(alarm: Alarm, page: str = "change") -> str:
    return reverse(f"admin:telemetry_alarm_{page}", args=[alarm.pk])


def add(client: Client, way: str, address: str) -> Any:
    return client.post(ADD, {"way": way, "address": address, "least_severity": "warning"})


def test_an_alarm_says_what_is_wrong_and_what_to_do(owning: Client, alarm: Alarm) -> None:
    page = owning.get(page_of(alarm)).content.decode()
    assert "A última exportação de dataset falhou: disco &lt;cheio&gt;" in page
    assert "Resolva o que o erro aponta" in page
    assert 'href="/admin/x/"' in page
    assert "Estou cuidando disso…" in page


def test_the_sidebar_counts_what_is_open(owning: Client, alarm: Alarm) -> None:
    page = owning.get(reverse("admin:index")).content.decode()
    sidebar = page[page.index("nav-sidebar-apps") : page.index('id="main"')]
    entry = sidebar[sidebar.index(reverse("admin:telemetry_alarm_changelist")) :]
    assert re.search(r"bg-red-100 text-red-700[^>]*>\s*1\s*</span>", entry[:3000])
    Alarm.objects.update(closed_at=timezone.now())
    page = owning.get(reverse("admin:index")).content.decode()
    assert "bg-red-100 text-red-700" not in page[page.index("nav-sidebar-apps") : page.index('id="main"')]


def test_it_is_taken_up_by_post_after_a_confirmation_and_logged(owning: Client, owner: User, alarm: Alarm) -> None:
    assert "não saem mais lembretes" in owning.get(page_of(alarm, "take_up")).content.decode()
    assert not Alarm.objects.filter(acknowledged_by=owner.pk).exists(), "a look changes nothing"
    owning.post(page_of(alarm, "take_up"))
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == owner.pk
    assert LogEntry.objects.get().object_id == str(alarm.pk)
    assert "com dona" in owning.get(reverse("admin:telemetry_alarm_changelist")).content.decode()


def test_it_is_silenced_for_as_long_as_was_chosen(owning: Client, alarm: Alarm) -> None:
    owning.post(page_of(alarm, "snooze"), {"hours": "24"})
    alarm.refresh_from_db()
    assert alarm.snoozed_until is not None
    assert 23 < (alarm.snoozed_until - timezone.now()).total_seconds() / 3600 <= 24
    assert "silenciado até" in owning.get(page_of(alarm)).content.decode()
    assert owning.post(page_of(alarm, "snooze"), {"hours": "9999"}).status_code == 200, "asked again"


def test_who_may_only_look_neither_takes_up_nor_silences(staff_with: Callable[..., Client], alarm: Alarm) -> None:
    client = staff_with("telemetry.view_alarm")
    assert "Estou cuidando disso" not in client.get(page_of(alarm)).content.decode()
    assert client.post(page_of(alarm, "take_up")).status_code == 403
    assert client.post(page_of(alarm, "snooze"), {"hours": "24"}).status_code == 403


def test_an_empty_list_of_destinations_says_what_to_do(owning: Client) -> None:
    page = owning.get(CHANNELS).content.decode()
    assert "Ninguém é avisado dos alertas ainda" in page
    assert "EMAIL_URL" in page


def test_a_webhooks_secret_is_shown_once_and_signs(owning: Client, receiver: Receiver) -> None:
    shown = add(owning, "webhook", receiver.url).content.decode()
    found = re.search(r'value="(whsec_[^"]+)"', shown)
    assert found is not None
    channel = AlarmChannel.objects.get()
    assert signing.unseal(channel.sealed_secret) == found[1]
    page = reverse("admin:telemetry_alarmchannel_change", args=[channel.pk])
    for address in (page, CHANNELS):
        assert "whsec_" not in owning.get(address).content.decode()
    changed = owning.post(page, {"least_severity": "critical", "address": "https://outra.example.org/"}, follow=True)
    channel.refresh_from_db()
    assert (changed.status_code, channel.least_severity, channel.address) == (200, "critical", receiver.url)


@pytest.mark.parametrize(
    ("way", "address"),
    [
        ("email", "ninguém"),
        ("email", "a@exemplo.com.br\nBcc: b@exemplo.com.br"),
        ("webhook", "ftp://exemplo.com.br/"),
        ("webhook", "https://ana:senha@exemplo.com.br/"),
        ("webhook", "https://exemplo.com.br/\r\nX-Other: 1"),
        ("webhook", "javascript:alert(1)"),
    ],
)
def test_a_wrong_address_is_refused(owning: Client, way: str, address: str) -> None:
    assert add(owning, way, address).status_code == 200
    assert not AlarmChannel.objects.exists()


def test_the_same_destination_twice_is_refused(owning: Client) -> None:
    add(owning, "email", "equipe@exemplo.com.br")
    assert "Este destino já existe." in add(owning, "email", "equipe@exemplo.com.br").content.decode()


def test_the_test_button_says_in_words_what_came_of_it(owning: Client, receiver: Receiver) -> None:
    add(owning, "webhook", receiver.url)
    channel = AlarmChannel.objects.get()
    address = reverse("admin:telemetry_alarmchannel_test", args=[channel.pk])
    assert "Enviar um aviso de teste" in owning.get(address).content.decode()
    assert receiver.requests == [], "a look sends nothing"
    assert "foi aceito por" in owning.post(address, follow=True).content.decode()
    receiver.behaviour = "fail"
    assert "O destino respondeu com erro: 500" in owning.post(address, follow=True).content.decode()
    receiver.behaviour = "redirect"
    assert "não segue redirecionamentos" in owning.post(address, follow=True).content.decode()
    assert len(receiver.requests) == 3
    assert LogEntry.objects.filter(change_message__contains="Aviso de teste").count() == 3


def test_without_a_mail_server_the_test_says_who_mends_it(owning: Client) -> None:
    add(owning, "email", "equipe@exemplo.com.br")
    address = reverse("admin:telemetry_alarmchannel_test", args=[AlarmChannel.objects.get().pk])
    assert "quem administra o AION define EMAIL_URL" in owning.post(address, follow=True).content.decode()


def test_a_destination_goes_with_its_notices(owning: Client, owner: User) -> None:
    channel = AlarmChannel.objects.create(tenant="default", address="equipe@exemplo.com.br")
    raise_alarm("export", values={"said": "disco cheio"})
    assert channel.alarmdelivery_set.exists()
    owning.post(reverse("admin:telemetry_alarmchannel_delete", args=[channel.pk]), {"post": "yes"})
    assert not AlarmChannel.objects.exists()


def test_who_may_only_look_sends_no_test(staff_with: Callable[..., Client]) -> None:
    channel = AlarmChannel.objects.create(tenant="default", address="equipe@exemplo.com.br")
    client = staff_with("telemetry.view_alarmchannel")
    assert client.post(reverse("admin:telemetry_alarmchannel_test", args=[channel.pk])).status_code == 403


def test_a_kind_is_switched_off_with_a_reason_and_what_is_open_of_it_closes(owning: Client, alarm: Alarm) -> None:
    address = reverse("admin:telemetry_alarmrule_add")
    assert owning.post(address, {"kind": "export", "severity": ""}).status_code == 200, "a reason is wanted"
    owning.post(address, {"kind": "export", "severity": "", "reason": "exportamos à mão"})
    rule = AlarmRule.objects.get()
    assert not rule.active
    assert rule.history.get().history_user is not None
    alarm.refresh_from_db()
    assert not alarm.is_open
    assert (
        "exportação com falha" not in owning.get(address).content.decode().split('name="kind"')[1].split("</select>")[0]
    )
