"""How often the documents of each subject were found; what a subject is, is the caller's to say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from uuid import UUID

from django.db import connection
from django.utils import timezone

from telemetry.rollups.reading import Range

_FOUND = """
SELECT subject.name, (found.start AT TIME ZONE %(zone)s)::date, sum(found.count)::bigint
  FROM telemetry_rollup found
  JOIN unnest(%(documents)s::text[], %(names)s::text[]) AS subject(document, name) ON subject.document = found.label
 WHERE found.tenant = %(tenant)s AND found.grain = 'day' AND found.metric = 'document'
   AND found.start >= %(since)s AND found.start < %(until)s
 GROUP BY 1, 2
"""


def found_by_subject(
    tenant: str, span: Range, documents: Mapping[str, Collection[UUID]]
) -> Mapping[str, tuple[int, ...]]:
    """For each subject with its `documents`, by day of the range, in how many searches they were chosen, added up: a
    search that chose two of them counts twice. Subjects without any are left out."""
    pairs = [(str(document), name) for name, ids in documents.items() for document in ids]
    with connection.cursor() as cursor:
        cursor.execute(
            _FOUND,
            {
                "zone": timezone.get_default_timezone_name(),
                "documents": [document for document, _name in pairs],
                "names": [name for _document, name in pairs],
                "tenant": tenant,
                "since": span.since,
                "until": span.until,
            },
        )
        rows = cursor.fetchall()
    by_day: dict[str, dict[date, int]] = {}
    for name, day, count in rows:
        by_day.setdefault(name, {})[day] = count
    return {name: tuple(found.get(day, 0) for day in span.days) for name, found in by_day.items()}
