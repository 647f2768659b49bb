"""What runs here and what would fit, as values: for `manage.py models`."""

from __future__ import annotations

import shlex
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import DatabaseError

from inference.adapters import serving_report
from inference.backends.serving import ServingEngine
from inference.model_catalogue import CATALOGUE, OpenModel
from inference.model_sizes import (
    Precision,
    Rates,
    decode_tokens_s,
    first_token_s,
    serving_bytes,
    weight_bytes,
)

# Some repositories hold the weights a second time, as consolidated.safetensors or under original/.
FETCHED_PATTERNS = ("*.json", "model*.safetensors", "*.model", "*.txt", "*.jinja")


@dataclass(frozen=True, slots=True)
class Running:
    """The serving process. `memory_bytes` is what the process takes, None where it runs on another machine."""

    base_model: str
    base_sha256: str
    precision: str
    device: str
    adapter: str
    merged: bool
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Fit:
    """One model in one precision. `fits` is `yes`, `alone` (only without changing adapters while it serves) or `no`."""

    precision: Precision
    weight_bytes: int
    serving_bytes: int
    fits: str
    tokens_s: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    model: OpenModel
    fits: tuple[Fit, ...]
    first_token_s: float | None

    @property
    def fetch(self) -> str:
        """The command that fetches what AION reads of it, and nothing else."""
        return fetch_command(self.model.repository)

    def as_dict(self) -> dict[str, Any]:
        model = self.model
        return {
            "repository": model.repository,
            "parameters": model.shape.parameters,
            "licence": model.licence,
            "gated": model.gated,
            "portuguese": str(model.portuguese),
            "precisions": [asdict(fit) for fit in self.fits],
            "first_token_s": self.first_token_s,
            "fetch": self.fetch,
        }


def running() -> Running | None:
    """What the serving process says of itself; None where none answers."""
    engine = ServingEngine.reach()
    if engine is None:
        return None
    status = engine.status()
    return Running(
        base_model=status.base_model,
        base_sha256=status.base_sha256,
        precision=status.dtype,
        device=status.device,
        adapter=status.adapter,
        merged=status.merged,
        memory_bytes=_memory_of_the_process(),
    )


def candidates(
    *, memory_bytes: int, on_processor: bool, precision: Precision, rates: Rates | None
) -> tuple[Candidate, ...]:
    """Each model of the catalogue in the machine's own precision and in four bits."""
    return tuple(
        Candidate(
            model,
            tuple(_fit(model, each, memory_bytes, on_processor, rates) for each in (precision, Precision.NF4)),
            first_token_s(model.shape, rates) if rates else None,
        )
        for model in CATALOGUE
    )


def folder_of(repository: str) -> str:
    return f"models/{repository.rpartition('/')[2]}"


def fetch_command(repository: str) -> str:
    """What fetches the files that AION reads of a repository, and nothing else."""
    patterns = [f"--include {shlex.quote(pattern)}" for pattern in FETCHED_PATTERNS]
    return " ".join([".venv/bin/hf download", repository, "--local-dir", folder_of(repository), *patterns])


def _fit(model: OpenModel, precision: Precision, memory_bytes: int, on_processor: bool, rates: Rates | None) -> Fit:
    needed = serving_bytes(model.shape, precision, on_processor=on_processor)
    alone = serving_bytes(model.shape, precision, on_processor=on_processor, with_adapters=False)
    return Fit(
        precision=precision,
        weight_bytes=weight_bytes(model.shape, precision),
        serving_bytes=needed,
        fits="yes" if needed <= memory_bytes else "alone" if alone <= memory_bytes else "no",
        tokens_s=decode_tokens_s(model.shape, precision, rates) if rates else None,
    )


def _memory_of_the_process() -> int | None:
    """Resident memory of the process that reports to this database from this machine."""
    try:
        reports = serving_report()
    except DatabaseError:
        return None
    for report in reports:
        status = Path("/proc") / report.process.rpartition(":")[2] / "status"
        if report.process.startswith(f"{socket.gethostname()}:") and status.is_file():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            return int(lines["VmRSS"].split()[0]) * 1024
    return None
