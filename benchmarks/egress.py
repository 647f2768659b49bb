"""Whether personal data reaches the provider: 500 prompts with planted Brazilian identifiers in many spellings, asked
through the paid path against a server that speaks the provider's protocol and keeps every byte that it gets.

The prompts come from a generator whose author had not seen the masker (`benchmarks/planted_identifiers.py`); every
other one stands in a passage instead of the question. `blocked` are calls refused because something was left: safe, but
nobody is answered. `falsely_masked` is of texts without any."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.conf import settings
from django.test import override_settings

from benchmarks.lines import Line
from benchmarks.options import Options
from benchmarks.planted_identifiers import clean, leaked, planted
from chat import control
from chat.answers import Asker
from chat.exceptions import FallbackFailed
from chat.fallback import Spending, ask_provider
from chat.prompts import PackedPassage
from telemetry import budgets
from telemetry.models import BudgetLimit
from telemetry.pii import find_personal_data

PROMPTS, CLEAN_TEXTS, SEED = 500, 500, 2026
SAID = {"choices": [{"index": 0, "delta": {"content": "Certo."}, "finish_reason": "stop"}], "usage": None}


def measure(options: Options) -> Iterator[Line]:
    """Leaks in all and by kind, then what is masked of clean texts."""
    prompts = planted(options.limit or PROMPTS, SEED)
    leaks: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    blocked = 0
    with _listening() as (url, bodies), override_settings(OPENAI_BASE_URL=url, OPENAI_API_KEY="bench"):
        _lift_the_limits()
        for number, prompt in enumerate(prompts):
            bodies.clear()
            blocked += _is_blocked(prompt.text, in_a_passage=bool(number % 2))
            asked.update(prompt.kinds)
            leaks.update(leaked(prompt, "".join(bodies)))
    yield Line("all", "leaked", sum(leaks.values()) / sum(asked.values()), conditions={"n": sum(asked.values())})
    yield Line("all", "blocked", blocked / len(prompts), conditions={"n": len(prompts)})
    for kind in sorted(asked):
        yield Line(kind, "leaked", leaks[kind] / asked[kind], conditions={"n": asked[kind]})
    texts = clean(options.limit or CLEAN_TEXTS, SEED)
    falsely = sum(bool(find_personal_data(text)) for text in texts) / len(texts)
    yield Line("clean texts", "falsely_masked", falsely, conditions={"n": len(texts)})


def _is_blocked(text: str, *, in_a_passage: bool) -> bool:
    question = "O que diz a carta?" if in_a_passage else text
    passages = (PackedPassage(1, "Carta", text),) if in_a_passage else ()
    parts = ask_provider(
        question,
        passages,
        policy=control.current(),
        asker=Asker(),
        spending=Spending(),
        deadline_s=20,
        cancelled=lambda: False,
    )
    try:
        for _part in parts:
            pass
    except FallbackFailed as exc:
        if exc.reason != "personal_data":
            raise
        return True
    return False


def _lift_the_limits() -> None:
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=1_000_000)


@contextmanager
def _listening() -> Iterator[tuple[str, list[str]]]:
    """A provider that keeps what it is asked, and answers one word."""
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bodies.append(f"{self.headers}{json.dumps(request, ensure_ascii=False)}")
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(f"data: {json.dumps(SAID)}\n\ndata: [DONE]\n\n".encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", bodies
    finally:
        server.shutdown()
        server.server_close()
