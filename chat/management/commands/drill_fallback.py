"""`manage.py drill_fallback`: one small real question to each paid model, as the panel's button asks it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from chat import control, paid_wording
from chat.answers import Asker
from chat.drill import drill_fallback
from chat.exceptions import FallbackUnavailable


class Command(BaseCommand):
    """Exit status 1 where no model answered."""

    help = "Ask each paid model one small real question and show the path: what was masked, reserved, used and charged."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            drill = drill_fallback(control.current(), asker=Asker(is_service=True))
        except FallbackUnavailable as exc:
            raise CommandError(_("The budget has no room for the test. Raise a limit under Limits.")) from exc
        if options["json"]:
            self.stdout.write(json.dumps(drill.as_dict(), ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(paid_wording.drill_in_words(drill)))
        if not drill.works:
            raise SystemExit(1)
