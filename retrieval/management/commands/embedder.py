"""`manage.py embedder`: exchange the embedder without a pause."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from retrieval.building import Progress, build, switch
from retrieval.exceptions import RetrievalError
from retrieval.generation_status import GenerationStatus, duration, statuses
from retrieval.generations import discard, open_generation

HELP = _(
    """Embeds all documents anew with another embedder, while the present one goes on serving, and exchanges the two.

  manage.py embedder            what serves, what is being built, what could be gone back to
  manage.py embedder build      embed everything with AION_EMBEDDER, aside; killed, it goes on where it was
  manage.py embedder switch     build what is missing, and let it serve from one question to the next
  manage.py embedder switch 1   the same for the vectors 1: so one goes back
  manage.py embedder discard 1  give up vectors that do not serve, and their space

After a switch the confidence has to be fitted again: manage.py calibrate."""
)


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", nargs="?", default="status", choices=["status", "build", "switch", "discard"])
        parser.add_argument("id", nargs="?", type=int, help=_("which vectors; by default those of AION_EMBEDDER"))
        parser.add_argument("--json", action="store_true", help=_("print everything as one JSON object"))

    def handle(self, *args: object, **options: Any) -> None:
        action, chosen = options["action"], options["id"]
        try:
            if action == "discard":
                if chosen is None:
                    raise CommandError(_("Say which vectors: manage.py embedder discard 1"))
                discard(chosen)
            elif action != "status":
                perform = build if action == "build" else switch
                perform(chosen if chosen is not None else open_generation().pk, watch=self._watch)
        except RetrievalError as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            rows = [asdict(status) for status in statuses()]
            self.stdout.write(json.dumps({"wanted": settings.AION_EMBEDDER, "generations": rows}, ensure_ascii=False))
        else:
            self._tell(statuses())

    def _tell(self, found: list[GenerationStatus]) -> None:
        if not found:
            self.stdout.write(_("There are no documents yet."))
        for status in found:
            size = filesizeformat(status.size_bytes)
            self.stdout.write(
                f"{status.id}  {status.label}  {status.embedder}  {status.done}/{status.total}  {size}  {status.error}"
            )

    def _watch(self, progress: Progress) -> None:
        left = "" if progress.seconds_left is None else duration(progress.seconds_left)
        if sys.stderr.isatty():
            self.stderr.write(f"\r{progress.done}/{progress.total}  {left:<30}", ending="")
            self.stderr.flush()
