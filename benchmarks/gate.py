"""What the gate is worth: AUROC, ECE and what is answered at tau, cross-fitted by document, for each set and negative.

`make bench-gate ARGS="faquad.json pira.jsonl"`; the peer is the older cosine formula on the same retrievals.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
django.setup()

from chat import calibration, control  # noqa: E402
from chat.golden import read_golden, scratch  # noqa: E402


def main(files: list[str]) -> None:
    by_file: dict[str, list[calibration.Example]] = {}
    for name in files:
        golden = read_golden(Path(name))
        with scratch(golden) as own:
            by_file[golden.name] = calibration.examples_of(golden, [own])
    everything = [example for examples in by_file.values() for example in examples]
    probabilities = calibration.cross_fitted(everything)
    start = 0
    for name, examples in by_file.items():
        chosen = probabilities[start : start + len(examples)]
        start += len(examples)
        emit(name, calibration.report_of(examples, chosen, tau=control.current().tau))
    emit("all", calibration.report_of(everything, probabilities, tau=control.current().tau))


def emit(name: str, report: dict) -> None:
    conditions = {"tau": report["tau"], "n": report["n"], "fitted": "cross-fitted by document over all files"}
    for kind, row in report["against"].items():
        for metric in ("auroc", "ece", "brier"):
            peer = row["cosine_auroc"] if metric == "auroc" else None
            line(f"{name}/{kind}", metric, row[metric], peer, conditions)
    for kind, share in report["answered"].items():
        line(f"{name}/{kind}", "answered", round(share, 4), None, conditions)


def line(case: str, metric: str, value: float, peer: float | None, conditions: dict[str, object]) -> None:
    ratio = round(value / peer, 3) if peer else None
    row = {"benchmark": "gate", "case": case, "metric": metric, "value": value, "peer": peer, "ratio": ratio}
    print(json.dumps(row | {"conditions": conditions}, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: make bench-gate ARGS='squad.json questions.jsonl'")
    main(sys.argv[1:])
