"""What somebody new to the documents could ask: the questions that their own headings ask, else their titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from retrieval.models import Chunk, Document

SUGGESTED: Final = 4
LONGEST_SUGGESTION: Final = 90


def suggested_questions(*, groups: Sequence[str] | None) -> list[str]:
    """Up to four questions about documents that a member of `groups` may find (None: every document)."""
    documents = _visible(groups)
    asked = _headings_that_ask(documents)
    if asked:
        return asked
    titles = documents.order_by("title").values_list("title", flat=True)[:SUGGESTED]
    return [_("What does “%(title)s” say?") % {"title": title} for title in titles]


def _visible(groups: Sequence[str] | None) -> QuerySet[Document]:
    documents = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection="main")
    if groups is None:
        return documents
    return documents.filter(Q(groups=[]) | Q(groups__overlap=list(groups)))


def _headings_that_ask(documents: QuerySet[Document]) -> list[str]:
    """Spread over the list, so that they are not four questions about one thing."""
    sections = (
        Chunk.objects.filter(document__in=documents, section__endswith="?")
        .order_by("document__title", "ordinal")
        .values_list("section", flat=True)[:400]
    )
    questions = list(dict.fromkeys(section.rsplit(" > ", 1)[-1].strip() for section in sections))
    questions = [question for question in questions if len(question) <= LONGEST_SUGGESTION]
    step = max(1, len(questions) // SUGGESTED)
    return questions[::step][:SUGGESTED]
