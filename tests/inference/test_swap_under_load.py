"""A hundred swaps while eight clients stream: nobody is refused, waits for a swap, or gets a mixed answer."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from inference.adapter_folder import CARD, CONFIG, WEIGHTS, adapter_digest
from inference.engine import Delta, GenerationRequest, GenerationResult, Message, ServedAdapter
from inference.exceptions import AdapterRejected

SWAPS = 100
CLIENTS = 8
LONGEST_PAUSE_S = 0.25
QUESTIONS = ("Olá", "Conte até três.", "O que é o mar?", "Onde fica Sintra?")
Texts = dict[str, str]  # by question


def answered(engine: Any, question: str) -> GenerationResult:
    """Greedily, and what was streamed is what the result holds."""
    request = GenerationRequest((Message("user", question),), max_new_tokens=4, deadline_s=500)
    *before, result = engine.generate(request)
    assert isinstance(result, GenerationResult)
    assert "".join(part.text for part in before if isinstance(part, Delta)) == result.text
    return result


def alone(engine: Any, adapter: ServedAdapter) -> Texts:
    """What `adapter` answers when nothing else happens."""
    engine.serve_adapter(adapter)
    return {question: answered(engine, question).text for question in QUESTIONS}


@dataclass
class Clients:
    """Each asks its question again as soon as it is answered, until the block ends."""

    engine: Any
    results: dict[str, list[GenerationResult]] = field(default_factory=lambda: defaultdict(list))
    errors: list[BaseException] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Clients:
        for number in range(CLIENTS):
            question = QUESTIONS[number % len(QUESTIONS)]
            self.threads.append(threading.Thread(target=self._keep_asking, args=(question,)))
            self.threads[-1].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _keep_asking(self, question: str) -> None:
        try:
            while not self.stopped.is_set():
                self.results[question].append(answered(self.engine, question))
        except BaseException as exc:  # noqa: BLE001  # the edge of a thread: the test shows what it was
            self.errors.append(exc)


@pytest.fixture
def pauses(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds for which the next request waited although the model was free: nothing but a swap lies there."""
    measured: list[float] = []
    free_since = [time.monotonic()]
    serve = engine._serve

    def watched(job: Any) -> bool:
        measured.append(time.monotonic() - max(free_since[0], job.queued_at))
        is_whole: bool = serve(job)
        free_since[0] = time.monotonic()
        return is_whole

    monkeypatch.setattr(engine, "_serve", watched)
    return measured


@pytest.fixture
def opposite_adapter(strong_adapter: ServedAdapter, tmp_path: Path) -> ServedAdapter:
    """Changes the model as much as the strong one, the other way."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "opposite"
    folder.mkdir()
    weights = load_file(Path(strong_adapter.path) / WEIGHTS)
    save_file({name: -value if "lora_B" in name else value for name, value in weights.items()}, folder / WEIGHTS)
    for name in (CONFIG, CARD):
        (folder / name).write_bytes((Path(strong_adapter.path) / name).read_bytes())
    return ServedAdapter("opposite", adapter_digest(folder), str(folder))


@pytest.fixture
def torn_adapter(strong_adapter: ServedAdapter, tmp_path: Path) -> ServedAdapter:
    """Half of its weights are missing."""
    folder = tmp_path / "torn"
    folder.mkdir()
    whole = (Path(strong_adapter.path) / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    config = json.loads((Path(strong_adapter.path) / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config))
    return ServedAdapter("torn", adapter_digest(folder), str(folder))


def test_a_hundred_swaps_under_load(
    engine: Any,
    strong_adapter: ServedAdapter,
    opposite_adapter: ServedAdapter,
    torn_adapter: ServedAdapter,
    pauses: list[float],
) -> None:
    merged_adapter = replace(strong_adapter, merged=True)
    expected: dict[str, list[Texts]] = {
        strong_adapter.digest: [alone(engine, merged_adapter), alone(engine, strong_adapter)],
        opposite_adapter.digest: [alone(engine, opposite_adapter)],
    }
    assert expected[strong_adapter.digest][1] != expected[opposite_adapter.digest][0]
    pauses.clear()
    turns = [strong_adapter, opposite_adapter] * (SWAPS // 4)
    merging = [merged_adapter, strong_adapter, merged_adapter, opposite_adapter]  # merge, unmerge, reload after merge
    swaps = [*turns, *merging, *turns[: SWAPS - len(turns) - len(merging)]]

    with Clients(engine) as clients:
        for adapter in swaps:
            engine.serve_adapter(adapter)
            assert (engine.status().adapter_digest, engine.status().merged) == (adapter.digest, adapter.merged)
        with pytest.raises(AdapterRejected) as caught:
            engine.serve_adapter(torn_adapter)

    assert not clients.errors
    assert len(swaps) == SWAPS
    assert {result.adapter_digest for results in clients.results.values() for result in results} == set(expected)
    for question, results in clients.results.items():
        for result in results:
            assert result.text in [texts[question] for texts in expected[result.adapter_digest]]
    assert caught.value.code == "torn"
    assert engine.status().adapter_digest == swaps[-1].digest
    assert engine.status().error == str(caught.value)
    assert max(pauses) <= LONGEST_PAUSE_S
