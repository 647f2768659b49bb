"""What the chat keeps: conversations, API keys, revisions of its settings, calibrations. Rows only; no decisions."""

from __future__ import annotations

import uuid
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


class Conversation(models.Model):
    """The turns of one person (or key) on one subject."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.CharField(max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="conversations"
    )
    key = models.ForeignKey(
        "chat.ApiKey", on_delete=models.SET_NULL, null=True, blank=True, related_name="conversations"
    )
    title = models.CharField(_("title"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["tenant", "user", "-updated_at"], name="conversation_of_user")]

    def __str__(self) -> str:
        return self.title or str(self.id)


class Message(models.Model):
    """One turn; an assistant's turn points to its answer event (a plain id: events are dropped by month)."""

    class Role(models.TextChoices):
        USER = "user", _("user")
        ASSISTANT = "assistant", _("assistant")

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(_("role"), max_length=10, choices=Role)
    text = models.TextField(_("text"))
    event_id = models.UUIDField(null=True, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:60]}"


class ApiKey(models.Model):
    """A credential of a program. Only its SHA-256 is kept; `prefix` is what people recognise it by."""

    class Scope(models.TextChoices):
        CHAT = "chat", _("ask questions")
        FEEDBACK = "feedback", _("give feedback")
        GENERATE = "generate", _("use the model directly")
        ADAPTER = "adapter", _("load and merge adapters")
        SET_TAU = "set_tau", _("choose tau for a question")
        FORCE_FALLBACK = "force_fallback", _("force the paid API")

    tenant = models.CharField(max_length=64)
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("prefix"), max_length=16, editable=False)
    hashed = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("user")
    )
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope), default=list, verbose_name=_("scopes"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


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


class Calibration(models.Model):
    """A fitted probability: its weights, what it was fitted on and how well it held up on parts it had not seen."""

    class Kind(models.TextChoices):
        CONFIDENCE = "confidence", _("C: the documents answer the question")
        CORRECTNESS = "correctness", _("the answer given is right")

    tenant = models.CharField(max_length=64)
    kind = models.CharField(_("probability"), max_length=12, choices=Kind, default=Kind.CONFIDENCE)
    active = models.BooleanField(_("in force"), default=False)
    embedder = models.CharField(_("embedder"), max_length=120)
    generation = models.IntegerField(_("corpus generation"))
    chunk_count = models.PositiveIntegerField(_("chunks when fitted"))
    search_settings = models.JSONField(_("retrieval settings"))
    weights = models.JSONField(_("weights"))
    report = models.JSONField(_("report"))
    fitted_on = models.CharField(_("fitted on"), max_length=200)
    created_at = models.DateTimeField(_("fitted"), auto_now_add=True)

    class Meta:
        verbose_name = _("calibration")
        verbose_name_plural = _("calibrations")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind"], condition=Q(active=True), name="one_calibration_of_each_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fitted_on} ({self.created_at:%Y-%m-%d})"


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
