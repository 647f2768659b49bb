"""Which folders may be watched, what lies in them, and a file's bytes at one moment. Reads disks; stores nothing.

A folder is shared with people who may be anybody: links are never followed, neither when listing nor when opening.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from retrieval.exceptions import FolderRefused
from retrieval.ingestion import spelled
from retrieval.parsing.blocks import Limits, RejectionCode, Unparsable
from retrieval.parsing.formats import MEDIA_TYPES

LONGEST_PATH = 2_000
"""Bytes; an index of the database holds no more."""
LARGEST_NUMBER = 2**63 - 1
SETTLED_NS = 2_000_000_000
"""A file changed within the last two seconds may change again without its time telling: coarse clocks do that."""
IGNORED = (".", "~$")
"""Beginnings of names: hidden files, and those that office programs keep beside an open document."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as the folder lists it: `path` as it is stored, `parts` from the folder down."""

    path: str
    parts: tuple[str, ...]
    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds: readable kinds of files by path, the number of others, and subfolders that do not open."""

    files: Mapping[str, FoundFile]
    others: int
    closed: tuple[str, ...]

    def knows_nothing_of(self, path: str) -> bool:
        """Whether the file lies in a subfolder that does not open: it may well be there."""
        return any(path.startswith(f"{folder}/") for folder in self.closed)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A private copy of a file, for as long as the context lasts, and what the file was when it was copied."""

    copy: Path
    sha256: str
    size_bytes: int
    mtime_ns: int
    inode: int


class Unsettled(Exception):
    """The file is gone, is being written, or may not be opened: another time."""


def watched_folder(path: str) -> Path:
    """The real folder behind `path`. Raises `FolderRefused` where it may not be watched or does not open.

    Whether something exists outside the allowed folders is not told.
    """
    real = Path(os.path.realpath(path.replace("\0", "")))
    if not path.startswith("/") or "\0" in path or not any(real.is_relative_to(root) for root in allowed_roots()):
        raise FolderRefused(_("This folder is not within the folders that this installation's owner has allowed."))
    if _touches_our_own(real):
        raise FolderRefused(_("AION keeps its own data there. Choose another folder."))
    try:
        next(real.iterdir(), None)
    except OSError as exc:
        raise FolderRefused(
            _("The folder does not exist on this machine, or AION may not open it. Is its disk connected?")
        ) from exc
    return real


def allowed_roots() -> list[Path]:
    """The real folders within which folders may be watched."""
    return [Path(os.path.realpath(root)) for root in settings.AION_DOCUMENT_ROOTS]


def _touches_our_own(folder: Path) -> bool:
    """Keys and the database lie there; but for the folder `documents`, which is for documents."""
    own = Path(os.path.realpath(settings.VAR_DIR))
    return own.is_relative_to(folder) or (folder.is_relative_to(own) and not folder.is_relative_to(own / "documents"))


def list_folder(folder: Path) -> Listing:
    """Everything below, links and ignored names left out. Raises `FolderRefused` where the folder does not open."""
    files: dict[str, FoundFile] = {}
    closed: list[str] = []
    others = 0
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder.joinpath(*below)) as listed:
                entries = [(entry, entry.stat(follow_symlinks=False)) for entry in _seen(listed)]
        except FileNotFoundError:
            continue  # removed while we looked
        except OSError as exc:
            if not below:
                raise FolderRefused(_("The folder could not be read to its end.")) from exc
            closed.append(spelled(folder.joinpath(*below)))
            continue
        for entry, about in entries:
            parts = (*below, entry.name)
            if stat.S_ISDIR(about.st_mode):
                waiting.append(parts)
            elif stat.S_ISREG(about.st_mode):
                path = spelled(folder.joinpath(*parts))
                if Path(entry.name).suffix.lower() in MEDIA_TYPES and len(path.encode()) <= LONGEST_PATH:
                    files[path] = FoundFile(path, parts, about.st_size, _time(about), about.st_ino)
                else:
                    others += 1
    return Listing(files, others, tuple(closed))


def _seen(listed: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in listed if not entry.name.startswith(IGNORED))


def _time(about: os.stat_result) -> int:
    return min(max(about.st_mtime_ns, 0), LARGEST_NUMBER)


@contextmanager
def snapshot(folder: Path, file: FoundFile, limits: Limits, *, aside: Path) -> Iterator[Snapshot]:
    """The file's bytes, whole and of one moment, copied into the folder `aside` under the file's own extension.

    Raises `Unsettled`, or `Unparsable` where the file is too large to be copied.
    """
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(_opened(folder, file.parts))
            before = os.fstat(opened.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise Unsettled(file.path)
            if before.st_size > limits.file_bytes:
                raise Unparsable(RejectionCode.TOO_LARGE, f"{before.st_size} bytes")
            copy = stack.enter_context(tempfile.NamedTemporaryFile(dir=aside, suffix=Path(file.parts[-1]).suffix))
            shutil.copyfileobj(opened, copy, 1 << 20)
            copy.flush()
            after = os.fstat(opened.fileno())
        except OSError as exc:
            raise Unsettled(file.path) from exc
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Unsettled(file.path)
        with Path(copy.name).open("rb") as copied:
            digest = hashlib.file_digest(copied, "sha256").hexdigest()
        yield Snapshot(Path(copy.name), digest, after.st_size, _time(after), after.st_ino)


@contextmanager
def _opened(folder: Path, parts: tuple[str, ...]) -> Iterator[BinaryIO]:
    """The file, no link followed on the way down from the folder, whatever has changed since it was listed."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name in parts[:-1]:
            deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = deeper
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    finally:
        os.close(here)
    with os.fdopen(file, "rb") as opened:
        yield opened
