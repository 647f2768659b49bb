"""Whether to train tonight, decided from facts alone. Pure; `aion.loop.words` says it in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

FEWEST_MEASURED = 20  # questions from which the retrieval's quality is judged
FEWEST_ASKED = 50  # questions from which a share of seven days says something
EAGER = 0.5  # of the rows needed, where too much goes to the paid API


class Code(StrEnum):
    """What a night decided."""

    TRAIN = "train"
    TRAIN_EAGERLY = "train_eagerly"
    TRAIN_CLEAN = "train_clean"
    RESUME = "resume"
    WAIT = "wait"
    PAUSED = "paused"
    BUSY = "busy"
    ELSEWHERE = "elsewhere"
    NO_ROOM = "no_room"
    RETRIEVAL_LOW = "retrieval_low"


@dataclass(frozen=True, slots=True)
class Measured:
    """A mean over `count` questions; None where there are none."""

    value: float | None
    count: int

    @property
    def is_known(self) -> bool:
        return self.value is not None and self.count >= FEWEST_MEASURED


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a signal moved: the largest Kolmogorov-Smirnov distance of those compared, and of which one."""

    signal: str
    distance: float
    before: int
    after: int
    is_large: bool


@dataclass(frozen=True, slots=True)
class NightFacts:
    """What a night finds. `asked` and the shares are of seven days; nDCG is at 10, today's retrieval on questions whose
    source is known (`ndcg_golden`) or was judged by people (`ndcg_judged`). `new_rows` were reviewed since the last
    training set, all of them where there was none. `served_elsewhere`: on another server, where
    nothing can be examined beside those who ask. `clean_since_taint`: trained anew since the champion was tainted.
    """

    asked: int
    fallback_share: float
    abstained_share: float
    ndcg_golden: Measured
    ndcg_judged: Measured
    new_rows: int
    trained_before: bool
    drift: Drift | None
    paused: bool
    training: bool
    unfinished: bool
    champion_tainted: bool
    clean_since_taint: bool
    free_bytes: int
    served_elsewhere: bool


@dataclass(frozen=True, slots=True)
class NightPolicy:
    """The limits; shares and nDCG in [0, 1]."""

    tau_fallback: float
    tau_ndcg: float
    min_new_rows: int
    least_free_bytes: int


Values = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with its values, worded when shown."""

    code: str
    values: Values


@dataclass(frozen=True, slots=True)
class NightDecision:
    """`alarm`: staff should look at it."""

    train: bool
    code: Code
    reasons: tuple[Reason, ...]
    alarm: bool = False


def decide(facts: NightFacts, policy: NightPolicy) -> NightDecision:
    """The first that holds: what forbids a training, then what calls for one, else waiting."""
    noted = _noted(facts, policy)
    stopped = _why_not(facts, policy)
    if stopped is not None:
        code, reason = stopped
        return NightDecision(False, code, (reason, *noted), alarm=code in (Code.NO_ROOM, Code.RETRIEVAL_LOW))
    if facts.unfinished:
        return NightDecision(True, Code.RESUME, (Reason("unfinished", {}), *noted))
    if facts.champion_tainted and not facts.clean_since_taint:
        return NightDecision(True, Code.TRAIN_CLEAN, (Reason("tainted", {}), *noted))
    return _by_rows(facts, policy, noted)


def _why_not(facts: NightFacts, policy: NightPolicy) -> tuple[Code, Reason] | None:
    if facts.paused:
        return Code.PAUSED, Reason("paused", {})
    if facts.training:
        return Code.BUSY, Reason("busy", {})
    if facts.served_elsewhere:
        return Code.ELSEWHERE, Reason("elsewhere", {})
    if facts.free_bytes < policy.least_free_bytes:
        values = {"free": facts.free_bytes, "needed": policy.least_free_bytes}
        return Code.NO_ROOM, Reason("no_room", values)
    measured = retrieval_measured(facts)
    if measured is not None and (value := measured.value or 0.0) < policy.tau_ndcg:
        source = "golden" if measured is facts.ndcg_golden else "judged"
        found: Values = {"ndcg": value, "limit": policy.tau_ndcg, "count": measured.count, "source": source}
        return Code.RETRIEVAL_LOW, Reason("retrieval_low", found)
    return None


def retrieval_measured(facts: NightFacts) -> Measured | None:
    """What the search is judged by: golden questions where there are enough, else what people judged, else nothing."""
    return next((one for one in (facts.ndcg_golden, facts.ndcg_judged) if one.is_known), None)


def _by_rows(facts: NightFacts, policy: NightPolicy, noted: tuple[Reason, ...]) -> NightDecision:
    eager = _too_much_paid(facts, policy)
    needed = max(1, round(policy.min_new_rows * EAGER)) if eager else policy.min_new_rows
    values = {"rows": facts.new_rows, "needed": needed}
    if facts.new_rows < needed:
        return NightDecision(False, Code.WAIT, (Reason("too_few_rows", values), *noted))
    code = "enough_rows" if facts.trained_before else "first_training"
    return NightDecision(True, Code.TRAIN_EAGERLY if eager else Code.TRAIN, (Reason(code, values), *noted))


def _noted(facts: NightFacts, policy: NightPolicy) -> tuple[Reason, ...]:
    """What is worth telling whatever is decided."""
    reasons = []
    if _too_much_paid(facts, policy):
        reasons.append(Reason("fallback_high", {"share": facts.fallback_share, "limit": policy.tau_fallback}))
    if retrieval_measured(facts) is None:
        count = max(facts.ndcg_golden.count, facts.ndcg_judged.count)
        reasons.append(Reason("retrieval_unknown", {"count": count, "needed": FEWEST_MEASURED}))
    if facts.drift is not None and facts.drift.is_large:
        reasons.append(Reason("drift", {"signal": facts.drift.signal, "distance": facts.drift.distance}))
    if facts.champion_tainted and facts.clean_since_taint:
        reasons.append(Reason("still_tainted", {}))
    return tuple(reasons)


def _too_much_paid(facts: NightFacts, policy: NightPolicy) -> bool:
    return facts.asked >= FEWEST_ASKED and facts.fallback_share > policy.tau_fallback
