"""What can go wrong in telemetry, as types. Messages are for logs; what people read is phrased where it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path


class BudgetRefused(Exception):
    """No money: the paid call must not be made."""


class BudgetExhausted(BudgetRefused):
    """A limit has no room for the reservation until `resets_at`; with a group or a key, it is that one's own."""

    def __init__(
        self,
        limit_usd: Decimal,
        period: str,
        resets_at: datetime,
        *,
        limit_id: int,
        group: str = "",
        key_id: int | None = None,
    ) -> None:
        whose = f" of group {group}" if group else f" of key {key_id}" if key_id is not None else ""
        super().__init__(f"the {period} limit{whose} of US$ {limit_usd} is exhausted until {resets_at.isoformat()}")
        self.limit = limit_usd
        self.period = period
        self.resets_at = resets_at
        self.limit_id = limit_id
        self.group = group
        self.key_id = key_id


class BudgetUnavailable(BudgetRefused):
    """The ledger could not be written, so nothing is known and nothing may be spent."""


class UnknownReservation(Exception):
    """No such reservation."""


class PersonalDataLeft(Exception):
    """Something personal was still found after masking: the text must not leave. Carries kinds, never values."""

    def __init__(self, kinds: Sequence[str]) -> None:
        super().__init__(f"personal data left after masking: {', '.join(kinds)}")
        self.kinds = tuple(kinds)


class MaskingStopped(Exception):
    """A process that masks texts died; what it was given is not masked."""


class NoSuchAnswer(Exception):
    """No answer of the tenant has this id, or it failed: there is nothing to review."""


class CorrectionInvalid(Exception):
    """The better answer is missing, or is the answer itself."""


class ReviewedMeanwhile(Exception):
    """The verdict in force is not the one the reviewer saw; nothing was changed."""

    def __init__(self, verdict: str, reviewer_id: int | None) -> None:
        super().__init__(f"meanwhile {verdict or 'withdrawn'} by {reviewer_id}")
        self.verdict = verdict
        self.reviewer_id = reviewer_id


class NoSuchGap(Exception):
    """No gap of the tenant has this id (any more), or no question was named: nothing was changed."""


class ExportFailed(Exception):
    """No export was written, and nothing of it is visible; the message says why, in the reader's language."""


class ExportRunning(ExportFailed):
    """Another export of this tenant is at work."""


class DiskFull(ExportFailed):
    """The disk of `path` has no room left."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class MonthNotOver(Exception):
    """Events of a month that may still bring some are not dropped."""

    def __init__(self, before: date) -> None:
        super().__init__(f"{before} is still to come: only months that are over are dropped")


class SecretLost(Exception):
    """What was sealed cannot be opened: SECRET_KEY is another one now."""


class NotDelivered(Exception):
    """A notice did not arrive; `failure` is one of these codes, `detail` what was seen. `is_final`: not to be tried
    again."""

    NO_EMAIL = "no_email"
    MAIL = "mail"
    STATUS = "status"
    REDIRECT = "redirect"
    GONE = "gone"
    SLOW = "slow"
    UNREACHABLE = "unreachable"
    NOT_ALLOWED = "not_allowed"
    SECRET = "secret"  # noqa: S105
    OFF = "off"

    def __init__(self, failure: str, detail: str = "") -> None:
        super().__init__(f"{failure}: {detail}" if detail else failure)
        self.failure = failure
        self.detail = detail[:300]

    @property
    def is_final(self) -> bool:
        return self.failure in (self.GONE, self.OFF)
