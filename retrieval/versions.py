"""Earlier versions of a document: kept when its bytes are replaced, dropped when they are too many or too old."""

from __future__ import annotations

from datetime import datetime, timedelta

from retrieval.models import Document, DocumentVersion

KEPT = 10
"""Versions of a document beside the one that serves."""
KEPT_FOR = timedelta(days=365)


def keep_version(document: Document) -> None:
    """Note what `document` says now; in the transaction that replaces it, before its chunks go."""
    places = document.chunks.order_by("ordinal").values_list("start", "end", "section", "page", "token_count")
    DocumentVersion.objects.create(
        document=document,
        number=document.version,
        title=document.title,
        media_type=document.media_type,
        sha256=document.sha256,
        size_bytes=document.size_bytes,
        text=document.text,
        places=[list(place) for place in places],
        stored_at=document.updated_at,
    )
    document.versions.filter(number__lte=document.version - KEPT).delete()


def drop_old_versions(now: datetime) -> int:
    """Remove what was replaced longer ago than versions are kept; how many there were."""
    return DocumentVersion.objects.filter(replaced_at__lt=now - KEPT_FOR).delete()[0]
