"""The pages of a site in the database: taken up, read, refused, retired. Every change is whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from retrieval.crawling.reasons import Reason
from retrieval.documents import delete_document
from retrieval.models import CrawledPage, Document, Site

Status = CrawledPage.Status
HELD = (Status.WAITING, Status.READ, Status.FAILED)
FRUITLESS = 3
"""A visit asks for at most this many times the limit of pages: a calendar without end is made of pages without text."""


def known(site: Site) -> QuerySet[CrawledPage]:
    return CrawledPage.objects.filter(site=site)


def take_up(site: Site, urls: Iterable[str], depth: int) -> bool:
    """Note addresses that this visit has seen, new ones while the site has room; False where it had none for some."""
    wanted = list(dict.fromkeys(urls))
    began = site.visit_started_at
    now = timezone.now()
    with transaction.atomic():
        seen = CrawledPage.objects.filter(url__in=wanted)
        present = set(seen.values_list("url", flat=True))
        ours = seen.filter(site=site)
        ours.filter(last_seen__lt=began).update(depth=depth, last_seen=now)
        new = [url for url in wanted if url not in present]
        room = min(
            site.max_pages - known(site).filter(status__in=HELD).count(),
            FRUITLESS * site.max_pages - known(site).filter(last_seen__gte=began).count(),
        )
        CrawledPage.objects.bulk_create(
            [
                CrawledPage(site=site, url=url, depth=depth, first_seen=now, last_seen=now)
                for url in new[: max(0, room)]
            ],
            ignore_conflicts=True,  # another site may have taken it this very moment
        )
    return len(new) <= room


def next_to_visit(site: Site) -> CrawledPage | None:
    """The nearest page that this visit has seen and not visited; then what earlier visits read and nobody links to."""
    began = site.visit_started_at
    waiting = known(site).filter(Q(visited_at=None) | Q(visited_at__lt=began))
    return (
        waiting.filter(last_seen__gte=began).order_by("depth", "pk").first()
        or waiting.filter(status__in=HELD).order_by("pk").first()
    )


def note(page: CrawledPage, status: Status, reason: Reason | str = "", detail: str = "", **values: Any) -> None:
    """What this visit found of a page. Its document stays as it is."""
    CrawledPage.objects.filter(pk=page.pk).update(
        status=status, reason=reason, detail=detail[:1000], visited_at=timezone.now(), **values
    )


def retire(page: CrawledPage, status: Status, reason: Reason, **values: Any) -> None:
    """Take a page out of the search. A text that other pages have too stays, under the address of one of them."""
    with transaction.atomic():
        held = Document.objects.filter(pk__in=[page.document_id]).only("pk", "source", "tenant").first()
        out_at: dict[str, Any] = {"retired_at": timezone.now()} if held is not None else {}
        note(page, status, reason, document=None, etag="", last_modified="", **(out_at | values))
        if held is None or held.source != page.url:
            return  # a file that somebody sent, or another page's
        heir = CrawledPage.objects.filter(document=held).first()
        if heir is None:
            delete_document(held.pk, tenant=held.tenant)
        else:
            Document.objects.filter(pk=held.pk).update(source=heir.url, url=heir.url)


def retire_unlinked(site: Site, *, after: int) -> None:
    """Of what was read and no page led to in this whole visit: retire what that happened to for the `after`-th time."""
    unlinked = known(site).filter(status=Status.READ, last_seen__lt=site.visit_started_at)
    unlinked.update(missed=F("missed") + 1)
    for page in unlinked.filter(missed__gte=after):
        retire(page, Status.GONE, Reason.UNLINKED)


def visited_since(site: Site, began: datetime) -> QuerySet[CrawledPage]:
    return known(site).filter(visited_at__gte=began)
