"""The two ways to tell: an e-mail, a signed webhook. Each raises `NotDelivered` unless it certainly arrived.

Which addresses a webhook may reach is not known here: who composes AION gives the function that posts (`post_by`).
"""

from __future__ import annotations

import json
import smtplib
from collections.abc import Callable, Mapping

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import override

from telemetry.alarms import signing
from telemetry.alarms.payloads import subject_of
from telemetry.exceptions import NotDelivered, SecretLost
from telemetry.models import AlarmChannel, AlarmDelivery

Post = Callable[[str, Mapping[str, str], bytes], int]  # address, headers, body -> status; raises NotDelivered


def _nobody_posts(url: str, headers: Mapping[str, str], body: bytes) -> int:
    raise NotDelivered(NotDelivered.NOT_ALLOWED)


_post: Post = _nobody_posts


def post_by(post: Post) -> None:
    """Send webhooks through `post` from now on; once, at the start."""
    global _post
    _post = post


def deliver(delivery: AlarmDelivery) -> None:
    """One attempt. Raises `NotDelivered`."""
    if delivery.channel.way == AlarmChannel.Way.WEBHOOK:
        _post_webhook(delivery)
    else:
        _send_email(delivery)


def _post_webhook(delivery: AlarmDelivery) -> None:
    body = json.dumps(delivery.body, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        secret = signing.unseal(delivery.channel.sealed_secret)
    except SecretLost as exc:
        raise NotDelivered(NotDelivered.SECRET) from exc
    headers = signing.signed_headers(secret, f"msg_{delivery.pk.hex}", body, at=timezone.now())
    status = _post(delivery.channel.address, {"Content-Type": "application/json", **headers}, body)
    if 300 <= status < 400:
        raise NotDelivered(NotDelivered.REDIRECT, str(status))
    if status == 410:
        raise NotDelivered(NotDelivered.GONE)
    if not 200 <= status < 300:
        raise NotDelivered(NotDelivered.STATUS, str(status))


def _send_email(delivery: AlarmDelivery) -> None:
    if not settings.EMAIL_HOST:
        raise NotDelivered(NotDelivered.NO_EMAIL)
    with override(settings.LANGUAGE_CODE):
        context = {"body": delivery.body, "notice": delivery.notice, "about": delivery.body["data"]}
        message = EmailMultiAlternatives(
            subject=subject_of(delivery.body),
            body=render_to_string("alarms/email.txt", context),
            to=[delivery.channel.address],
            headers={"Message-ID": _message_id(delivery), "Auto-Submitted": "auto-generated"},
        )
        message.attach_alternative(render_to_string("alarms/email.html", context), "text/html")
    try:
        message.send()
    except TimeoutError as exc:
        raise NotDelivered(NotDelivered.SLOW) from exc
    except smtplib.SMTPException as exc:
        raise NotDelivered(NotDelivered.MAIL, _said(exc)) from exc
    except (OSError, ValueError) as exc:
        raise NotDelivered(NotDelivered.UNREACHABLE, str(exc)) from exc


def _message_id(delivery: AlarmDelivery) -> str:
    """The same at every attempt, so that a mailbox can tell what it has already."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    return f"<{delivery.pk.hex}@{domain}>"


def _said(exc: smtplib.SMTPException) -> str:
    """The server's own words, without the addresses that the exception's text repeats."""
    if isinstance(exc, smtplib.SMTPResponseException):
        said = exc.smtp_error.decode(errors="replace") if isinstance(exc.smtp_error, bytes) else exc.smtp_error
        return f"{exc.smtp_code} {said}"
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(exc.recipients.values()))
        return f"{code} {answer.decode(errors='replace')}"
    return type(exc).__name__
