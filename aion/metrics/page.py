"""The page as its parts: which charts there are, in which order, and what else a reader must know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from aion.metrics import adapters, confidence, costs, documents, questions, search, speed, words
from aion.metrics.panel import Panel, Table, Unit
from aion.metrics.period import Period
from telemetry.rollups import reading

Builder = Callable[[Period], Panel]
LATE = timedelta(minutes=5)

# heading, and by the address of its file each chart
SECTIONS: tuple[tuple[str, Promise, Mapping[str, Builder]], ...] = (
    (
        "questions",
        gettext_lazy("Questions"),
        {
            "routes": questions.routes,
            "reasons": questions.reasons,
            "paid-share": questions.paid_share,
            "errors": questions.errors,
        },
    ),
    (
        "quality",
        gettext_lazy("Quality"),
        {
            "groundedness": questions.groundedness,
            "feedback": questions.feedback,
            "reviews": questions.reviews,
            "confidence": confidence.distribution,
            "reliability": confidence.reliability,
            "adapters": adapters.adapters,
            "adapter-quality": adapters.quality,
        },
    ),
    (
        "cost",
        gettext_lazy("Time and cost"),
        {
            "latency": speed.whole_time,
            "stages": speed.stages,
            "tokens": costs.tokens,
            "cost": costs.cost,
        },
    ),
    ("search", pgettext_lazy("a part of a page", "Search"), {"golden": search.golden, "judged": search.judged}),
    (
        "documents",
        gettext_lazy("Documents"),
        {
            "documents": documents.heatmap,
            "subjects": documents.subjects,
            "dead-documents": documents.dead,
            "overused-documents": documents.overused,
        },
    ),
)
BUILDERS: Mapping[str, Builder] = {slug: build for _s, _t, panels in SECTIONS for slug, build in panels.items()}


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel ready for the template: its table in words, each row with the address of its page, "" where none is."""

    panel: Panel
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Section:
    slug: str
    title: str
    panels: tuple[Shown, ...]


def sections(period: Period) -> Iterator[Section]:
    """All the charts of a period."""
    for slug, title, panels in SECTIONS:
        yield Section(slug, str(title), tuple(shown(build(period)) for build in panels.values()))


def shown(panel: Panel) -> Shown:
    links = panel.links or ("",) * len(panel.table.rows)
    return Shown(panel, tuple(zip(links, _in_words(panel.table), strict=True)))


def _in_words(table: Table) -> Iterator[tuple[str, ...]]:
    for row in table.rows:
        yield tuple(words.shown(cell, column.unit) for cell, column in zip(row, table.columns, strict=True))


def lateness(period: Period) -> str:
    """What a reader must know where the counting lags; "" where it does not."""
    since = reading.waiting_since(period.tenant)
    if since is None or timezone.now() - since < LATE:
        return ""
    values = {"since": words.shown(since, Unit.TIME)}
    return (
        _("Since %(since)s nothing was counted: what came after is missing here. Look whether the scheduled tasks run.")
        % values
    )
