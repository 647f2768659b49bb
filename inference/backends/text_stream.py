"""From tokens to text that is final: whole characters only, and nothing that a stop string may still swallow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """Feed it tokens; it gives the text that can no longer change.

    A tokenizer may spread one character over several tokens, and a stop string may begin in one and end in another.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: tuple[str, ...] = ()) -> None:
        self._decode = decode
        self._stop = tuple(word for word in stop if word)
        self._ids: list[int] = []
        self._context = 0  # first token of the last piece: tokenizers join pieces by what stands before
        self._read = 0  # tokens already turned into text
        self._held = ""
        self._released: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """All that was released."""
        return "".join(self._released)

    def feed(self, token_id: int) -> str:
        """The text that became final with this token, often empty. Sets `stopped` when a stop string is complete."""
        self._ids.append(token_id)
        return self._release(self._held + self._new_text(), hold=True)

    def flush(self) -> str:
        """What was held back, at the end; a character that never became whole is dropped."""
        known = self._decode(self._ids[self._context : self._read])
        rest = self._decode(self._ids[self._context :])[len(known) :].rstrip(_INCOMPLETE)
        self._context = self._read = len(self._ids)
        return self._release(self._held + rest, hold=False)

    def _new_text(self) -> str:
        known = self._decode(self._ids[self._context : self._read])
        text = self._decode(self._ids[self._context :])
        if len(text) <= len(known) or text.endswith(_INCOMPLETE):
            return ""
        self._context, self._read = self._read, len(self._ids)
        return text[len(known) :]

    def _release(self, text: str, *, hold: bool) -> str:
        if self.stopped:
            return ""
        ends = [at for at in (text.find(word) for word in self._stop) if at >= 0]
        if ends:
            self.stopped, final, self._held = True, text[: min(ends)], ""
        else:
            cut = len(text) - (self._may_begin_stop(text) if hold else 0)
            final, self._held = text[:cut], text[cut:]
        if final:
            self._released.append(final)
        return final

    def _may_begin_stop(self, text: str) -> int:
        """How many characters at the end could be the beginning of a stop string."""
        longest = max(map(len, self._stop), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(word.startswith(text[-size:]) for word in self._stop):
                return size
        return 0
