"""`manage.py rebuild_rollups`: the counts by hour and day, counted again from the events."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from telemetry.rollups import keeping
from telemetry.rollups.counting import midnight


class Command(BaseCommand):
    help = gettext_lazy(  # type: ignore[assignment]  # lazy: in the language of whoever reads it
        "Count the events by hour and day again, for the charts: after AION_TIME_ZONE changed, or in doubt. "
        "Questions can be asked meanwhile. Counts of months whose events are gone stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="YYYY-MM-DD", help=_("only from this day on"))

    def handle(self, *args: Any, **options: Any) -> None:
        days = keeping.rebuild(since=midnight(_day(options["since"]))) if options["since"] else keeping.rebuild()
        self.stdout.write(ngettext("%(n)d day was counted.", "%(n)d days were counted.", days) % {"n": days})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise CommandError(_("%(text)s is not a day like 2026-11-23.") % {"text": text}) from exc
