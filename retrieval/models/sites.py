"""Web sites that are read, and their pages."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from retrieval.crawling.reasons import Reason
from retrieval.models.knowledge import Document


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
