"""What the organisation knows: documents, their chunks, and the jobs that bring them in.

Two tables are too large and too special for the ORM: `Embedding` (one partition a generation) and `Posting` are made by
SQL in the first migration, written and read by SQL, and deleted with their document by the database. Their models are
there so that Django knows of them, to empty them with the rest when tests do.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField


class Shelf(models.Model):
    """A combination of tenant, collection, groups and labels that documents share.

    Embeddings and postings carry only the shelf's number, so that a search filters by access within one index and
    without a join. A trigger puts every document on its shelf, so that no writer can forget to.
    """

    tenant = models.TextField()
    collection = models.TextField()
    groups = ArrayField(models.TextField())
    labels = ArrayField(models.TextField())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "collection", "groups", "labels"], name="retrieval_one_shelf_each"
            )
        ]
        verbose_name = _("shelf")
        verbose_name_plural = _("shelves")

    def __str__(self) -> str:
        return f"{self.tenant}/{self.collection}"


class Document(models.Model):
    """One source, whole: the same bytes are stored once, and new bytes of a source replace the old."""

    class State(models.TextChoices):
        READY = "ready", _("ready")
        OUTDATED = "outdated", _("outdated: the newer file could not be read")
        NEEDS_OCR = "needs_ocr", _("needs OCR: scanned pages could not be read")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.TextField(_("tenant"))
    collection = models.TextField(_("collection"), default="main")
    title = models.TextField(_("title"))
    source = models.TextField(_("source"), help_text=_("Where it came from: a path, an upload's name or an address."))
    url = models.TextField(_("address"), blank=True, default="")
    media_type = models.TextField(_("type"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.BigIntegerField(_("size in bytes"))
    labels = ArrayField(models.TextField(), verbose_name=_("labels"), default=list, blank=True)
    groups = ArrayField(
        models.TextField(),
        verbose_name=_("groups"),
        default=list,
        blank=True,
        help_text=_("Who may find it; nobody named means everyone."),
    )
    state = models.TextField(_("state"), choices=State, default=State.READY)
    error = models.TextField(_("error"), blank=True, default="")
    text = models.TextField(_("text"))
    chunk_count = models.IntegerField(_("chunks"), default=0)
    term_count = models.IntegerField(_("terms"), default=0)
    shelf = models.ForeignKey(Shelf, models.PROTECT, null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "collection", "sha256"], name="retrieval_same_bytes_once"),
            models.UniqueConstraint(fields=["tenant", "collection", "source"], name="retrieval_one_document_a_source"),
        ]
        indexes = [
            models.Index(fields=["shelf"], include=["id", "chunk_count", "term_count"], name="retrieval_shelf_sums")
        ]
        verbose_name = _("document")
        verbose_name_plural = _("documents")

    def __str__(self) -> str:
        return self.title


class Chunk(models.Model):
    """A passage that is found and cited as one; `start` and `end` are offsets into its document's text."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="chunks", verbose_name=_("document"))
    ordinal = models.IntegerField(_("position"))
    section = models.TextField(_("section"), blank=True, default="")
    page = models.IntegerField(_("page"), null=True)
    text = models.TextField(_("text"))
    start = models.IntegerField()
    end = models.IntegerField()
    token_count = models.IntegerField(_("tokens"))
    term_count = models.IntegerField(_("terms"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "ordinal"], name="retrieval_one_chunk_a_place")]
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")

    def __str__(self) -> str:
        return f"{self.document_id}#{self.ordinal}"


class EmbeddingGeneration(models.Model):
    """All vectors made by one embedder, in a partition of their own; one generation serves at a time."""

    class State(models.TextChoices):
        BUILDING = "building", _("building")
        ACTIVE = "active", _("active")
        RETIRED = "retired", pgettext_lazy("a generation", "retired")

    embedder = models.TextField(_("embedder"))
    dimensions = models.IntegerField(_("dimensions"))
    state = models.TextField(_("state"), choices=State, default=State.BUILDING)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="retrieval_one_active_generation"
            )
        ]
        verbose_name = _("embedding generation")
        verbose_name_plural = _("embedding generations")

    def __str__(self) -> str:
        return f"{self.pk}: {self.embedder}"


class Embedding(models.Model):
    """A chunk's vector of one generation; the shelf is its document's, kept so by a trigger."""

    pk = models.CompositePrimaryKey("generation", "chunk_id")
    generation = models.IntegerField()
    chunk_id = models.BigIntegerField()
    document = models.ForeignKey(Document, models.DO_NOTHING, related_name="+")
    shelf_id = models.BigIntegerField()
    embedding = HalfVectorField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.generation}/{self.chunk_id}"


class Posting(models.Model):
    """How often a term stands in a chunk of `length` terms: what BM25 needs."""

    pk = models.CompositePrimaryKey("term", "chunk_id")
    term = models.TextField(db_collation="C")
    chunk_id = models.BigIntegerField()
    document = models.ForeignKey(Document, models.DO_NOTHING, related_name="+")
    shelf_id = models.BigIntegerField()
    frequency = models.SmallIntegerField()
    length = models.IntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.term}/{self.chunk_id}"


class IngestJob(models.Model):
    """One uploaded file on its way into the documents; the worker reports its progress here."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.TextField(_("tenant"))
    collection = models.TextField(_("collection"), default="main")
    filename = models.TextField(_("file name"))
    path = models.TextField(_("stored file"))
    labels = ArrayField(models.TextField(), verbose_name=_("labels"), default=list, blank=True)
    groups = ArrayField(models.TextField(), verbose_name=_("groups"), default=list, blank=True)
    state = models.TextField(_("state"), choices=State, default=State.QUEUED)
    done = models.IntegerField(_("chunks done"), default=0)
    total = models.IntegerField(_("chunks in all"), default=0)
    report = models.JSONField(_("report"), default=dict)
    error = models.TextField(_("error"), blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("requested by"),
        related_name="+",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("ingestion")
        verbose_name_plural = _("ingestions")

    def __str__(self) -> str:
        return self.filename


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
