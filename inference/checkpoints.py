"""Checkpoints of a training: in a folder of the run's own, and sealed, so that a torn one is told from a whole one.

Loading one unpickles, so nobody else may write there. Knows nothing of what is in them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from inference.base_models import file_sha256
from inference.exceptions import TrainingFailed

SEAL = "sealed.json"
_PREFIX = "checkpoint-"  # as the trainer names them, its step behind


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole one, and what led to it: step, loss and seconds of each step, and the tokens of all."""

    folder: Path
    step: int
    losses: list[tuple[int, float, float]]
    tokens: int


def checkpoints_folder(run_id: int) -> Path:
    return Path(settings.AION_TRAIN_ROOT) / "checkpoints" / str(run_id)


def private_folder(folder: Path) -> Path:
    """`folder`, made if it is missing, for this user only. Raises `TrainingFailed` where it is somebody else's."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid():
        raise TrainingFailed(_("The checkpoints in %(folder)s belong to somebody else.") % {"folder": folder})
    folder.chmod(0o700)
    return folder


def seal(checkpoint: Path, *, losses: Sequence[tuple[int, float, float]], tokens: int) -> None:
    """Flush what was written to the disk, then say that it is whole."""
    digests = {}
    for file in _files(checkpoint):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        digests[file.name] = file_sha256(file)
    aside = checkpoint / f".{SEAL}"
    with aside.open("w") as opened:
        json.dump({"files": digests, "losses": list(losses), "tokens": tokens}, opened)
        opened.flush()
        os.fsync(opened.fileno())
    aside.rename(checkpoint / SEAL)


def newest_whole(folder: Path) -> Checkpoint | None:
    """The last one that was sealed and is as it was sealed; torn ones beside it are removed."""
    steps = {int(entry.name.removeprefix(_PREFIX)): entry for entry in folder.glob(f"{_PREFIX}[0-9]*")}
    for step in sorted(steps, reverse=True):
        if checkpoint := _opened(steps[step], step):
            return checkpoint
        shutil.rmtree(steps[step], ignore_errors=True)
    return None


def remove_checkpoints(run_id: int) -> None:
    shutil.rmtree(checkpoints_folder(run_id), ignore_errors=True)


def _opened(folder: Path, step: int) -> Checkpoint | None:
    try:
        sealed = json.loads((folder / SEAL).read_text())
        if {file.name: file_sha256(file) for file in _files(folder)} != sealed["files"]:
            return None
        losses = [(int(at), float(loss), float(seconds)) for at, loss, seconds in sealed["losses"]]
        return Checkpoint(folder, step, losses, int(sealed["tokens"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and file.name not in (SEAL, f".{SEAL}"))
