"""What askers and staff thought of answers."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords


class Feedback(models.Model):
    """What the asker thought of an answer, with question and reply copied: it outlives the conversation."""

    tenant = models.CharField(_("tenant"), max_length=64)
    event_id = models.UUIDField(_("answer"))
    vote = models.SmallIntegerField(_("vote"), validators=[MinValueValidator(-1), MaxValueValidator(1)])
    comment = models.TextField(_("comment"), blank=True)
    correction = models.TextField(_("correction"), blank=True)
    relevant_sources = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("relevant sources"), default=list)
    user_id = models.BigIntegerField(_("user"), null=True)
    key_id = models.BigIntegerField(_("API key"), null=True)
    question = models.TextField(_("question"))
    reply = models.TextField(_("reply"))
    created_at = models.DateTimeField(_("given at"), auto_now_add=True)

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("tenant", "created_at"), name="telemetry_feedback_by_day"),
            models.Index(fields=("user_id",), name="telemetry_feedback_of_person"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("event_id", "user_id", "key_id"), nulls_distinct=False, name="telemetry_one_feedback_each"
            ),
            models.CheckConstraint(condition=Q(vote__gte=-1, vote__lte=1), name="telemetry_vote_in_range"),
        )

    def __str__(self) -> str:
        return self.question[:80] or str(self.event_id)


class Review(models.Model):
    """What staff found of an answer: one verdict in force, its changes kept. Question and reply are copied: it
    outlives the conversation. `telemetry.reviews` writes it."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", pgettext_lazy("an answer", "approved")
        CORRECTED = "corrected", pgettext_lazy("an answer", "corrected")
        REJECTED = "rejected", pgettext_lazy("an answer", "rejected")

    tenant = models.CharField(_("tenant"), max_length=64)
    event_id = models.UUIDField(_("answer"))
    verdict = models.CharField(_("verdict"), max_length=9, choices=Verdict.choices)
    correction = models.TextField(_("better answer"), blank=True)
    question = models.TextField(_("question"))
    reply = models.TextField(_("reply"))
    reviewer_id = models.BigIntegerField(_("reviewer"))
    decided_at = models.DateTimeField(_("decided at"))
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ("-decided_at",)
        default_permissions = ("view",)
        permissions = (("review_answers", _("Can review answers")),)
        indexes = (
            models.Index(fields=("tenant", "decided_at"), name="telemetry_review_by_moment"),
            models.Index(fields=("tenant", "reviewer_id", "decided_at"), name="telemetry_review_by_reviewer"),
            models.Index(MD5("question"), name="telemetry_review_by_question"),
        )
        constraints = (
            models.UniqueConstraint(fields=("tenant", "event_id"), name="telemetry_one_review_an_answer"),
            models.CheckConstraint(
                condition=Q(verdict="corrected") & ~Q(correction="") | ~Q(verdict="corrected") & Q(correction=""),
                name="telemetry_corrections_alone_have_one",
            ),
        )

    def __str__(self) -> str:
        return self.question[:80] or str(self.event_id)
