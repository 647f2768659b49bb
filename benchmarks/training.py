"""How fast a training is, how far its memory is foretold, and what it costs to interrupt one.

The bundled model learns from the demo's golden questions, packed as lessons. Every training is asked for and run as the
panel's button has it, in a process of its own. `peak_mb` is the most memory resident in that process, beside what is
checked before a training begins. Then the same training is killed with -9 at three random moments, one in each third
of it, and taken up by itself; and stopped by button at one, and resumed by button. `lost_s` is what it took longer than
the one left alone: starts, loading and steps made twice; on a busy machine also the others' work. The bar for the
difference of the last loss is 1 %; `same_bytes` compares weights and configuration. `--limit` is the number of lessons.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.db import connection

from benchmarks.installation import private_broker
from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import DEMO, say
from chat.management.commands.build_adapter_dataset import packed_rows, read_golden, write_rows
from inference.adapter_folder import adapter_digest
from inference.backends.model_loading import load_tokenizer
from inference.base_models import base_model_path
from inference.exceptions import TrainingFailed
from inference.models import HEARTBEAT_S, TrainingRun
from inference.sft import as_row, room_needed
from inference.training import machine_profile
from inference.training_data import read_examples
from inference.training_jobs import (
    interrupt_children,
    request_training,
    resume_training,
    run_training,
    stop_training,
)

LESSONS, SEED, KILLS = 48, 2026, 3
INTERRUPTED, LARGE = 2, 8  # examples a batch
RANK, CHECKPOINT_S = 16, 5.0
BAR = 0.01
LOOK_EVERY_S = 0.2
_NOT_NEAR_THE_END = 0.85  # of the steps: a row tells its step some seconds late
ALONE = "left alone"


@dataclass(frozen=True, slots=True)
class Moment:
    """So long after the run's row tells of this step."""

    step: int
    pause_s: float

    def __str__(self) -> str:
        return f"step {self.step} + {self.pause_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Trained:
    """A run that came to its end, the seconds until then, and the most memory that any of its processes held."""

    run: TrainingRun
    seconds: float
    peak_mb: float

    @property
    def last_loss(self) -> float:
        """The last point of the curve: one step where there are no more than 200."""
        return float(self.run.metrics["curve"][-1][1])

    @property
    def mean_loss(self) -> float:
        return float(self.run.metrics["loss"])

    @property
    def digest(self) -> str:
        return adapter_digest(Path(self.run.out))


def measure(options: Options) -> Iterator[Line]:
    dataset = _lessons(options.limit or LESSONS)
    with private_broker():
        alone = _train(dataset, INTERRUPTED)
        yield from _cost(dataset, alone)
        yield from _cost(dataset, _train(dataset, LARGE))
        rng = random.Random(SEED)
        kills = moments(rng, alone.run.steps, KILLS)
        yield from _compared("killed with -9", _train(dataset, INTERRUPTED, kills, _kill), alone, kills)
        stops = moments(rng, alone.run.steps, 1)
        yield from _compared("stopped by button", _train(dataset, INTERRUPTED, stops, _stop), alone, stops)


def moments(rng: random.Random, steps: int, count: int) -> tuple[Moment, ...]:
    """One in each of `count` equal stretches of a run of `steps`, and none in its very end."""
    last = max(count, int(steps * _NOT_NEAR_THE_END))
    edges = [1 + number * last // count for number in range(count + 1)]
    return tuple(Moment(rng.randrange(*stretch), rng.uniform(0, HEARTBEAT_S)) for stretch in pairwise(edges))


def _lessons(count: int) -> Path:
    """The golden questions that may be taught; where they are fewer, packed again, with other passages beside."""
    say("packing lessons")
    rng = random.Random(SEED)
    golden = read_golden(DEMO / "golden.jsonl")
    rows = list(packed_rows(golden, rng))
    while len(rows) < count:
        rows += packed_rows(golden, rng)
    path = Path(settings.AION_TRAIN_ROOT) / "lessons.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, spread(rows, count))
    base_model_path()  # converted on first use, which is no part of a training
    return path


def _train(
    dataset: Path,
    batch_size: int,
    moments: Sequence[Moment] = (),
    interrupt: Callable[[TrainingRun], None] = lambda run: None,
) -> Trained:
    """To its end, interrupted at each of the moments. Raises `TrainingFailed` where it ends otherwise."""
    say(f"training with {batch_size} examples a batch, interrupted at: {_listed(moments) or 'no moment'}")
    began = time.monotonic()
    profile = {"rank": RANK, "batch_size": batch_size, "checkpoint_s": CHECKPOINT_S}
    run = request_training(dataset, profile=profile)
    watch = _Watch(run.pk, moments, interrupt)
    with ThreadPoolExecutor(max_workers=1) as worker:
        try:
            while run.state == TrainingRun.State.QUEUED:
                ending = worker.submit(_run_as_a_worker_does, run.pk)
                while not ending.done():
                    time.sleep(LOOK_EVERY_S)
                    watch.look()
                run = ending.result()
                if run.state == TrainingRun.State.STOPPED and not run.error:
                    run = resume_training(run.pk)
        finally:
            interrupt_children()
    if run.state != TrainingRun.State.DONE:
        raise TrainingFailed(f"the training ended as {run.state}: {run.error}")
    return Trained(run, time.monotonic() - began, watch.peak_mb)


def _run_as_a_worker_does(run_id: int) -> TrainingRun:
    """In a thread of its own, whose connection ends with it."""
    try:
        return run_training(run_id)
    finally:
        connection.close()


class _Watch:
    """Looks at a run and its process again and again, and interrupts it when a moment has come."""

    def __init__(self, run_id: int, moments: Sequence[Moment], interrupt: Callable[[TrainingRun], None]) -> None:
        self.peak_mb = 0.0
        self._run_id, self._moments, self._interrupt = run_id, list(moments), interrupt
        self._told_before = 0.0  # by the process that was interrupted; the row says so until the next one made a step

    def look(self) -> None:
        run = TrainingRun.objects.get(pk=self._run_id)
        if run.state != TrainingRun.State.RUNNING:
            return
        self.peak_mb = max(self.peak_mb, _peak_mb(_process_of(run)))
        if self._moments and run.seconds != self._told_before and run.step >= self._moments[0].step:
            time.sleep(self._moments.pop(0).pause_s)
            self._interrupt(run)
            run.refresh_from_db()
            self._told_before = run.seconds


def _kill(run: TrainingRun) -> None:
    with suppress(ProcessLookupError):  # it came to its end just before: one interruption less, and the line says so
        os.kill(_process_of(run), signal.SIGKILL)


def _stop(run: TrainingRun) -> None:
    stop_training(run.pk)


def _process_of(run: TrainingRun) -> int:
    return int(run.process.rpartition(":")[2])


def _peak_mb(pid: int) -> float:
    """The most that was ever resident of a process; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _cost(dataset: Path, trained: Trained) -> Iterator[Line]:
    """Speed and memory of a training that was left alone."""
    run = trained.run
    batch_size = run.profile["batch_size"]
    case = f"{batch_size} examples a batch"
    conditions = _conditions(run) | {"tokens": run.tokens, "learning_s": run.metrics["seconds"]}
    yield Line(case, "tokens_per_s", run.metrics["tokens_per_second"], conditions=conditions)
    yield Line(case, "training_s", trained.seconds, conditions=conditions)
    yield from beside(case, "peak_mb", trained.peak_mb, {"foretold": _foretold_mb(dataset, run)}, **conditions)


def _foretold_mb(dataset: Path, run: TrainingRun) -> float | None:
    base = base_model_path()
    tokenizer = load_tokenizer(base)
    profile = machine_profile(run.profile)
    rows = [as_row(tokenizer, example) for example in read_examples(dataset)]
    needed = room_needed([row for row in rows if len(row["input_ids"]) <= profile.max_length], base, profile)
    return needed.memory_bytes / 2**20 if needed else None


def _compared(case: str, trained: Trained, alone: Trained, moments: Sequence[Moment]) -> Iterator[Line]:
    """An interrupted training beside the one left alone."""
    conditions = _conditions(trained.run) | {
        "interrupted_at": _listed(moments),
        "seed": SEED,
        "interruptions": trained.run.resumed,
        "batch_size": trained.run.profile["batch_size"],
    }
    yield from beside(case, "last_loss", trained.last_loss, {ALONE: alone.last_loss}, **conditions)
    yield from beside(case, "mean_loss", trained.mean_loss, {ALONE: alone.mean_loss}, **conditions)
    difference = abs(trained.last_loss - alone.last_loss) / alone.last_loss
    yield from beside(case, "loss_difference", difference, {"the bar": BAR}, **conditions)
    yield Line(case, "same_bytes", float(trained.digest == alone.digest), conditions=conditions)
    yield Line(case, "lost_s", trained.seconds - alone.seconds, conditions=conditions)


def _conditions(run: TrainingRun) -> dict[str, object]:
    return {"n": run.metrics["examples"], "steps": run.steps, "rank": RANK, "checkpoint_s": CHECKPOINT_S}


def _listed(moments: Sequence[Moment]) -> str:
    return ", ".join(map(str, moments))
