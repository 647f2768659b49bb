"""`manage.py calibrate`: fit the confidence by hiding the source of golden questions, report, put it in force."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from chat import calibration, control
from chat.confidence import DEFAULT_FILE
from chat.exceptions import ChatError
from chat.golden import INSTALLED, leave_out_installed, only_split, read_golden, scratch
from chat.management.progress import Progress
from retrieval.embeddings import get_embedder
from retrieval.exceptions import RetrievalError

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
        try:
            fitted = calibration.fit(self._examples(files, options["split"]), tau=control.current().tau)
        except (ChatError, RetrievalError) as exc:
            raise CommandError(str(exc)) from exc
        fitted_on = ", ".join(path.name for path in files)
        if options["write_default"]:
            _write_default(fitted, fitted_on)
        elif not options["dry_run"]:
            calibration.activate(fitted, fitted_on=fitted_on)
        report = {"fitted_on": fitted_on, "activated": not options["dry_run"], **fitted.report}
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            self._print(report)

    def _examples(self, files: list[Path], split: str) -> list[calibration.Example]:
        examples: list[calibration.Example] = []
        for path in files:
            golden = leave_out_installed(read_golden(path))
            golden = only_split(golden, split) if split else golden
            with ExitStack() as stack, Progress(self.stderr, path.name) as progress:
                own = stack.enter_context(scratch(golden)) if golden.documents else INSTALLED
                examples += calibration.examples_of(golden, [own], progress=progress)
        return examples

    def _print(self, report: Mapping[str, Any]) -> None:
        columns = ("n", "auroc", "ece", "brier", "cosine_auroc")
        self.stdout.write(f"{'':14}" + "".join(f"{name:>14}" for name in columns))
        for kind, row in report["against"].items():
            self.stdout.write(f"{kind:14}" + "".join(f"{row[name]:>14}" for name in columns))
        for kind, share in report["answered"].items():
            about = {"tau": report["tau"], "kind": kind, "share": f"{share:.1%}"}
            self.stdout.write(_("answered at tau %(tau)s, %(kind)s: %(share)s") % about)
        if report["activated"]:
            self.stdout.write(self.style.SUCCESS(_("In force now.")))


def _write_default(fitted: calibration.Fitted, fitted_on: str) -> None:
    sizes = control.defaults().search_settings
    stored = {
        "fitted_on": fitted_on,
        "fitted_at": datetime.now(UTC).date().isoformat(),
        "embedder": get_embedder().id,
        "search_settings": {name: getattr(sizes, name) for name in sizes.__slots__},
        "weights": fitted.weights.to_json(),
        "report": fitted.report,
    }
    DEFAULT_FILE.parent.mkdir(exist_ok=True)
    DEFAULT_FILE.write_text(json.dumps(stored, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
