"""A person's lines taken out of the files that telemetry writes: exports, the rolling file, training sets' folders.

Files are read line by line, since an export may be larger than memory; a changed one replaces the old at once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from telemetry.exceptions import ExportFailed
from telemetry.models import DataRequest, DatasetExport, TrainingSet
from telemetry.removal import remove_written
from telemetry.staging import ASIDE, appearing_file, remove_leftovers
from telemetry.training_sets import sets_folder

COPIES = "copies"  # the folder of people's copies, in AION's own
PARTIAL = ".aion-partial"


def out_of_exports(tenant: str, ids: Collection[str]) -> int:
    """Every export is rewritten without the rows of these answers; how many files were. Raises `ExportFailed`."""
    jobs = list(DatasetExport.objects.filter(tenant=tenant).exclude(path=""))
    for folder in {Path(settings.AION_TRAIN_ROOT) / "datasets", *(Path(job.path).parent for job in jobs)}:
        remove_leftovers(folder)  # of an export that was killed: nobody knows whose words they hold
    rewritten = 0
    for job in jobs:
        folder = Path(job.path)
        if ids and folder.is_dir() and (changed := _rewrite_folder(folder, ids)):
            rewritten += changed
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            DatasetExport.objects.filter(pk=job.pk).update(manifest=manifest, rows=manifest.get("rows", job.rows))
    return rewritten


def out_of_rolling_file(ids: Collection[str]) -> int:
    """The kept file of recent answers without these; 1 where it changed. Raises `ExportFailed`."""
    file = Path(settings.AION_EVENTS_JSONL)
    remove_leftovers(file.parent)
    if not ids or not file.is_file() or not _holds_any(file, ids):
        return 0
    _rewrite(file, ids)
    return 1


def out_of_copies(user_id: int, tenant: str) -> int:
    """The copies made for the person, and what a killed worker left of anybody's."""
    for left in (Path(settings.VAR_DIR) / COPIES).glob(f"*{PARTIAL}"):
        left.unlink(missing_ok=True)
    gone = 0
    made = DataRequest.objects.filter(tenant=tenant, user_id=user_id, kind=DataRequest.Kind.COPY)
    for row in made.exclude(state__in=DataRequest.UNFINISHED):
        if row.path:
            Path(row.path).unlink(missing_ok=True)
            gone += 1
        DataRequest.objects.filter(pk=row.pk).update(path="", user_id=None)
    return gone


def remove_unknown_sets() -> int:
    """Folders of sets whose row was never kept: nobody knows whose words they hold. How many there were."""
    gone = sum(remove_written(str(folder)) for folder in _folders_without_row())
    for left in sets_folder().glob(f"{ASIDE}*"):
        shutil.rmtree(left)
        gone += 1
    return gone


def _folders_without_row() -> list[Path]:
    known = {str(Path(path).resolve()) for path in TrainingSet.objects.values_list("path", flat=True) if path}
    folders = (manifest.parent for manifest in sets_folder().glob("*/manifest.json"))
    return [folder for folder in folders if not folder.name.startswith(ASIDE) and str(folder.resolve()) not in known]


def _rewrite_folder(folder: Path, ids: Collection[str]) -> int:
    """Each file of JSON lines without these ids, and the manifest as the files then are; how many files changed."""
    touched = [file for file in sorted(folder.glob("*.jsonl")) if _holds_any(file, ids)]
    if not touched:
        return 0
    manifest_file = folder / "manifest.json"
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    described_by_name = {described["name"]: described for described in manifest.get("files", ())}
    for file in touched:
        described_by_name.get(file.name, {}).update(_rewrite(file, ids))
    if manifest.get("files"):
        manifest["rows"] = manifest["files"][0]["rows"]
    manifest["erasedAt"] = timezone.now().isoformat()
    with appearing_file(manifest_file) as out:
        out.write(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")
    return len(touched)


def _holds_any(file: Path, ids: Collection[str]) -> bool:
    """Reads the whole file, so that a damaged one is known before any is changed."""
    with file.open(encoding="utf-8") as lines:
        return sum(_id_in(line, file) in ids for line in lines) > 0


def _rewrite(file: Path, ids: Collection[str]) -> dict[str, Any]:
    """How a manifest describes what is left."""
    digest, rows, size = hashlib.sha256(), 0, 0
    with file.open(encoding="utf-8") as lines, appearing_file(file) as out:
        for line in lines:
            if _id_in(line, file) in ids:
                continue
            out.write(line)
            digest.update(line.encode())
            rows, size = rows + 1, size + len(line.encode())
    return {"rows": rows, "bytes": size, "sha256": digest.hexdigest()}


def _id_in(line: str, file: Path) -> str:
    try:
        return str(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError) as exc:
        message = _("%(path)s is damaged, so nobody can be erased from it. Delete its folder and try again.")
        raise ExportFailed(message % {"path": file}) from exc
