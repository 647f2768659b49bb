"""What the organisation knows: documents, their chunks, and the jobs that bring them in.

Two tables are too large and too special for the ORM: `Embedding` (one partition a generation) and `Posting` are made by
SQL in the first migration, written and read by SQL, and deleted with their document by the database. Their models are
there so that Django knows of them, to empty them with the rest when tests do.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField
from simple_history.models import HistoricalRecords

from retrieval.crawling.reasons import Reason


class Shelf(models.Model):
    """A combination of tenant, collection, groups, labels and validity dates that documents share.

    Embeddings and postings carry only the shelf's number, so that a search filters by access and by date within one
    index and without a join. A trigger puts every document on its shelf, so that no writer can forget to.
    """

    tenant = models.TextField()
    collection = models.TextField()
    groups = ArrayField(models.TextField())
    labels = ArrayField(models.TextField())
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "collection", "groups", "labels", "valid_from", "valid_until"],
                name="retrieval_one_shelf_each",
                nulls_distinct=False,
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
    valid_from = models.DateField(
        _("valid from"), null=True, blank=True, help_text=_("The first day on which it is found; empty: at once.")
    )
    valid_until = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The last day on which it is found; empty: for good.")
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
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
            models.CheckConstraint(
                condition=models.Q(valid_from__lte=models.F("valid_until")), name="retrieval_valid_for_some_day"
            ),
        ]
        indexes = [
            models.Index(fields=["shelf"], include=["id", "chunk_count", "term_count"], name="retrieval_shelf_sums")
        ]
        verbose_name = _("document")
        verbose_name_plural = _("documents")

    def __str__(self) -> str:
        return self.title


class DocumentVersion(models.Model):
    """What a document said before its bytes were replaced: its text and where its chunks stood, without their vectors.

    `places` has `[start, end, section, page, tokens]` of each chunk, so that a restored version is cited as it was.
    """

    document = models.ForeignKey(Document, models.CASCADE, related_name="versions", verbose_name=_("document"))
    number = models.PositiveIntegerField(_("version"))
    title = models.TextField(_("title"))
    media_type = models.TextField(_("type"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.BigIntegerField(_("size in bytes"))
    text = models.TextField(_("text"))
    places = models.JSONField()
    stored_at = models.DateTimeField(_("stored at"))
    replaced_at = models.DateTimeField(_("replaced at"), auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="retrieval_one_version_a_number")]
        indexes = [models.Index(fields=["replaced_at"], name="retrieval_version_age")]
        default_permissions = ()
        verbose_name = _("document version")
        verbose_name_plural = _("document versions")

    def __str__(self) -> str:
        return f"{self.title} ({self.number})"


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
    chunks_per_second = models.FloatField(_("passages a second"), default=0, editable=False)
    error = models.TextField(_("error"), blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="retrieval_one_active_generation"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="building"), name="retrieval_one_generation_being_built"
            ),
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


class WatchedFolder(models.Model):
    """A folder of this machine that is read again on a schedule; `path` is its real path, links resolved."""

    class State(models.TextChoices):
        NEW = "new", pgettext_lazy("a folder", "not read yet")
        READING = "reading", _("being read")
        READ = "read", _("up to date")
        HELD = "held", _("waiting for a confirmation")
        UNREACHABLE = "unreachable", _("cannot be opened")
        FAILED = "failed", pgettext_lazy("a reading", "interrupted")

    tenant = models.TextField(_("tenant"))
    path = models.TextField(_("folder"))
    collection = models.TextField(_("collection"), default="main")
    labels = ArrayField(models.TextField(), verbose_name=_("labels"), default=list, blank=True)
    groups = ArrayField(models.TextField(), verbose_name=_("groups"), default=list, blank=True)
    every_hours = models.PositiveSmallIntegerField(
        _("every how many hours"),
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_("1 to 720. Only what changed is read, so a small number costs little."),
    )
    is_active = models.BooleanField(
        _("read on schedule"), default=True, help_text=_("Off: only “Read now” reads it. Its documents stay.")
    )
    state = models.TextField(_("state"), choices=State, default=State.NEW)
    error = models.TextField(_("error"), blank=True, default="")
    done = models.IntegerField(_("files done"), default=0)
    total = models.IntegerField(_("files in all"), default=0)
    last_read_at = models.DateTimeField(_("last read"), null=True)
    last_report = models.JSONField(_("last report"), default=dict)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "collection", "path"], name="retrieval_a_folder_once")]
        verbose_name = _("watched folder")
        verbose_name_plural = _("watched folders")

    def __str__(self) -> str:
        return self.path


class WatchedFile(models.Model):
    """A file as its folder's last reading found it: size, time and inode tell cheaply whether it changed since.

    `mtime_ns` 0 has it read again; `problem` is the code of why it is no document, "" where it is.
    """

    folder = models.ForeignKey(WatchedFolder, models.CASCADE, related_name="files", verbose_name=_("watched folder"))
    path = models.TextField(_("file"))
    size_bytes = models.BigIntegerField(_("size in bytes"))
    mtime_ns = models.BigIntegerField()
    inode = models.DecimalField(max_digits=20, decimal_places=0)  # unsigned 64 bits
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    problem = models.TextField(_("problem"), blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["folder", "path"], name="retrieval_a_file_once_a_folder")]
        indexes = [models.Index(fields=["sha256"], name="retrieval_watched_bytes")]
        default_permissions = ()
        verbose_name = _("watched file")
        verbose_name_plural = _("watched files")

    def __str__(self) -> str:
        return self.path


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


class Site(models.Model):
    """A whitelisted site: its pages become documents and are visited again. What else is on the web is never asked."""

    tenant = models.TextField(_("tenant"), editable=False)
    collection = models.TextField(_("collection"), default="main", editable=False)
    address = models.TextField(
        _("start address"), help_text=_("Where AION begins to read, such as https://www.exemplo.com.br/.")
    )
    include = ArrayField(
        models.TextField(),
        verbose_name=_("only these paths"),
        default=list,
        blank=True,
        help_text=_("Such as /atendimento, one a line. Empty means the whole site."),
    )
    exclude = ArrayField(
        models.TextField(),
        verbose_name=_("never these paths"),
        default=list,
        blank=True,
        help_text=_("Such as /noticias/antigas, one a line. Pages of theirs that were read leave the search."),
    )
    labels = ArrayField(models.TextField(), verbose_name=_("labels"), default=list, blank=True)
    groups = ArrayField(models.TextField(), verbose_name=_("groups"), default=list, blank=True)
    max_pages = models.PositiveIntegerField(
        _("most pages"),
        default=500,
        validators=[MinValueValidator(1), MaxValueValidator(20_000)],
        help_text=_("No more pages than this are taken up. Those that were read already stay."),
    )
    max_depth = models.PositiveIntegerField(
        _("most links from the start"),
        default=4,
        validators=[MaxValueValidator(20)],
        help_text=_("0 reads the start page alone; pages of the sitemap count as one link away."),
    )
    every_hours = models.PositiveIntegerField(
        _("visited every (hours)"), default=24, validators=[MinValueValidator(1), MaxValueValidator(24 * 60)]
    )
    is_active = models.BooleanField(
        _("visited by itself"), default=True, help_text=_("Switched off, its pages stay as they were read.")
    )
    visit_started_at = models.DateTimeField(_("visit began at"), null=True, editable=False)
    visited_at = models.DateTimeField(_("last visit"), null=True, editable=False)
    report = models.JSONField(_("report"), default=dict, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    history = HistoricalRecords(excluded_fields=["visit_started_at", "visited_at", "report"])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "address"], name="retrieval_one_site_an_address")]
        verbose_name = _("site")
        verbose_name_plural = _("sites")

    def __str__(self) -> str:
        return self.address


class CrawledPage(models.Model):
    """A page of a site and what its last visit found. `links` are its own, for visits that find it unchanged; `missed`
    counts the visits in a row that found it no longer meant for everyone, or linked by nobody."""

    class Status(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("a page", "waiting")
        READ = "read", pgettext_lazy("a page", "read")
        FAILED = "failed", pgettext_lazy("a page", "failed")
        REFUSED = "refused", pgettext_lazy("a page", "not read")
        GONE = "gone", pgettext_lazy("a page", "gone")

    site = models.ForeignKey(Site, models.CASCADE, related_name="pages", verbose_name=_("site"))
    url = models.TextField(_("address"), unique=True)
    depth = models.PositiveIntegerField(_("links from the start"))
    document = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="+", verbose_name=_("document"))
    status = models.TextField(_("state"), choices=Status, default=Status.WAITING)
    reason = models.TextField(_("why"), choices=Reason, blank=True, default="")
    detail = models.TextField(_("detail"), blank=True, default="")
    etag = models.TextField(blank=True, default="")
    last_modified = models.TextField(blank=True, default="")
    links = ArrayField(models.TextField(), default=list, editable=False)
    missed = models.PositiveIntegerField(default=0, editable=False)
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))
    visited_at = models.DateTimeField(_("last visit"), null=True)
    changed_at = models.DateTimeField(_("text changed at"), null=True)
    retired_at = models.DateTimeField(_("left the search at"), null=True)

    class Meta:
        indexes = [models.Index(fields=["site", "visited_at"], name="retrieval_pages_to_visit")]
        verbose_name = _("page of a site")
        verbose_name_plural = _("pages of the sites")

    def __str__(self) -> str:
        return self.url
