"""Datasets and the rolling file of events: recent answers, masked, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from telemetry.dataset import Row, Tally, rows
from telemetry.events import EventKind
from telemetry.exceptions import ExportFailed, ExportRunning
from telemetry.staging import appearing_file, appearing_folder, remove_leftovers

SCHEMA = 1
RECENT = timedelta(days=30)

FORMATS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "messages": lambda row: {
        "messages": [{"role": "user", "content": row.prompt}, {"role": "assistant", "content": row.reply}]
    },
    "prompt_completion": lambda row: {"prompt": row.prompt, "completion": row.reply},
    "sharegpt": lambda row: {
        "conversations": [{"from": "human", "value": row.prompt}, {"from": "gpt", "value": row.reply}]
    },
    "alpaca": lambda row: {"instruction": row.prompt, "input": "", "output": row.reply},
}


@dataclass(frozen=True)
class ExportResult:
    path: Path
    rows: int
    manifest: Mapping[str, Any]


def export_dataset(
    *,
    tenant: str,
    since: datetime,
    until: datetime,
    target: Path,
    formats: Sequence[str] = ("messages",),
    include_provider: bool = False,
) -> ExportResult:
    """Write the tenant's answers of `[since, until)` into the new folder `target`.

    It holds `data.jsonl` in the first format (`data.FORMAT.jsonl` in the others), `manifest.json` and a README.
    Answers of a paid provider only with `include_provider`: its terms may forbid training on them.
    Raises ExportRunning while another export of the tenant is at work, DiskFull, or ExportFailed; then nothing of it
    is visible.
    """
    _check(since, until, formats)
    with transaction.atomic(), _alone(tenant):
        remove_leftovers(target.parent)
        tally = Tally()
        with appearing_folder(target) as folder:
            chosen = rows(tenant=tenant, since=since, until=until, include_provider=include_provider, tally=tally)
            files = _write_data(folder, formats, chosen)
            manifest = {
                "schema": SCHEMA,
                "createdAt": timezone.now().isoformat(),
                "codeVersion": settings.SPECTACULAR_SETTINGS["VERSION"],
                "tenant": tenant,
                "window": {"since": since.isoformat(), "until": until.isoformat()},
                "rows": tally.rows,
                "considered": tally.considered,
                "includeProvider": include_provider,
                "excluded": tally.exclusions(),
                "masked": dict(sorted(tally.masked.items())),
                "files": files,
            }
            (folder / "manifest.json").write_text(_json(manifest, indent=2) + "\n", encoding="utf-8")
            (folder / "README.md").write_text(_readme(tally, since, until), encoding="utf-8")
    return ExportResult(target, tally.rows, manifest)


def write_rolling_jsonl(path: Path, tenant: str, *, include_provider: bool = False, now: datetime | None = None) -> int:
    """Rewrite the kept file of recent answers in the older design's lines; return how many. Raises as above."""
    now = now or timezone.now()
    tally = Tally()
    with appearing_file(path) as file:
        for row in rows(tenant=tenant, since=now - RECENT, until=now, include_provider=include_provider, tally=tally):
            file.write(_json(_event_line(row, tenant)) + "\n")
    return tally.rows


def _check(since: datetime, until: datetime, formats: Sequence[str]) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ExportFailed(
            _("Unknown format %(unknown)s. There are: %(known)s.")
            % {"unknown": ", ".join(unknown) or "-", "known": ", ".join(FORMATS)}
        )
    if since >= until:
        raise ExportFailed(_("The time window is empty: it begins at its end or later."))


@contextmanager
def _alone(tenant: str) -> Iterator[None]:
    """Hold the tenant's export lock to the end of the transaction; PostgreSQL frees it if this process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"telemetry.export:{tenant}"])
        if not cursor.fetchone()[0]:
            raise ExportRunning(_("Another export is at work; wait until it is done."))
    yield


def _write_data(folder: Path, formats: Sequence[str], chosen: Iterator[Row]) -> list[dict[str, Any]]:
    """Write each row in each format; describe the files."""
    with ExitStack() as stack:
        files = [
            _Hashed(stack.enter_context((folder / _data_name(formats, name)).open("wb")), name)
            for name in dict.fromkeys(formats)
        ]
        for row in chosen:
            for file in files:
                file.write(FORMATS[file.format](row) | _provenance(row))
    return [file.described(_data_name(formats, file.format)) for file in files]


def _data_name(formats: Sequence[str], name: str) -> str:
    return "data.jsonl" if name == formats[0] else f"data.{name}.jsonl"


class _Hashed:
    """A file of JSON lines that knows its own SHA-256."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.format = name
        self._file = file
        self._sha256 = hashlib.sha256()
        self._rows = 0
        self._bytes = 0

    def write(self, row: Mapping[str, Any]) -> None:
        line = (_json(row) + "\n").encode()
        self._file.write(line)
        self._sha256.update(line)
        self._rows += 1
        self._bytes += len(line)

    def described(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "format": self.format,
            "rows": self._rows,
            "bytes": self._bytes,
            "sha256": self._sha256.hexdigest(),
        }


def _provenance(row: Row) -> dict[str, Any]:
    """Where a row comes from; the same keys and types in every row, so that any loader reads them as columns."""
    meta = row.meta
    confidence = meta.get("C")
    return {
        "id": str(row.id),
        "at": row.at.isoformat(),
        "source": row.source,
        "mode": str(meta.get("mode") or ""),
        "confidence": None if confidence is None else float(confidence),
        "model": str(meta.get("model") or ""),
        "adapter": str(meta.get("adapterDigest") or ""),
        "vote": row.vote or 0,
    }


def _event_line(row: Row, tenant: str) -> dict[str, Any]:
    return {
        "tenantId": tenant,
        "kind": EventKind.ANSWER.value,
        "value": row.value,
        "meta": {"prompt": row.prompt, "reply": row.reply, "rank": 1, "source": row.source, **row.meta},
        "at": row.at.isoformat(),
        "id": str(row.id),
        "schema": row.schema,
    }


def _readme(tally: Tally, since: datetime, until: datetime) -> str:
    days = {"since": _moment(since), "until": _moment(until), "rows": tally.rows, "considered": tally.considered}
    return "\n".join(
        (
            "# " + _("Answers exported from AION"),
            "",
            _("Answers from %(since)s to %(until)s. Looked at: %(considered)d; rows: %(rows)d.") % days,
            "",
            _(
                "Personal data was masked by placeholders such as [CPF_1] before writing, as far as it was found; "
                "what could not be masked was left out. Treat the files as confidential all the same."
            ),
            "",
            _(
                "`data.jsonl` has one JSON object a line. `manifest.json` tells the window, what was left out and why, "
                "and the SHA-256 of each file. Load it with `datasets.load_dataset('json', data_files='data.jsonl')`."
            ),
            "",
        )
    )


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")


def _json(value: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
