"""Probabilities that were fitted."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


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
