"""Questions whose answer is known, and how well they are found."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class GoldenQuestion(models.Model):
    """A question whose answer and source are known: what trainings learn from and adapters are examined on.

    `document` is a title or file name and `passage` the text that answers, "" where unknown; `earlier` are the
    questions it leans on, oldest first.
    """

    class Origin(models.TextChoices):
        FILE = "file", _("file")
        REVIEW = "review", _("review")
        STAFF = "staff", _("written here")

    tenant = models.TextField(_("tenant"))
    question = models.TextField(_("question"))
    answers = ArrayField(
        models.TextField(),
        verbose_name=_("answers"),
        default=list,
        blank=True,
        help_text=_("Every wording that counts as right."),
    )
    document = models.TextField(
        _("document"), blank=True, default="", help_text=_("Title or file name of the document that answers it.")
    )
    passage = models.TextField(
        _("passage"), blank=True, default="", help_text=_("The words of the document that answer it.")
    )
    answerable = models.BooleanField(
        _("answered by the documents"), null=True, blank=True, help_text=_("“No” where AION must not answer it.")
    )
    kind = models.TextField(_("kind"), blank=True, default="")
    set_name = models.TextField(
        _("set"),
        blank=True,
        default="",
        help_text=_("Questions of one set are evaluated together: one a department, for instance. May stay empty."),
    )
    earlier = ArrayField(models.TextField(), verbose_name=_("questions before it"), default=list, blank=True)
    origin = models.TextField(_("origin"), choices=Origin, default=Origin.STAFF, editable=False)
    event_id = models.UUIDField(null=True, editable=False)
    is_active = models.BooleanField(
        _("in use"), default=True, help_text=_("A question not in use is neither learned nor examined.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        verbose_name=_("created by"),
        related_name="+",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "question", "document", "earlier"], name="retrieval_one_golden_question"
            )
        ]
        verbose_name = _("golden question")
        verbose_name_plural = _("golden questions")

    def __str__(self) -> str:
        """What a person asked is not repeated in the audit trail, which keeps this when the question is erased."""
        if self.event_id is None:
            return self.question
        return gettext("golden question %(number)s, made from an answer") % {"number": self.pk}


class Judgement(models.Model):
    """What staff said of a passage found for a golden question; its text is copied, since passages are made anew."""

    question = models.ForeignKey(GoldenQuestion, models.CASCADE, related_name="judgements")
    document = models.TextField()
    passage = models.TextField()
    sha256 = models.CharField(max_length=64)
    relevant = models.BooleanField()
    judged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    judged_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["question", "sha256"], name="retrieval_one_judgement_a_passage")]
        verbose_name = _("judgement")
        verbose_name_plural = _("judgements")

    def __str__(self) -> str:
        return f"{self.question_id}/{self.sha256[:8]}"


class RetrievalMetric(models.Model):
    """How well golden questions found their passages on a day; `intervals` holds [low, high] by figure."""

    tenant = models.TextField()
    day = models.DateField()
    questions = models.IntegerField()
    ndcg_at_10 = models.FloatField()
    mrr = models.FloatField()
    r_at_8 = models.FloatField()
    intervals = models.JSONField(default=dict)
    measured_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="retrieval_one_metric_a_day")]
        ordering = ("day",)
        verbose_name = _("search quality of a day")
        verbose_name_plural = _("search quality by day")

    def __str__(self) -> str:
        return self.day.isoformat()
