"""Counts of what happened, by hour and by day, and what is still to be counted. `telemetry.rollups` keeps them."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Rollup(models.Model):
    """How often something happened in one hour or local day, and what it added up to.

    `bin` is the place in a distribution (`telemetry.rollups.bins`), 0 where there is none; `name` is what `label` is
    called, where that is an id: a document's title, an adapter's name.
    """

    class Grain(models.TextChoices):
        HOUR = "hour"
        DAY = "day"

    class Metric(models.TextChoices):
        """What is counted, and by which label."""

        ROUTE = "route"  # local, fallback, abstain, failed
        REASON = "reason"
        MODE = "mode"  # of local answers: generated, quote
        MODEL = "model"
        ADAPTER = "adapter"  # of local answers of the model: the digest, "" for the base model
        ERROR = "error"  # of failures
        CONFIDENCE = "confidence"  # route; bins of C, total of C
        RIGHT = "right"  # "review", "vote": local answers found right, by bins of C; total of C
        WRONG = "wrong"
        LATENCY = "latency"  # stage; bins and total of milliseconds
        INPUT_TOKENS = "input_tokens"  # route; total of tokens
        OUTPUT_TOKENS = "output_tokens"
        COST = "cost"  # model; total of US$
        GROUNDED = "grounded"  # yes, no
        VOTE = "vote"  # up, down, corrected: opinions on the answers of that hour, whenever given
        REVIEW = "review"  # approved, corrected, rejected, likewise
        MASKED = "masked"  # kind of personal data: calls of the paid API in which it was masked
        SEARCH = "search"  # found, empty
        DOCUMENT = "document"  # its id: searches that chose it

    tenant = models.CharField(max_length=64)
    grain = models.CharField(max_length=4, choices=Grain.choices)
    metric = models.CharField(max_length=16, choices=Metric.choices)
    start = models.DateTimeField()
    label = models.CharField(max_length=200)
    bin = models.SmallIntegerField(default=0)
    name = models.CharField(max_length=300, default="")
    count = models.BigIntegerField()
    total = models.DecimalField(max_digits=30, decimal_places=10, default=0)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "grain", "metric", "start", "label", "bin"),
                include=("count",),
                name="telemetry_one_rollup_each",
            ),
        )

    def __str__(self) -> str:
        return f"{self.metric} {self.label} {self.start}"


class RollupDue(models.Model):
    """A quarter of an hour in which something changed since it was counted; a trigger adds these, one a statement."""

    tenant = models.CharField(max_length=64)
    moment = models.DateTimeField()
    since = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.tenant} {self.moment}"


class RollupSeal(models.Model):
    """The events before `until` were dropped: what was counted of them is final."""

    until = models.DateTimeField()
    sealed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        get_latest_by = "until"

    def __str__(self) -> str:
        return str(self.until)
