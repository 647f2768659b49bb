"""What of a document could not be read, in words for whoever sent it."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from retrieval.exceptions import SENTENCES
from retrieval.parsing.blocks import Gap, RejectionCode

MOST_NAMED = 20


def needs_ocr(gaps: Iterable[Gap]) -> bool:
    """Whether text recognition would read more of it."""
    return any(gap.code is RejectionCode.NEEDS_OCR for gap in gaps)


def told(gaps: Iterable[Gap]) -> str:
    """A sentence or two about each gap, in the active language; "" where there is none."""
    return " ".join(map(_told, gaps))


def _told(gap: Gap) -> str:
    why = str(SENTENCES[gap.code])
    pages = ", ".join(map(str, gap.pages[:MOST_NAMED])) + ("…" if len(gap.pages) > MOST_NAMED else "")
    if gap.name:
        return _("The attachment “%(name)s” was not read whole. %(why)s") % {"name": gap.name, "why": why}
    return _("Scanned pages that were not read: %(pages)s. %(why)s") % {"pages": pages, "why": why}
