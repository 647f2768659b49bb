"""Pictures of text to text: pages rendered by pdfium, read by Tesseract where that is installed with Portuguese.

Tesseract gets a picture on its input and answers on its output: the process that starts it may write no file.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence

import pypdfium2 as pdfium

from retrieval.parsing.blocks import Limits

PROGRAM = "tesseract"
LANGUAGE = "por"
DPI = 300
POINTS = 72  # an inch
LONGEST_SIDE = 5000  # pixels; a page may claim to be a wall
SECONDS_TO_LIST = 10


def is_installed() -> bool:
    """Whether pages can be recognised in Portuguese; asked anew each time, since it may be installed meanwhile."""
    program = shutil.which(PROGRAM)
    if program is None:
        return False
    try:
        listed = subprocess.run([program, "--list-langs"], capture_output=True, timeout=SECONDS_TO_LIST, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return LANGUAGE.encode() in listed.stdout.split()


def scanned(data: bytes, indices: Sequence[int]) -> list[int]:
    """Of these pages of a PDF (from 0) those that show a picture; none where pdfium can't open the file."""
    try:
        with pdfium.PdfDocument(data) as document:
            return [index for index in indices if _shows_picture(document[index])]
    except (pdfium.PdfiumError, IndexError):
        return []


def _shows_picture(page: pdfium.PdfPage) -> bool:
    return next(page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE]), None) is not None


def recognised(data: bytes, indices: Sequence[int], limits: Limits) -> Iterator[tuple[int, str]]:
    """The text of these pages, as far as Tesseract is installed, reads them in time, and there are not too many."""
    if not indices or not is_installed():
        return
    with pdfium.PdfDocument(data) as document:
        for index in list(indices)[: limits.scanned_pages]:
            _renew_alarm(2 * limits.page_seconds)
            text = _read(_rendered(document[index]), limits.page_seconds)
            if text is not None:
                yield index, text


def _renew_alarm(seconds: int) -> None:
    """Each page has its own time; where no alarm runs, in a process that nobody kills, none is set."""
    if signal.alarm(0):
        signal.alarm(seconds)


def _rendered(page: pdfium.PdfPage) -> bytes:
    """The page in grey, as PGM."""
    scale = min(DPI / POINTS, LONGEST_SIDE / max(page.get_size()))
    bitmap = page.render(scale=scale, grayscale=True)
    pixels = bytes(bitmap.buffer)
    rows = (pixels[start : start + bitmap.width] for start in range(0, bitmap.stride * bitmap.height, bitmap.stride))
    return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + b"".join(rows)


def _read(picture: bytes, seconds: int) -> str | None:
    """None where Tesseract fails or takes too long."""
    command = [PROGRAM, "stdin", "stdout", "-l", LANGUAGE, "--dpi", str(DPI)]
    try:
        run = subprocess.run(command, input=picture, capture_output=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.decode("utf-8", "replace")
