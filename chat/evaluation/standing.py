"""How a set of golden questions stands: its share of right answers, and whether that is a reason to worry. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from chat.evaluation.chance import p_of_gain
from chat.evaluation.intervals import Sample

Alarm = Literal["", "floor", "worse"]
ALARM_P = 0.01  # every run and every set looks once more


@dataclass(frozen=True, slots=True)
class Result:
    """Whether one question was answered rightly; questions of one `place` (document) stand or fall together."""

    key: str
    place: str
    right: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """`share` of `n` is right, `low` to `high` its 95 % interval where documents differ; `usual` is the share in the
    median of the earlier runs, over the `paired` questions that were asked then too."""

    name: str
    n: int
    share: float
    low: float | None
    high: float | None
    floor: float | None
    usual: float | None
    paired: int
    alarm: Alarm

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def standing(
    name: str, results: Sequence[Result], earlier: Sequence[Mapping[str, bool]], floor: float | None
) -> Standing:
    """Of a set with at least one result. `earlier` are the last runs: whether each question, by key, was right."""
    sample = Sample(tuple(float(one.right) for one in results), tuple(one.place for one in results))
    share, interval = sample.mean or 0.0, sample.interval
    medians = {one.key: median(run[one.key] for run in earlier if one.key in run) for one in known(results, earlier)}
    paired = [one for one in results if one.key in medians]
    alarm: Alarm = ""
    if floor is not None and share < floor:
        alarm = "floor"
    elif p_of_gain([medians[one.key] - one.right for one in paired], [one.place for one in paired]) < ALARM_P:
        alarm = "worse"
    return Standing(
        name=name,
        n=len(results),
        share=share,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        floor=floor,
        usual=round(sum(medians.values()) / len(medians), 4) if medians else None,
        paired=len(paired),
        alarm=alarm,
    )


def known(results: Sequence[Result], earlier: Sequence[Mapping[str, bool]]) -> list[Result]:
    """Those that one of the earlier runs asked too."""
    return [one for one in results if any(one.key in run for run in earlier)]
