"""A report as a folder for people: `report.json`, `report.md`, `report.html`. There whole, or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from chat.evaluation import charts, wording
from telemetry.exceptions import ExportFailed
from telemetry.staging import appearing_folder

Report = Mapping[str, Any]


def refuse_unusable(folder: Path) -> None:
    """Before hours of asking: raises `ExportFailed` where the report could not be put there afterwards."""
    if folder.exists() or folder.is_symlink():
        raise ExportFailed(_("%(path)s exists already.") % {"path": folder})
    nearest = next(parent for parent in folder.absolute().parents if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ExportFailed(_("%(path)s cannot be written.") % {"path": nearest})


def publish(report: Report, folder: Path) -> None:
    """Write all three. Raises `ExportFailed` and `DiskFull`; then there is no folder."""
    with appearing_folder(folder) as aside:
        (aside / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        (aside / "report.md").write_text(as_markdown(report), encoding="utf-8")
        (aside / "report.html").write_text(as_html(report), encoding="utf-8")


def as_html(report: Report) -> str:
    """One page that needs nothing else: no script, no file, no network."""
    return render_to_string(
        "reports/evaluation.html",
        {
            "report": report,
            "headline": _headline(report),
            "tables": wording.tables(report),
            "about": wording.about(report),
            "reliability": charts.reliability(report),
            "lines": charts.let_through_by_tau(report),
            "tau_mark": charts.tau_mark(report),
            "tau": wording.number(report["gate"]["tau"], 2),
            "histograms": charts.histograms(report),
            "modes": charts.modes(report),
            "times": charts.times(report),
            "examples": [_example(example) for example in report["examples"]],
        },
    )


def as_markdown(report: Report) -> str:
    """The tables and the examples."""
    parts = [f"# {_('Evaluation')}"]
    for table in (*wording.tables(report), wording.about(report)):
        rows = [table.head, tuple("---" for _cell in table.head), *table.rows]
        lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
        parts.append("\n".join([f"## {table.title}", "", *lines, *(["", table.note] if table.note else [])]))
    for number, example in enumerate(map(_example, report["examples"]), start=1):
        facts = "; ".join([example["verdict"], *example["facts"]])
        expected = " / ".join(example["answers"]) or "—"
        quoted = "\n".join(f"> {line}" for line in example["reply"].splitlines()) or "> —"
        asked = " → ".join([*example["earlier"], example["question"]])
        lines = [f"### {number}. {asked}", f"{_('Expected')}: {expected}", quoted, facts]
        parts.append("\n\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _headline(report: Report) -> list[tuple[str, str, str]]:
    """The few figures that say most, each with its interval."""
    chosen = (
        ("retrieval", "r_at_8", _("Right passage among the 8 (R@8)"), True),
        ("gate", "auroc", _("Told apart (AUROC)"), False),
        ("answer", "f1", _("Token F1"), False),
        ("answer", "contains", _("Hold the expected answer"), True),
        ("answer", "citations_right", _("Of the citations: right"), True),
        ("answer", "refused_unanswerable", _("Refused rightly (unanswerable)"), True),
    )
    cards = []
    for part, name, label, percent in chosen:
        value = (report[part] or {}).get(name)
        if value is not None:
            bounds = report["intervals"][part][name]
            shown = wording.share(value) if percent else wording.number(value)
            cards.append((label, shown, wording.interval(bounds, percent=percent)))
    return cards


def _example(example: Mapping[str, Any]) -> dict[str, Any]:
    """An example with its verdict in words."""
    if example["answerable"] is False:
        verdicts = {True: _("rightly refused"), False: _("answered, though the documents do not say")}
    else:
        verdicts = {True: _("right answer"), False: _("does not hold the expected answer")}
        if example["used"] == "abstain":
            verdicts[False] = _("refused, though answerable")
    confidence = _("C %(confidence)s, tau %(tau)s")
    values = {"confidence": wording.number(example["C"], 2), "tau": wording.number(example["tau"], 2)}
    kind = wording.subjects().get(example["kind"], example["kind"])
    facts = [wording.modes().get(example["mode"], ""), confidence % values, kind, example["document"]]
    verdict = verdicts.get(example["right"], _("nobody knows what is right"))
    return {**example, "verdict": verdict, "facts": [fact for fact in facts if fact]}


def _cell(text: str) -> str:
    return wording.in_one_line(text).replace("|", "\\|")
