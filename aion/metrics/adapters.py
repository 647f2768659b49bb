"""Which adapter answered, and how well: on the days that were its own, and in its examination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from aion.earnings import gained_in
from aion.metrics import words
from aion.metrics.over_time import coloured, stacked
from aion.metrics.panel import Column, Empty, Panel, Table, Unit
from aion.metrics.period import Period
from inference.models import Adapter, Examination
from telemetry.rollups import reading
from telemetry.rollups.bins import wilson
from telemetry.rollups.reading import Chart, Metric


def adapters(period: Period) -> Panel:
    """Answers of the local model by the adapter that wrote them, over time."""
    chart = reading.chart(Metric.ADAPTER, period.tenant, period.span, grain=period.grain)
    slug, title = "adapters", _("Answers by adapter")
    if not chart.lines:
        return Panel(slug, title, empty=_nothing_written())
    drawing, table = stacked(period, chart, coloured(chart), name=_name)
    values = {"count": words.shown(sum(line.count for line in chart.lines), Unit.COUNT), "adapters": len(chart.lines)}
    last = max(chart.lines, key=lambda line: max(place for place, count in enumerate(line.counts) if count))
    values["last"] = last.name or _name(last.label)
    said = _("%(count)s answers written by the local model. The last to write was %(last)s.") % values
    note = _("Quotations straight from the documents are nobody's, and not counted here.")
    return Panel(slug, title, said, table, drawing, note=note)


@dataclass(frozen=True, slots=True)
class _Quality:
    """Of the days on which one adapter alone wrote."""

    supported: int = 0
    checked: int = 0
    up: int = 0
    voted: int = 0


def quality(period: Period) -> Panel:
    """A row an adapter: supported answers, thumbs up, and its examination."""
    slug, title = "adapter-quality", _("How well each adapter did")
    written = reading.chart(Metric.ADAPTER, period.tenant, period.span)
    if not written.lines:
        return Panel(slug, title, empty=_nothing_written())
    qualities = _qualities(written, period)
    examined = _examined([line.label for line in written.lines])
    columns = (
        Column(_("adapter"), Unit.TEXT),
        Column(_("answers")),
        Column(_("supported"), Unit.SHARE),
        Column(_("supported: of"), Unit.COUNT),
        Column(_("thumbs up"), Unit.SHARE),
        Column(_("thumbs up: of"), Unit.COUNT),
        Column(_("examination: more answered"), Unit.TEXT),
    )
    rows = []
    for line in written.lines:
        one = qualities.get(line.label, _Quality())
        rows.append(
            (
                line.name or _name(line.label),
                line.count,
                one.supported / one.checked if one.checked else None,
                one.checked,
                one.up / one.voted if one.voted else None,
                one.voted,
                examined.get(line.label, words.NONE),
            )
        )
    return Panel(
        slug,
        title,
        " ".join(_best_and_worst(written, qualities)),
        Table(columns, tuple(rows)),
        note=_(
            "Supported answers and thumbs are of the days on which that adapter alone wrote. The examination asks it "
            "and the one before the same questions; in brackets what holds 19 times of 20."
        ),
        broad=True,
    )


def _best_and_worst(written: Chart, qualities: Mapping[str, _Quality]) -> Iterator[str]:
    """Each adapter's share with its interval, for the three that wrote most."""
    for line in written.lines[:3]:
        one = qualities.get(line.label)
        if one and one.checked:
            share = words.share_with_interval(one.supported / one.checked, wilson(one.supported, one.checked))
            yield _("%(adapter)s: supported %(share)s.") % {"adapter": line.name or _name(line.label), "share": share}


def _qualities(written: Chart, period: Period) -> dict[str, _Quality]:
    grounded = reading.chart(Metric.GROUNDED, period.tenant, period.span)
    votes = reading.chart(Metric.VOTE, period.tenant, period.span)
    yes, no, up, down = grounded.line("yes"), grounded.line("no"), votes.line("up"), votes.line("down")
    found: dict[str, _Quality] = {}
    for place in range(len(written.starts)):
        wrote = [line.label for line in written.lines if line.counts[place]]
        if len(wrote) == 1:
            one = found.get(wrote[0], _Quality())
            found[wrote[0]] = _Quality(
                one.supported + yes.counts[place],
                one.checked + yes.counts[place] + no.counts[place],
                one.up + up.counts[place],
                one.voted + up.counts[place] + down.counts[place],
            )
    return found


def _examined(digests: list[str]) -> dict[str, str]:
    """By digest, how much more of the questions it answered than the one before, in its last examination."""
    found: dict[str, str] = {}
    done = Examination.objects.filter(candidate__digest__in=digests, state=Examination.State.DONE).order_by("pk")
    for digest, results in done.values_list("candidate__digest", "results"):
        share = gained_in(results)
        if share is not None:
            points = [words.number(100 * value, 1) for value in (share.value, share.low, share.high)]
            found[digest] = _("%(value)s points (%(low)s to %(high)s)") % dict(
                zip(("value", "low", "high"), points, strict=True)
            )
    return found


def _name(digest: str) -> str:
    if not digest:
        return _("base model")
    known = Adapter.objects.filter(digest=digest).values_list("name", flat=True).first()
    return known or digest[:12]


def _nothing_written() -> Empty:
    text = _("The local model wrote no answer in this period: it was not asked, or answers were quotations.")
    return Empty(text, reverse("admin:inference_adapter_changelist"), _("Adapters"))
