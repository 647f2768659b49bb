"""Text that is final: whole characters, exact stops."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.text_stream import TextStream


def of_bytes(ids: Sequence[int]) -> str:
    """A tokenizer whose tokens are bytes: the worst case for characters and stop strings."""
    return bytes(ids).decode("utf-8", errors="replace")


def pieces(text: str, *stop: str) -> tuple[list[str], TextStream]:
    stream = TextStream(of_bytes, stop)
    released = []
    for byte in text.encode():
        released.append(stream.feed(byte))
        if stream.stopped:
            break
    released.append(stream.flush())
    return released, stream


@given(st.text(alphabet=st.characters(exclude_characters="\N{REPLACEMENT CHARACTER}", codec="utf-8")))
def test_the_pieces_are_the_text(text: str) -> None:
    released, stream = pieces(text)
    assert "".join(released) == stream.text == text


def test_no_piece_holds_half_a_character() -> None:
    released, _stream = pieces("ação 🙂 não")
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in released)


@pytest.mark.parametrize(("stop", "left"), [("fim", "o "), ("o fim.", ""), ("nada", "o fim."), ("", "o fim.")])
def test_a_stop_string_ends_the_text_and_is_not_part_of_it(stop: str, left: str) -> None:
    released, stream = pieces("o fim.", stop)
    assert "".join(released) == left
    assert stream.stopped == (left != "o fim.")


@given(st.text("ab", max_size=12), st.text("ab", min_size=1, max_size=4))
def test_what_was_released_is_never_taken_back(text: str, stop: str) -> None:
    released, _stream = pieces(text, stop)
    assert "".join(released) == text.split(stop)[0]


def test_a_character_that_never_became_whole_is_dropped() -> None:
    stream = TextStream(of_bytes)
    assert [stream.feed(byte) for byte in "é".encode()[:1]] == [""]
    assert stream.flush() == ""
