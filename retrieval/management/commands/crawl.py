"""`manage.py crawl`: visit the listed sites, or see what a visit would fetch."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from redis import RedisError

from retrieval.crawling.preview import Preview, preview
from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.urls import canonical
from retrieval.crawling.visiting import SiteBusy, visit
from retrieval.crawling.words import nothing_read, report_in_words
from retrieval.exceptions import EmbeddingFailed
from retrieval.models import Site


class Command(BaseCommand):
    help = _(
        "Visits the sites listed in the panel now and reads their pages into the documents; a site that is not listed "
        "there is never asked. With --preview it only says what a visit would fetch, and what not and why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", metavar="ADDRESS", help=_("only the site with this start address"))
        parser.add_argument("--preview", action="store_true", help=_("say what would be fetched, store nothing"))
        parser.add_argument("--json", action="store_true", help=_("print the report as one JSON object"))

    def handle(self, *args: object, **options: Any) -> None:
        sites = self.chosen(options["site"])
        try:
            reports = [self.looked_at(site) if options["preview"] else self.visited(site) for site in sites]
        except SiteBusy as exc:
            raise CommandError(_("The site is being visited; wait until it is done.")) from exc
        except RedisError as exc:
            raise CommandError(_("Redis cannot be reached, and without it no pace can be kept: %s") % exc) from exc
        except EmbeddingFailed as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            found = {site.address: report for site, (report, _words) in zip(sites, reports, strict=True)}
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=2))
            return
        for site, (_report, words) in zip(sites, reports, strict=True):
            self.stdout.write(f"{site.address}: {words}")

    def chosen(self, address: str | None) -> list[Site]:
        sites = Site.objects.filter(tenant=settings.PRIMARY_TENANT_ID).order_by("pk")
        if address is None:
            return list(sites.filter(is_active=True))
        try:
            site = sites.filter(address=canonical(address)).first()
        except FetchFailed as exc:
            raise CommandError(str(exc.reason.label)) from exc
        if site is None:
            raise CommandError(_("This address is not on the list of sites: %s") % address)
        return [site]

    def visited(self, site: Site) -> tuple[dict[str, object], str]:
        """Report and its words; waits as long as the site's own pace takes."""
        forced = True
        while (wait_s := visit(site.pk, forced=forced)) is not None:
            time.sleep(wait_s)
            forced = False
        site.refresh_from_db()
        return site.report, report_in_words(site)

    def looked_at(self, site: Site) -> tuple[dict[str, object], str]:
        seen = preview(site)
        return seen.as_dict(), _in_words(seen)


def _in_words(seen: Preview) -> str:
    if seen.problem:
        return nothing_read(seen.problem)
    lines = [f"  + {url}" for url in seen.fetched]
    lines += [f"  - {verdict.url} ({Reason(verdict.reason).label})" for verdict in seen.left_out]
    return "\n".join(["", *lines])
