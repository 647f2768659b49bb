"""`manage.py ask "..."`: one question through the whole path, as `POST /api/ai/chat` answers it."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from chat import calibration
from chat.answering import Answer, Asker, Question, answer
from chat.errors import problem_of


class Command(BaseCommand):
    """Ask from the shell. Exit status 1 where no answer was given; an abstention is an answer."""

    help = (
        "Ask a question and print the answer, its sources and why it took this way. The serving process answers when "
        "it runs, else a model is loaded here."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = (
            "examples:\n"
            '  manage.py ask "Quanto custa o passeio de dia inteiro em Sintra?"\n'
            '  manage.py ask "Quem ganhou a Copa de 1958?" --json\n'
            '  manage.py ask "..." --tau 0.4 --no-generate   # only how sure AION is, and the way it would take\n'
        )
        parser.add_argument("question")
        parser.add_argument("--json", action="store_true", help="print the body of POST /api/ai/chat")
        parser.add_argument("--tau", type=float, help="confidence threshold for this question, 0 to 1")
        parser.add_argument("--force-fallback", action="store_true", help="use the paid API if it is allowed")
        parser.add_argument("--no-generate", action="store_true", help="stop after the route; nothing is recorded")

    def handle(self, *args: Any, **options: Any) -> None:
        question = Question(
            text=options["question"],
            tau=options["tau"],
            force_fallback=options["force_fallback"],
            generate=not options["no_generate"],
        )
        asker = Asker(groups=None, may_set_tau=True, may_force=True, is_service=True)
        try:
            given = answer(question, asker=asker)
        except Exception as exc:  # noqa: BLE001  # the outermost edge of a command; problem_of logs what is unexpected
            self._fail(exc, as_json=options["json"])
        if stale := calibration.status().stale:
            given = replace(given, warnings=(*given.warnings, stale))
        if options["json"]:
            self.stdout.write(json.dumps(given.as_dict(), ensure_ascii=False, indent=2))
        else:
            self._print(given)

    def _fail(self, exc: Exception, *, as_json: bool) -> None:
        problem = problem_of(exc)
        if as_json:
            self.stdout.write(json.dumps(problem.body(), ensure_ascii=False, indent=2))
        else:
            self.stderr.write(self.style.ERROR(problem.message))
        raise SystemExit(1)

    def _print(self, given: Answer) -> None:
        if given.text:
            self.stdout.write(given.text + "\n")
        about = {"route": given.used, "C": f"{given.confidence:.2f}", "ms": f"{given.timings['total']:.0f}"}
        self.stdout.write(self.style.SUCCESS(_("%(route)s, C = %(C)s, %(ms)s ms") % about))
        self.stdout.write(given.reason_text)
        for warning in given.warnings:
            self.stdout.write(self.style.WARNING(warning))
        for source in given.sources:
            mark = f"[{source.number}]" if source.number else " - "
            self.stdout.write(f"{mark} {source.name} ({source.similarity:.3f})")
