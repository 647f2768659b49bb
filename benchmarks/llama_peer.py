"""llama.cpp behind stdin and stdout, run by a Python of its own that has llama_cpp: knows nothing of AION.

    python llama_peer.py MODEL.gguf FORMAT THREADS

The model is requantised to FORMAT (Q4_0, Q8_0, BF16) first. Then each line `{"ids": [...], "tokens": n, "ends": [...]}`
is answered by `{"first_s": ..., "rest_s": ..., "ids": [...]}`: at most n tokens, greedy, until one of `ends`. What a
prompt begins with like the one before is not computed again, which is llama_cpp's own way.
"""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import llama_cpp

WINDOW = 2048


def main(model: str, quantisation: str, threads: str) -> None:
    with tempfile.TemporaryDirectory(prefix="aion-bench-") as folder:
        requantised = Path(folder) / "requantised.gguf"
        requantise(model, quantisation, requantised)
        llama = llama_cpp.Llama(
            str(requantised), n_ctx=WINDOW, n_threads=int(threads), n_threads_batch=int(threads), verbose=False
        )
        for line in sys.stdin:
            print(json.dumps(generate(llama, **json.loads(line))), flush=True)


def requantise(source: str, quantisation: str, target: Path) -> None:
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{quantisation}")
    settings.allow_requantize = True
    if llama_cpp.llama_model_quantize(source.encode(), str(target).encode(), ctypes.byref(settings)):
        sys.exit(f"{source} could not be requantised")


def generate(llama: llama_cpp.Llama, ids: list[int], tokens: int, ends: list[int]) -> dict[str, Any]:
    """Seconds to the first token and from there to the last, and the tokens."""
    produced: list[int] = []
    first = 0.0
    started = time.perf_counter()
    for token in llama.generate(ids, temp=0.0):
        produced.append(token)
        first = first or time.perf_counter()
        if token in ends or len(produced) == tokens:
            break
    return {"first_s": first - started, "rest_s": time.perf_counter() - first, "ids": produced}


if __name__ == "__main__":
    main(*sys.argv[1:])
