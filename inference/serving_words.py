"""What really serves, since when and why, as people say it: for the panel's list of adapters and for the terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _

from inference.adapters import serving_report
from inference.engine import EngineState
from inference.models import DesiredState, ProcessReport


@dataclass(frozen=True, slots=True)
class ServedRow:
    """One live process. `since` is when what it serves was asked for, or when it started, whichever came later."""

    process: str
    state: str
    adapter: str
    digest: str
    merged: bool
    since: datetime
    reason: str
    by: str
    error: str

    @property
    def what(self) -> str:
        if not self.digest:
            return _("the base model alone")
        if self.merged:
            return _("the model with %(name)s merged into it") % {"name": self.adapter}
        return self.adapter

    @property
    def sentence(self) -> str:
        """What, since when, why and by whom, in one line."""
        said = _("%(what)s since %(when)s") % {"what": self.what, "when": moment(self.since)}
        why = f" ({self.reason}{f', {self.by}' if self.by else ''})" if self.reason else ""
        return f"{said}{why}{f'. {self.error}' if self.error else ''}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"since": self.since.isoformat()}


def served_rows() -> tuple[ServedRow, ...]:
    """Every live process with what it really serves; empty where none runs."""
    return tuple(_row(report) for report in serving_report())


def reason_in_words(desired: DesiredState | None) -> str:
    """Why it was asked for. What is stored are codes, and the first start with what went wrong then."""
    if desired is None:
        return ""
    code, _colon, detail = desired.reason.partition(": ")
    words = {
        "first start": _("first start"),
        "reload": _("loaded by request"),
        "merge": _("merged by request"),
        "unmerge": _("merge undone by request"),
        "unload": _("adapter unloaded by request"),
        "rollback": _("gone back by request"),
        "promotion": _("better in its examination"),
        "overruled": _("promoted against its examination"),
        "watch": _("gone back by itself, since the answers got worse"),
    }.get(code, code)
    return f"{words}: {detail}" if detail else words


def failure_in_words(failed: DesiredState) -> str:
    """When which adapter could not be served, and why."""
    return _("Last failure, %(when)s: %(what)s was not served. %(why)s") % {
        "when": moment(failed.created_at),
        "what": failed.adapter or _("the base model alone"),
        "why": failed.error,
    }


def moment(when: datetime) -> str:
    return localize(timezone.localtime(when))


def _row(report: ProcessReport) -> ServedRow:
    reached = report.reached
    is_ready = report.state in (EngineState.READY, EngineState.SWAPPING)
    return ServedRow(
        process=report.process,
        state=report.state,
        adapter=report.adapter,
        digest=report.adapter_digest,
        merged=report.merged,
        since=max(report.started_at, reached.created_at) if reached else report.started_at,
        reason=reason_in_words(reached) if is_ready else _("the model is not ready"),
        by=str(reached.created_by or "") if reached else "",
        error=report.error,
    )
