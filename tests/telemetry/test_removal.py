"""A row that names a wrong folder removes nothing. Each test works in a folder of its own: a failure harms none."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from telemetry.exceptions import ExportFailed
from telemetry.removal import remove_written


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process works, with things in it that look like a set's."""
    work = tmp_path / "work"
    work.mkdir()
    for folder in (tmp_path, work):
        (folder / "manifest.json").write_text("{}")
    monkeypatch.chdir(work)
    monkeypatch.setattr(settings, "BASE_DIR", work)
    monkeypatch.setattr(settings, "VAR_DIR", work / "var")
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", work / "var" / "train")
    return work


def test_a_set_is_removed(tmp_path: Path) -> None:
    made = tmp_path / "set"
    made.mkdir()
    (made / "data.jsonl").write_text("{}")
    assert (remove_written(str(made)), remove_written(str(made))) == (1, 0)
    assert not made.exists()


@pytest.mark.parametrize("path", ["", "  "])
def test_a_row_without_a_folder_removes_nothing(here: Path, path: str) -> None:
    assert remove_written(path) == 0
    assert (here / "manifest.json").exists()


@pytest.mark.parametrize("path", [".", "..", "var", "var/train"])
def test_neither_aions_own_folders_nor_what_holds_them_go(here: Path, path: str) -> None:
    (here / "var" / "train").mkdir(parents=True)
    for folder in (here / "var", here / "var" / "train"):
        (folder / "manifest.json").write_text("{}")
    with pytest.raises(ExportFailed):
        remove_written(path)
    assert (here / path / "manifest.json").exists()


def test_a_folder_in_which_nothing_of_ours_stands_stays(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_text("x")
    with pytest.raises(ExportFailed, match="photos"):
        remove_written(str(photos))
    assert (photos / "a.jpg").exists()
