"""The folders of the registry: a private copy is what gets checked, and an adapter's folder is whole or not there."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from inference.adapter_config import CONFIG
from inference.adapter_folder import CARD, MAX_BYTES, check_files, too_large
from inference.adapter_weights import WEIGHTS
from inference.exceptions import AdapterRejected

logger = logging.getLogger(__name__)

KEPT_FILES = (CONFIG, WEIGHTS, CARD)
ARRIVING = ".arriving-"  # and chance: adapters that are not whole yet
_PIECE_BYTES = 1024**2


def registry_folder() -> Path:
    return Path(settings.AION_TRAIN_ROOT) / "adapters"


def adapter_path(digest: str) -> Path:
    """The immutable folder of the adapter `digest`."""
    return registry_folder() / digest


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """An empty folder in the registry's file system, ours alone and gone afterwards. Raises `AdapterRejected`."""
    try:
        registry_folder().mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=ARRIVING, dir=registry_folder()))
    except OSError as exc:
        raise _not_written(exc) from exc
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_copy(folder: Path) -> Iterator[Path]:
    """A copy of the files that count, which nobody can change while they are checked. Raises `AdapterRejected`."""
    check_files(folder)
    with fresh_folder() as copy:
        for name in KEPT_FILES:
            if (folder / name).exists():
                _copy(folder / name, copy / name)
        yield copy


def write_pieces(pieces: Iterable[bytes], path: Path, *, at_most: int = MAX_BYTES) -> int:
    """Write and flush to the disk; the number of bytes. Raises `AdapterRejected` beyond `at_most` bytes."""
    written = 0
    try:
        with path.open("xb") as file:
            for piece in pieces:
                written += len(piece)
                if written > at_most:
                    raise too_large()
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise _not_written(exc) from exc
    return written


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def keep(copy: Path, digest: str) -> None:
    """Make a checked private copy the folder of `digest`, unless there is one. Call it inside `locked`."""
    target = adapter_path(digest)
    if target.is_dir():
        return
    try:
        copy.chmod(0o755)
        copy.rename(target)
    except OSError as exc:
        raise _not_written(exc) from exc


def discard(digest: str) -> None:
    """Remove the folder of `digest`: by one rename, so that it is never there in part. Call it inside `locked`."""
    with fresh_folder() as grave:
        try:
            adapter_path(digest).rename(grave / digest)
        except OSError as exc:
            logger.warning("the folder of the deleted adapter %s stays: %s", digest, exc)


@contextmanager
def locked() -> Iterator[None]:
    """One process and thread at a time adds to the registry or removes from it, row and folder together."""
    registry_folder().mkdir(parents=True, exist_ok=True)
    with (registry_folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(source: Path, target: Path) -> None:
    """What was a file a moment ago may be a link or a pipe by now: neither is followed or waited for."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as exc:
        raise _not_plain(source) from exc
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _not_plain(source)
        write_pieces(pieces_of(file), target)


def _not_plain(path: Path) -> AdapterRejected:
    return AdapterRejected("unexpected_file", _("%(name)s is not a plain file.") % {"name": path.name})


def _not_written(exc: OSError) -> AdapterRejected:
    message = _("The adapter could not be copied into the registry: %(error)s") % {"error": exc}
    return AdapterRejected("not_written", message)
