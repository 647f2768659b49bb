"""Files and folders that appear whole or not at all: written aside, fsynced, renamed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from django.utils.translation import gettext as _

from telemetry.exceptions import DiskFull, ExportFailed

ASIDE = ".aion-partial-"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def appearing_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` at the end; after an error nothing is left.

    Raises ExportFailed if `target` exists or cannot be written, DiskFull if the disk is full.
    """
    with _explaining(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / f"{ASIDE}{uuid4().hex}"
        aside.mkdir()
        try:
            yield aside
            for file in aside.iterdir():
                _sync(file)
            _sync(aside)
            if target.exists():
                raise ExportFailed(_("%(path)s exists already.") % {"path": target})
            aside.rename(target)
            _sync(target.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def appearing_file(target: Path) -> Iterator[IO[str]]:
    """A text file to write, which replaces `target` at the end; after an error the old one stands."""
    with _explaining(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / f"{ASIDE}{uuid4().hex}"
        try:
            with aside.open("w", encoding="utf-8") as file:
                yield file
            _sync(aside)
            aside.replace(target)
            _sync(target.parent)
        finally:
            aside.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Clear away what a killed process wrote aside. Only for who alone writes there now."""
    for leftover in folder.glob(f"{ASIDE}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextmanager
def _explaining(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in NO_ROOM:
            raise DiskFull(_("The disk that holds %(path)s is full.") % {"path": target.parent}, target) from exc
        raise ExportFailed(
            _("%(path)s cannot be written: %(why)s") % {"path": target, "why": exc.strerror or exc}
        ) from exc


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
