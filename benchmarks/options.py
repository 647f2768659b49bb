"""What every benchmark may be told on the command line, and the development sets in the folder it names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

BASE_DIR = Path(__file__).resolve().parent.parent
ADAPTER = BASE_DIR / "inference" / "bundled" / "adapter"
LLAMA = BASE_DIR / "var" / "bench" / "llama" / "bin" / "python"
LITELLM = BASE_DIR / "var" / "bench" / "litellm" / "bin" / "litellm"
RESULTS = BASE_DIR / "var" / "bench" / "results.jsonl"
PAGE = BASE_DIR / "docs" / "benchmarks.md"
BENCHMARKS = (
    "path",
    "ingestion",
    "hostile_files",
    "retrieval",
    "scale",
    "gate",
    "replay",
    "answers",
    "adapter",
    "training",
    "loop",
    "examination",
    "nights",
    "engine",
    "load",
    "grounding",
    "budget",
    "egress",
    "export",
    "telemetry",
)
DURABLE = ("telemetry",)  # what syncing to disk costs is part of their figures
DATA_FILES = ("faquad.json", "pira.jsonl")
NO_DATA = "no folder of faquad.json and pira.jsonl was given: add DATA=FOLDER"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """`name` "" means all. `limit` questions of each set are asked, evenly spread; None: what the benchmark asks."""

    name: str = ""
    data: Path | None = None
    limit: int | None = None
    adapter: Path = ADAPTER
    adapters: Path | None = None
    llama: Path = LLAMA
    results: Path = RESULTS
    page: Path = PAGE

    def command(self, name: str) -> str:
        """How to run this again, without a path of this machine."""
        told = [f"make bench-{name}"]
        told += ["DATA=FOLDER"] if self.data else []
        own = ["--adapters FOLDER"] if self.adapters else []
        own += [f"--limit {self.limit}"] if self.limit else []
        told += [f'ARGS="{" ".join(own)}"'] if own else []
        return " ".join(told)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Exits with a sentence where something named is not there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure AION beside its peers.")
    parser.add_argument("name", nargs="?", default="", choices=("", *BENCHMARKS), help="all of them without a name")
    parser.add_argument("--data", type=Path, help="folder that holds faquad.json and pira.jsonl")
    parser.add_argument("--limit", type=_positive, help="questions of each set, evenly spread")
    parser.add_argument("--adapter", type=Path, default=ADAPTER, help="adapter to measure; the shipped one by default")
    parser.add_argument("--adapters", type=Path, help="folder of adapters that one recipe made with different seeds")
    parser.add_argument("--llama", type=Path, default=LLAMA, help="a Python that has llama_cpp")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file that a run of all appends its lines to")
    parser.add_argument("--page", type=Path, default=PAGE, help="page that a run of all makes of them")
    options = Options(**vars(parser.parse_args(arguments)))
    for file in [options.data / name for name in DATA_FILES] if options.data else []:
        if not file.is_file():
            parser.error(f"{options.data} holds no {file.name}; the folder must hold {' and '.join(DATA_FILES)}")
    if not options.adapter.is_dir():
        parser.error(f"there is no adapter in {options.adapter}")
    if options.adapters and not options.adapters.is_dir():
        parser.error(f"there is no folder {options.adapters}")
    return options


def spread(rows: Sequence[T], limit: int | None) -> Sequence[T]:
    """`limit` of `rows`, evenly spread; all of them where there are no more or no limit."""
    if limit is None or limit >= len(rows):
        return rows
    return [rows[place * len(rows) // limit] for place in range(limit)]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
