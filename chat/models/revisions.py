"""What staff tune, as rows that are never changed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


def between(low: float, high: float) -> list[Any]:
    """Validators of a number in [low, high]."""
    return [MinValueValidator(low), MaxValueValidator(high)]


class Revision(models.Model):
    """One state of something that staff tune; the newest is in force. Rows are never changed. Null inherits."""

    class OnLowConfidence(models.TextChoices):
        ABSTAIN = "abstain", _("say that it was not found")
        WARN = "warn", _("answer with a warning")

    reason = models.CharField(_("reason of the change"), max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, verbose_name=_("changed by")
    )
    at = models.DateTimeField(_("changed"), auto_now_add=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; a revision that exists is never rewritten."""
        if not self._state.adding:
            raise ValueError("a settings revision is never changed; add a new one")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: the history of what was in force stays whole."""
        raise ValueError("a settings revision is never deleted")


class ChatSettingsRevision(Revision):
    """One state of the chat's settings."""

    class Scorer(models.TextChoices):
        CALIBRATED = "calibrated", _("calibrated")
        COSINE = "cosine", _("cosine (older formula)")

    class Mode(models.TextChoices):
        GENERATE = "generate", _("generate, quote where the check fails")
        QUOTE_FIRST = "quote_first", _("quote where the support is strong, else generate")
        EXCERPT = "excerpt", _("the same, the quotation cut by the model to what answers")
        QUOTE = "quote", _("always quote the documents")

    INHERITED: ClassVar[tuple[str, ...]] = (
        "tau",
        "scorer",
        "answer_mode",
        "on_low_confidence",
        "dense_candidates",
        "text_candidates",
        "top_k",
        "mmr_lambda",
        "prompt_context_tokens",
        "max_new_tokens",
        "temperature",
        "top_p",
        "repetition_penalty",
        "deadline_s",
        "system_prompt",
        "fallback_allowed",
        "fallback_model",
        "fallback_on_overload",
        "fallback_from",
        "fallback_to",
        "labels_that_stay",
        "forced_fallback_until",
    )

    tau = models.FloatField(_("tau (confidence threshold)"), null=True, blank=True, validators=between(0, 1))
    scorer = models.CharField(_("scorer"), max_length=20, choices=Scorer, null=True, blank=True)  # noqa: DJ001
    answer_mode = models.CharField(_("answer mode"), max_length=12, choices=Mode, null=True, blank=True)  # noqa: DJ001
    on_low_confidence = models.CharField(  # noqa: DJ001
        _("on low confidence"), max_length=8, choices=Revision.OnLowConfidence, null=True, blank=True
    )
    dense_candidates = models.PositiveSmallIntegerField(
        _("dense candidates"), null=True, blank=True, validators=between(1, 200)
    )
    text_candidates = models.PositiveSmallIntegerField(
        _("full-text candidates"), null=True, blank=True, validators=between(1, 200)
    )
    top_k = models.PositiveSmallIntegerField(_("passages selected"), null=True, blank=True, validators=between(1, 50))
    mmr_lambda = models.FloatField(_("MMR lambda"), null=True, blank=True, validators=between(0, 1))
    prompt_context_tokens = models.PositiveIntegerField(
        _("context budget, tokens"), null=True, blank=True, validators=between(50, 100000)
    )
    max_new_tokens = models.PositiveIntegerField(
        _("new tokens at most"), null=True, blank=True, validators=between(1, 4096)
    )
    temperature = models.FloatField(_("temperature"), null=True, blank=True, validators=between(0, 2))
    top_p = models.FloatField(_("top p"), null=True, blank=True, validators=between(0.01, 1))
    repetition_penalty = models.FloatField(_("repetition penalty"), null=True, blank=True, validators=between(0.5, 2))
    deadline_s = models.FloatField(_("deadline, seconds"), null=True, blank=True, validators=between(1, 600))
    system_prompt = models.TextField(_("system prompt"), null=True, blank=True)  # noqa: DJ001
    fallback_allowed = models.BooleanField(_("paid fallback allowed"), null=True, blank=True)
    fallback_model = models.CharField(_("fallback model"), max_length=120, null=True, blank=True)  # noqa: DJ001
    fallback_on_overload = models.BooleanField(_("overload may use the paid fallback"), null=True, blank=True)
    fallback_from = models.TimeField(_("paid fallback from"), null=True, blank=True)
    fallback_to = models.TimeField(_("paid fallback until"), null=True, blank=True)
    labels_that_stay = ArrayField(
        models.CharField(max_length=80), null=True, blank=True, verbose_name=_("labels that never leave")
    )
    forced_fallback_until = models.DateTimeField(_("fallback forced until"), null=True, blank=True)
    restored_from = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        verbose_name = _("settings revision")
        verbose_name_plural = _("settings revisions")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(tau__isnull=True) | Q(tau__gte=0, tau__lte=1), name="tau_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def clean(self) -> None:
        """Hours have a beginning and an end."""
        if (self.fallback_from is None) != (self.fallback_to is None):
            missing = "fallback_from" if self.fallback_from is None else "fallback_to"
            raise ValidationError({missing: _("Give both hours, or leave both empty.")})
        if self.fallback_from is not None and self.fallback_from == self.fallback_to:
            raise ValidationError({"fallback_to": _("The hours end when they begin. For always, leave both empty.")})


class GroupPolicyRevision(Revision):
    """What one user group has otherwise than the rest; the newest row of each group is in force."""

    INHERITED: ClassVar[tuple[str, ...]] = ("tau", "fallback_allowed", "on_low_confidence")

    group_name = models.CharField(_("group"), max_length=150)
    tau = models.FloatField(_("tau (confidence threshold)"), null=True, blank=True, validators=between(0, 1))
    fallback_allowed = models.BooleanField(_("paid fallback allowed"), null=True, blank=True)
    on_low_confidence = models.CharField(  # noqa: DJ001
        _("on low confidence"), max_length=8, choices=Revision.OnLowConfidence, null=True, blank=True
    )

    class Meta:
        verbose_name = _("difference of a group")
        verbose_name_plural = _("differences by group")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(tau__isnull=True) | Q(tau__gte=0, tau__lte=1), name="tau_of_group_is_a_share"
            ),
        ]
        indexes = [models.Index(fields=["group_name", "-id"], name="newest_of_group")]

    def __str__(self) -> str:
        return f"{self.group_name} #{self.pk}"


class ChatSettings(models.Model):
    """No table: it carries the permissions of the chat."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("set_tau", _("Can choose tau for a question")),
            ("force_fallback", _("Can force the paid fallback")),
        )
        verbose_name = _("chat settings")
        verbose_name_plural = _("chat settings")

    def __str__(self) -> str:
        return "chat settings"
