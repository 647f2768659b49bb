"""A really running AION leaves spans and lines that belong together, and none of what people entrust it with."""

from __future__ import annotations

import http.cookiejar
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.aion.observing.collector import attributes
from tests.aion.observing.conftest import PAID_KEY, TOKEN, Watched
from tests.aion.observing.engines import BREAKING, UNEXPECTED
from tests.http.engines import PATIENT_WORD
from tests.http.served import PASSWORD

CPF, EMAIL, PHONE = "529.982.247-25", "maria.plantada@example.org", "(11) 98765-4321"
PERSON = f"Meu nome é Maria Plantada da Silva, CPF {CPF}, {EMAIL}, {PHONE}."
SECRETS = ("senha-Plantada-9", "aion_PlantedWrongKey0123", PAID_KEY, TOKEN)
PLANTED = (CPF, CPF.replace(".", "").replace("-", ""), EMAIL, PHONE, "Plantada da Silva", *SECRETS)
UPLOAD, NO_LABELS = "/admin/retrieval/ingestjob/add/", {"labels": "", "groups": ""}
ASKED = "Quanto custa o passeio de dia inteiro em Sintra?"


class Caller:
    """Calls the server as a program with a key, or as a browser that has signed in."""

    def __init__(self, watched: Watched) -> None:
        self._url, self._key = watched.server.url, watched.server.key
        self._jar = http.cookiejar.CookieJar()
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def call(self, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", **headers}
        return _answer(urllib.request.build_opener(), urllib.request.Request(self._url + path, data, sent))

    def figures(self) -> str:
        status, _headers, body = self.call("/metrics", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        return body

    def submit(self, path: str, fields: dict[str, str], file: tuple[str, bytes] | None = None, **headers: str) -> int:
        """Send a form as a browser does."""
        self._browser.open(self._url + path).close()
        token = next(cookie.value or "" for cookie in self._jar if cookie.name == "csrftoken")
        mark = uuid.uuid4().hex
        parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in
                 {**fields, "csrfmiddlewaretoken": token}.items()]  # fmt: skip
        if file:
            head = f'Content-Disposition: form-data; name="uploads"; filename="{file[0]}"\r\n'
            parts.append(f"{head}Content-Type: text/plain\r\n\r\n".encode() + file[1])
        body = b"".join(b"--" + mark.encode() + b"\r\n" + part + b"\r\n" for part in parts)
        sent = {"Content-Type": f"multipart/form-data; boundary={mark}", "Referer": self._url, **headers}
        request = urllib.request.Request(self._url + path, body + b"--" + mark.encode() + b"--\r\n", sent)
        return _answer(self._browser, request)[0]


def _answer(opener: Any, request: urllib.request.Request) -> tuple[int, dict[str, str], str]:
    try:
        with opener.open(request, timeout=120) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, dict(exc.headers), exc.read().decode()


@pytest.fixture
def caller(watched: Watched) -> Caller:
    return Caller(watched)


def lines_of(log: str) -> list[dict[str, Any]]:
    """AION's own; libraries write to the terminal while a model is loaded."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def eventually(found: Any) -> Any:
    until = time.monotonic() + 120
    while not (value := found()):
        assert time.monotonic() < until
        time.sleep(0.2)
    return value


def test_a_question_is_one_trace_with_its_callers(watched: Watched, caller: Caller) -> None:
    trace_id = uuid.uuid4().hex
    status, headers, body = caller.call(
        "/api/ai/chat", {"message": ASKED}, traceparent=f"00-{trace_id}-00f067aa0ba902b7-01"
    )
    assert status == 200, body
    request = eventually(lambda: _span(watched, "POST /api/ai/chat", trace_id))
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert attributes(request)["http.response.status_code"] == 200
    assert attributes(request)["aion.request_id"] == headers["X-Request-ID"]
    question = eventually(lambda: _span(watched, "invoke_workflow answer", trace_id))
    assert question.parent_span_id == request.span_id
    assert _span(watched, "retrieval documents", trace_id).parent_span_id == question.span_id
    assert {"service.name": "aion"}.items() <= watched.collector.resources[0].items()


def test_a_stream_is_one_trace_until_its_end(watched: Watched, caller: Caller) -> None:
    trace_id = uuid.uuid4().hex
    asked = {"message": ASKED, "stream": True}
    status, _headers, body = caller.call("/api/ai/chat", asked, traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
    assert (status, "event: done" in body) == (200, True)
    request = eventually(lambda: _span(watched, "POST /api/ai/chat", trace_id))
    question = eventually(lambda: _span(watched, "invoke_workflow answer", trace_id))
    assert question.parent_span_id == request.span_id
    assert request.end_time_unix_nano >= question.end_time_unix_nano


def test_a_task_belongs_to_the_request_that_asked_for_it(watched: Watched, caller: Caller) -> None:
    trace_id, request_id = uuid.uuid4().hex, uuid.uuid4().hex
    caller.submit("/admin/login/", {"username": "chefe", "password": PASSWORD, "next": "/admin/"})
    told = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "X-Request-ID": request_id}
    assert caller.submit(UPLOAD, NO_LABELS, ("lanche.txt", b"O lanche custa 9 euros."), **told) == 200
    task = eventually(lambda: _span(watched, "task retrieval.tasks.run_ingest_job", trace_id))
    assert task.parent_span_id == eventually(lambda: _span(watched, "POST /admin/", trace_id)).span_id
    said = eventually(lambda: _lines_about(request_id, watched.worker_log))
    assert {line["trace_id"] for line in said if "trace_id" in line} == {trace_id}
    eventually(lambda: 'outcome="done",task="retrieval.tasks.run_ingest_job"' in caller.figures())


def test_a_callers_request_id_comes_back_and_marks_what_went_wrong(watched: Watched, caller: Caller) -> None:
    mine = "pedido-de-teste-0123456789"
    status, headers, _body = caller.call("/api/ai/chat", {"message": f"{ASKED} {UNEXPECTED}"}, **{"X-Request-ID": mine})
    assert (status, headers["X-Request-ID"]) == (500, mine)
    (line,) = _lines_about(mine, watched.web_log)
    assert (line["level"], line["message"]) == ("error", "unexpected failure")
    assert "RuntimeError" in line["traceback"]


@pytest.mark.parametrize("odd", ["529.982.247-25", EMAIL, "52998224725", "a b", "x" * 65, "é" * 30])
def test_an_odd_request_id_is_replaced(caller: Caller, odd: str) -> None:
    _status, headers, _body = caller.call("/health", **{"X-Request-ID": odd.encode().decode("latin-1")})
    assert headers["X-Request-ID"] != odd
    assert len(headers["X-Request-ID"]) == 32


def test_nothing_that_people_entrust_it_with_is_in_logs_traces_or_figures(watched: Watched, caller: Caller) -> None:
    asked, failing = {"message": f"{ASKED} {PERSON}"}, f"{ASKED} {PERSON} {BREAKING}"
    event_id = json.loads(caller.call("/api/ai/chat", asked)[2])["eventId"]
    expected = {
        "answered": (200, lambda: caller.call("/api/ai/chat", asked)),
        "streamed": (200, lambda: caller.call("/api/ai/chat", asked | {"stream": True})),
        "failing": (200, lambda: caller.call("/api/ai/chat", asked | {"stream": True, "message": failing})),
        "unexpected": (500, lambda: caller.call("/api/ai/chat", {"message": f"{ASKED} {PERSON} {UNEXPECTED}"})),
        "paid": (502, lambda: caller.call("/api/ai/chat", asked | {"forceFallback": True})),
        "v1": (500, lambda: caller.call("/v1/chat/completions", _as_openai(f"{ASKED} {PERSON} {UNEXPECTED}"))),
        "malformed": (400, lambda: caller.call("/api/ai/chat", f"{{{PERSON}".encode())),
        "query": (404, lambda: caller.call(f"/api/ai/nowhere?q={urllib.parse.quote(PERSON)}")),
        "path": (404, lambda: caller.call(f"/nowhere/{urllib.parse.quote(PERSON)}")),
        "key": (401, lambda: caller.call("/api/ai/chat", asked, Authorization=f"Bearer {SECRETS[1]}")),
        "token": (401, lambda: caller.call("/metrics", Authorization=f"Bearer {SECRETS[1]}")),
        "feedback": (201, lambda: caller.call("/api/ai/feedback", _opinion(event_id))),
    }  # fmt: skip
    for name, (status, call) in expected.items():
        answered = call()
        assert answered[0] == status, (name, answered)
    caller.submit("/admin/login/", {"username": EMAIL, "password": SECRETS[0], "next": "/admin/"})
    caller.submit("/admin/login/", {"username": "chefe", "password": PASSWORD, "next": "/admin/"})
    caller.submit(UPLOAD, NO_LABELS, (f"{CPF} {EMAIL}.csv", b"\x00\xff"))
    caller.submit(UPLOAD, NO_LABELS, (f"{EMAIL}.txt", PERSON.encode()))
    eventually(lambda: "run_ingest_job" in watched.worker_log.read_text())
    time.sleep(5)  # the collector's batches
    everything = {
        "web": watched.web_log.read_text(),
        "worker": watched.worker_log.read_text(),
        "figures": caller.figures(),
        "traces": watched.collector.raw.decode("utf-8", "replace"),
    }
    assert "unexpected failure" in everything["web"]
    assert "invoke_workflow" in everything["traces"]
    for where, text in everything.items():
        assert [planted for planted in PLANTED if planted in text] == [], where
    for log in ("web", "worker"):
        assert lines_of(everything[log]), f"{log} writes one JSON object a line"


def test_figures_come_at_once_while_the_model_is_at_work(watched: Watched, caller: Caller) -> None:
    asked = {"message": f"{ASKED} {PATIENT_WORD}"}
    threading.Thread(target=_give_up_quietly, args=(caller, asked), daemon=True).start()
    eventually((watched.server.var / "generating").exists)
    in_flight = next(line for line in caller.figures().splitlines() if line.startswith("aion_http_requests_in_flight"))
    assert float(in_flight.split()[1]) >= 2  # a question at least, and this


def _span(watched: Watched, name: str, trace_id: str) -> Any:
    found = (span for span in list(watched.collector.spans) if span.name == name and span.trace_id.hex() == trace_id)
    return next(found, None)


def _lines_about(request_id: str, log: Path) -> list[dict[str, Any]]:
    return [line for line in lines_of(log.read_text()) if line.get("request_id") == request_id]


def _give_up_quietly(caller: Caller, asked: dict[str, Any]) -> None:
    with suppress(OSError):  # the server ends before the model does
        caller.call("/api/ai/chat", asked)


def _as_openai(text: str) -> dict[str, Any]:
    return {"model": "aion", "messages": [{"role": "user", "content": text}]}


def _opinion(event_id: str) -> dict[str, Any]:
    return {"eventId": event_id, "vote": -1, "comment": PERSON, "correction": PERSON}
