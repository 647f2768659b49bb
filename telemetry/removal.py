"""Folders that rows name are removed here alone, since a row may name anything: "" is the folder one works in."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from telemetry.exceptions import ExportFailed

WRITTEN = ("manifest.json", "data.jsonl")  # one of them stands in whatever an export or a training set wrote


def remove_written(path: str) -> int:
    """Remove a folder that AION wrote; 1 where it was there, 0 where there is none.

    Raises `ExportFailed`, and removes nothing, for a folder that holds more than that: AION's own, this process's, or
    one in which nothing of ours stands.
    """
    folder = Path(path)
    if not path.strip() or not folder.is_dir():
        return 0
    if _holds_more(folder.resolve()) or not any((folder / name).is_file() for name in WRITTEN):
        message = _("%(path)s was not written by an export or a training. Look at it, and delete it by hand.")
        raise ExportFailed(message % {"path": folder})
    shutil.rmtree(folder)
    return 1


def _holds_more(folder: Path) -> bool:
    """Whether it is, or contains, a folder that must never go."""
    kept = (settings.BASE_DIR, settings.VAR_DIR, settings.AION_TRAIN_ROOT, Path.cwd(), Path.home())
    return any(folder == own or folder in own.parents for own in (Path(each).resolve() for each in kept))
