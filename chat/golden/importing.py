"""Golden questions of a file into the database, where staff see them and the learning loop finds them."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from chat.golden.questions import GoldenSet
from retrieval import models


@dataclass(frozen=True, slots=True)
class Imported:
    """How many questions were new, and how many were there already."""

    added: int
    known: int


@transaction.atomic
def import_questions(golden: GoldenSet) -> Imported:
    """Add those that are not there yet. One that is stays as staff have edited it or put it out of use."""
    added = 0
    for question in golden.questions:
        _row, is_new = models.GoldenQuestion.objects.get_or_create(
            tenant=settings.PRIMARY_TENANT_ID,
            question=question.text,
            document=question.document,
            earlier=list(question.earlier),
            defaults={
                "answers": list(question.answers),
                "passage": question.passage,
                "answerable": question.answerable,
                "kind": question.kind,
                "set_name": question.set_name,
                "origin": models.GoldenQuestion.Origin.FILE,
            },
        )
        added += is_new
    return Imported(added, len(golden.questions) - added)
