"""What older clients send, to a really running server that was given an older installation's `.env`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.http.served import ORIGIN, PATIENCE_S, Server
from tests.node import NODE, needs_node

CURL = shutil.which("curl")
QUESTION = "Quanto custa o passeio de dia inteiro a Sintra?"
OFF_TOPIC = "Quem ganhou a Copa do Mundo de 1958?"

needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")


def curl(server: Server, path: str, *arguments: str, key: str | None = None) -> tuple[int, Any]:
    """Run curl as an operator would; the status and the JSON body."""
    bearer = ["-H", f"Authorization: Bearer {server.key if key is None else key}"]
    command = [str(CURL), "-sS", "-w", "\n%{http_code}", *bearer, *arguments, server.url + path]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout
    body, _newline, status = output.rpartition("\n")
    return int(status), json.loads(body)


def post(server: Server, path: str, body: dict[str, Any], **headers: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    all_headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.key}"} | headers
    connection.request("POST", path, json.dumps(body), all_headers)
    return connection.getresponse()


@needs_curl
def test_health_by_curl(server: Server) -> None:
    status, body = curl(server, "/health", key="")
    assert status == 200
    assert isinstance(body["base_model"], str)
    assert isinstance(body["adapter_loaded"], bool)


@needs_curl
def test_ready_by_curl(server: Server) -> None:
    status, body = curl(server, "/ready", key="")
    assert (status, body["ready"]) == (200, True)


@needs_curl
def test_generate_by_curl(server: Server) -> None:
    sent = '{"system":"Seja breve.","prompt":"Olá","context":"","temperature":0.6,"max_new_tokens":64,"stop":["</s>"]}'
    status, body = curl(server, "/generate", "-X", "POST", "-H", "content-type: application/json", "-d", sent)
    assert (status, body["ok"]) == (200, True)
    assert isinstance(body["ms"], int)
    assert body["text"]


@needs_curl
def test_chat_by_curl(server: Server) -> None:
    sent = json.dumps({"message": QUESTION})
    status, body = curl(server, "/api/ai/chat", "-H", "content-type: application/json", "-d", sent)
    assert status == 200
    assert body["used"] == "local", (body["reason"], body["C"], body["tau"], body["text"])
    assert 0 <= body["C"] <= 1
    assert "89" in body["text"] or body["sources"]


@needs_curl
def test_what_the_documents_do_not_say_is_not_answered(server: Server) -> None:
    sent = json.dumps({"message": OFF_TOPIC})
    status, body = curl(server, "/api/ai/chat", "-H", "content-type: application/json", "-d", sent)
    assert (status, body["used"]) == (200, "abstain")


@needs_curl
@pytest.mark.parametrize("call", ["/adapter/reload", "/adapter/merge"])
def test_adapter_calls_by_curl_without_a_body(server: Server, call: str) -> None:
    status, body = curl(server, call, "-X", "POST")
    assert status == 200
    assert body["ok"] is True or (isinstance(body["error"], str) and isinstance(body["code"], str))


@needs_curl
@pytest.mark.parametrize("call", ["/generate", "/adapter/reload", "/adapter/merge", "/api/ai/chat"])
def test_where_aion_is_stricter_it_asks_for_a_credential(server: Server, call: str) -> None:
    command = [str(CURL), "-sS", "-o", "-", "-w", "\n%{http_code}", "-X", "POST", server.url + call]
    body, _newline, status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    assert (status, json.loads(body)["error"]["code"]) == ("401", "not_authenticated")


@needs_node
def test_nodes_fetch_with_nulls_and_numbers_as_text(server: Server) -> None:
    script = """
        const [url, key, message] = process.argv.slice(1);
        const response = await fetch(url + "/api/ai/chat", {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
          body: JSON.stringify({ message, tau: "0.62", forceFallback: null, tenantId: "default", lang: undefined }),
        });
        console.log(JSON.stringify({ status: response.status, body: await response.json() }));
    """
    command = [NODE, "--input-type=module", "-e", script, server.url, server.key, QUESTION]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout)
    assert told["status"] == 200
    assert told["body"]["tau"] == 0.62
    assert {"text", "used", "C"} <= set(told["body"])
    assert [warning for warning in told["body"]["warnings"] if "tenantId" in warning]


@needs_node
def test_nodes_fetch_reads_the_stream(server: Server) -> None:
    script = """
        const [url, key, message] = process.argv.slice(1);
        const response = await fetch(url + "/api/ai/chat", {
          method: "POST",
          headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${key}` },
          body: JSON.stringify({ message, stream: true }),
        });
        const text = await response.text();
        console.log(JSON.stringify(text.split("\\n").filter((line) => line.startsWith("event: "))));
    """
    command = [NODE, "--input-type=module", "-e", script, server.url, server.key, QUESTION]
    names = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout)
    assert names[0] == "event: sources"
    assert names[-1] == "event: done"
    assert set(names[1:-1]) <= {"event: sources", "event: delta", "event: replace"}


def events(response: HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for raw in response:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_the_streams_parts_make_up_the_final_text(server: Server) -> None:
    shown = ""
    for name, data in events(post(server, "/api/ai/chat", {"message": QUESTION, "stream": True})):
        if name == "delta":
            shown += data["text"]
        elif name == "replace":
            shown = data["text"]
        elif name == "done":
            assert shown == data["text"]
            return
    raise AssertionError("the stream had no end")


def test_an_allowed_origin_may_ask_from_a_browser_and_another_may_not(server: Server) -> None:
    def preflight(origin: str) -> str | None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        connection.request("OPTIONS", "/api/ai/chat", headers=asked)
        return connection.getresponse().headers.get("Access-Control-Allow-Origin")

    assert preflight(ORIGIN) == ORIGIN
    assert preflight("https://evil.example") is None


@pytest.mark.parametrize("stream", [True, False])
def test_hanging_up_frees_the_model(server: Server, stream: bool) -> None:
    for mark in ("generating", "freed"):
        (server.var / mark).unlink(missing_ok=True)
    asked = f"{QUESTION} Responda pacientemente."
    path, fields = (
        ("/api/ai/chat", {"message": asked, "tau": 0, "stream": True}) if stream else ("/generate", {"prompt": asked})
    )
    body = json.dumps(fields)
    with socket.create_connection(("127.0.0.1", server.port)) as caller:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
        sent = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        caller.sendall(sent.encode())
        wait_for(server.var / "generating")
    wait_for(server.var / "freed")


def test_health_answers_while_every_caller_waits(server: Server) -> None:
    bodies = json.dumps({"prompt": "pacientemente"})
    callers = []
    try:
        for _caller in range(20):
            connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.key}"}
            connection.request("POST", "/generate", bodies, headers)
            callers.append(connection)
        probe = HTTPConnection("127.0.0.1", server.port, timeout=60)  # the callers would wait for ever
        probe.request("GET", "/health")
        assert probe.getresponse().status == 200
    finally:
        for connection in callers:
            connection.close()


def test_a_full_queue_is_told_with_when_to_come_back(server: Server) -> None:
    response = post(server, "/generate", {"prompt": "superlotado"})
    assert (response.status, response.headers["Retry-After"]) == (503, "7")
    assert json.loads(response.read())["error"]["code"] == "engine_busy"


def test_an_older_installations_own_address_as_local_server_is_not_called(server: Server) -> None:
    """Its `.env` names AION itself as the OpenAI-compatible server; the engine answers nevertheless."""
    assert f"AION_LOCAL_LLM_URL=http://localhost:{server.port}" in (server.var / "old.env").read_text()
    assert post(server, "/generate", {"prompt": "Olá"}).status == 200


def wait_for(mark: Path, *, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not mark.exists():
        assert time.monotonic() < deadline, f"{mark.name} did not happen"
        time.sleep(0.05)
