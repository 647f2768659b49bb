"""The golden questions that staff keep in the panel, as plain values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from chat.exceptions import GoldenFileInvalid
from chat.golden.questions import GoldenQuestion, GoldenSet
from retrieval import models
from retrieval.judgements import places_judged


@dataclass(frozen=True, slots=True)
class InstalledQuestion:
    """One in use. `key` is the same as long as the question, what is right and where that stands are."""

    id: int
    key: str
    question: GoldenQuestion


def installed_questions(set_name: str | None = None) -> tuple[InstalledQuestion, ...]:
    """Those in use, of all sets where `set_name` is None. Passages that staff judged relevant count as answers too."""
    rows = models.GoldenQuestion.objects.filter(tenant=settings.PRIMARY_TENANT_ID, is_active=True)
    if set_name is not None:
        rows = rows.filter(set_name=set_name)
    found = list(rows.order_by("pk"))
    judged = places_judged([row.pk for row in found], relevant=True)
    questions = (_plain(row, judged.get(row.pk, ())) for row in found)
    return tuple(InstalledQuestion(row.pk, _key(one), one) for row, one in zip(found, questions, strict=True))


def installed_set(set_name: str | None = None) -> GoldenSet:
    """The same as a set to be evaluated. Raises `GoldenFileInvalid` where there is none in use."""
    found = installed_questions(set_name)
    if not found:
        message = _("No golden question is in use.")
        if set_name is not None:
            message = _("No golden question of the set “%(name)s” is in use.") % {"name": set_name}
        raise GoldenFileInvalid(message)
    return GoldenSet(set_name or _("golden questions"), tuple(one.question for one in found), {})


def _plain(row: models.GoldenQuestion, judged: tuple[tuple[str, str], ...]) -> GoldenQuestion:
    return GoldenQuestion(
        text=row.question,
        answers=tuple(row.answers),
        document=row.document,
        passage=row.passage,
        answerable=row.answerable,
        kind=row.kind,
        earlier=tuple(row.earlier),
        elsewhere=judged,
        set_name=row.set_name,
    )


def _key(one: GoldenQuestion) -> str:
    parts = (one.text, one.answers, one.document, one.passage, one.answerable, one.earlier, one.elsewhere)
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
