"""`manage.py build_training_set`: what people have approved, corrected or known, as lessons for the model."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chat.lessons import build
from retrieval.exceptions import RetrievalError
from telemetry.exceptions import ExportFailed
from telemetry.training_sets import Exclusion


class Command(BaseCommand):
    help = gettext_lazy(  # type: ignore[assignment]  # lazy: in the language of whoever reads it
        "Make a training set of the answers that staff approved or corrected and of the golden questions.\n\n"
        "Writes a new folder with data.jsonl, manifest.json (where each row comes from, what was left out and why)\n"
        "and a README. Documents kept for the examination are never in it. The folder appears whole or not at all.\n\n"
        "Examples:\n"
        "  manage.py build_training_set\n"
        "  manage.py build_training_set --out /backup/lessons --json | jq .manifest.excluded"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("print one JSON object: path and manifest"))
        parser.add_argument(
            "--out",
            type=Path,
            metavar="FOLDER",
            help=_("new folder (default: a dated one in AION_TRAIN_ROOT/training-sets)"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            built = build(timezone.now(), target=options["out"] and options["out"].absolute())
        except (ExportFailed, RetrievalError) as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            described = {"id": str(built.training_set_id), "path": str(built.path), "manifest": built.manifest}
            self.stdout.write(json.dumps(described, ensure_ascii=False))
            return
        told = ngettext("%(rows)d row in %(path)s", "%(rows)d rows in %(path)s", built.rows)
        self.stdout.write(told % {"rows": built.rows, "path": built.path})
        labels = dict(Exclusion.choices)
        for reason, left in built.manifest["excluded"].items():
            self.stdout.write(f"  {left['rows']:>6}  {labels[reason]}")
