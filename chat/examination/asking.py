"""Models write their answers in turn, and every answer is on the disk before the next is asked: whoever is killed goes
on where it was."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from chat.attempts import excerpt
from chat.drafting import draft
from chat.examination.prompts import Prompt
from chat.quotation import Quotation
from inference.engine import Delta, Engine, GenerationPart, GenerationRequest, ServedAdapter
from inference.exceptions import GenerationFailed

STOPPED = "gate"
AT_A_TIME = 25  # questions before the next model's turn: a machine that gets busy slows all of them alike

Arms = Mapping[str, ServedAdapter | None]
Written = dict[tuple[str, str], "Answered"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model wrote until it ended or failed its check, and what of it the chat would show. `fault` is "" where
    it passed, `STOPPED` where the gate let no model be asked; `cited` are the numbers of passages."""

    arm: str
    key: str
    text: str
    shown: str
    fault: str
    cited: tuple[int, ...]
    latency_ms: float
    tokens: int


def ask_all(
    engine: Engine, arms: Arms, prompts: Sequence[Prompt], file: Path, progress: Callable[[int, int], None]
) -> Written:
    """By arm and prompt. Raises `AdapterRejected` where one of the arms cannot be served, and the engine's errors."""
    written = _read(file)
    total = len(arms) * len(prompts)
    done = sum((arm, prompt.key) in written for arm in arms for prompt in prompts)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        for start in range(0, len(prompts), AT_A_TIME):
            for arm, adapter in arms.items():
                open_ones = [
                    prompt for prompt in prompts[start : start + AT_A_TIME] if (arm, prompt.key) not in written
                ]
                if open_ones:
                    engine.serve_adapter(adapter)
                for prompt in open_ones:
                    answered = _ask(engine, arm, prompt) if prompt.passes else _stopped(arm, prompt)
                    written[arm, prompt.key] = answered
                    out.write(json.dumps(asdict(answered), ensure_ascii=False) + "\n")
                    out.flush()
                    os.fsync(out.fileno())
                    done += 1
                    progress(done, total)
    return written


def _stopped(arm: str, prompt: Prompt) -> Answered:
    """What the gate keeps from every model."""
    return Answered(arm, prompt.key, "", "", STOPPED, (), 0.0, 0)


def _ask(engine: Engine, arm: str, prompt: Prompt) -> Answered:
    if prompt.quotation is not None:
        return _cut(engine, arm, prompt, prompt.quotation)
    if prompt.request is None:
        return _stopped(arm, prompt)
    return _write(engine, arm, prompt, prompt.request)


def _cut(engine: Engine, arm: str, prompt: Prompt, quotation: Quotation) -> Answered:
    cutting = excerpt(prompt.question.question, prompt.request, quotation, prompt.packed, engine)
    while True:
        try:
            next(cutting)
        except StopIteration as stop:
            outcome = stop.value
            break
    if prompt.request is not None and outcome.result is None:
        raise GenerationFailed(f"{arm} could not be asked which words answer")  # the whole quotation is not its merit
    return Answered(
        arm=arm,
        key=prompt.key,
        text=outcome.text,
        shown=outcome.text,
        fault="",
        cited=tuple(sorted(outcome.cited)),
        latency_ms=round(outcome.generate_ms, 1),
        tokens=0,
    )


def _write(engine: Engine, arm: str, prompt: Prompt, request: GenerationRequest) -> Answered:
    heard: list[str] = []
    started = time.monotonic()
    with closing(engine.generate(request)) as parts:  # type: ignore[type-var]  # a generator
        drafting = draft(_overheard(parts, heard), prompt.packed.checked, strict=True)
        while True:
            try:
                next(drafting)
            except StopIteration as stop:
                said = stop.value
                break
    latency_ms = (time.monotonic() - started) * 1000
    text = "".join(heard)
    return Answered(
        arm=arm,
        key=prompt.key,
        text=text,
        shown="" if said.fault else said.text,
        fault=said.fault.value if said.fault else "",
        cited=tuple(sorted(said.citations)),
        latency_ms=round(latency_ms, 1),
        tokens=said.result.usage.output_tokens if said.result else engine.count_tokens(text),
    )


def _overheard(parts: Iterator[GenerationPart], heard: list[str]) -> Iterator[GenerationPart]:
    for part in parts:
        if isinstance(part, Delta):
            heard.append(part.text)
        yield part


def _read(file: Path) -> Written:
    """What is there; a last line that was torn is not."""
    written: Written = {}
    if not file.exists():
        return written
    for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        answered = Answered(**{**row, "cited": tuple(row["cited"])})
        written[answered.arm, answered.key] = answered
    return written
