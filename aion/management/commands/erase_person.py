"""`manage.py erase_person`: everything that one person asked or said, out of every table and file."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from aion.accounts import find_account
from aion.erasure import Receipt, as_dict, erase_person
from aion.exceptions import ActionFailed
from telemetry.audit.trail import Action, write
from telemetry.exceptions import ExportFailed

SURE = ("s", "sim", "y", "yes")


class Command(BaseCommand):
    help = (
        "Erase what a person asked and said: conversations, events' texts, feedback, reviews, datasets, training rows. "
        "What learned from it is marked and trained anew. The account itself stays. It cannot be undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="name or number of the account")
        parser.add_argument("--reason", default="", help="why; kept in the audit trail, so do not name the person")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="print the receipt as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user_id, name = find_account(options["user"])
        except ActionFailed as exc:
            raise CommandError(str(exc)) from exc
        if not options["yes"]:
            asked = _("Erase everything that %(name)s asked and said? It cannot be undone. [y/N] ") % {"name": name}
            if input(asked).strip().lower() not in SURE:
                raise CommandError(_("Nothing was erased."))
        try:
            receipt = erase_person(user_id)
            write(Action.ERASED, object_id=receipt.id, detail=_("Done."), reason=options["reason"])
        except ExportFailed as exc:
            raise CommandError(_("Nothing was erased: %(why)s") % {"why": exc}) from exc
        if options["json"]:
            self.stdout.write(json.dumps(as_dict(receipt), ensure_ascii=False, indent=2))
        else:
            self._tell(receipt)

    def _tell(self, receipt: Receipt) -> None:
        self.stdout.write(_("Receipt %(id)s") % {"id": receipt.id})
        for room, counts in receipt.erased.items():
            for kind, count in counts.items():
                self.stdout.write(f"  {room}.{kind}: {count}")
        if receipt.adapters:
            marked = ", ".join(map(str, receipt.adapters))
            self.stdout.write(
                _("Adapters that learned from it, to be replaced by a clean one: %(ids)s") % {"ids": marked}
            )
