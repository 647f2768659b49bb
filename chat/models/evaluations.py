"""What golden questions showed, run by run."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chat.models.revisions import between
from retrieval.models import GoldenQuestion


class EvaluationRun(models.Model):
    """The golden questions asked once: what answered then (`conditions`, as `chat.evaluation.conditions` has it), the
    figures of `chat.evaluation.report` with their intervals, and how each set stands.

    One waits and one runs at most. `done` of `total` askings were made; fewer where time ran out.
    """

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("an evaluation", "waiting")
        RUNNING = "running", pgettext_lazy("an evaluation", "running")
        DONE = "done", pgettext_lazy("an evaluation", "done")
        INTERRUPTED = "interrupted", pgettext_lazy("an evaluation", "interrupted")
        FAILED = "failed", pgettext_lazy("an evaluation", "failed")

    class Cause(models.TextChoices):
        BUTTON = "button", _("asked for")
        NIGHT = "night", _("nightly")
        CHANGE = "change", _("something changed")

    tenant = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.WAITING)
    cause = models.CharField(_("cause"), max_length=8, choices=Cause)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("asked for by"),
    )
    created_at = models.DateTimeField(pgettext_lazy("an evaluation", "asked for at"), auto_now_add=True)
    changed_at = models.DateTimeField(_("last change seen"), null=True)
    started_at = models.DateTimeField(_("began"), null=True)
    finished_at = models.DateTimeField(pgettext_lazy("an evaluation", "ended"), null=True)
    conditions = models.JSONField(default=dict)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.TextField(_("error"), blank=True, default="")
    figures = models.JSONField(default=dict)
    sets = models.JSONField(default=list)

    class Meta:
        default_permissions = ("view",)
        permissions = (("run_evaluation", _("Can have the golden questions evaluated")),)
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(state="waiting"), name="chat_one_evaluation_waits"
            ),
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(state="running"), name="chat_one_evaluation_runs"
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"


class EvaluationAnswer(models.Model):
    """What one question was answered in one run. It goes with the golden question, and so with whoever asked that.

    `key` is the same as long as question, right answers and source are; `right` is None where nobody knows what is
    right, `found` where the source is unknown. What shares its `place`, the document, is resampled together.
    """

    run = models.ForeignKey(EvaluationRun, models.CASCADE, related_name="answers")
    golden = models.ForeignKey(GoldenQuestion, models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)
    set_name = models.TextField(blank=True, default="")
    place = models.TextField(blank=True, default="")
    question = models.TextField()
    expected = models.JSONField(default=list)
    answerable = models.BooleanField(null=True)
    reply = models.TextField(blank=True, default="")
    route = models.CharField(max_length=12)
    mode = models.CharField(max_length=12, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    confidence = models.FloatField()
    f1 = models.FloatField(null=True)
    contains = models.FloatField(null=True)
    found = models.BooleanField(null=True)
    right = models.BooleanField(null=True)
    total_ms = models.FloatField()

    class Meta:
        default_permissions = ()
        verbose_name = _("answer of an evaluation")
        verbose_name_plural = _("answers of an evaluation")
        constraints = (models.UniqueConstraint(fields=["run", "golden"], name="chat_one_evaluation_answer"),)

    def __str__(self) -> str:
        """Without the question: it may be somebody's, and admin pages keep what they name."""
        return f"#{self.run_id}/{self.golden_id}"


class EvaluationFloor(models.Model):
    """The share of right answers below which a set alarms."""

    tenant = models.CharField(max_length=64, editable=False)
    set_name = models.TextField(_("set"), blank=True, default="")
    share = models.FloatField(
        _("floor"),
        validators=between(0, 1),
        help_text=_("From 0 to 1. With 0.8 the set alarms where fewer than 8 of 10 questions are answered rightly."),
    )

    class Meta:
        verbose_name = _("floor of a set")
        verbose_name_plural = _("floors of sets")
        ordering = ("set_name",)
        constraints = (models.UniqueConstraint(fields=["tenant", "set_name"], name="chat_one_floor_a_set"),)

    def __str__(self) -> str:
        return self.set_name or "—"
