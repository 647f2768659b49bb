"""Golden questions out of the database, as a file that `read_golden` reads again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.conf import settings

from chat.golden.tables import write_table
from retrieval.models import GoldenQuestion

FORMS: Mapping[str, str] = {"csv": "text/csv", "jsonl": "application/jsonl"}


def export_questions(form: str) -> bytes:
    """All of them, those out of use too, in one of `FORMS`."""
    rows = GoldenQuestion.objects.filter(tenant=settings.PRIMARY_TENANT_ID).order_by("pk")
    if form == "csv":
        return write_table(rows).encode("utf-8-sig")  # with its mark, or Excel takes it for another encoding
    return "".join(json.dumps(_as_line(row), ensure_ascii=False) + "\n" for row in rows).encode()


def _as_line(row: GoldenQuestion) -> dict[str, object]:
    line: dict[str, object] = {
        "question": row.question,
        "answers": row.answers,
        "answerable": row.answerable,
        "document": row.document,
        "passage": row.passage,
        "kind": row.kind,
        "set": row.set_name,
    }
    if row.earlier:
        line["conversation"] = [{"role": "user", "content": text} for text in row.earlier]
    return line
