"""`manage.py evaluate FILE`: what retrieval, gate and answers are worth on questions with known answers."""

from __future__ import annotations

import json
import signal
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.evaluation import Plan, evaluate, figures_in_words
from chat.exceptions import ChatError
from chat.golden import INSTALLED, GoldenSet, leave_out_installed, read_golden, scratch
from chat.management.progress import Progress
from inference.exceptions import InferenceError
from retrieval.exceptions import RetrievalError


class Command(BaseCommand):
    """Evaluate through the chat path itself, greedily. Leaves nothing behind."""

    help = (
        "Ask the questions of FILE through the chat path and report retrieval, gate and answers. FILE is SQuAD JSON "
        "or JSON lines (question, answers or answer, optional document, passage, answerable). Documents that the file "
        "brings along are read into a scratch space that is gone afterwards."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = (
            "examples:\n"
            "  manage.py evaluate squad.json --masked passage --no-generate --json\n"
            "  manage.py evaluate squad.json --off-domain outros.jsonl --json\n"
            "  manage.py evaluate demo/golden.jsonl --json      # asked of the installed documents\n"
        )
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--masked", choices=["document", "passage"], help="ask again with the source hidden")
        parser.add_argument("--off-domain", type=Path, metavar="FILE", help="questions the documents cannot answer")
        parser.add_argument("--no-generate", action="store_true", help="skip the answers")
        parser.add_argument("--with-installed", action="store_true", help="search the installed documents too")
        parser.add_argument("--tau", type=float, help="confidence threshold, 0 to 1; the one in force by default")
        parser.add_argument("--limit", type=int, help="ask only so many questions, evenly spread")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _stop)
        try:
            golden = leave_out_installed(read_golden(options["file"]))
            off_domain = read_golden(options["off_domain"]).questions if options["off_domain"] else ()
            report = self._evaluate(golden, off_domain, options)
        except (ChatError, RetrievalError, InferenceError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(json.dumps(report, ensure_ascii=False) if options["json"] else figures_in_words(report))

    def _evaluate(self, golden: GoldenSet, off_domain: Any, options: dict[str, Any]) -> dict[str, Any]:
        with Progress(self.stderr, "documents") as reading, scratch(golden, progress=reading) as own:
            collections = [own] if golden.documents else []
            if options["with_installed"] or not collections:
                collections.append(INSTALLED)
            with Progress(self.stderr, "questions") as asking:
                plan = Plan(
                    questions=_spread(golden.questions, options["limit"]),
                    collections=collections,
                    masked=options["masked"],
                    off_domain=off_domain,
                    generate=not options["no_generate"],
                    tau=options["tau"],
                    progress=asking,
                )
                return evaluate(plan)


def _spread(questions: Any, limit: int | None) -> Any:
    if not limit or limit >= len(questions):
        return questions
    return [questions[index * len(questions) // limit] for index in range(limit)]


def _stop(*_args: object) -> None:
    """SIGTERM unwinds like Ctrl-C, so that the scratch space goes."""
    raise KeyboardInterrupt
