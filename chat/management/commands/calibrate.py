"""`manage.py calibrate`: fit the confidence by hiding the source of golden questions, report, put it in force."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from chat import calibration, control
from chat.confidence import DEFAULT_FILE
from chat.errors import problem_of
from chat.evaluation.fit_report import fit_tables, full_report
from chat.evaluation.wording import as_lines
from chat.exceptions import CalibrationRefused, GoldenFileInvalid
from chat.golden import leave_out_installed, only_split, places_to_search, read_golden
from chat.management.interruption import ending_cleanly
from chat.management.progress import Progress
from retrieval.exceptions import DocumentRejected, RetrievalError
from retrieval.generations import serving_embedder_id

DEMO_QUESTIONS = settings.BASE_DIR / "demo" / "golden.jsonl"


class Command(BaseCommand):
    """Fit, report, activate. Changes nothing with --dry-run, and nothing where there is too little data."""

    help = (
        "Fit the confidence C. Each golden question of known source is asked as it is and with its source hidden; "
        "the report comes from documents that the fit had not seen. Without --golden the questions of the demo are "
        "asked of the installed documents."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = (
            "examples:\n"
            "  manage.py calibrate --golden perguntas.jsonl --dry-run\n"
            "  manage.py calibrate --golden squad.json --golden mais.jsonl --json\n"
        )
        parser.add_argument(
            "--golden", action="append", type=Path, help="SQuAD JSON or JSON lines; may be given several times"
        )
        parser.add_argument("--split", default="", help="only questions of this `split`, in a file that has any")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
        parser.add_argument("--dry-run", action="store_true", help="report, change nothing")
        parser.add_argument(
            "--write-default", action="store_true", help="write the calibration that ships with the code (developers)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        files: list[Path] = options["golden"] or [DEMO_QUESTIONS]
        with ending_cleanly(self.stderr, _("Interrupted; nothing was left behind.")):
            try:
                fitted = self._fitted(files, options["split"])
            except (CalibrationRefused, GoldenFileInvalid, DocumentRejected) as exc:
                raise CommandError(str(exc)) from exc
            except RetrievalError as exc:
                raise CommandError(problem_of(exc).message) from exc
        fitted_on = ", ".join(path.name for path in files)
        activated = not (options["dry_run"] or options["write_default"])
        if options["write_default"]:
            _write_default(fitted, fitted_on)
        elif activated:
            calibration.activate(fitted, fitted_on=fitted_on)
        if options["json"]:
            report = {"fitted_on": fitted_on, "activated": activated, **fitted.report}
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
            return
        self.stdout.write(as_lines(fit_tables(fitted.report)) + "\n")
        said = _("In force now.") if activated else _("Nothing was changed: the calibration in force stays.")
        self.stdout.write(self.style.SUCCESS(said))

    def _fitted(self, files: list[Path], split: str) -> calibration.Fitted:
        examples = [example for path in files for example in self._examples(path, split)]
        fitted = calibration.fit(examples, tau=control.current().tau)
        return replace(fitted, report=full_report(fitted, examples))

    def _examples(self, path: Path, split: str) -> list[calibration.Example]:
        golden = only_split(read_golden(path), split)
        if path.resolve() == DEMO_QUESTIONS:  # its passages are excerpts, which stand for no document
            if len(leave_out_installed(golden).documents) == len(golden.documents):
                raise CommandError(_("The documents of the demo are not installed: give questions with --golden FILE."))
            golden = replace(golden, documents={})
        with places_to_search(golden) as collections, Progress(self.stderr, path.name) as progress:
            return calibration.examples_of(golden, collections, progress=progress)


def _write_default(fitted: calibration.Fitted, fitted_on: str) -> None:
    sizes = control.defaults().search_settings
    stored = {
        "fitted_on": fitted_on,
        "fitted_at": datetime.now(UTC).date().isoformat(),
        "embedder": serving_embedder_id(),
        "search_settings": {name: getattr(sizes, name) for name in sizes.__slots__},
        "weights": fitted.weights.to_json(),
        "report": fitted.report,
    }
    DEFAULT_FILE.parent.mkdir(exist_ok=True)
    DEFAULT_FILE.write_text(json.dumps(stored, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
