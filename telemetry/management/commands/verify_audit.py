"""`manage.py verify_audit`: whether the audit trail is as it was written."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from telemetry.audit.trail import verify


class Command(BaseCommand):
    help = (
        "Recompute the hash and the seal of every row of the audit trail. Fails with the first row that was changed, "
        "inserted or is missing. Note the printed hash down elsewhere: with --expect a later run can tell whether the "
        "newest rows were taken away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--expect", default="", metavar="HASH", help="a hash printed before, which must be there")
        parser.add_argument(
            "--earlier-key",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help="holds a SECRET_KEY that AION had before; may be given several times",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            keys = [file.read_text(encoding="utf-8").strip() for file in options["earlier_key"]]
        except (OSError, UnicodeDecodeError) as exc:
            raise CommandError(_("The file with the earlier key cannot be read: %(why)s") % {"why": exc}) from exc
        verdict = verify(expected=options["expect"], earlier_keys=keys)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(verdict) | {"intact": verdict.intact}, default=str))
        if verdict.broken:
            raise CommandError(
                _("Row %(row)d is not as it was written, or a row before it is missing.") % {"row": verdict.broken}
            )
        if verdict.unsealed:
            raise CommandError(
                _(
                    "Row %(row)d was sealed with another secret key. Where SECRET_KEY was exchanged since, give the "
                    "earlier one with --earlier-key; elsewhere somebody wrote the rows anew."
                )
                % {"row": verdict.unsealed}
            )
        if not verdict.found:
            raise CommandError(_("The row with that hash is missing: newer rows were taken away."))
        if not options["json"]:
            said = {"rows": verdict.rows, "hash": verdict.last or "—"}
            self.stdout.write(_("The audit trail is whole: %(rows)d rows, the newest hash is %(hash)s.") % said)
