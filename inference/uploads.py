"""Adapters that come in through the browser or as a ZIP file: unpacked aside, checked like any other, or left no trace.

A ZIP file is hostile until read: its directory is bounded before it is parsed, its entries must be exactly the files of
an adapter, and what it unpacks to is counted while it is written, whatever it says about itself.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from django.core.files import File
from django.utils.translation import gettext as _

from inference.adapter_folder import MAX_BYTES, too_large
from inference.adapters import register
from inference.exceptions import AdapterRejected
from inference.models import Adapter
from inference.registry import KEPT_FILES, fresh_folder, pieces_of, write_pieces

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_END = struct.Struct("<4s4H2IH")  # end of central directory, without a comment
_ZIP64_LOCATOR_BYTES = 20
_MAX_DIRECTORY_BYTES = 4096  # three entries with short names take 250
_ENCRYPTED = 0x1
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, IndexError, ValueError, RuntimeError, OverflowError,
    OSError,  # a real file does not seek to where no file can reach; what cannot be written is refused before
)  # fmt: skip


def accept_upload(files: Sequence[File[bytes]], *, name: str = "", by: User | None = None) -> Adapter:
    """Register the adapter in `files`: its two or three files, or one ZIP file that holds exactly them.

    Raises `AdapterRejected` with the reason, or `ModelNotFound`; nothing is left behind then.
    """
    with fresh_folder() as folder:
        if len(files) == 1 and _plain_name(files[0]).lower().endswith(".zip"):
            _unpack(files[0].open(), folder)
            name = name or PurePosixPath(_plain_name(files[0])).stem
        else:
            _keep_files(files, folder)
        return register(folder, name=name, by=by)


def register_path(path: Path, *, name: str = "") -> Adapter:
    """Register the folder or ZIP file at `path` of this machine. Raises as `accept_upload` does."""
    if path.suffix.lower() != ".zip":
        return register(path, name=name)
    try:
        with path.open("rb") as file, fresh_folder() as folder:
            _unpack(file, folder)
            return register(folder, name=name or path.stem)
    except OSError as exc:
        raise AdapterRejected(
            "not_found", _("%(name)s cannot be read: %(error)s") % {"name": path, "error": exc}
        ) from exc


def _keep_files(files: Sequence[File[bytes]], folder: Path) -> None:
    left = MAX_BYTES
    for file in files:
        name = _plain_name(file)
        _check_name(name, folder)
        left -= write_pieces(file.chunks(), folder / name, at_most=left)


def _unpack(file: IO[bytes], folder: Path) -> None:
    damaged = AdapterRejected("bad_zip", _("The ZIP file is damaged, or not one that holds just an adapter."))
    if not _directory_is_small(file):
        raise damaged
    try:
        with zipfile.ZipFile(file) as archive:
            left = MAX_BYTES
            for entry in archive.infolist():
                _check_entry(entry, folder)
                with archive.open(entry) as unpacked:
                    left -= write_pieces(pieces_of(unpacked), folder / entry.filename, at_most=left)
    except _DAMAGED as exc:
        raise damaged from exc


def _directory_is_small(file: IO[bytes]) -> bool:
    """Looked at before `ZipFile` reads the whole directory into memory, from where `ZipFile` looks first."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - _ZIP64_LOCATOR_BYTES))
    tail = file.read()
    file.seek(0)
    if len(tail) < _END.size:
        return False
    signature, _disk, _start, _here, _entries, directory_bytes, _offset, comment = _END.unpack(tail[-_END.size :])
    is_zip64 = tail[: -_END.size].startswith(b"PK\x06\x07")
    return signature == b"PK\x05\x06" and not comment and not is_zip64 and directory_bytes <= _MAX_DIRECTORY_BYTES


def _check_entry(entry: zipfile.ZipInfo, folder: Path) -> None:
    _check_name(entry.filename, folder)
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise AdapterRejected("unexpected_file", _("%(name)s is not a plain file.") % {"name": entry.filename})
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise AdapterRejected("bad_zip", _("The ZIP file is packed in an unusual way; pack it again."))
    if entry.flag_bits & _ENCRYPTED:
        raise AdapterRejected("bad_zip", _("The ZIP file is encrypted."))
    if entry.file_size > MAX_BYTES:
        raise too_large()


def _check_name(name: str, folder: Path) -> None:
    if name not in KEPT_FILES:
        message = _("%(name)s does not belong in an adapter: it has %(files)s, in no folder.")
        raise AdapterRejected("unexpected_file", message % {"name": name[:200], "files": ", ".join(KEPT_FILES)})
    if (folder / name).exists():
        raise AdapterRejected("unexpected_file", _("%(name)s is there twice.") % {"name": name})


def _plain_name(file: File[bytes]) -> str:
    return file.name or ""
