"""What somebody new to the documents could ask: the questions that their own headings ask, else their titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from retrieval.chunking import PATH_MARK
from retrieval.models import Chunk, Document
from retrieval.validity import valid_today

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
    documents = valid_today().filter(tenant=settings.PRIMARY_TENANT_ID, collection="main")
    if groups is None:
        return documents
    return documents.filter(Q(groups=[]) | Q(groups__overlap=list(groups)))


def _headings_that_ask(documents: QuerySet[Document]) -> list[str]:
    """From the document that asks most, as a list of frequent questions does; spread over it, not about one thing."""
    sections = (
        Chunk.objects.filter(document__in=documents, section__endswith="?")
        .order_by("document__title", "ordinal")
        .values_list("document_id", "section")[:400]
    )
    asked: dict[UUID, dict[str, None]] = {}
    for document_id, section in sections:
        question = section.rsplit(PATH_MARK, 1)[-1].strip()
        if len(question) <= LONGEST_SUGGESTION:
            asked.setdefault(document_id, {})[question] = None
    by_most = sorted(asked.values(), key=len, reverse=True)
    questions = list(dict.fromkeys(question for document in by_most for question in document))
    step = max(1, len(by_most[0]) // SUGGESTED) if by_most else 1
    return questions[::step][:SUGGESTED]
