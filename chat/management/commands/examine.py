"""`manage.py examine CANDIDATE`: is this adapter better than the one that serves?"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from chat.errors import problem_of
from chat.examination.questions import ExamQuestion, frozen_questions
from chat.examination.running import run
from chat.exceptions import GoldenFileInvalid
from chat.golden import only_split, read_golden
from chat.management.interruption import ending_cleanly
from chat.management.progress import Progress
from inference import examinations
from inference.exceptions import InferenceError
from inference.models import Adapter, Examination
from inference.verdict_words import figures_in_words, reasons_in_words
from retrieval.exceptions import RetrievalError


class Command(BaseCommand):
    help = (
        "Ask the frozen questions of the adapter CANDIDATE, of the one that serves and of the base model alone, and "
        "say whether it is better. It promotes nobody: the panel does, or the nightly loop. One that was cut short is "
        "taken up again by running the same command."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("candidate", type=int, help="number of the adapter (manage.py adapters)")
        parser.add_argument("--champion", type=int, help="compare with this adapter instead of the one that serves")
        parser.add_argument("--golden", type=Path, help="questions of this file instead of the frozen ones")
        parser.add_argument("--split", default="", help="only questions of this `split`, in a file that has any")
        parser.add_argument("--night", type=UUID, help="the night of the learning loop that asked for it")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        left = _("Interrupted; run it again to go on from here.")
        try:
            with ending_cleanly(self.stderr, left), Progress(self.stderr, "examine") as progress:
                row = run(
                    options["candidate"],
                    _questions(options["golden"], options["split"]),
                    champion=_champion(options["champion"]),
                    night_id=options["night"],
                    progress=progress,
                )
        except (InferenceError, GoldenFileInvalid) as exc:
            raise CommandError(str(exc)) from exc
        except RetrievalError as exc:
            raise CommandError(problem_of(exc).message) from exc
        self.stdout.write(json.dumps(_as_json(row), ensure_ascii=False) if options["json"] else _as_text(row))


def _questions(file: Path | None, split: str) -> tuple[ExamQuestion, ...]:
    if file is None:
        return frozen_questions()
    golden = only_split(read_golden(file), split).questions
    return tuple(ExamQuestion.of(question) for question in golden if question.answerable is not None)


def _champion(chosen: int | None) -> Adapter | None:
    if chosen is None:
        return examinations.who_serves()
    adapter = Adapter.objects.filter(pk=chosen).first()
    if adapter is None:
        raise CommandError(_("There is no adapter %(id)s.") % {"id": chosen})
    return adapter


def _as_json(row: Examination) -> dict[str, Any]:
    return {
        "examination": row.pk,
        "candidate": row.candidate_id,
        "champion": row.champion_id,
        "promote": row.promote,
        "reasons": row.reasons,
        "said": reasons_in_words(row.reasons),
        **row.results,
    }


def _as_text(row: Examination) -> str:
    return "\n".join([str(row), *reasons_in_words(row.reasons), "", *figures_in_words(row.results)])
