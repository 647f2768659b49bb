"""What a training tells while it runs, and what it is told. Plain values; knows no database and no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

CURVE_POINTS = 200

Curve = list[tuple[int, float, float]]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is. `losses`: step, its loss, seconds of training until then; `tokens` trained on so far."""

    step: int
    steps: int
    losses: Sequence[tuple[int, float, float]]
    tokens: int
    seconds: float

    @property
    def loss(self) -> float:
        """The mean over all steps so far."""
        return sum(loss for _, loss, _ in self.losses) / len(self.losses)


class Watch(Protocol):
    """Asked and told after each step. May be called thousands of times, so it must return at once."""

    def tell(self, progress: Progress) -> None: ...

    def wants_stop(self) -> bool: ...

    def is_chat_busy(self) -> bool: ...


class Lines:
    """A line every few steps, for whoever reads along; never stops a training."""

    def __init__(self, say: Callable[[str], object], every_steps: int = 10) -> None:
        self._say, self._every_steps = say, every_steps

    def tell(self, progress: Progress) -> None:
        if progress.step % self._every_steps and progress.step != progress.steps:
            return
        recent = [loss for _, loss, _ in progress.losses[-self._every_steps :]]
        loss = sum(recent) / len(recent)
        self._say(f"step {progress.step}/{progress.steps}, loss {loss:.3f}, {progress.seconds:.0f} s")

    def wants_stop(self) -> bool:
        return False

    def is_chat_busy(self) -> bool:
        return False


def thinned(losses: Sequence[tuple[int, float, float]], points: int = CURVE_POINTS) -> Curve:
    """At most `points` of a curve: each the mean of its neighbours, at the last of them."""
    width = -(-len(losses) // points) or 1
    groups = [losses[start : start + width] for start in range(0, len(losses), width)]
    return [
        (group[-1][0], round(sum(loss for _, loss, _ in group) / len(group), 4), round(group[-1][2], 1))
        for group in groups
    ]
