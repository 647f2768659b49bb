"""`manage.py check_ledger`: does the money add up?"""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from telemetry.ledger import ledger_faults


class Command(BaseCommand):
    help = gettext_lazy(  # type: ignore[assignment]  # lazy: in the language of whoever reads it
        "Compare the budget's counters and reservations with the sums of the ledger.\n\n"
        "Changes nothing and may run while money moves. Exit status 1 when something does not add up."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("print one JSON object"))

    def handle(self, *args: Any, **options: Any) -> None:
        faults = ledger_faults()
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not faults, "faults": [asdict(f) for f in faults]}, default=str))
        elif not faults:
            self.stdout.write(_("The ledger adds up."))
        for fault in faults if not options["json"] else ():
            self.stdout.write(
                _("%(what)s %(id)s: the ledger says US$ %(expected)s, found US$ %(found)s") % asdict(fault)
            )
        if faults:
            raise CommandError(
                ngettext("%(n)d place does not add up.", "%(n)d places do not add up.", len(faults))
                % {"n": len(faults)}
            )
