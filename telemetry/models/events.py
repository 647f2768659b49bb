"""What happened."""

from __future__ import annotations

from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.utils.translation import gettext_lazy as _

from telemetry.models.ids import new_id

WITH_TEXTS = ("answer", "retrieval", "draft", "failure")  # kinds that hold what people asked or were told


class Event(models.Model):
    """Something that happened; append-only, partitioned by month on its id (migration 0001, `telemetry.partitions`)."""

    class Kind(models.TextChoices):
        ANSWER = "answer", _("answer")
        RETRIEVAL = "retrieval", _("retrieval")
        FALLBACK = "fallback", _("fallback")
        FAILURE = "failure", _("failure")
        GENERATION = "generation", _("generation")
        ADAPTER = "adapter", _("adapter")
        SETTINGS = "settings", _("settings")
        FEEDBACK = "feedback", _("feedback")
        DRAFT = "draft", _("local answer made afterwards")
        BUDGET = "budget", _("budget")
        LOOP = "loop", _("learning loop")
        ERASURE = "erasure", _("erasure")
        RETENTION = "retention", _("retention")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    value = models.FloatField(_("value"))
    meta = models.JSONField(_("details"))
    at = models.DateTimeField(_("when"))
    schema = models.PositiveSmallIntegerField(_("schema version"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("tenant", "kind", "id"), name="telemetry_event_by_kind"),
            models.Index(
                KeyTextTransform("userId", "meta"),
                "id",
                name="telemetry_event_of_person",
                condition=models.Q(meta__has_key="userId"),
            ),
            models.Index(
                KeyTextTransform("answerId", "meta"),
                name="telemetry_event_of_answer",
                condition=models.Q(meta__has_key="answerId"),
            ),
            models.Index(
                fields=("tenant", "id"),
                name="telemetry_event_with_text",
                condition=models.Q(kind__in=WITH_TEXTS) & ~models.Q(meta__has_key="erased"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Question(Event):
    """The answer events as staff read them: one question with its whole path."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("answered question")
        verbose_name_plural = _("answered questions")

    def __str__(self) -> str:
        return str(self.meta.get("prompt", ""))[:80] or str(self.id)
