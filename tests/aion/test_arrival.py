"""When a request is all there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aion.arrival import LONGEST_CHUNK_LINE, LONGEST_HEAD, Arrival, Progress

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    HEAD + b"Content-Length: 0\r\n\r\n",
    HEAD + b"CONTENT-length:\t5 \r\n\r\n\r\n\r\n.",
    CHUNKED + b"0\r\n\r\n",
    CHUNKED + b"4;a=b\r\n\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
    CHUNKED + b"1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n",
]


@pytest.mark.parametrize("request_", REQUESTS)
@given(data=st.data())
def test_it_is_there_with_its_last_byte_and_not_before(request_: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(request_) - 1), max_size=8)))
    arrival = Arrival(most_bytes=1000)
    pieces = [request_[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(request_)], strict=True)]
    assert {arrival.add(piece) for piece in pieces[:-1]} <= {Progress.COMING}
    assert arrival.add(pieces[-1]) is Progress.WHOLE


@pytest.mark.parametrize("rest", [b"Content-Length: 11\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n14\r\n01234567"])
def test_a_body_larger_than_is_gathered_is_begun_on_at_once(rest: bytes) -> None:
    assert Arrival(most_bytes=10).add(HEAD + rest) is Progress.LARGE


def test_a_large_body_that_came_with_its_head_is_whole() -> None:
    assert Arrival(most_bytes=10).add(HEAD + b"Content-Length: 11\r\n\r\n01234567890") is Progress.WHOLE


@pytest.mark.parametrize(
    "wrong",
    [
        b"x" * LONGEST_HEAD,
        CHUNKED + b"zz\r\n",
        CHUNKED + b"1" * LONGEST_CHUNK_LINE,
        HEAD + b"Content-Length: -1\r\n\r\n",
    ],
)
def test_what_is_wrong_is_left_to_the_parser(wrong: bytes) -> None:
    assert Arrival(most_bytes=100_000).add(wrong) is Progress.WHOLE


@given(st.binary(max_size=300))
def test_nothing_that_is_sent_breaks_it(junk: bytes) -> None:
    for start in (b"", HEAD, CHUNKED, HEAD + b"Content-Length: "):
        assert Arrival(most_bytes=100).add(start + junk) in Progress


def test_who_asks_for_leave_to_send_a_body_waits_for_it() -> None:
    arrival = Arrival(most_bytes=100)
    arrival.add(HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert arrival.waits_for_leave
