"""Datasets and the rolling file of events: recent answers, masked, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from telemetry.dataset import Quarantined, Row, Tally, rows
from telemetry.events import EventKind
from telemetry.exceptions import ExportFailed, MaskingStopped
from telemetry.formats import FORMATS, PREFERENCES, dataset_info, preference, spelt
from telemetry.provenance import Provenance
from telemetry.staging import appearing_file, appearing_folder, remove_leftovers

SCHEMA = 2
RECENT = timedelta(days=30)
QUARANTINE = "quarantine.jsonl"
UNKNOWN = Provenance()


@dataclass(frozen=True)
class ExportResult:
    path: Path
    rows: int
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class Selection:
    """Whose answers of `[since, until)`; those of a paid provider only if asked for: its terms may forbid it."""

    tenant: str
    since: datetime
    until: datetime
    include_provider: bool = False

    def rows(self, tally: Tally) -> Iterator[Row | Quarantined]:
        return rows(
            tenant=self.tenant,
            since=self.since,
            until=self.until,
            include_provider=self.include_provider,
            tally=tally,
        )


def export_dataset(
    chosen: Selection,
    *,
    target: Path,
    formats: Sequence[str] = ("messages",),
    provenance: Provenance = UNKNOWN,
    rolling: Path | None = None,
) -> ExportResult:
    """Write the chosen answers into the new folder `target`, for who holds `telemetry.locks.exporting_alone`.

    It holds `data.jsonl` in the first format (`data.FORMAT.jsonl` in the others), `preferences.jsonl`,
    `quarantine.jsonl`, `manifest.json`, `dataset_info.json` and a README. With `rolling` that file is rewritten from
    the last thirty days of them. Raises DiskFull or ExportFailed; then nothing of it is visible.
    """
    formats = tuple(dict.fromkeys(spelt(name) for name in formats))
    _check(chosen.since, chosen.until, formats)
    remove_leftovers(target.parent)
    tally = Tally()
    with (
        _explaining_masking(),
        appearing_file(rolling) if rolling else nullcontext() as lines,
        appearing_folder(target) as folder,
    ):
        with ExitStack() as stack:
            writer = _Writer.opened(folder, formats, stack)
            for row in chosen.rows(tally):
                writer.write(row)
                if lines and isinstance(row, Row) and row.is_fit and row.at >= chosen.until - RECENT:
                    lines.write(_json(_event_line(row, chosen.tenant)) + "\n")
        manifest = _manifest(chosen, tally, writer, provenance)
        (folder / "manifest.json").write_text(_json(manifest, indent=2) + "\n", encoding="utf-8")
        info = dataset_info({file.format: file.name for file in writer.loadable()})
        (folder / "dataset_info.json").write_text(_json(info, indent=2) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(_readme(chosen, tally, writer), encoding="utf-8")
    return ExportResult(target, tally.rows, manifest)


def write_rolling_jsonl(path: Path, tenant: str, *, include_provider: bool = False, now: datetime | None = None) -> int:
    """Rewrite the kept file of recent answers in the older design's lines; return how many. Raises as above."""
    now = now or timezone.now()
    chosen = Selection(tenant, now - RECENT, now, include_provider)
    tally = Tally()
    with _explaining_masking(), appearing_file(path) as file:
        for row in chosen.rows(tally):
            if isinstance(row, Row) and row.is_fit:
                file.write(_json(_event_line(row, tenant)) + "\n")
    return tally.rows


@contextmanager
def _explaining_masking() -> Iterator[None]:
    try:
        yield
    except MaskingStopped as exc:
        raise ExportFailed(_("A process that masks personal data was ended, perhaps for lack of memory.")) from exc


def _manifest(chosen: Selection, tally: Tally, writer: _Writer, provenance: Provenance) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "createdAt": timezone.now().isoformat(),
        "codeVersion": settings.SPECTACULAR_SETTINGS["VERSION"],
        "calibrations": dict(provenance.calibrations),
        "erasures": [dict(erasure) for erasure in provenance.erasures],
        "tenant": chosen.tenant,
        "window": {"since": chosen.since.isoformat(), "until": chosen.until.isoformat()},
        "rows": tally.rows,
        "preferences": tally.preferences,
        "considered": tally.considered,
        "includeProvider": chosen.include_provider,
        "excluded": tally.exclusions(),
        "quarantined": dict(sorted(writer.quarantined.items())),
        "masked": dict(sorted(tally.masked.items())),
        "files": [file.described() for file in writer.files()],
    }


def _check(since: datetime, until: datetime, formats: Sequence[str]) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ExportFailed(
            _("Unknown format %(unknown)s. There are: %(known)s.")
            % {"unknown": ", ".join(unknown) or "-", "known": ", ".join(FORMATS)}
        )
    if since >= until:
        raise ExportFailed(_("The time window is empty: it begins at its end or later."))


@dataclass
class _Writer:
    """Each row in each format, the corrected ones as preferences too, and the ids of what could not be masked."""

    data: Sequence[_Hashed]
    preferences: _Hashed
    quarantine: _Hashed
    quarantined: Counter[str] = field(default_factory=Counter)

    @classmethod
    def opened(cls, folder: Path, formats: Sequence[str], stack: ExitStack) -> _Writer:
        def hashed(name: str, kind: str) -> _Hashed:
            return _Hashed(stack.enter_context((folder / name).open("wb")), name, kind)

        return cls(
            [hashed(_data_name(formats, name), name) for name in formats],
            hashed(f"{PREFERENCES}.jsonl", PREFERENCES),
            hashed(QUARANTINE, "quarantine"),
        )

    def write(self, row: Row | Quarantined) -> None:
        if isinstance(row, Quarantined):
            self.quarantined.update(row.kinds)
            self.quarantine.write({"id": str(row.id), "reason": "personal_data_left", "kinds": list(row.kinds)})
            return
        provenance = _provenance(row)
        if row.is_fit:
            for file in self.data:
                file.write(FORMATS[file.format](row) | provenance)
        if row.correction:
            self.preferences.write(preference(row) | provenance)

    def files(self) -> Sequence[_Hashed]:
        return (*self.data, self.preferences, self.quarantine)

    def loadable(self) -> Sequence[_Hashed]:
        """Those that a trainer takes: an empty file has no columns, and none can load it."""
        return [file for file in (*self.data, self.preferences) if file.rows]


def _data_name(formats: Sequence[str], name: str) -> str:
    return "data.jsonl" if name == formats[0] else f"data.{name}.jsonl"


class _Hashed:
    """A file of JSON lines that knows its own SHA-256."""

    def __init__(self, file: IO[bytes], name: str, kind: str) -> None:
        self.name = name
        self.format = kind
        self.rows = 0
        self._file = file
        self._sha256 = hashlib.sha256()
        self._bytes = 0

    def write(self, row: Mapping[str, Any]) -> None:
        line = (_json(row) + "\n").encode()
        self._file.write(line)
        self._sha256.update(line)
        self.rows += 1
        self._bytes += len(line)

    def described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "format": self.format,
            "rows": self.rows,
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


def _readme(chosen: Selection, tally: Tally, writer: _Writer) -> str:
    """For people; its head lets `datasets.load_dataset(FOLDER)` find the files."""
    days = {"since": _moment(chosen.since), "until": _moment(chosen.until)}
    counts = {"rows": tally.rows, "considered": tally.considered, "preferences": tally.preferences}
    said = days | counts | {"quarantined": writer.quarantine.rows}
    return "\n".join(
        (
            *_configs(writer.loadable()),
            "# " + _("Answers exported from AION"),
            "",
            _("Answers from %(since)s to %(until)s. Looked at: %(considered)d; rows: %(rows)d.") % said,
            "",
            _(
                "Personal data was masked by placeholders such as [CPF_1] before writing, as far as it was found; "
                "what could not be masked was left out. Treat the files as confidential all the same."
            ),
            "",
            _(
                "- `data.jsonl`: one JSON object a line. Load it with `datasets.load_dataset('.')` in this folder, or "
                "with LLaMA-Factory by `dataset_info.json`; TRL's SFTTrainer takes it as it is (Alpaca's rows with a "
                "`formatting_func`)."
            ),
            _("- `preferences.jsonl`: %(preferences)d answers that staff corrected, for TRL's DPOTrainer.") % said,
            _("- `quarantine.jsonl`: ids of %(quarantined)d answers in which personal data was left.") % said,
            _("- `manifest.json`: the window, what was left out and why, and the SHA-256 of each file."),
            "",
        )
    )


def _configs(files: Sequence[_Hashed]) -> Iterator[str]:
    """The head of a dataset's README on the Hugging Face hub: which files are what."""
    if not files:
        return
    yield from ("---", "configs:")
    for place, file in enumerate(files):
        name = "default" if place == 0 and file.format != PREFERENCES else file.format
        yield from (f"- config_name: {name}", f"  data_files: {file.name}")
    yield from ("---", "")


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")


def _json(value: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
