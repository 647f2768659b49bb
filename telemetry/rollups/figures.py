"""What reading the counts comes to: frozen values for pages. Shares lie in [0, 1]; money is US$."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from telemetry.rollups.bins import Interval, wilson
from telemetry.rollups.counting import midnight


@dataclass(frozen=True, slots=True)
class Range:
    """Local days, the last one included. Raises ValueError where the last is before the first."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self.last} is before {self.first}")

    @classmethod
    def of_last(cls, days: int, now: datetime | None = None) -> Range:
        """The last `days` days, today included."""
        today = timezone.localtime(now or timezone.now()).date()
        return cls(today - timedelta(days=days - 1), today)

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))

    @property
    def before(self) -> Range:
        """As many days just before it."""
        length = self.last - self.first + timedelta(days=1)
        return Range(self.first - length, self.last - length)

    @property
    def since(self) -> datetime:
        return midnight(self.first)

    @property
    def until(self) -> datetime:
        """The midnight after its last day."""
        return midnight(self.last + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Sum:
    """What one label came to: how often, and the total of its values (tokens, US$, milliseconds, C)."""

    label: str
    name: str
    count: int
    total: Decimal

    @property
    def mean(self) -> float | None:
        return float(self.total) / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Line:
    """One label over time: a count and a total for each of the chart's `starts`."""

    label: str
    name: str
    counts: tuple[int, ...]
    totals: tuple[Decimal, ...]

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def total(self) -> Decimal:
        return sum(self.totals, Decimal(0))


@dataclass(frozen=True, slots=True)
class Chart:
    """`starts` are the hours or days, empty ones included; `lines` the labels, the most frequent first; `before` what
    each label came to in as many days just before, the most frequent first."""

    starts: tuple[datetime, ...]
    lines: tuple[Line, ...]
    before: tuple[Sum, ...]

    def line(self, label: str) -> Line:
        """That label's line, all zeros where it never occurred."""
        nothing = Line(label, "", (0,) * len(self.starts), (Decimal(0),) * len(self.starts))
        return next((line for line in self.lines if line.label == label), nothing)

    def count_before(self, label: str) -> int:
        return sum(one.count for one in self.before if one.label == label)


@dataclass(frozen=True, slots=True)
class Overview:
    """A range in figures. `asked` are all questions, failed ones too; the paid share is of those answered."""

    asked: int = 0
    local: int = 0
    fallback: int = 0
    abstain: int = 0
    failed: int = 0
    grounded: int = 0
    not_grounded: int = 0
    votes_up: int = 0
    votes_down: int = 0
    corrected: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def answered(self) -> int:
        return self.asked - self.failed

    @property
    def fallback_share(self) -> float | None:
        return self.fallback / self.answered if self.answered else None

    @property
    def fallback_interval(self) -> Interval | None:
        return wilson(self.fallback, self.answered)

    @property
    def grounded_share(self) -> float | None:
        checked = self.grounded + self.not_grounded
        return self.grounded / checked if checked else None

    @property
    def grounded_interval(self) -> Interval | None:
        return wilson(self.grounded, self.grounded + self.not_grounded)


@dataclass(frozen=True, slots=True)
class Distribution:
    """`counts[i]` values lie in [`edges[i]`, `edges[i + 1]`)."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float | None

    @property
    def n(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Judged local answers with C in [`low`, `high`); `confidence` is their mean C, None where there are none."""

    low: float
    high: float
    right: int
    wrong: int
    confidence: float | None

    @property
    def n(self) -> int:
        return self.right + self.wrong

    @property
    def share(self) -> float | None:
        return self.right / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's, of the share that was right."""
        return wilson(self.right, self.n)


@dataclass(frozen=True, slots=True)
class Reliability:
    """`ece` is the expected calibration error: how far C is from the share right, weighed by the answers in a bin."""

    bins: tuple[ReliabilityBin, ...]
    ece: float | None

    @property
    def n(self) -> int:
        return sum(one.n for one in self.bins)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one stage took, in milliseconds; percentiles are read from bins 12 % wide."""

    stage: str
    n: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class LatencyChart:
    """A stage over time; None where it did not happen."""

    stage: str
    starts: tuple[datetime, ...]
    points: tuple[Latency, ...]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """In how many searches a document was chosen, day by day; `share` is of all searches of the range."""

    document_id: UUID
    title: str
    counts: tuple[int, ...]
    share: float

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Heatmap:
    """The most found documents by day, the most found first; `days` are the columns, `searches` their searches."""

    days: tuple[date, ...]
    searches: tuple[int, ...]
    rows: tuple[DocumentRow, ...]


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """`share` of all searches chose it, with its interval."""

    document_id: UUID
    title: str
    count: int
    share: float
    interval: Interval
