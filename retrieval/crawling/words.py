"""What a visit found, in words for staff."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from retrieval.crawling.reasons import Reason
from retrieval.models import Site


def report_in_words(site: Site) -> str:
    """What the last visit found, "" before the first."""
    report = site.report
    if not report.get("began"):
        return ""
    read, changed, retired = report["read"], report["changed"], report["retired"]
    parts = [ngettext("%d page read", "%d pages read", read) % read]
    parts.append(ngettext("%d with a new text", "%d with a new text", changed) % changed)
    if retired:
        parts.append(ngettext("%d left the search", "%d left the search", retired) % retired)
    if report["failed"]:
        parts.append(ngettext("%d failed", "%d failed", report["failed"]) % report["failed"])
    if report["limit"]:
        parts.append(str(Reason.LIMIT.label))
    if report["problem"]:
        parts.insert(0, str(Reason(report["problem"]).label))
    return "; ".join(parts)


def nothing_read(problem: str) -> str:
    """A preview's `problem`."""
    return gettext("Nothing would be read: %(why)s.") % {"why": Reason(problem).label}
