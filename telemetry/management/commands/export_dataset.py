"""`manage.py export_dataset`: the recent answers as a dataset, for people and for cron."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from datetime import datetime, time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from telemetry.exceptions import ExportFailed
from telemetry.export_jobs import export_now
from telemetry.formats import FORMATS, spelt


class Command(BaseCommand):
    help = gettext_lazy(  # type: ignore[assignment]  # lazy: in the language of whoever reads it
        "Export recent answers as a dataset of JSON lines, personal data masked.\n\n"
        "Writes a new folder with data.jsonl, manifest.json (rows, SHA-256, what was left out and why) and a README,\n"
        "and rewrites the rolling file AION_EVENTS_JSONL. The folder appears whole or not at all.\n\n"
        "Examples:\n"
        "  manage.py export_dataset                                   the last 30 days, as chat messages\n"
        "  manage.py export_dataset --since 2026-11-01 --until 2026-12-01\n"
        "  manage.py export_dataset --format alpaca --format messages --out /backup/dataset\n"
        "  manage.py export_dataset --json | jq .manifest.rows\n\n"
        "For cron, each night at 2:30:\n"
        "  30 2 * * *  cd /srv/aion && .venv/bin/python manage.py export_dataset --json >> export.log"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("print one JSON object: path and manifest"))
        parser.add_argument(
            "--since", metavar="DATE", help=_("first day or moment, ISO 8601 (default: 30 days before the end)")
        )
        parser.add_argument("--until", metavar="DATE", help=_("the day or moment it ends before (default: now)"))
        parser.add_argument(
            "--format",
            action="append",
            type=spelt,
            choices=tuple(FORMATS),
            help=_("shape of the rows; may be given several times, the first becomes data.jsonl (default: messages)"),
        )
        parser.add_argument(
            "--out",
            type=Path,
            metavar="FOLDER",
            help=_("new folder (default: a dated one in AION_TRAIN_ROOT/datasets)"),
        )
        parser.add_argument(
            "--include-provider",
            action="store_true",
            help=_("also answers of the paid API; check first that its terms allow training on them"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = export_now(
                tenant=settings.PRIMARY_TENANT_ID,
                formats=options["format"] or ("messages",),
                since=_moment("--since", options["since"]),
                until=_moment("--until", options["until"]),
                target=options["out"] and options["out"].absolute(),
                include_provider=options["include_provider"],
            )
        except ExportFailed as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.stdout.write(json.dumps({"path": str(result.path), "manifest": result.manifest}, ensure_ascii=False))
        else:
            told = ngettext("%(rows)d row in %(path)s", "%(rows)d rows in %(path)s", result.rows)
            self.stdout.write(told % {"rows": result.rows, "path": result.path})


def _moment(option: str, text: str | None) -> datetime | None:
    """The moment `text` names, midnight where it is a day, in AION_TIME_ZONE where it names no zone."""
    if text is None:
        return None
    try:
        day = parse_date(text)
        moment = datetime.combine(day, time.min) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(
            _("%(option)s: “%(text)s” is no date such as 2026-11-30 or 2026-11-30T18:00.")
            % {"option": option, "text": text}
        )
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
