"""The external backend against a real server: llama-cpp-python's, on the bundled weights.

make bench-engine                                       # installs it to var/bench/llama (compiles for five minutes)
.venv/bin/pytest tests/inference/test_llama_server.py   # or with LLAMA_PYTHON=/path/to/its/python
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from benchmarks.llama import bundled_gguf
from inference.adapter_folder import adapter_digest
from inference.backends.openai_compatible import OpenAICompatibleEngine
from inference.engine import (
    Delta,
    EngineState,
    GenerationRequest,
    GenerationResult,
    Message,
    ServedAdapter,
)
from inference.exceptions import AdapterRejected, DeadlineExceeded, GenerationCancelled, GenerationFailed
from tests.ports import free_port

PYTHON = Path(os.environ.get("LLAMA_PYTHON") or Path(__file__).resolve().parents[2] / "var/bench/llama/bin/python")
START_S = 60.0
SOON_S = 10.0
REQUEST = GenerationRequest((Message("user", "Write one sentence about the sea."),), max_new_tokens=24, deadline_s=60)
STORY = "Write a long story about the sea, a ship and its crew, with many chapters."
LONG = replace(REQUEST, messages=(Message("user", STORY),), max_new_tokens=1500)
WINDOW = 2048


@dataclass
class LlamaServer:
    url: str
    log: Path

    def broke_off(self) -> int:
        """How many streams it has ended because their client had gone."""
        return self.log.read_text().count("Disconnected from client")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    known = PYTHON.exists() and subprocess.run([PYTHON, "-c", "import llama_cpp.server.app"], capture_output=True)
    if not known or known.returncode:
        pytest.skip(f"{PYTHON} has no llama_cpp.server: `make bench-engine` installs it, or set LLAMA_PYTHON")
    port = free_port()
    options = f"--host 127.0.0.1 --port {port} --n_ctx {WINDOW} --n_threads 1 --n_threads_batch 1 --verbose false"
    command = [str(PYTHON), "-m", "llama_cpp.server", "--model", str(bundled_gguf()), *options.split()]
    log = tmp_path_factory.mktemp("llama") / "log"
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process:
        try:
            _wait_for(process, f"http://127.0.0.1:{port}")
            yield LlamaServer(f"http://127.0.0.1:{port}", log)
        finally:
            process.kill()


def _wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.skip(f"llama.cpp does not run on this processor: it ended with {process.returncode}")
        with suppress(httpx.HTTPError):
            httpx.get(f"{url}/v1/models", timeout=1)
            return
        time.sleep(0.1)
    pytest.fail(f"no server after {START_S} s")


@pytest.fixture
def engine(llama: LlamaServer) -> OpenAICompatibleEngine:
    engine = OpenAICompatibleEngine(llama.url)
    engine.load()
    return engine


def answer(engine: OpenAICompatibleEngine, request: GenerationRequest = REQUEST) -> GenerationResult:
    *_, result = engine.generate(request)
    assert isinstance(result, GenerationResult)
    return result


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + SOON_S
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def test_its_model_is_told_and_its_window_unknown(engine: OpenAICompatibleEngine):
    status = engine.status()
    assert (status.state, status.context_window) == (EngineState.READY, 0)
    assert status.base_model == str(bundled_gguf())


def test_it_streams_and_repeats_itself(engine: OpenAICompatibleEngine):
    *parts, first = engine.generate(REQUEST)
    assert isinstance(first, GenerationResult)
    deltas = [part.text for part in parts if isinstance(part, Delta)]
    assert len(deltas) > 5
    assert "".join(deltas) == first.text == answer(engine).text
    assert "sea" in first.text
    assert first.usage.output_tokens == len(deltas)
    assert first.usage.input_tokens > 0


def test_it_stops_where_it_is_told_and_at_the_limit(engine: OpenAICompatibleEngine):
    whole = answer(engine).text
    stop = whole.split()[4]
    stopped = answer(engine, replace(REQUEST, stop=(stop,)))
    assert (stopped.text, stopped.finish_reason) == (whole[: whole.index(stop)], "stop")
    assert answer(engine, replace(REQUEST, max_new_tokens=3)).finish_reason == "length"


def test_a_seed_repeats_what_was_drawn(engine: OpenAICompatibleEngine):
    drawn = replace(REQUEST, temperature=1.0, seed=7, repetition_penalty=1.05)
    assert answer(engine, drawn).text == answer(engine, drawn).text


def test_a_hangup_stops_it(llama: LlamaServer, engine: OpenAICompatibleEngine):
    before = llama.broke_off()
    gone = threading.Event()
    parts = engine.generate(LONG, cancelled=gone.is_set)
    while not isinstance(next(parts), Delta):
        pass
    gone.set()
    with pytest.raises(GenerationCancelled):
        next(parts)
    assert eventually(lambda: llama.broke_off() > before)
    assert answer(engine).text


def test_a_deadline_stops_it(llama: LlamaServer, engine: OpenAICompatibleEngine):
    before = llama.broke_off()
    with pytest.raises(DeadlineExceeded):
        list(engine.generate(replace(LONG, deadline_s=0.2)))
    assert eventually(lambda: llama.broke_off() > before)


def test_an_answer_that_it_breaks_off_for_the_next_is_none(engine: OpenAICompatibleEngine):
    """Its default (`--interrupt_requests true`): another request ends the running one as if it were complete."""
    first = engine.generate(LONG)
    while not isinstance(next(first), Delta):
        pass
    assert answer(engine).text
    with pytest.raises(GenerationFailed, match="before it was complete"):
        list(first)


def test_a_prompt_beyond_its_window_fails_and_the_next_does_not(engine: OpenAICompatibleEngine):
    with pytest.raises(GenerationFailed):
        answer(engine, replace(REQUEST, messages=(Message("user", "mar " * WINDOW),)))
    assert answer(engine).text


def test_it_takes_no_adapters(engine: OpenAICompatibleEngine, make_adapter: Callable[..., Path]):
    folder = make_adapter()
    with pytest.raises(AdapterRejected) as caught:
        engine.serve_adapter(ServedAdapter("a", adapter_digest(folder), str(folder)))
    assert caught.value.code == "no_runtime_adapters"
    assert answer(engine).adapter_digest == ""
