"""Hostile uploads: each is refused with its code, and nothing is left of it."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from inference import adapters, uploads
from inference.adapter_folder import CONFIG, WEIGHTS
from inference.exceptions import AdapterRejected
from inference.models import Adapter
from inference.uploads import accept_upload, register_path

pytestmark = pytest.mark.django_db
Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def arrivals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A registry of its own, in which nothing may remain that is no adapter."""
    monkeypatch.setattr(adapters, "base_model_path", lambda: tmp_path)
    monkeypatch.setattr(adapters, "base_sha256", lambda folder: "aa")
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", tmp_path / "train")
    folder = tmp_path / "train" / "adapters"
    yield folder
    known = {adapter.digest for adapter in Adapter.objects.all()}
    assert {entry.name for entry in folder.glob("*") if entry.is_dir()} == known


@pytest.fixture
def files(make_adapter: Make) -> dict[str, bytes]:
    folder = make_adapter("sound")
    return {name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}


def zipped(entries: list[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return packed.getvalue()


def sent(name: str, content: bytes) -> list[Any]:
    return [SimpleUploadedFile(name, content)]


def refusal(files: list[Any]) -> str:
    with pytest.raises(AdapterRejected) as caught:
        accept_upload(files)
    return caught.value.code


def test_a_sound_zip_is_registered_by_upload_and_by_command(files: dict[str, bytes], tmp_path: Path) -> None:
    packed = zipped(list(files.items()))
    adapter = accept_upload(sent("noite.ZIP", packed))
    assert adapter.name == "noite"
    (tmp_path / "a.zip").write_bytes(packed)
    assert register_path(tmp_path / "a.zip") == adapter


@pytest.mark.parametrize("name", ["../adapter_config.json", "/etc/passwd", "a/adapter_config.json", "evil.py", "a/"])
def test_a_zip_with_any_other_entry_is_refused(files: dict[str, bytes], name: str) -> None:
    assert refusal(sent("a.zip", zipped([*files.items(), (name, b"")]))) == "unexpected_file"


def test_a_zip_entry_without_a_name_is_refused(files: dict[str, bytes]) -> None:
    nameless = zipped([*files.items(), ("x", b"")]).replace(b"x", b"\0")
    assert refusal(sent("a.zip", nameless)) in ("unexpected_file", "bad_zip")


def test_an_unusual_packing_is_refused(files: dict[str, bytes]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(CONFIG, files[CONFIG])
    assert refusal(sent("a.zip", packed.getvalue())) == "bad_zip"


def test_a_link_in_a_zip_is_refused(files: dict[str, bytes]) -> None:
    link = zipfile.ZipInfo(WEIGHTS)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert refusal(sent("a.zip", zipped([(CONFIG, files[CONFIG]), (link, b"/etc/passwd")]))) == "unexpected_file"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_twice_is_refused(files: dict[str, bytes]) -> None:
    assert refusal(sent("a.zip", zipped([*files.items(), (CONFIG, b"{}")]))) == "unexpected_file"
    assert refusal([*sent(CONFIG, b"{}"), *sent(CONFIG, b"{}")]) == "unexpected_file"


def test_a_zip_bomb_is_stopped_where_it_passes_the_limit(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that lies about what it unpacks to."""
    monkeypatch.setattr(uploads, "MAX_BYTES", 10_000)
    bomb = zipped([(CONFIG, files[CONFIG]), (WEIGHTS, bytes(1_000_000))])
    assert refusal(sent("a.zip", bomb)) == "too_large"
    lying = bomb.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1_000))
    assert refusal(sent("a.zip", lying)) in ("too_large", "bad_zip")
    assert refusal([*sent(CONFIG, bytes(9_000)), *sent(WEIGHTS, bytes(9_000))]) == "too_large"


def test_an_encrypted_zip_is_refused(files: dict[str, bytes]) -> None:
    packed = bytearray(zipped(list(files.items())))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(signature) + offset] |= 1
    assert refusal(sent("a.zip", bytes(packed))) == "bad_zip"


def test_the_directory_of_a_zip_is_bounded_before_it_is_read(files: dict[str, bytes]) -> None:
    many = zipped([*files.items(), *((f"{number}", b"") for number in range(1000))])
    commented = zipped(list(files.items())) + b"a comment"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(zipfile, "ZipFile", lambda *_arguments: pytest.fail("the directory was read"))
        assert refusal(sent("a.zip", many)) == "bad_zip"
        assert refusal(sent("a.zip", commented)) == "bad_zip"


@hypothesis_settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_zip_is_refused_or_whole(data: st.DataObject) -> None:
    """No damage makes it raise anything else."""
    packed = bytearray(zipped([(CONFIG, b'{"peft_type": "LORA", "r": 2}'), (WEIGHTS, b"not weights")]))
    for place in data.draw(st.lists(st.integers(0, len(packed) - 1), max_size=4)):
        packed[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(packed)))
    with pytest.raises(AdapterRejected):
        accept_upload(sent("a.zip", bytes(packed[:cut])))


def test_a_directory_said_to_lie_where_no_file_reaches_is_damage_in_a_file_too(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    """Large uploads are files, which raise something else than memory does."""
    packed = zipped(list(files.items()))
    packed = packed[:-6] + struct.pack("<I", 0xFFFFFFF0) + packed[-2:]
    with TemporaryUploadedFile("a.zip", "application/zip", len(packed), None) as large:
        large.write(packed)
        large.seek(0)
        assert refusal([large]) == "bad_zip"
    (tmp_path / "a.zip").write_bytes(packed)
    with pytest.raises(AdapterRejected) as caught:
        register_path(tmp_path / "a.zip")
    assert caught.value.code == "bad_zip"


def test_files_with_other_names_are_refused(files: dict[str, bytes]) -> None:
    assert refusal([*sent(CONFIG, files[CONFIG]), *sent("adapter_model.bin", b"\x80\x04.")]) == "unexpected_file"
    assert refusal(sent(CONFIG, files[CONFIG])) == "missing_file"
    assert refusal(sent("a.tar", b"")) == "unexpected_file"


def test_a_full_disk_leaves_nothing_behind(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    assert refusal([SimpleUploadedFile(name, content) for name, content in files.items()]) == "not_written"


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("nowhere", "nowhere.zip", "a" * 5000, "a/" * 3000, f"{'a' * 5000}.zip"):
        with pytest.raises(AdapterRejected) as caught:
            register_path(tmp_path / name)
        assert caught.value.code == "not_found"
