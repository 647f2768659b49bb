"""The one writer of the audit trail, and the proof that nothing of it was changed.

Each row's hash covers the row and the hash of the one before, so that an edit, an insertion or a deletion anywhere
shows in the rows after it; its seal is made with the secret key, so that whoever has only the database cannot make the
chain fit again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from telemetry.audit.acting import Acting, acting
from telemetry.models import AuditEntry

Action = AuditEntry.Action
LOCK_NAME = "telemetry.audit"
SIGNED = (
    "tenant",
    "source",
    "actor_id",
    "actor",
    "address",
    "action",
    "object_type",
    "object_id",
    "object_name",
    "before",
    "after",
    "reason",
    "detail",
    "previous",
)
LONGEST = 2000  # characters of one value, a reason or a detail


def write(
    action: Action,
    *,
    object_type: str = "",
    object_id: object = "",
    object_name: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    detail: str = "",
    by: Acting | None = None,
) -> AuditEntry:
    """Append one act, in the caller's transaction: what is undone leaves none, what is done leaves one.

    Writers take turns until that transaction ends. The reason is the form's where none is given.
    """
    who = by or acting()
    with transaction.atomic():
        previous = _last_hash_alone()
        entry = AuditEntry(
            tenant=settings.PRIMARY_TENANT_ID,
            at=timezone.now(),
            source=who.source,
            actor_id=who.user_id,
            actor=clean(who.login, 150),
            address=who.address,
            action=action,
            object_type=object_type[:100],
            object_id=clean(str(object_id), 64),
            object_name=clean(object_name, 200),
            before=storable(before or {}),
            after=storable(after or {}),
            reason=clean(reason or who.reason),
            detail=clean(detail),
            previous=previous,
        )
        entry.hash = hash_of(entry)
        entry.seal = seal_of(entry.hash, settings.SECRET_KEY)
        entry.save(force_insert=True)
    return entry


def hash_of(entry: AuditEntry) -> str:
    """SHA-256 over everything that the row says, as canonical JSON, with the hash of the one before."""
    said = {name: getattr(entry, name) for name in SIGNED} | {"at": entry.at.astimezone(UTC).isoformat()}
    canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def seal_of(digest: str, key: str) -> str:
    """What only who has the secret key can make of a hash."""
    return hmac.new(f"aion.audit.{key}".encode(), digest.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken` is the first row that does not follow from the one before, `unsealed` the first whose seal is of
    another secret key (0: none). `last` is the newest hash, for noting it down elsewhere."""

    rows: int
    last: str
    broken: int
    unsealed: int
    since: datetime | None
    found: bool

    @property
    def intact(self) -> bool:
        return not self.broken and not self.unsealed and self.found


def verify(*, expected: str = "", earlier_keys: Sequence[str] = ()) -> Verdict:
    """Recompute every hash and seal, the latter with the secret key and those that AION had before. `expected` is a
    hash noted before, which must still be there: without one nobody can tell whether the newest rows are missing."""
    keys = (settings.SECRET_KEY, *earlier_keys)
    previous, rows, broken, unsealed = "", 0, 0, 0
    found, since = not expected, None
    for entry in _oldest_first():
        if rows == 0:
            since = entry.at
            previous = entry.previous if entry.previous in _pruned_until() else ""
        if not broken and (entry.previous != previous or entry.hash != hash_of(entry)):
            broken = entry.pk
        if not any(hmac.compare_digest(entry.seal, seal_of(entry.hash, key)) for key in keys):
            unsealed = unsealed or entry.pk
        previous, rows, found = entry.hash, rows + 1, found or entry.hash == expected
    return Verdict(rows, previous, broken, unsealed, since, found)


def storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the database gives them back, to the character: numbers with a point as text, long texts cut."""
    return {clean(str(name), 100): _plain(value) for name, value in values.items()}


def clean(text: str, longest: int = LONGEST) -> str:
    """What PostgreSQL can hold of a text, at most so long."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:longest]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return storable(value)
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return clean(str(value))


def _last_hash_alone() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK_NAME])
        cursor.execute("SELECT hash FROM telemetry_auditentry ORDER BY id DESC LIMIT 1")
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _oldest_first() -> Iterator[AuditEntry]:
    return AuditEntry.objects.order_by("id").iterator(chunk_size=2000)


def _pruned_until() -> set[str]:
    """Hashes of the last rows that went with their period; the oldest row that is left follows one of them."""
    pruned = AuditEntry.objects.filter(action=Action.PRUNED, object_type="telemetry.auditentry")
    return {str(after.get("hash", "")) for after in pruned.values_list("after", flat=True)}
