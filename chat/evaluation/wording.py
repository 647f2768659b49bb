"""A report as tables of words and numbers in the reader's language: the same for terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

Row = tuple[str, ...]
Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` begin with their name, the rest is `numbers` or text; a cell may have two lines where there is room for
    them. `note` says what a reader could mistake."""

    title: str
    head: Row
    rows: tuple[Row, ...]
    note: str = ""
    numbers: bool = True


def tables(report: Report) -> list[Table]:
    """All that was measured, as far as it was."""
    found = [_retrieval(report), _gate(report), _kinds_of_negative(report), _answers(report)]
    found += [_by_mode(report), _by_kind(report), _timings(report)]
    return [table for table in found if table.rows]


def kinds() -> dict[str, str]:
    """What was asked, in words."""
    return {
        "answerable": _("answerable"),
        "masked": _("source hidden"),
        "document": _("document hidden"),
        "passage": _("only the passage hidden"),
        "off_domain": _("another subject"),
        "unanswerable": _("known to be unanswerable"),
        "unknown": _("not known whether answerable"),
    }


def subjects() -> dict[str, str]:
    """The kinds of question that the demo's file marks; another file's own marks are shown as they are."""
    return {
        "fact": _("fact"),
        "table": _("table"),
        "two_passages": _("two passages"),
        "follow_up": _("follow-up"),
        "steps": pgettext("a kind of question", "steps"),
        "explain": _("explanation"),
        "unanswerable": _("without an answer"),
    }


def modes() -> dict[str, str]:
    return {
        "quote": _("quoted"),
        "generated": pgettext("answers", "written by the model"),
        "fallback": pgettext("answers", "paid API"),
    }


def stages() -> dict[str, str]:
    return {
        "embed": _("computing embeddings"),
        "search": _("searching"),
        "route": _("confidence and route"),
        "generate": _("writing the answer"),
        "overhead": _("all but embedding and writing"),
    }


def _retrieval(report: Report) -> Table:
    names = {
        "r_at_1": _("Right passage first (R@1)"),
        "r_at_8": _("Right passage among the 8 (R@8)"),
        "ndcg_at_10": _("Order of the results (nDCG@10)"),
        "mrr": _("Mean reciprocal rank (MRR)"),
    }
    figures, intervals = report["retrieval"], report["intervals"]["retrieval"]
    rows = [_figure(label, figures[name], intervals[name]) for name, label in names.items()] if figures["n"] else ()
    return Table(_("Retrieval (%(n)d questions)") % {"n": figures["n"]}, _figure_head(), tuple(rows))


def _gate(report: Report) -> Table:
    figures, intervals = report["gate"], report["intervals"]["gate"]
    names = {"auroc": _("Told apart (AUROC)"), "brier": _("Squared error (Brier)"), "ece": _("Promise missed by (ECE)")}
    rows = [
        _figure(label, figures[name], intervals[name]) for name, label in names.items() if figures[name] is not None
    ]
    rows += [
        _figure(
            _("Pass the gate: %(kind)s") % {"kind": kinds()[kind]}, share, intervals["answered"][kind], percent=True
        )
        for kind, share in figures["answered"].items()
        if share is not None
    ]
    title = _("Confidence (%(n)d questions, tau %(tau)s)")
    return Table(
        title % {"n": figures["n"], "tau": number(figures["tau"], 2)},
        _figure_head(),
        tuple(rows),
        figures["calibration_stale"],
    )


def _kinds_of_negative(report: Report) -> Table:
    head = ("", "n", "AUROC", "95 %", "Brier", "ECE", _("Pass the gate"), "95 %")
    intervals = report["intervals"]["gate"]["against"]
    rows = [
        (
            kinds()[kind],
            str(row["n"]),
            number(row["auroc"]),
            interval(intervals[kind]["auroc"]),
            number(row["brier"]),
            number(row["ece"]),
            share(row["answered"]),
            interval(intervals[kind]["answered"], percent=True),
        )
        for kind, row in report["gate"]["against"].items()
    ]
    return Table(_("Answerable questions told from each kind of others"), head, tuple(rows))


def _answers(report: Report) -> Table:
    figures, intervals = report["answer"], report["intervals"]["answer"]
    if not figures:
        return Table("", (), ())
    scores = {"f1": _("Token F1")}
    shares = {
        "contains": _("Hold the expected answer"),
        "exact_match": _("Are the expected answer"),
        "refused": _("Refused though answerable"),
        "refused_unanswerable": _("Refused rightly (unanswerable)"),
        "grounded": _("Of the answered: supported by the passages"),
        "cited": _("Of the answered: with a citation"),
        "citations_right": _("Of the citations: right"),
    }
    rows = [_figure(label, figures[name], intervals[name]) for name, label in scores.items()]
    rows += [_figure(label, figures[name], intervals[name], percent=True) for name, label in shares.items()]
    rows.append((_("Seconds an answer"), number(figures["seconds_per_answer"], 2), ""))
    rows.append((_("Tokens a second, while writing"), number(figures["tokens_per_second"], 1), ""))
    title = _("Answers (%(n)d answerable questions, %(unanswerable)d unanswerable)")
    return Table(
        title % {"n": figures["n"], "unanswerable": figures["n_unanswerable"]},
        _figure_head(),
        tuple(row for row in rows if row[1] != "—"),
        _("A question that is answerable and was not answered counts 0."),
    )


def _by_mode(report: Report) -> Table:
    names = ("f1", "contains", "citations_right")
    head = ("", "n", _("Token F1"), _("Hold it"), _("Citations right"))
    rows = tuple(_apart(report, "by_mode", names, modes()))
    return Table(_("By how it was answered"), head, rows)


def _by_kind(report: Report) -> Table:
    names = ("f1", "contains", "citations_right", "refused", "refused_unanswerable")
    head = ("", "n", _("Token F1"), _("Hold it"), _("Citations right"), _("Left unanswered"), _("Refused rightly"))
    return Table(_("By kind of question"), head, tuple(_apart(report, "by_kind", names, subjects())))


def _apart(report: Report, part: str, names: Sequence[str], labels: Mapping[str, str]) -> Iterator[Row]:
    for key, row in ((report["answer"] or {}).get(part) or {}).items():
        intervals = report["intervals"]["answer"][part][key]
        cells = [_with_interval(row[name], intervals[name], percent=name != "f1") for name in names]
        yield (labels.get(key, key), str(row["n"] or row.get("n_unanswerable", 0)), *cells)


def _timings(report: Report) -> Table:
    rows = [
        (stages()[stage], number(times["p50"], 1), number(times["p95"], 1))
        for stage, times in report["timings_ms"].items()
        if times["p50"] is not None
    ]
    return Table(_("Time of each stage (ms)"), ("", "p50", "p95"), tuple(rows))


def about(report: Report) -> Table:
    """What answered, on what, when and how."""
    made = report.get("about") or {}
    rows = (
        (_("Model"), report["model"]),
        (_("Adapter"), report["adapter"] or _("none")),
        (_("Embedder"), report["embedder"]),
        (_("Confidence"), f"{report['gate']['scorer']}; {report['gate']['calibration']}"),
        (_("Documents"), _("%(documents)d, %(chunks)d passages") % report),
        (_("Version"), made.get("version", "")),
        (_("Machine"), made.get("machine", "")),
        (_("Date"), made.get("date", "")),
        (_("Command"), made.get("command", "")),
    )
    return Table(_("How it was made"), ("", ""), tuple(row for row in rows if row[1]), numbers=False)


def _figure_head() -> Row:
    return ("", _("Value"), _("95 % interval"))


def _figure(label: str, value: float | None, bounds: Sequence[float] | None, *, percent: bool = False) -> Row:
    return (label, share(value) if percent else number(value), interval(bounds, percent=percent))


def _with_interval(value: float | None, bounds: Sequence[float] | None, *, percent: bool) -> str:
    shown = share(value) if percent else number(value)
    return f"{shown}\n({interval(bounds, percent=percent)})" if bounds else shown


def number(value: float | None, digits: int = 3) -> str:
    return "—" if value is None else number_format(round(value, digits), digits)  # which by itself cuts off


def share(value: float | None) -> str:
    return "—" if value is None else f"{number(100 * value, 1)} %"


def interval(bounds: Sequence[float] | None, *, percent: bool = False) -> str:
    if bounds is None:
        return ""
    low, high = (share(bound) if percent else number(bound) for bound in bounds)
    return f"{low.removesuffix(' %')} – {high}"


def as_lines(shown: Sequence[Table]) -> str:
    """For a terminal: columns aligned."""
    blocks = []
    for table in shown:
        rows = [tuple(map(in_one_line, row)) for row in (table.head, *table.rows) if any(row)]
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        lines = [f"  {_aligned(row, widths, numbers=table.numbers)}".rstrip() for row in rows]
        blocks.append("\n".join([table.title, *lines, *([f"  {table.note}"] if table.note else [])]))
    return "\n\n".join(blocks)


def in_one_line(cell: str) -> str:
    return " ".join(cell.split("\n"))


def _aligned(row: Row, widths: Sequence[int], *, numbers: bool) -> str:
    name, *cells = zip(row, widths, strict=True)
    shown = [cell.rjust(width) if numbers else cell for cell, width in cells]
    return "  ".join([name[0].ljust(name[1]), *shown])
