"""Rows as the audit trail tells them: by field, without secrets and without the words of those who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Model, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import override

SECRET: Final = {"password", "hashed", "sealed_secret"}
BOOKKEEPING: Final = {"last_login", "last_used_at", "updated_at", "last_run_at", "total_run_count", "date_changed"}
WORDS: Final[Mapping[str, set[str]]] = {  # what people asked or were told must not outlive its erasure here
    "retrieval.goldenquestion": {"question", "answers", "passage", "earlier"},
    "chat.conversation": {"title"},
    "chat.message": {"text", "meta"},
    "chat.evaluationanswer": {"question", "expected", "reply"},
    "telemetry.gap": {"name"},
    "telemetry.gapquestion": {"text", "vector"},
    "telemetry.feedback": {"question", "reply", "comment", "correction"},
    "telemetry.review": {"question", "reply", "correction"},
}


def snapshot(row: Model | None) -> dict[str, Any]:
    """Every plain field and what it holds; of a secret only that there is one, of people's words only how many."""
    if row is None:
        return {}
    hidden = WORDS.get(label_of(row), set())
    found = {}
    for field in row._meta.concrete_fields:
        if field.primary_key or field.name in BOOKKEEPING:
            continue
        value = field.value_from_object(row)
        if field.name in SECRET:
            value = _Hidden(value)
        elif field.name in hidden:
            value = _Words(value)
        found[field.name] = value
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What two snapshots have otherwise."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {n: before[n] for n in names if n in before}, {n: after[n] for n in names if n in after}


def as_it_was(row: Model) -> Model | None:
    """The row as the database has it still."""
    rows: QuerySet[Any] = type(row)._base_manager.filter(pk=row.pk)
    return rows.first() if row.pk is not None else None


def label_of(row: Model | type[Model]) -> str:
    """`app.model`, of proxies that of their table."""
    concrete = row._meta.concrete_model
    return concrete._meta.label_lower if concrete is not None else row._meta.label_lower


def name_of_row(row: Model) -> str:
    """How staff know it; of what holds people's words its kind and number only."""
    if label_of(row) in WORDS:
        return f"{capfirst(str(row._meta.verbose_name))} {row.pk}"
    return str(row)


class _Words:
    """People's words: equal only to the same ones, told by their length."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Words) and self._value == other._value

    __hash__ = None  # type: ignore[assignment]  # a value to compare, not to look up

    def __str__(self) -> str:
        said = "".join(map(str, self._value)) if isinstance(self._value, list | tuple) else str(self._value or "")
        with override("pt-br"):
            return _("text of %(count)d characters") % {"count": len(said)} if said else ""


class _Hidden(_Words):
    """A secret: nothing of it, only whether it is another one."""

    def __str__(self) -> str:
        return "•••" if self._value else ""
