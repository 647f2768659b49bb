"""`manage.py import_golden FILE`: questions with known answers into the database."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from chat.exceptions import GoldenFileInvalid
from chat.golden import read_golden
from chat.golden.importing import import_questions


class Command(BaseCommand):
    help = (
        "Add the golden questions of FILE (SQuAD JSON, or JSON lines or a CSV table with question, answers, document, "
        "passage, answerable) to those that trainings learn from and adapters are examined on. Questions that "
        "are there already stay as they are, so running it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            imported = import_questions(read_golden(options["file"]))
        except GoldenFileInvalid as exc:
            raise CommandError(str(exc)) from exc
        values = {"added": imported.added, "known": imported.known}
        self.stdout.write(_("Golden questions: %(added)d added, %(known)d there already.") % values)
