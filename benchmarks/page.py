"""docs/benchmarks.md from the lines that benchmarks printed: a table each, AION beside its peers."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.lines import SKIPPED
from benchmarks.options import BENCHMARKS

Row = Mapping[str, Any]

_HEAD = """\
# Benchmarks

Made by `make bench DATA=FOLDER`; nothing here is written by hand. FOLDER holds the development sets `faquad.json`
(questions on Brazilian university rules, from FaQuAD: Sayama et al., BRACIS 2019) and `pira.jsonl` (on the ocean, from
Pirá 2.0: C4AI), both CC BY 4.0; the demo's questions come with AION. `make bench-NAME DATA=FOLDER` runs one benchmark
and prints its JSON lines, which hold all conditions.

A peer's figure comes from the same run; in brackets AION's figure by the peer's. ↓ marks what is better when lower.
Square brackets hold the 95 % interval, by bootstrap over documents. Times are those of the machine named; ratios travel
better.
"""
_LOWER_IS_BETTER = (
    *("_ms", "_s", "seconds_per_answer", "brier", "ece"),
    *(
        "leaked",
        "blocked",
        "falsely_masked",
        "quarantined",
        "peak_mb",
        "refused_right",
        "overspent_usd",
        "unbooked_usd",
        "faults",
        "open_after_expiry",
        "alerts_repeated",
        "loss_difference",
    ),
)
_RATES = ("_per_s",)
_OF_A_ROW = frozenset({"n", "peer", "interval_95"})
_OF_A_RUN = ("at", "machine", "load_at_start", "command")


def write_page(results: Path, page: Path) -> None:
    """The newest run of each benchmark in `results`, whole or not at all."""
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    aside = page.with_name(f".{page.name}.new")
    aside.write_text(render(rows), encoding="utf-8")
    aside.replace(page)


def render(rows: Sequence[Row]) -> str:
    """The page. Benchmarks come in the order of a whole run, those that never ran not at all."""
    sections = []
    for name in BENCHMARKS:
        if newest := _newest_run([row for row in rows if row["benchmark"] == name]):
            sections.append(_section(name, newest))
    return "\n".join([_HEAD, *sections])


def _newest_run(rows: Sequence[Row]) -> list[Row]:
    newest = max((row["conditions"]["at"] for row in rows), default="")
    return [row for row in rows if row["conditions"]["at"] == newest]


def _section(name: str, rows: Sequence[Row]) -> str:
    run = rows[0]["conditions"]
    measured = [row for row in rows if row["metric"] != SKIPPED]
    parts = [f"## {name}", _about(name)]
    parts.append(
        f"`{run['command']}`, {run['at'][:10]}, on {run['machine']}; load at the start {run['load_at_start']}."
    )
    if measured:
        parts += [_table(measured), _shared_conditions(measured), _explained(measured)]
    parts += [f"Skipped: {row['case']} ({row['conditions']['why']})." for row in rows if row["metric"] == SKIPPED]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(name: str) -> str:
    """What the benchmark says of itself."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def _table(rows: Sequence[Row]) -> str:
    """A line for each case and metric, a column for each peer."""
    peers = list(dict.fromkeys(row["conditions"]["peer"] for row in rows if "peer" in row["conditions"]))
    lines = [_cells(["case", "metric", "n", "AION", *peers]), _cells(["---"] * 2 + ["---:"] * (2 + len(peers)))]
    for case, metric in dict.fromkeys((row["case"], row["metric"]) for row in rows):
        same = [row for row in rows if (row["case"], row["metric"]) == (case, metric)]
        beside = {row["conditions"].get("peer"): row for row in same}
        figures = [_peer(beside.get(peer)) for peer in peers]
        n = str(same[0]["conditions"].get("n", ""))
        lines.append(_cells([case, _titled(metric), n, _own(same[0]), *figures]))
    return "\n".join(lines)


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _titled(metric: str) -> str:
    lower = metric.endswith(_LOWER_IS_BETTER) and not metric.endswith(_RATES)
    return f"{metric} ↓" if lower else metric


def _own(row: Row) -> str:
    interval = row["conditions"].get("interval_95")
    return _figure(row["value"]) + (f" [{_figure(interval[0])}, {_figure(interval[1])}]" if interval else "")


def _peer(row: Row | None) -> str:
    if row is None:
        return ""
    return _figure(row["peer"]) + (f" (×{row['ratio']:.3g})" if row["ratio"] is not None else "")


def _figure(value: float) -> str:
    """Three decimals for shares, one for what is larger."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _explained(rows: Sequence[Row]) -> str:
    """A line for each case that came with reasons in words."""
    explained = [(row["case"], row["conditions"]["reasons"]) for row in rows if row["conditions"].get("reasons")]
    return "\n".join(f"- {case}: {' '.join(reasons)}" for case, reasons in explained)


def _shared_conditions(rows: Sequence[Row]) -> str:
    """What holds for every figure of the table."""
    common = [
        (name, value)
        for name, value in rows[0]["conditions"].items()
        if name not in _OF_A_ROW and name not in _OF_A_RUN and all(row["conditions"].get(name) == value for row in rows)
    ]
    return f"Conditions: {', '.join(f'{name} {value}' for name, value in common)}." if common else ""
