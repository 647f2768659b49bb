"""What killed processes left on the disk: adapters that never arrived whole, models that were never merged whole."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from django.conf import settings

from inference.registry import ARRIVING, locked, registry_folder

logger = logging.getLogger(__name__)

ABANDONED_AFTER_S = 3600.0  # nobody takes so long to write one folder
MERGING = ".merged-"  # and what it becomes, and the process that writes it


def remove_leftovers() -> None:
    """Remove what nobody is writing any more. Problems are logged: they keep nobody from serving."""
    try:
        with locked():
            for folder in _abandoned():
                shutil.rmtree(folder, ignore_errors=True)
                logger.info("%s, which was left unfinished, is removed", folder)
    except OSError:
        logger.exception("what earlier processes left unfinished stays")


def _abandoned() -> Iterator[Path]:
    yield from filter(_is_old, registry_folder().glob(f"{ARRIVING}*"))
    for folder in (Path(settings.VAR_DIR) / "models").glob(f"{MERGING}*"):
        writer = folder.suffix.removeprefix(".")
        if _is_old(folder) or not (writer.isdecimal() and psutil.pid_exists(int(writer))):
            yield folder


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S
    except FileNotFoundError:  # its writer has just ended
        return False
