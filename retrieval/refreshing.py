"""Watched folders read again: what changed is ingested, what moved is followed, what is gone is removed.

A reading may be killed at any moment: every file is noted when it is done, and the next reading goes on from there.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from retrieval.exceptions import EmbeddingFailed, FolderRefused
from retrieval.folders import (
    SETTLED_NS,
    FoundFile,
    Listing,
    Snapshot,
    Unsettled,
    list_folder,
    snapshot,
    watched_folder,
)
from retrieval.ingestion import DocumentOutcome, Progress, Status, ingest_file, rejected, spelled
from retrieval.models import Document, WatchedFile, WatchedFolder
from retrieval.parsing.blocks import Limits, Unparsable
from retrieval.parsing.sandbox import Parser
from retrieval.storage import Place, drop_other_parts, of_file

log = logging.getLogger(__name__)
UNSETTLED = "unsettled"
"""The problem of a file that could not be copied whole: it is tried again at every reading."""


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a reading did. `held` files are gone, but so many at once that staff must confirm it before their documents
    go; `skipped` could not be read, `others` are of unknown kinds, `closed` are subfolders that do not open."""

    path: str
    state: str
    error: str = ""
    files: int = 0
    stored: int = 0
    replaced: int = 0
    moved: int = 0
    retired: int = 0
    held: int = 0
    skipped: int = 0
    others: int = 0
    closed: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)

    def with_outcomes(self, outcomes: Sequence[DocumentOutcome]) -> RefreshReport:
        """With what became of one file's documents."""
        was = [outcome.status for outcome in outcomes]
        return replace(
            self,
            stored=self.stored + was.count(Status.STORED),
            replaced=self.replaced + was.count(Status.REPLACED),
        )


def is_due(folder: WatchedFolder, now: datetime) -> bool:
    """A folder that could not be read to the end stays due: its disk may be back any moment."""
    if not folder.is_active:
        return False
    finished = folder.state in (WatchedFolder.State.READ, WatchedFolder.State.HELD)
    return not (finished and folder.last_read_at and now < folder.last_read_at + timedelta(hours=folder.every_hours))


def may_remove(gone: int, known: int, accepted: int) -> bool:
    """Whether `gone` of `known` files are removed: up to half, or as many as staff accepted. A disk that is not mounted
    looks like a folder that was emptied."""
    return gone * 2 <= known or gone <= accepted


def refresh_folder(folder_id: int, *, accepted: int = 0) -> RefreshReport | None:
    """Read a watched folder again; None where there is none (any more) or another process is reading it.

    `accepted` is how many documents staff have agreed to lose, should more than half of the files be gone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"folder:{folder_id}"])
        if not cursor.fetchone()[0]:
            return None
        try:
            folder = WatchedFolder.objects.filter(pk=folder_id).first()
            return _refresh(folder, accepted) if folder is not None else None
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"folder:{folder_id}"])


def refresh_all() -> list[RefreshReport]:
    """Read every folder that is on schedule, due or not; those that another process is reading are left to it."""
    active = WatchedFolder.objects.filter(tenant=settings.PRIMARY_TENANT_ID, is_active=True).order_by("path")
    return [report for pk in list(active.values_list("pk", flat=True)) if (report := refresh_folder(pk)) is not None]


def due_folders(now: datetime) -> list[int]:
    """Ids of the folders whose time has come."""
    active = WatchedFolder.objects.filter(tenant=settings.PRIMARY_TENANT_ID, is_active=True)
    return [folder.pk for folder in active if is_due(folder, now)]


def mark_documents(folder: WatchedFolder) -> None:
    """Put the folder's labels and groups on all documents that its files gave, from their next search on."""
    for path in folder.files.values_list("path", flat=True):
        of_file(_place(folder), path).update(labels=folder.labels, groups=folder.groups)


def _refresh(folder: WatchedFolder, accepted: int) -> RefreshReport:
    since = time.monotonic()
    _note(folder, state=WatchedFolder.State.READING, error="", done=0, total=0)
    try:
        report = _read(folder, accepted)
    except FolderRefused as exc:
        report = RefreshReport(folder.path, WatchedFolder.State.UNREACHABLE, str(exc))
    except EmbeddingFailed as exc:
        log.warning("%s was not read to its end: %s", folder.path, exc)
        sentence = _("The embedder did not answer. AION goes on by itself where it stopped.")
        report = RefreshReport(folder.path, WatchedFolder.State.FAILED, sentence)
    report = replace(report, seconds=round(time.monotonic() - since, 1))
    finished = {} if report.error else {"last_read_at": timezone.now()}
    _note(folder, state=report.state, error=report.error, last_report=report.as_dict(), **finished)
    return report


def _read(folder: WatchedFolder, accepted: int) -> RefreshReport:
    real = watched_folder(folder.path)
    if spelled(real) != folder.path:
        raise FolderRefused(_("The folder's path leads elsewhere by now. Watch the new place instead."))
    listing = list_folder(real)
    with _aside(folder) as aside:
        moved = _follow_moves(folder, real, listing, aside)
        gone = [row for row in _rows(folder).values() if _is_gone(row, listing)]
        may = may_remove(len(gone), folder.files.count(), accepted)
        for row in gone if may else ():
            _remove(folder, row)
        report = RefreshReport(
            folder.path,
            WatchedFolder.State.READ if may else WatchedFolder.State.HELD,
            files=len(listing.files),
            moved=moved,
            retired=len(gone) if may else 0,
            held=0 if may else len(gone),
            others=listing.others,
            closed=len(listing.closed),
        )
        report = _read_changes(folder, real, listing, aside, report)
        if report.replaced:  # other files may hold what those said before
            report = _read_changes(folder, real, listing, aside, report)
    return replace(report, skipped=folder.files.exclude(problem="").count())


def _rows(folder: WatchedFolder) -> dict[str, WatchedFile]:
    return {row.path: row for row in folder.files.all()}


def _is_gone(row: WatchedFile, listing: Listing) -> bool:
    return row.path not in listing.files and not listing.knows_nothing_of(row.path)


def _read_changes(
    folder: WatchedFolder, real: Path, listing: Listing, aside: Path, report: RefreshReport
) -> RefreshReport:
    known = _rows(folder)
    changed = [file for file in listing.files.values() if _differs(known.get(file.path), file)]
    with Parser() as parser:
        for number, file in enumerate(sorted(changed, key=lambda file: file.path), start=1):
            _note(folder, done=number - 1, total=len(changed))
            report = report.with_outcomes(_read_file(folder, real, file, known.get(file.path), aside, parser))
    _note(folder, done=len(changed), total=len(changed))
    return report


def _differs(row: WatchedFile | None, file: FoundFile) -> bool:
    if row is None or row.mtime_ns == 0:
        return True
    return (row.size_bytes, row.mtime_ns, int(row.inode)) != (file.size_bytes, file.mtime_ns, file.inode)


def _read_file(
    folder: WatchedFolder, real: Path, file: FoundFile, row: WatchedFile | None, aside: Path, parser: Parser
) -> Sequence[DocumentOutcome]:
    """Ingest a file whose bytes are new, and note how it was found; what was only touched is noted and no more."""
    place = _place(folder)
    try:
        with snapshot(real, file, parser.limits, aside=aside) as taken:
            before = row.sha256 if row is not None else ""
            if row is not None and before == taken.sha256:
                _note_file(folder, file, taken, row.problem)
                return ()
            here = Progress(file.path, 1, 1)
            outcomes = tuple(ingest_file(taken.copy, Path(file.path).name, file.path, place, parser, here))
            _forget_twins(folder, before)
            _note_file(folder, file, taken, next((outcome.code for outcome in outcomes if outcome.code), ""))
            return outcomes
    except Unsettled:
        _note_unread(folder, file, UNSETTLED)
    except Unparsable as exc:
        _note_unread(folder, file, rejected(file.path, file.path, place, exc).code)
    return ()


def _note_file(folder: WatchedFolder, file: FoundFile, taken: Snapshot, problem: str) -> None:
    settled = time.time_ns() - taken.mtime_ns > SETTLED_NS
    WatchedFile.objects.update_or_create(
        folder=folder,
        path=file.path,
        defaults={
            "size_bytes": taken.size_bytes,
            "mtime_ns": taken.mtime_ns if settled else 0,
            "inode": taken.inode,
            "sha256": taken.sha256,
            "problem": problem,
        },
    )


def _note_unread(folder: WatchedFolder, file: FoundFile, problem: str) -> None:
    unknown = {"size_bytes": file.size_bytes, "inode": file.inode, "mtime_ns": 0, "sha256": "", "problem": problem}
    WatchedFile.objects.update_or_create(folder=folder, path=file.path, defaults=unknown)


def _follow_moves(folder: WatchedFolder, real: Path, listing: Listing, aside: Path) -> int:
    """Documents of files that lie in another subfolder now, under the same name with the same bytes, go along with
    their vectors and versions. A new name is a new document: the name may be its title, which is in every vector."""
    known = _rows(folder)
    gone: dict[tuple[str, int], list[WatchedFile]] = {}
    for row in known.values():
        if _is_gone(row, listing) and row.sha256:
            gone.setdefault((Path(row.path).name, row.size_bytes), []).append(row)
    moved = 0
    for file in listing.files.values():
        candidates = gone.get((Path(file.path).name, file.size_bytes)) if file.path not in known else None
        if candidates and (came := _moved_here(real, file, candidates, aside)) and _move(folder, came, file):
            candidates.remove(came)
            moved += 1
    return moved


def _moved_here(real: Path, file: FoundFile, gone: Sequence[WatchedFile], aside: Path) -> WatchedFile | None:
    try:
        with snapshot(real, file, Limits(), aside=aside) as taken:
            return next((row for row in gone if row.sha256 == taken.sha256), None)
    except (Unsettled, Unparsable):
        return None


def _move(folder: WatchedFolder, row: WatchedFile, file: FoundFile) -> bool:
    """False where the new place has a document already."""
    place = _place(folder)
    with transaction.atomic():
        if of_file(place, file.path).exists():
            return False
        for document in of_file(place, row.path).only("source"):
            source = file.path + document.source.removeprefix(row.path)
            Document.objects.filter(pk=document.pk).update(source=source)
        WatchedFile.objects.filter(pk=row.pk).update(path=file.path, mtime_ns=0)
    return True


def _remove(folder: WatchedFolder, row: WatchedFile) -> None:
    """The file's documents with their versions."""
    with transaction.atomic():
        drop_other_parts(_place(folder), row.path, ())
        row.delete()
        _forget_twins(folder, row.sha256)


def _forget_twins(folder: WatchedFolder, sha256: str) -> None:
    """Files with the bytes of a document that is no more: they were none beside it, so they are read again."""
    if sha256:
        twins = WatchedFile.objects.filter(folder__tenant=folder.tenant, folder__collection=folder.collection)
        twins.filter(sha256=sha256).update(mtime_ns=0, sha256="")


@contextmanager
def _aside(folder: WatchedFolder) -> Iterator[Path]:
    """A private folder for the copies of this reading; what a killed one left is removed."""
    path = Path(settings.MEDIA_ROOT) / "watched" / str(folder.pk)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700, parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _place(folder: WatchedFolder) -> Place:
    return Place(folder.tenant, folder.collection, tuple(folder.labels), tuple(folder.groups))


def _note(folder: WatchedFolder, **values: object) -> None:
    WatchedFolder.objects.filter(pk=folder.pk).update(**values)
