"""`manage.py autopilot`: one night of learning, here and now."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext as _

from aion.autopilot import NightRefused, run_night
from aion.loop.words import STEP_NAMES, decision_in_words, reason_in_words
from telemetry.models import Night

FIELDS = (
    *("id", "state", "dry_run", "decision", "reasons", "facts", "steps", "started_at", "finished_at"),
    *("training_set_id", "training_run_id", "adapter_id", "examination_id"),
)


class Command(BaseCommand):
    help = (
        "Run a night of learning now: export, decide, build, train, examine, promote, fit the confidence. "
        "Fails where a step does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="look and decide, do nothing")
        parser.add_argument("--json", action="store_true", help="print the night as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            night = run_night(timezone.now(), dry_run=options["dry_run"])
        except NightRefused as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            values = {name: getattr(night, name) for name in FIELDS}
            self.stdout.write(json.dumps(values, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder))
        else:
            self._tell(night)
        if night.state == Night.State.FAILED:
            raise CommandError(_("The night failed: %(why)s") % {"why": night.steps[-1]["said"]})

    def _tell(self, night: Night) -> None:
        self.stdout.write(_("Decision: %(what)s") % {"what": decision_in_words(night.decision)[1]})
        for reason in night.reasons:
            self.stdout.write(f"  {reason_in_words(reason)}")
        for step in night.steps:
            self.stdout.write(f"{STEP_NAMES[step['step']]}: {step['said'] or Night.State(step['state']).label}")
