"""`manage.py export_person`: a copy of what is kept about one person, as one ZIP file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from aion.accounts import find_account
from aion.exceptions import ActionFailed
from aion.person_copy import write_copy
from telemetry.audit.trail import Action, write
from telemetry.exceptions import ExportFailed


class Command(BaseCommand):
    help = "Write what is kept about a person into one ZIP file of JSON lines, with a page that explains it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="name or number of the account")
        parser.add_argument("--out", type=Path, required=True, help="the ZIP file to write; it must not be there yet")
        parser.add_argument("--reason", default="", help="why; kept in the audit trail, so do not name the person")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists():
            raise CommandError(_("%(path)s exists already.") % {"path": out})
        try:
            copy = write_copy(find_account(options["user"])[0], out)
        except (ActionFailed, ExportFailed) as exc:
            raise CommandError(str(exc)) from exc
        write(Action.EXPORTED, reason=options["reason"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(copy) | {"path": str(copy.path)}, ensure_ascii=False))
            return
        for name, count in copy.entries.items():
            self.stdout.write(f"  {name}: {count}")
        self.stdout.write(_("The copy is in %(path)s.") % {"path": copy.path})
