"""Notices arrive at a real mail server and a real receiver: at least once, signed, and never lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from aion import webhooks
from telemetry.alarms import clear_alarm, raise_alarm, sending, signing, ways
from telemetry.exceptions import SecretLost
from telemetry.models import AlarmChannel, AlarmDelivery, AlarmSeverity
from tests.node import NODE, needs_node
from tests.telemetry.alarms.servers import Mailbox, Receiver, mail_server, receiving

pytestmark = pytest.mark.django_db
SECRET = signing.new_secret()
DOCUMENT = Path(settings.BASE_DIR) / "docs" / "alarms.md"


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    from ipaddress import ip_network

    settings.AION_WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    with receiving() as told:
        yield told


@pytest.fixture
def webhook(receiver: Receiver) -> AlarmChannel:
    return AlarmChannel.objects.create(
        tenant="default", way="webhook", address=receiver.url, sealed_secret=signing.seal(SECRET)
    )


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    with mail_server() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.DEFAULT_FROM_EMAIL = "AION <aion@exemplo.com.br>"
        yield box


def something_is_wrong() -> None:
    raise_alarm("disk:/var", values={"free_bytes": 10**9, "folder": "/var <b>"}, severity=AlarmSeverity.CRITICAL)


def later(**delta: int):
    return timezone.now() + timedelta(**delta)


def only() -> AlarmDelivery:
    return AlarmDelivery.objects.get()


def test_a_webhook_is_signed_so_that_its_receiver_can_tell(receiver, webhook):
    something_is_wrong()
    assert sending.send_due() == 1
    ((headers, body),) = receiver.requests
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    told = json.loads(body)
    assert (told["type"], told["data"]["kind"], told["data"]["severity"]) == ("alarm.opened", "disk", "critical")
    assert told["data"]["link"].startswith("http://127.0.0.1:8008/admin/telemetry/alarm/")
    assert only().state == "sent"


def test_a_failing_receiver_gets_the_same_notice_again_later_and_later(receiver, webhook):
    receiver.behaviour = "fail"
    something_is_wrong()
    assert sending.send_due() == 0
    assert (only().failure, only().detail, only().attempts) == ("status", "500", 1)
    assert sending.send_due() == 0, "not before its time"
    assert sending.send_due(later(seconds=61)) == 0
    receiver.behaviour = "take"
    assert sending.send_due(later(minutes=6)) == 1
    assert len({headers["webhook-id"] for headers, _body in receiver.requests}) == 1
    assert len({body for _headers, body in receiver.requests}) == 1
    assert (len(receiver.requests), only().state, only().failure) == (3, "sent", "")


def test_after_two_days_of_failing_it_is_given_up(receiver, webhook):
    receiver.behaviour = "fail"
    something_is_wrong()
    for day in range(len(sending.PAUSES_MINUTES) + 3):
        sending.send_due(later(days=day))
    assert (only().state, only().attempts) == ("given_up", len(sending.PAUSES_MINUTES) + 1)


def test_a_receiver_that_is_silent_is_left(receiver, webhook, monkeypatch):
    monkeypatch.setattr(webhooks, "WHOLE_S", 0.3)
    receiver.behaviour = "silent"
    something_is_wrong()
    sending.send_due()
    assert (only().failure, only().state) == ("slow", "waiting")


def test_a_redirect_is_not_followed(receiver, webhook):
    receiver.behaviour = "redirect"
    something_is_wrong()
    sending.send_due()
    assert (only().failure, only().detail, len(receiver.requests)) == ("redirect", "307", 1)


def test_a_receiver_that_says_it_is_gone_is_switched_off(receiver, webhook):
    receiver.behaviour = "gone"
    something_is_wrong()
    raise_alarm("queue", now=timezone.now() - timedelta(hours=1))
    sending.send_due()
    webhook.refresh_from_db()
    assert (only().state, webhook.active, webhook.switched_off_because) == ("given_up", False, "gone")


def test_nobody_who_listens_is_tried_again(receiver, webhook):
    AlarmChannel.objects.update(address="http://127.0.0.1:9/")
    something_is_wrong()
    sending.send_due()
    assert (only().failure, only().state) == ("unreachable", "waiting")


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/", "https://10.0.0.7/", "http://[::1]:80/", "http://93.184.215.14/"]
)
def test_addresses_inside_are_not_reached_and_public_ones_not_without_tls(settings, webhook, address):
    settings.AION_WEBHOOK_NETWORKS = []
    AlarmChannel.objects.update(address=address)
    something_is_wrong()
    sending.send_due()
    assert only().failure == "not_allowed"


def test_with_another_secret_key_a_webhook_says_that_it_has_to_be_added_anew(settings, receiver, webhook):
    settings.SECRET_KEY = "outra"
    something_is_wrong()
    sending.send_due()
    assert (only().failure, receiver.requests) == ("secret", [])
    with pytest.raises(SecretLost):
        signing.unseal(webhook.sealed_secret)


def test_the_row_alone_does_not_tell_the_secret(webhook):
    assert SECRET.removeprefix("whsec_") not in webhook.sealed_secret
    assert signing.unseal(webhook.sealed_secret) == SECRET


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""


@pytest.mark.parametrize("moment", ["before it went", "after it went"])
def test_a_worker_killed_at_its_worst_moment_loses_nothing(receiver, webhook, monkeypatch, moment):
    really = ways.deliver

    def killed(delivery: AlarmDelivery) -> None:
        if moment == "after it went":
            really(delivery)
        raise Killed

    something_is_wrong()
    with monkeypatch.context() as patched:
        patched.setattr(ways, "deliver", killed)
        with pytest.raises(Killed):
            sending.send_due()
    assert sending.send_due() == 0, "its turn is not over yet"
    assert sending.send_due(timezone.now() + sending.LEASE + timedelta(seconds=1)) == 1
    ids = [headers["webhook-id"] for headers, _body in receiver.requests]
    assert ids == [ids[0]] * (2 if moment == "after it went" else 1)
    assert only().state == "sent"


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_send_each_notice_once(receiver, webhook):
    for number in range(12):
        raise_alarm(f"disk:/srv/{number}", values={})

    def work(_number: int) -> int:
        try:
            return sending.send_due()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as workers:
        assert sum(workers.map(work, range(4))) == 12
    assert len({headers["webhook-id"] for headers, _body in receiver.requests}) == len(receiver.requests) == 12


def test_a_late_worker_does_not_undo_what_another_noted(receiver, webhook):
    something_is_wrong()
    late = sending._take(timezone.now())
    assert late is not None
    assert sending.send_due(timezone.now() + sending.LEASE + timedelta(seconds=1)) == 1
    receiver.behaviour = "fail"
    sending._try(late)
    assert only().state == "sent"


class TestMail:
    @pytest.fixture(autouse=True)
    def _channel(self, mailbox: Mailbox) -> None:
        AlarmChannel.objects.create(tenant="default", address="equipe@exemplo.com.br")

    def test_an_email_says_it_all_in_portuguese(self, mailbox):
        something_is_wrong()
        assert sending.send_due() == 1
        (mail,) = mailbox.messages
        assert mail["Subject"].strip().startswith("[AION] Crítico · Disco quase cheio: Só restam 953,7 MB")
        assert (mail["To"], mail["From"]) == ("equipe@exemplo.com.br", "AION <aion@exemplo.com.br>")
        assert mail["Message-ID"] == f"<{only().pk.hex}@exemplo.com.br>"
        text = mail.get_body(("plain",)).get_content()
        html = mail.get_body(("html",)).get_content()
        assert "O que fazer: Apague" in text
        assert "/var <b>" in text
        assert "/var &lt;b&gt;" in html
        assert "/admin/telemetry/alarm/" in html

    def test_the_end_is_told_too(self, mailbox):
        something_is_wrong()
        clear_alarm("disk:/var")
        assert sending.send_due() == 2
        assert mailbox.messages[1]["Subject"].strip().startswith("[AION] Resolvido · ")
        assert "não há nada a fazer" in mailbox.messages[1].get_body(("plain",)).get_content()

    def test_what_the_server_refuses_is_kept_with_its_words(self, mailbox):
        mailbox.refuse = "550 caixa cheia"
        something_is_wrong()
        sending.send_due()
        assert (only().failure, only().detail, only().state) == ("mail", "550 caixa cheia", "waiting")

    def test_a_server_that_is_gone_is_tried_again(self, settings):
        settings.EMAIL_PORT = 9
        something_is_wrong()
        sending.send_due()
        assert (only().failure, only().state) == ("unreachable", "waiting")

    def test_without_a_server_it_says_so(self, settings):
        settings.EMAIL_HOST = ""
        something_is_wrong()
        sending.send_due()
        assert only().failure == "no_email"


def example_of(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return str(code)


def signed_request(body: bytes = b'{"type":"alarm.test"}') -> dict[str, str]:
    return signing.signed_headers(SECRET, "msg_1", body, at=timezone.now())


def test_the_documented_python_takes_what_is_ours_and_nothing_else():
    known: dict[str, object] = {}
    exec(example_of("python"), known)
    verify, body = known["verify"], b'{"type":"alarm.test"}'
    assert callable(verify)
    headers = signed_request(body)
    assert verify(SECRET, headers, body) == {"type": "alarm.test"}
    old = signing.signed_headers(SECRET, "msg_1", body, at=timezone.now() - timedelta(minutes=6))
    for wrong in (headers | {"webhook-id": "msg_2"}, headers | {"webhook-signature": "v1,AAAA"}, old):
        with pytest.raises(ValueError, match="webhook"):
            verify(SECRET, wrong, body)
    with pytest.raises(ValueError, match="webhook"):
        verify(SECRET, headers, body + b" ")


@needs_node
def test_the_documented_javascript_does_too(tmp_path):
    body = b'{"type":"alarm.test"}'
    headers = signed_request(body)
    cases = [
        [headers, body.decode()],
        [headers, body.decode() + " "],
        [headers | {"webhook-signature": "v1,AAAA"}, body.decode()],
    ]
    script = tmp_path / "verify.mjs"
    script.write_text(
        example_of("javascript")
        + f"\nfor (const [headers, body] of {json.dumps(cases)}) {{"
        + f"\n  try {{ console.log(verify({json.dumps(SECRET)}, headers, body).type); }}"
        + "\n  catch (error) { console.log('refused'); }\n}\n"
    )
    result = subprocess.run([NODE, str(script)], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["alarm.test", "refused", "refused"]
