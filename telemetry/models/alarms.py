"""Alarms: what is wrong, whom to tell, and what was told."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from telemetry.models.ids import new_id


class AlarmSeverity(models.TextChoices):
    WARNING = "warning", pgettext_lazy("severity", "attention")
    CRITICAL = "critical", pgettext_lazy("severity", "critical")


class AlarmKind(models.TextChoices):
    """What may be wrong. `telemetry.alarms.kinds` says of each what to do, docs/alarms.md more of it."""

    MODEL = "model", _("model not ready")
    ERRORS = "errors", _("questions that fail")
    QUEUE = "queue", _("queue too long")
    DISK = "disk", _("disk nearly full")
    BUDGET = "budget", _("budget nearly spent")
    FALLBACK_SHARE = "fallback_share", _("too much goes to the paid API")
    PAID_MODEL = "paid_model", _("paid model does not answer")
    RETRIEVAL = "retrieval", _("search quality too low")
    CALIBRATION = "calibration", _("calibration out of date")
    GOLDEN_SET = "golden_set", _("golden questions fail")
    NIGHT = "night", _("night failed")
    WATCH = "watch", _("answers got worse after a promotion")
    EXPORT = "export", _("export failed")


class Alarm(models.Model):
    """Something wrong, from when it was first seen until it is over; one open row a key (`kind` or `kind:subject`).

    The sentence is a code with values, worded when shown. `step` is how far it has come within one severity (the
    budget's 50 and 80 %). `told_at` is the last notice, None while it may still pass by itself.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    key = models.CharField(_("key"), max_length=200)
    kind = models.CharField(_("kind"), max_length=24, choices=AlarmKind.choices)
    severity = models.CharField(pgettext_lazy("alarm", "severity"), max_length=12, choices=AlarmSeverity.choices)
    step = models.PositiveSmallIntegerField(_("step"), default=0)
    code = models.CharField(_("code"), max_length=40)
    values = models.JSONField(_("values"), default=dict)
    link = models.CharField(_("page"), max_length=300, blank=True)
    opened_at = models.DateTimeField(_("since"))
    last_seen_at = models.DateTimeField(pgettext_lazy("alarm", "last seen"))
    closed_at = models.DateTimeField(_("over since"), null=True)
    count = models.PositiveIntegerField(_("times seen"), default=1)
    told_at = models.DateTimeField(_("last notice"), null=True)
    acknowledged_by = models.BigIntegerField(_("taken up by"), null=True)
    acknowledged_at = models.DateTimeField(_("taken up"), null=True)
    snoozed_until = models.DateTimeField(_("silent until"), null=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        ordering = ("-id",)
        default_permissions = ("view",)
        permissions = (("handle_alarms", _("Can take up and silence alarms")),)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "key"), condition=Q(closed_at=None), name="telemetry_one_open_alarm_a_key"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({timezone.localtime(self.opened_at):%d/%m/%Y %H:%M})"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class AlarmRule(models.Model):
    """What staff decided about one kind of alarm; without a row it is on, as severe as AION finds it."""

    tenant = models.CharField(_("tenant"), max_length=64, editable=False)
    kind = models.CharField(_("kind"), max_length=24, choices=AlarmKind.choices)
    active = models.BooleanField(
        _("in force"), default=True, help_text=_("Switched off, it is neither shown nor told to anybody.")
    )
    severity = models.CharField(
        pgettext_lazy("alarm", "severity"),
        max_length=12,
        choices=AlarmSeverity.choices,
        blank=True,
        help_text=_("Empty: as severe as AION finds it, which may rise while it lasts."),
    )
    reason = models.CharField(
        _("reason"), max_length=300, help_text=_("It is kept with the change, for whoever looks at it later.")
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("exception to the alarms")
        verbose_name_plural = _("exceptions to the alarms")
        ordering = ("kind",)
        constraints = (models.UniqueConstraint(fields=("tenant", "kind"), name="telemetry_one_rule_an_alarm_kind"),)

    def __str__(self) -> str:
        return str(self.get_kind_display())


class AlarmChannel(models.Model):
    """Who is told: an e-mail address or a webhook. `sealed_secret` signs a webhook (`telemetry.alarms.signing`)."""

    class Way(models.TextChoices):
        EMAIL = "email", _("e-mail")
        WEBHOOK = "webhook", _("webhook")

    tenant = models.CharField(_("tenant"), max_length=64, editable=False)
    way = models.CharField(pgettext_lazy("alarm", "by"), max_length=8, choices=Way.choices, default=Way.EMAIL)
    address = models.CharField(_("address"), max_length=500)
    least_severity = models.CharField(
        _("tell"),
        max_length=12,
        choices=(
            (AlarmSeverity.WARNING, _("every alarm")),
            (AlarmSeverity.CRITICAL, _("critical alarms only")),
        ),
        default=AlarmSeverity.WARNING,
    )
    active = models.BooleanField(_("in force"), default=True)
    switched_off_because = models.CharField(_("why it was switched off"), max_length=24, blank=True, editable=False)
    sealed_secret = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = _("destination of alarms")
        verbose_name_plural = _("destinations of alarms")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "way", "address"), name="telemetry_one_channel_an_address"),
            models.CheckConstraint(
                condition=Q(way="email") | ~Q(sealed_secret=""), name="telemetry_webhooks_have_a_secret"
            ),
        )

    def __str__(self) -> str:
        return self.address


class AlarmDelivery(models.Model):
    """One notice to one channel: written with the alarm, sent by a worker until it arrives or is given up.

    The id goes with it, so that who gets it twice can tell. `body` is what is told, as it was at that moment. Waiting
    rows are taken at `next_attempt_at`, which is moved past the time of one attempt when a worker takes one.
    """

    class Notice(models.TextChoices):
        OPENED = "opened", pgettext_lazy("alarm notice", "new")
        ESCALATED = "escalated", pgettext_lazy("alarm notice", "got worse")
        REMINDER = "reminder", pgettext_lazy("alarm notice", "reminder")
        RESOLVED = "resolved", pgettext_lazy("alarm notice", "over")
        TEST = "test", pgettext_lazy("alarm notice", "test")

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("alarm notice", "waiting")
        SENT = "sent", pgettext_lazy("alarm notice", "sent")
        GIVEN_UP = "given_up", pgettext_lazy("alarm notice", "given up")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    alarm = models.ForeignKey(Alarm, verbose_name=_("alarm"), null=True, on_delete=models.CASCADE)
    channel = models.ForeignKey(AlarmChannel, verbose_name=_("destination"), on_delete=models.CASCADE)
    notice = models.CharField(_("notice"), max_length=12, choices=Notice.choices)
    body = models.JSONField(_("content"))
    created_at = models.DateTimeField(_("written"))
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    failure = models.CharField(_("last failure"), max_length=24, blank=True)
    detail = models.CharField(_("details"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("notice sent")
        verbose_name_plural = _("notices sent")
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("next_attempt_at",), condition=Q(state="waiting"), name="telemetry_delivery_waiting"),
        )

    def __str__(self) -> str:
        return f"{self.get_notice_display()}: {self.channel}"
