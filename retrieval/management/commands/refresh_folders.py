"""`manage.py refresh_folders`: the watched folders, read again now."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from retrieval.models import WatchedFolder
from retrieval.refreshing import RefreshReport, refresh_all

HELP = _(
    """Reads every watched folder again now, due or not: what changed is ingested, what is gone is removed.

Folders are added in the panel (Knowledge > Watched folders). One that another process is reading is left to it.
Where a folder cannot be opened, or more than half of its files are gone at once, nothing is removed; the command
says so and ends with 2."""
)


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("print the report as one JSON object"))

    def handle(self, *args: object, **options: Any) -> None:
        reports = refresh_all()
        if options["json"]:
            body = {"folders": [report.as_dict() for report in reports]}
            self.stdout.write(json.dumps(body, ensure_ascii=False, indent=2))
        else:
            for report in reports:
                self.stdout.write(f"{report.path}: {in_words(report)}")
        if not reports:
            self.stderr.write(_("No folder is watched."))
        if any(report.state != WatchedFolder.State.READ for report in reports):
            raise CommandError(_("Not every folder is up to date."), returncode=2)


def in_words(report: RefreshReport) -> str:
    """A reading in one sentence."""
    if report.error:
        return report.error
    if report.held:
        return _(
            "%(held)d of its files are gone. Their documents stay until this is confirmed in the panel: "
            "the disk may only be disconnected."
        ) % {"held": report.held}
    return (
        _(
            "%(files)d files; %(stored)d new, %(replaced)d replaced, %(moved)d moved, %(retired)d removed, "
            "%(skipped)d not readable."
        )
        % report.as_dict()
    )
