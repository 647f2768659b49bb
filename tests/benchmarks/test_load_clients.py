"""Clients that measure: what they make of an answer, a refusal and their own hanging up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load_clients import Asked, Client, Target, Turns, closed_loop, health_of

ANSWER = (
    'event: sources\ndata: {"sources": []}\n\n: waiting\n\n'
    'event: delta\ndata: {"text": "Olá."}\n\nevent: done\ndata: {"text": "Olá."}\n\n'
)
ERROR = 'event: sources\ndata: {}\n\nevent: error\ndata: {"code": "engine_busy", "message": "", "details": {}}\n\n'


class Server(ThreadingHTTPServer):
    """Answers by what the question says, and notices when a patient one is given up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.given_up = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(200, '{"queue_length": 3}')

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "recuse" in asked:
            self.send_response(503)
            self.send_header("Retry-After", "4")
            self.end_headers()
        elif "erre" in asked:
            self._answer(200, ERROR)
        elif "espere" in asked:
            self._answer(200, ANSWER[: ANSWER.index("event: done")])
            self.rfile.read(1)  # until the client goes
            self.server.given_up.set()
        else:
            self._answer(200, ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def target(server: Server, question: str) -> Target:
    return Target(f"http://127.0.0.1:{server.server_port}", ["aion_x"], [question])


def asked(server: Server, question: str, asked: Asked) -> Asked:
    return Client(target(server, question), 0, Turns(), asked).ask()


def test_an_answer_is_done_after_its_first_sentence(server: Server) -> None:
    done = asked(server, "diga", Asked())
    assert (done.status, done.is_done, done.error) == (200, True, "")
    assert done.first_sentence_s is not None
    assert done.end_s is not None
    assert done.first_sentence_s <= done.end_s


def test_a_refusal_says_when_to_come_back(server: Server) -> None:
    refused = asked(server, "recuse", Asked())
    assert (refused.status, refused.retry_after, refused.is_done) == (503, "4", False)


def test_an_error_within_the_stream_is_no_answer(server: Server) -> None:
    failed = asked(server, "erre", Asked())
    assert (failed.error, failed.is_done) == ("engine_busy", False)


@pytest.mark.parametrize("stage", ["streaming", "prefilling"])
def test_whoever_hangs_up_is_gone_for_the_server_too(server: Server, stage: str) -> None:
    gone = asked(server, "espere", Asked(stage))  # type: ignore[arg-type]  # it is one of them
    assert gone.hung_up
    assert not gone.is_done
    assert not gone.error
    assert server.given_up.wait(5)


def test_the_turn_comes_when_everybody_before_has_left() -> None:
    turns, came = Turns(), list[int]()
    for number in range(4):
        turns.join(number, lambda number=number: came.append(number))  # type: ignore[misc]  # bound now
    turns.leave(1)
    assert came == [0]
    turns.leave(0)
    assert came == [0, 2]


def test_a_closed_loop_asks_each_question_once(server: Server) -> None:
    done, seconds = closed_loop(target(server, "diga"), clients=3, questions=7)
    assert len(done) == 7
    assert seconds > 0
    assert health_of(target(server, "diga")) == {"queue_length": 3}
