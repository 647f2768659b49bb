"""Documents on their shelves, their versions and chunks."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


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
