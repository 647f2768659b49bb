"""What staff do to sites: which are due, a visit asked for, who may find their pages, and a site taken off the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from retrieval.crawling import pages
from retrieval.crawling.reasons import Reason
from retrieval.crawling.urls import Scope
from retrieval.models import CrawledPage, Document, Site


def scope_of(site: Site) -> Scope:
    return Scope(site.address, tuple(site.include), tuple(site.exclude), site.max_depth)


def is_due(site: Site, now: datetime) -> bool:
    """A visit that was begun is to be ended; else an active site is visited when its hours have passed."""
    if site.visit_started_at is not None:
        return True
    if not site.is_active:
        return False
    return site.visited_at is None or site.visited_at + timedelta(hours=site.every_hours) <= now


def due_sites(now: datetime) -> list[int]:
    sites = Site.objects.filter(tenant=settings.PRIMARY_TENANT_ID).order_by("pk")
    return [site.pk for site in sites if is_due(site, now)]


def request_visit(site_id: int) -> None:
    """Have a worker visit a site now."""
    from retrieval.tasks import visit_site  # it imports this package

    transaction.on_commit(lambda: visit_site.delay(site_id, forced=True))


def change_access(site: Site, *, labels: Sequence[str], groups: Sequence[str]) -> int:
    """Give the pages that carried the old `labels` and `groups` of a site its present ones; returns how many.

    A page that somebody marked otherwise by hand stays as it is: it may have been closed on purpose.
    """
    own = CrawledPage.objects.filter(site=site, document__source=F("url")).values("document")
    carried = Document.objects.filter(pk__in=own, labels=list(labels), groups=list(groups))
    return carried.update(labels=site.labels, groups=site.groups)


def remove_site(site: Site) -> None:
    """Take a site off the list and its pages out of the search."""
    with transaction.atomic():
        for page in pages.known(site).exclude(document=None):
            pages.retire(page, CrawledPage.Status.REFUSED, Reason.OFF_SITE)
        site.delete()
