"""What a fitted confidence is worth, in full: intervals, and a reliability curve for each kind of negative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from chat import calibration
from chat.calibration import Example, Fitted
from chat.evaluation.intervals import Sample, gate_intervals
from chat.evaluation.wording import Table, interval, kinds, number, share


def full_report(fitted: Fitted, examples: Sequence[Example]) -> dict[str, Any]:
    """The report with the curve of each kind under `against`, and `intervals` nested as the figures are."""
    report, probabilities = fitted.report, fitted.cross_fitted
    against, intervals = {}, {}
    for kind, figures in report["against"].items():
        chosen = [place for place, example in enumerate(examples) if example.kind in ("answerable", kind)]
        labels = np.array([examples[place].answerable for place in chosen])
        curve = calibration.reliability(labels, probabilities[chosen])
        against[kind] = {**figures, "reliability": curve}
        intervals[kind] = _intervals([examples[place] for place in chosen], probabilities[chosen])
    tau = float(report["tau"])
    answered = {kind: _answered(examples, probabilities, kind, tau).interval for kind in report["answered"]}
    whole = _intervals(examples, probabilities)
    return {**report, "against": against, "intervals": {**whole, "answered": answered, "against": intervals}}


def _intervals(examples: Sequence[Example], probabilities: np.ndarray) -> dict[str, Any]:
    labels = [example.answerable for example in examples]
    return gate_intervals(labels, probabilities.tolist(), [example.group for example in examples])


def _answered(examples: Sequence[Example], probabilities: np.ndarray, kind: str, tau: float) -> Sample:
    rows = [
        (float(probability >= tau), example.group)
        for example, probability in zip(examples, probabilities, strict=True)
        if example.kind == kind
    ]
    return Sample(tuple(value for value, _group in rows), tuple(group for _value, group in rows))


def fit_tables(report: Mapping[str, Any]) -> list[Table]:
    """For people: how well each kind is told apart, and what passes the gate."""
    return [_told_apart(report), _passing(report)]


def _told_apart(report: Mapping[str, Any]) -> Table:
    head = ("", "n", "AUROC", "95 %", "Brier", "95 %", "ECE", "95 %", _("AUROC of the cosine"))
    rows = []
    for kind, figures in report["against"].items():
        bounds = report["intervals"]["against"][kind]
        cells = [
            cell for name in ("auroc", "brier", "ece") for cell in (number(figures[name]), interval(bounds.get(name)))
        ]
        rows.append((kinds()[kind], str(figures["n"]), *cells, number(figures["cosine_auroc"])))
    title = _("Answerable questions told from each kind of others, on documents that the fit had not seen")
    prior = {"prior": f"{number(100 * report['prior'], 0)} %"}
    note = _("C is a probability where %(prior)s of what is asked can be answered.")
    return Table(title, head, tuple(rows), note % prior)


def _passing(report: Mapping[str, Any]) -> Table:
    bounds = report["intervals"]["answered"]
    rows = [
        (kinds()[kind], share(passing), interval(bounds[kind], percent=True))
        for kind, passing in report["answered"].items()
    ]
    title = _("Pass the gate at tau %(tau)s") % {"tau": number(report["tau"], 2)}
    return Table(title, ("", _("Value"), _("95 % interval")), tuple(rows))
