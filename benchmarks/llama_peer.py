"""llama.cpp behind stdin and stdout, run by a Python of its own that has llama_cpp: knows nothing of AION.

    python llama_peer.py MODEL.gguf THREADS

The model is requantised to Q4_0 first, its fastest format on a processor. Then each line
`{"ids": [...], "tokens": n}` is answered by `{"first_s": ..., "rest_s": ...}`: n tokens, greedy, no cached prompt.
"""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
import time
from pathlib import Path

import llama_cpp

WINDOW = 2048


def main(model: str, threads: str) -> None:
    with tempfile.TemporaryDirectory(prefix="aion-bench-") as folder:
        requantised = Path(folder) / "q4_0.gguf"
        requantise(model, requantised)
        llama = llama_cpp.Llama(
            str(requantised), n_ctx=WINDOW, n_threads=int(threads), n_threads_batch=int(threads), verbose=False
        )
        for line in sys.stdin:
            asked = json.loads(line)
            print(json.dumps(generate(llama, asked["ids"], asked["tokens"])), flush=True)


def requantise(source: str, target: Path) -> None:
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
    settings.allow_requantize = True
    if llama_cpp.llama_model_quantize(source.encode(), str(target).encode(), ctypes.byref(settings)):
        sys.exit(f"{source} could not be requantised")


def generate(llama: llama_cpp.Llama, ids: list[int], tokens: int) -> dict[str, float]:
    """Seconds to the first token and from there to the last."""
    llama.reset()  # or the keys and values of a common beginning would be used again
    started = time.perf_counter()
    produced = llama.generate(ids, temp=0.0)
    next(produced)
    first = time.perf_counter()
    for _number in range(tokens - 1):
        next(produced)
    return {"first_s": first - started, "rest_s": time.perf_counter() - first}


if __name__ == "__main__":
    main(*sys.argv[1:])
