"""Which documents the searches found, which never, and which for nearly everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aion.metrics import words
from aion.metrics.panel import Cell, Column, Empty, HeatMap, Panel, Table, Unit, heat_rows
from aion.metrics.period import Period
from retrieval.models import Document
from telemetry.rollups import reading
from telemetry.rollups.subjects import found_by_subject

ROWS = 20
MOST_LISTED = 50
FAIR_SHARE = 0.2  # of all searches
LEAST_SEARCHES = 50
MOST_DAYS, MOST_WEEKS = 31, 182  # in the heatmap by day, and by week; beyond, by month


def heatmap(period: Period, rows: int = ROWS) -> Panel:
    """The most found documents, by day, week or month."""
    slug, title = "documents", _("Which documents were found")
    found = reading.heatmap(period.tenant, period.span, documents=rows)
    if not found.rows:
        return Panel(slug, title, empty=_nothing_found())
    titles = [row.title or str(row.document_id) for row in found.rows]
    addresses = [_page_of(row.document_id) for row in found.rows]
    counts = [row.counts for row in found.rows]
    heat, table = _heat(period, titles, addresses, counts, _("document"))
    values = {
        "title": titles[0],
        "share": words.percent(found.rows[0].share),
        "count": words.shown(sum(found.searches), Unit.COUNT),
    }
    said = _("Found most: %(title)s, in %(share)s of %(count)s searches.") % values
    note = _("In how many searches a passage of the document was selected: the stronger the colour, the more.")
    note = f"{note} {_column_in_words(period)}"
    return Panel(slug, title, said, table, heat=heat, note=note, broad=True)


def subjects(period: Period) -> Panel:
    """The same by the documents' labels."""
    slug, title = "subjects", _("Which subjects were found")
    by_label: dict[str, list[UUID]] = {}
    labelled = Document.objects.filter(tenant=period.tenant).exclude(labels=[])
    for document_id, labels in labelled.values_list("id", "labels"):
        for label in labels:
            by_label.setdefault(label, []).append(document_id)
    if not by_label:
        text = _("No document has a label. Give documents labels, such as the department, to see what is asked about.")
        address = reverse("admin:retrieval_document_changelist")
        return Panel(slug, title, empty=Empty(text, address, _("Documents")))
    found = found_by_subject(period.tenant, period.span, by_label)
    if not found:
        return Panel(slug, title, empty=_nothing_found())
    busiest = sorted(found, key=lambda label: (-sum(found[label]), label))[:ROWS]
    heat, table = _heat(period, busiest, [""] * len(busiest), [found[label] for label in busiest], _("subject"))
    values = {"subject": busiest[0], "count": words.shown(sum(found[busiest[0]]), Unit.COUNT)}
    said = _("Found most: %(subject)s, %(count)s times.") % values
    note = _("How often documents with the label were found; a document with two labels counts for both.")
    note = f"{note} {_column_in_words(period)}"
    return Panel(slug, title, said, table, heat=heat, note=note, broad=True)


def dead(period: Period) -> Panel:
    """Documents that no search of the period found."""
    slug, title = "dead-documents", _("Documents never found")
    installed = list(_in_use(period).values_list("id", flat=True).order_by("created_at"))
    if not installed:
        text = _("There is no document yet.")
        return Panel(slug, title, empty=Empty(text, reverse("admin:retrieval_ingestjob_add"), _("Send documents")))
    never = reading.dead_documents(period.tenant, period.span, installed)
    if not never:
        return Panel(slug, title, empty=Empty(_("Every document was found at least once. There is nothing to do.")))
    rows = Document.objects.filter(pk__in=never[:MOST_LISTED]).order_by("created_at")
    found = list(rows.values_list("id", "title", "created_at", "chunk_count"))
    columns = (Column(_("document"), Unit.TEXT), Column(_("installed"), Unit.TIME), Column(_("passages")))
    cells = tuple((name, timezone.localtime(created).date(), chunks) for _id, name, created, chunks in found)
    counted = ngettext(
        "%(count)s of %(all)s documents was never found.",
        "%(count)s of %(all)s documents were never found.",
        len(never),
    )
    values = {"count": words.shown(len(never), Unit.COUNT), "all": words.shown(len(installed), Unit.COUNT)}
    listed = _("The %(count)s oldest are listed.") % {"count": MOST_LISTED} if len(never) > MOST_LISTED else ""
    return Panel(
        slug,
        title,
        f"{counted % values} {listed}".strip(),
        Table(columns, cells),
        note=_(
            "Perhaps nobody asks about them, or the text could not be read: look at one with few passages first. "
            "Documents that are out of date can go."
        ),
        links=tuple(_page_of(document_id) for document_id, _title, _created, _chunks in found),
    )


def overused(period: Period) -> Panel:
    """Documents that were found for more than a fair share of what was asked."""
    slug, title = "overused-documents", _("Documents found for nearly everything")
    found = reading.overused_documents(period.tenant, period.span, share=FAIR_SHARE, least_searches=LEAST_SEARCHES)
    share = words.percent(FAIR_SHARE)
    if not found:
        text = _("No document was surely found in more than %(share)s of the searches. There is nothing to do.")
        return Panel(slug, title, empty=Empty(text % {"share": share}))
    columns = (
        Column(_("document"), Unit.TEXT),
        Column(_("searches")),
        Column(_("share"), Unit.SHARE),
        Column(_("at least"), Unit.SHARE),
        Column(_("at most"), Unit.SHARE),
    )
    titles = [one.title or str(one.document_id) for one in found]
    cells = tuple(
        (name, one.count, one.share, one.interval.low, one.interval.high)
        for name, one in zip(titles, found, strict=True)
    )
    counted = ngettext(
        "%(count)s document was found in more than %(share)s of the searches.",
        "%(count)s documents were found in more than %(share)s of the searches.",
        len(found),
    )
    return Panel(
        slug,
        title,
        counted % {"count": len(found), "share": share},
        Table(columns, cells),
        note=_(
            "A document that is found for whatever is asked crowds out others: often a table of contents, a list of "
            "names, or one long file that should be several."
        ),
        links=tuple(_page_of(one.document_id) for one in found),
    )


def _in_use(period: Period) -> QuerySet[Document]:
    """What could have been found in the period."""
    begun = Q(valid_from=None) | Q(valid_from__lte=period.span.last)
    not_over = Q(valid_until=None) | Q(valid_until__gte=period.span.first)
    here = Document.objects.filter(tenant=period.tenant, collection="main", created_at__lt=period.span.until)
    return here.filter(begun, not_over)


def _heat(
    period: Period, titles: Sequence[str], addresses: Sequence[str], counts: Sequence[Sequence[int]], what: str
) -> tuple[HeatMap, Table]:
    groups = _groups(period.span.days)
    summed = [[sum(row[place] for place in places) for places in groups.values()] for row in counts]
    heat = HeatMap(tuple(groups), heat_rows(list(zip(titles, addresses, summed, strict=True))))
    heads = (Column(what, Unit.TEXT), *(Column(name) for name in groups), Column(_("in all")))
    rows: list[tuple[Cell, ...]] = [(title, *row, sum(row)) for title, row in zip(titles, summed, strict=True)]
    return heat, Table(heads, tuple(rows))


def _groups(days: Sequence[date]) -> Mapping[str, list[int]]:
    """The places of the days under each column's name: a day, a week (by its Monday) or a month."""

    def name(place: int) -> str:
        day = days[place]
        if len(days) <= MOST_DAYS:
            return f"{day:%d/%m}"
        if len(days) <= MOST_WEEKS:
            return f"{date.fromordinal(max(day.toordinal() - day.weekday(), days[0].toordinal())):%d/%m}"
        return f"{day:%m/%y}"

    return {column: list(places) for column, places in groupby(range(len(days)), key=name)}


def _column_in_words(period: Period) -> str:
    if period.days <= MOST_DAYS:
        return _("A column is a day.")
    if period.days <= MOST_WEEKS:
        return _("A column is a week, named by its first day.")
    return _("A column is a month.")


def _page_of(document_id: UUID) -> str:
    return reverse("admin:retrieval_document_change", args=[document_id])


def _nothing_found() -> Empty:
    text = _("No document was found by a search in this period.")
    return Empty(text, reverse("admin:retrieval_ingestjob_add"), _("Send documents"))
