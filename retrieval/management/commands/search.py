"""`manage.py search "..."`: one retrieval, explained."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from retrieval.exceptions import RetrievalError
from retrieval.explanation import explain
from retrieval.results import SearchScope, SearchSettings
from retrieval.search import retrieve

HELP = _(
    """Shows what AION finds for a question, and why: the rank by meaning (dense) and by words (text), the fused
score, and what the selection for variety (MMR) kept.

Examples:
  manage.py search "Posso cancelar no dia?"
  manage.py search "Posso cancelar no dia?" --json
  manage.py search "folha de pagamento" --group hr

Without --group every document is searched, whoever may see it."""
)


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question", help=_("the question, in quotes"))
        parser.add_argument("--collection", action="append", default=[], dest="collections", help=_("default: main"))
        parser.add_argument(
            "--group",
            action="append",
            default=None,
            dest="groups",
            help=_("search as a member of this group; repeatable"),
        )
        parser.add_argument("--top-k", type=int, default=8, help=_("how many passages to select (default: 8)"))
        parser.add_argument("--json", action="store_true", help=_("print everything as one JSON object"))

    def handle(self, *args: object, **options: Any) -> None:
        if not options["question"].strip():
            raise CommandError(_("The question is empty."))
        if not 1 <= options["top_k"] <= 24:
            raise CommandError(_("--top-k must be from 1 to 24."))
        groups = options["groups"]
        scope = SearchScope(
            settings.PRIMARY_TENANT_ID,
            tuple(options["collections"]) or ("main",),
            tuple(groups) if groups is not None else None,
        )
        try:
            retrieval = retrieve(options["question"], scope=scope, settings=SearchSettings(top_k=options["top_k"]))
        except RetrievalError as exc:
            raise CommandError(str(exc)) from exc
        explanation = explain(retrieval, scope)
        if options["json"]:
            self.stdout.write(json.dumps(explanation, ensure_ascii=False, indent=2))
            return
        if not retrieval.selected:
            self.stdout.write(_("Nothing was found: there are no documents here yet, or none that may be searched."))
        for hit in retrieval.selected:
            ranks = f"dense {hit.dense_rank or '-'}  text {hit.text_rank or '-'}  score {hit.score:.2f}"
            if hit.rerank_score is not None:
                ranks += f"  rerank {hit.rerank_score:.2f}"
            self.stdout.write(f"{hit.rank}. {hit.name}  [{ranks}]\n   {' '.join(hit.text.split())[:160]}")
        self.stdout.write(
            _("%(chunks)d passages searched in %(search).0f ms, question embedded in %(embed).0f ms.")
            % {
                "chunks": retrieval.chunk_count,
                "search": retrieval.timings.search_ms,
                "embed": retrieval.timings.embed_ms,
            }
        )
