"""A request while it arrives: its bytes so far, and whether they are enough to begin on it. Knows no sockets.

It only looks for the end. What is wrong with a request counts as its end, since gunicorn's parser then refuses it.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

LONGEST_HEAD: Final = 64 * 1024
LONGEST_CHUNK_LINE: Final = 8 * 1024

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTANT: Final = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


class Progress(Enum):
    COMING = auto()
    WHOLE = auto()
    LARGE = auto()  # the body is not all there, and more than is gathered


class Arrival:
    """The bytes of one request; bodies of up to `most_bytes` are gathered."""

    def __init__(self, most_bytes: int) -> None:
        self.data = bytearray()
        self.waits_for_leave = False  # to send its body: it asked for `100 Continue`
        self._most_bytes = most_bytes
        self._body_at = 0  # 0 while the head is not all there
        self._length = 0
        self._chunk_at = 0  # where the next chunk's size stands; 0 where there are no chunks

    @property
    def body_bytes(self) -> int:
        return len(self.data) - self._body_at if self._body_at else 0

    def add(self, data: bytes) -> Progress:
        searched = max(0, len(self.data) - 3)
        self.data += data
        if not self._body_at:
            while self.data.startswith(b"\r\n"):  # as RFC 9112 (2.2) wishes
                del self.data[:2]
            end = self.data.find(b"\r\n\r\n", searched)
            if end < 0:
                return Progress.COMING if len(self.data) < LONGEST_HEAD else Progress.WHOLE
            self._read_head(end)
        return self._progress()

    def _read_head(self, end: int) -> None:
        self._body_at = end + 4
        head = bytes(self.data[: end + 2])
        length = _LENGTH.search(head)
        self._length = int(length[1]) if length else 0
        self._chunk_at = self._body_at if _CHUNKED.search(head) else 0
        self.waits_for_leave = bool(_EXPECTANT.search(head))

    def _progress(self) -> Progress:
        if self._has_last_chunk() if self._chunk_at else self.body_bytes >= self._length:
            return Progress.WHOLE
        most_bytes = max(self._length, self.body_bytes)
        return Progress.LARGE if most_bytes > self._most_bytes else Progress.COMING

    def _has_last_chunk(self) -> bool:
        while True:
            end = self.data.find(b"\r\n", self._chunk_at, self._chunk_at + LONGEST_CHUNK_LINE)
            if end < 0:
                return len(self.data) - self._chunk_at >= LONGEST_CHUNK_LINE
            try:
                size = int(bytes(self.data[self._chunk_at : end]).partition(b";")[0], 16)
            except ValueError:
                return True
            if size <= 0:
                return self.data.find(b"\r\n\r\n", end) >= 0  # after the trailers, or at once where there are none
            if end + 2 + size + 2 > len(self.data):
                return False
            self._chunk_at = end + 2 + size + 2
