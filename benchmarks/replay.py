"""Whether the tau lab foretells what comes: next week's share answered here after changes of tau, and the errors at the
tau that a target chose, over simulated traffic whose drift nothing was fitted on (`benchmarks.traffic`).

The confidences are those of real questions, cross-fitted by document. Beside AION's interval: last week's share with
the interval of chance alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import installed_sets, missing_sets, say
from benchmarks.traffic import Subject, simulate
from chat import calibration
from chat.tau_lab.forecast import USABLE_WIDTH, WEEK, Share, forecast
from chat.tau_lab.target import tau_for
from chat.tau_lab.traffic import Traffic

SETS = ("faquad", "pira", "demo")
ASKED = 120  # questions of each set, each with its source there and hidden
DAYS, A_DAY = 180, (100.0, 200.0, 400.0)
STRETCHES, CHANGES = 20, 20
FIRST_CHANGE = 28
TARGETS = (0.05, 0.10)
SEED = 2026
PEER = "last week's share, interval of chance alone"


def measure(options: Options) -> Iterator[Line]:
    """Forecasts by how many questions come a day; then the promises of a target."""
    yield from missing_sets(options, *SETS)
    subjects = _subjects(options)
    for a_day in A_DAY:
        say(f"replay: {STRETCHES} stretches of {DAYS} days, {a_day:.0f} questions a day")
        stretches = [_traffic(subjects, a_day, SEED + number) for number in range(STRETCHES)]
        yield from _foretold(stretches, f"{a_day:.0f} questions a day")
    yield from _promised(subjects)


def _subjects(options: Options) -> Mapping[str, Subject]:
    """The confidences of each set's questions, from weights that had not seen their documents."""
    with installed_sets(options, *SETS) as sets:
        examples = []
        for name, own in sets.items():
            say(f"replay: confidences of {name}")
            asked = replace(own.golden, questions=tuple(spread(own.questions, options.limit or ASKED)))
            found = calibration.examples_of(asked, [own.collection])
            examples += [replace(one, origin=name) for one in found]
        given = calibration.cross_fitted(examples)
    names = sorted({one.origin for one in examples})
    held = {name: np.array([one.origin == name and one.answerable for one in examples]) for name in names}
    other = {name: np.array([one.origin == name and not one.answerable for one in examples]) for name in names}
    return {name: Subject(given[held[name]], given[other[name]]) for name in names}


def _traffic(subjects: Mapping[str, Subject], a_day: float, seed: int) -> Traffic:
    return simulate(subjects, newcomer=sorted(subjects)[-1], days=DAYS, a_day=a_day, seed=seed)


def _foretold(stretches: list[Traffic], case: str) -> Iterator[Line]:
    """Of `CHANGES` changes of tau in each stretch: how many weeks fell inside, how wide the intervals were."""
    ours, naive, widths = [], [], []
    for number, traffic in enumerate(stretches):
        draw = np.random.default_rng([SEED, number])
        inside, chance_inside = 0, 0
        for _change in range(CHANGES):
            day, tau = int(draw.integers(FIRST_CHANGE, DAYS - WEEK)), float(draw.uniform(0.1, 0.9))
            share = forecast(traffic, np.array([tau]), last_day=day)[0]
            came = float(_week(traffic, day + 1).local_at(tau).mean())
            inside += share.holds(came)
            chance_inside += _chance(_week(traffic, day + 1 - WEEK), tau).holds(came)
            widths.append(share.width)
        ours.append(inside)
        naive.append(chance_inside)
    conditions: dict[str, object] = {"stretches": len(stretches), "changes": CHANGES, "days": DAYS}
    first = {PEER: float(naive[0])}
    yield from beside(case, "weeks inside, of the first 20", float(ours[0]), first, **conditions)
    yield from beside(case, "weeks inside, of 20", float(np.mean(ours)), {PEER: float(np.mean(naive))}, **conditions)
    enough = float(np.mean([inside >= 18 for inside in ours]))
    yield from beside(
        case,
        "stretches with 18 of 20 inside",
        enough,
        {PEER: float(np.mean([inside >= 18 for inside in naive]))},
        **conditions,
    )
    yield Line(case, "width of the interval, median", float(np.median(widths)), conditions=conditions)
    narrow = float(np.mean([width <= USABLE_WIDTH for width in widths]))
    yield Line(case, "intervals of ten points or less", narrow, conditions=conditions)


def _week(traffic: Traffic, first: int) -> Traffic:
    return traffic.where((traffic.day >= first) & (traffic.day < first + WEEK))


def _chance(week: Traffic, tau: float) -> Share:
    share = float(week.local_at(tau).mean())
    by = 1.96 * float(np.sqrt(share * (1 - share) / len(week)))
    return Share(share, share - by, share + by)


def _promised(subjects: Mapping[str, Subject]) -> Iterator[Line]:
    """Tau chosen by a target from eight weeks of reviews: how often the errors at that tau, over the same weeks whole,
    exceed it. The promise is at most one time in twenty."""
    chances = 100
    for target in TARGETS:
        say(f"replay: {chances} choices of tau for at most {target:.0%} wrong")
        chosen, broken, shares = 0, 0, []
        for number in range(chances):
            traffic = simulate(subjects, newcomer=sorted(subjects)[-1], days=56, a_day=200, seed=10_000 + number)
            choice = tau_for(traffic, target)
            if choice.tau is None:
                continue
            chosen += 1
            above = traffic.confidence >= choice.tau
            shares.append(float(above.mean()))
            broken += float((1 - traffic.p_right[above]).mean()) > target
        case = f"at most {target:.0%} wrong"
        yield Line(case, "a tau was found", chosen / chances, conditions={"n": chances})
        yield Line(case, "promise broken", broken / chances, conditions={"n": chances})
        if chosen:
            yield Line(case, "answered here at that tau", float(np.mean(shares)), conditions={"n": chosen})
