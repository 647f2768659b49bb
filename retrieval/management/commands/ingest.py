"""`manage.py ingest PATH...`: files and folders to documents."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from retrieval.exceptions import EmbeddingFailed
from retrieval.ingestion import DocumentOutcome, IngestReport, Progress, Status, ingest

HELP = _(
    """Reads files and folders (with their subfolders) into the documents that AION answers from.

Supported: PDF, DOCX, PPTX, XLSX, HTML, Markdown, text, CSV, JSON, JSON lines, SQuAD JSON, e-mail (.eml).

Examples:
  manage.py ingest handbook.pdf
  manage.py ingest docs/ --label public
  manage.py ingest payroll/ --group hr --label local-only

Run it again at any time: the same bytes are stored once, and a changed file replaces its document whole.
A file that cannot be read is reported with the reason and changes nothing. Scanned PDFs are recognised where Tesseract
is installed with Portuguese; elsewhere they are kept and read once it is, when they are brought in again."""
)


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=_("a file or a folder"))
        parser.add_argument("--collection", default="main", help=_("which collection to store into (default: main)"))
        parser.add_argument(
            "--label", action="append", default=[], dest="labels", help=_("a label to put on each document; repeatable")
        )
        parser.add_argument(
            "--group", action="append", default=[], dest="groups",
            help=_("only members of this group may find the documents; repeatable"),
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help=_("print the report as one JSON object"))

    def handle(self, *args: object, **options: Any) -> None:
        missing = [str(path) for path in options["paths"] if not path.exists()]
        if missing:
            raise CommandError(_("There is no such file or folder: %s") % ", ".join(missing))
        try:
            report = ingest(
                options["paths"],
                tenant=settings.PRIMARY_TENANT_ID,
                collection=options["collection"],
                labels=options["labels"],
                groups=options["groups"],
                progress=self.show_progress,
            )
        except EmbeddingFailed as exc:
            raise CommandError(str(exc)) from exc
        self.clear_progress()
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
        else:
            self.print_report(report)
        if report.documents and report.count(Status.SKIPPED) == len(report.documents):
            raise CommandError(_("Nothing could be ingested."), returncode=2)

    def show_progress(self, progress: Progress) -> None:
        if not sys.stderr.isatty():
            return
        share = f" {progress.done}/{progress.total}" if progress.total else ""
        self.stderr.write(f"\r\x1b[K[{progress.file}/{progress.files}] {Path(progress.path).name}{share}", ending="")

    def clear_progress(self) -> None:
        if sys.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")

    def print_report(self, report: IngestReport) -> None:
        for outcome in report.documents:
            if outcome.reason:
                self.stdout.write(_line(outcome))
        count = report.count
        stored = count(Status.STORED)
        self.stdout.write(
            ngettext("%d document stored", "%d documents stored", stored) % stored
            + ", "
            + _("%(replaced)d replaced, %(unchanged)d unchanged, %(skipped)d skipped.")
            % {
                "replaced": count(Status.REPLACED),
                "unchanged": count(Status.UNCHANGED),
                "skipped": count(Status.SKIPPED),
            }
        )


def _line(outcome: DocumentOutcome) -> str:
    return f"{outcome.path}: {outcome.reason}"
