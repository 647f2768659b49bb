"""`manage.py evaluate FILE`, or `--golden`: what retrieval, gate and answers are worth on questions of known answer."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from chat.errors import problem_of
from chat.evaluation import Mask, Plan, evaluate
from chat.evaluation.provenance import provenance
from chat.evaluation.publishing import publish, refuse_unusable
from chat.evaluation.wording import about, as_lines, tables
from chat.exceptions import ChatError, GoldenFileInvalid
from chat.golden import GoldenQuestion, GoldenSet, installed_set, only_split, places_to_search, read_golden
from chat.management.interruption import ending_cleanly
from chat.management.progress import Progress
from inference.exceptions import InferenceError
from retrieval.exceptions import DocumentRejected, RetrievalError
from telemetry.exceptions import DiskFull, ExportFailed

BOTH = "both"


def share(text: str) -> float:
    """An argument from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError(_("must lie between 0 and 1"))
    return value


def count(text: str) -> int:
    """An argument of at least 1."""
    value = int(text)
    if value < 1:
        raise ArgumentTypeError(_("must be at least 1"))
    return value


class Command(BaseCommand):
    """Evaluate through the chat path itself, greedily. Leaves nothing behind and spends nothing."""

    help = (
        "Ask the questions of FILE, or with --golden those of the panel, through the chat path and report retrieval, "
        "gate and answers. FILE is SQuAD JSON or JSON lines (question, answers or answer, optional document, passage, "
        "answerable). Documents that the file brings along are read into a scratch space that is gone afterwards. "
        "Nothing is recorded, and the paid API is never called unless --with-fallback says so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = (
            "examples:\n"
            "  manage.py evaluate squad.json --masked passage --no-generate --json\n"
            "  manage.py evaluate squad.json --masked both --off-domain outros.jsonl --report relatorio\n"
            "  manage.py evaluate demo/golden.jsonl --split test --json      # asked of the installed documents\n"
            "  manage.py evaluate --golden --set RH --json                   # as the panel does each night\n"
        )
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument("--golden", action="store_true", help="ask the golden questions of the panel, not a file's")
        parser.add_argument("--set", metavar="NAME", help="of these only one set; with --golden")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--report", type=Path, metavar="FOLDER", help="write report.json, .md and .html there")
        parser.add_argument("--masked", choices=[*get_args(Mask), BOTH], help="ask again with the source hidden")
        parser.add_argument("--off-domain", type=Path, metavar="FILE", help="questions the documents cannot answer")
        parser.add_argument("--no-generate", action="store_true", help="skip the answers")
        parser.add_argument("--with-installed", action="store_true", help="search the installed documents too")
        parser.add_argument("--split", default="", help="only questions of this `split`, in a file that has any")
        parser.add_argument("--limit", type=count, help="ask only so many questions, evenly spread")
        parser.add_argument("--examples", type=count, default=20, help="how many replies to keep (default 20)")
        parser.add_argument("--tau", type=share, help="confidence threshold, 0 to 1; the one in force by default")
        parser.add_argument("--sampled", action="store_true", help="generate as the settings say, instead of greedily")
        parser.add_argument("--with-fallback", action="store_true", help="let the paid API answer too: costs money")

    def run_from_argv(self, argv: list[str]) -> None:
        self._arguments: Sequence[str] = argv[1:]
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        with ending_cleanly(self.stderr, _("Interrupted; nothing was left behind.")):
            try:
                report = self._reported(options)
            except (GoldenFileInvalid, DocumentRejected, ExportFailed, DiskFull) as exc:
                raise CommandError(str(exc)) from exc
            except (ChatError, RetrievalError, InferenceError) as exc:
                raise CommandError(problem_of(exc).message) from exc
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            self.stdout.write(as_lines([*tables(report), about(report)]))

    def _reported(self, options: dict[str, Any]) -> dict[str, Any]:
        folder: Path | None = options["report"]
        if folder:
            refuse_unusable(folder)
        report = self._evaluated(options)
        name = options["file"].name if options["file"] else _("golden questions")
        report["about"] = provenance(getattr(self, "_arguments", ["evaluate", str(options["file"])]), name)
        if folder:
            publish(report, folder)
            self.stderr.write(_("The report is in %(path)s.") % {"path": folder / "report.html"})
        return report

    def _golden(self, options: dict[str, Any]) -> GoldenSet:
        """What is asked: a file's questions, or the panel's."""
        if options["golden"] == bool(options["file"]):
            raise CommandError(_("Name either a file of questions or --golden."))
        if options["set"] is not None and not options["golden"]:
            raise CommandError(_("--set goes with --golden."))
        if options["golden"]:
            return only_split(installed_set(options["set"]), options["split"])
        return only_split(read_golden(options["file"]), options["split"])

    def _evaluated(self, options: dict[str, Any]) -> dict[str, Any]:
        golden = self._golden(options)
        off_domain = read_golden(options["off_domain"]).questions if options["off_domain"] else ()
        with (
            Progress(self.stderr, _("Documents")) as reading,
            places_to_search(golden, with_installed=options["with_installed"], progress=reading) as collections,
            Progress(self.stderr, _("Questions")) as asking,
        ):
            plan = Plan(
                questions=_spread(golden.questions, options["limit"]),
                collections=collections,
                masked=get_args(Mask) if options["masked"] == BOTH else tuple(filter(None, [options["masked"]])),
                off_domain=off_domain,
                generate=not options["no_generate"],
                tau=options["tau"],
                greedy=not options["sampled"],
                may_pay=options["with_fallback"],
                examples=options["examples"],
                progress=asking,
            )
            return evaluate(plan)


def _spread(questions: Sequence[GoldenQuestion], limit: int | None) -> Sequence[GoldenQuestion]:
    if not limit or limit >= len(questions):
        return questions
    return [questions[index * len(questions) // limit] for index in range(limit)]
