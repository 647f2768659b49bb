"""On which days a document is found. A search asks by its shelf (`candidates`); here are the same dates for lists."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from django.db.models import Q, QuerySet
from django.utils import timezone

from retrieval.models import Document

SOON = timedelta(days=30)


class Validity(StrEnum):
    VALID = "valid"
    ENDING = "ending"
    EXPIRED = "expired"
    COMING = "coming"


def today() -> date:
    """The day of the installation's own time zone, whatever a request's is."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def validity(first: date | None, last: date | None, on: date) -> Validity:
    """What a document that is found from `first` to `last` is on a day; one that ends within 30 days is `ENDING`."""
    if last is not None and last < on:
        return Validity.EXPIRED
    if first is not None and first > on:
        return Validity.COMING
    return Validity.ENDING if last is not None and last <= on + SOON else Validity.VALID


def documents_that_are(wanted: Validity, on: date) -> Q:
    """The same as a condition; `VALID` includes those that end soon."""
    begun = Q(valid_from__isnull=True) | Q(valid_from__lte=on)
    return {
        Validity.VALID: begun & (Q(valid_until__isnull=True) | Q(valid_until__gte=on)),
        Validity.ENDING: begun & Q(valid_until__gte=on, valid_until__lte=on + SOON),
        Validity.EXPIRED: Q(valid_until__lt=on),
        Validity.COMING: Q(valid_from__gt=on),
    }[wanted]


def valid_today() -> QuerySet[Document]:
    """The documents that a search finds today, who may see them aside."""
    return Document.objects.filter(documents_that_are(Validity.VALID, today()))
