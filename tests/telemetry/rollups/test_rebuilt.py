"""Whatever is recorded, committed late, judged, erased and counted, in any order: rebuilt from the events, the counts
are those that were kept, to the last digit; and they are those of a model in memory."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test
from psycopg.types.json import Jsonb

from telemetry import erasure
from telemetry.events import EventKind, record
from telemetry.feedback import give_feedback
from telemetry.models import Event, Feedback, Review, Rollup, RollupDue
from telemetry.reviews import Verdict, decide
from telemetry.rollups.keeping import keep, rebuild
from tests.telemetry.answers import TENANT, id_at

from .happenings import rows

BEGIN = datetime(2026, 11, 21, 22, 50, tzinfo=UTC)
ROUTES = ("local", "fallback", "abstain", "failed")
DOCUMENTS = [UUID(int=number) for number in (1, 2)]
moments = st.integers(0, 400).map(lambda minutes: BEGIN + timedelta(minutes=minutes))  # over a local midnight
metas = st.builds(
    lambda route, c, ms, cost, user: {
        "source": route,
        "status": "failed" if route == "failed" else "answered",
        "error": "engine_busy",
        "prompt": "segredo",
        "reason": "confident",
        "mode": "quote",
        "model": "m" if cost else "",
        "C": c,
        "grounded": ms > 100,
        "costUsd": cost,
        "usage": {"input_tokens": int(ms)},
        "timings": {"total": ms, "generate": 0.0},
        "userId": user,
    },
    st.sampled_from(ROUTES),
    st.floats(0, 1),
    st.floats(0, 90_000),
    st.sampled_from([0, 0.1, 0.0003]),
    st.sampled_from([7, 8]),
)


class Counts(RuleBasedStateMachine):
    """A second connection holds back what commits late; `asked` is what was committed, by day and route."""

    answers: Bundle[UUID] = Bundle("answers")
    number: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        for model in (Feedback, Review, Rollup, RollupDue):
            model.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE telemetry_event, telemetry_rollupdue")
        self.asked: Counter[tuple[str, str]] = Counter()
        self.waiting: list[tuple[str, str]] = []
        self.late = psycopg.connect(**_address())

    def teardown(self) -> None:
        self.late.close()
        self.kept_is_what_is_rebuilt()

    def _new_id(self, at: datetime) -> UUID:
        Counts.number += 1
        return id_at(at, Counts.number)

    @rule(target=answers, at=moments, meta=metas)
    def an_answer(self, at: datetime, meta: dict[str, object]) -> UUID:
        event_id = record(EventKind.ANSWER, value=1, meta=meta, tenant=TENANT, event_id=self._new_id(at))  # type: ignore[arg-type]
        self.asked[_day(at), str(meta["source"])] += 1
        return event_id

    @rule(at=moments, found=st.lists(st.sampled_from(DOCUMENTS), max_size=3), title=st.sampled_from("ab"))
    def a_search(self, at: datetime, found: list[UUID], title: str) -> None:
        items = [{"text": "x", "documentId": str(document), "title": title} for document in found]
        record(EventKind.RETRIEVAL, value=1, meta={"items": items}, tenant=TENANT, event_id=self._new_id(at))

    @rule(target=answers, at=moments, meta=metas)
    def an_answer_that_commits_late(self, at: datetime, meta: dict[str, object]) -> UUID:
        event_id = self._new_id(at)
        self.late.execute(
            "INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema)"
            " VALUES (%s, %s, 'answer', 1, %s, %s, 1)",
            [event_id, TENANT, Jsonb(meta), at],
        )
        self.waiting.append((_day(at), str(meta["source"])))
        return event_id

    @rule()
    def they_commit(self) -> None:
        self.late.commit()
        self.asked.update(self.waiting)
        self.waiting.clear()

    @rule()
    def they_are_rolled_back(self) -> None:
        self.late.rollback()
        self.waiting.clear()

    @rule(
        event_id=answers,
        vote=st.sampled_from([-1, 0, 1]),
        user=st.sampled_from([7, 8]),
        better=st.sampled_from(["", "B"]),
    )
    def a_vote(self, event_id: UUID, vote: int, user: int, better: str) -> None:
        about = {"event_id": event_id, "tenant": TENANT, "user_id": user, "key_id": None}
        give_feedback(**about, vote=vote, correction=better, comment="", relevant_sources=[], question="", reply="")  # type: ignore[arg-type]

    @rule(event_id=answers, verdict=st.sampled_from([Verdict.APPROVED, Verdict.REJECTED]))
    def a_review(self, event_id: UUID, verdict: Verdict) -> None:
        answered = Event.objects.filter(pk=event_id, meta__status="answered").exists()
        if answered and not Review.objects.filter(event_id=event_id).exists():
            decide(event_id, verdict, tenant=TENANT, by=1)

    @rule(user=st.sampled_from([7, 8]))
    def an_erasure(self, user: int) -> None:
        erasure.erase_person(user, tenant=TENANT, reason="erasure")

    @rule()
    def the_task(self) -> None:
        keep()

    @rule()
    def kept_is_what_is_rebuilt(self) -> None:
        keep()
        kept = rows()
        Rollup.objects.all().delete()
        rebuild()
        assert rows() == kept
        routes = Rollup.objects.filter(metric="route", grain="day").values_list("start", "label", "count")
        assert {(_day(start), route): count for start, route, count in routes} == +self.asked


def _day(at: datetime) -> str:
    return (at - timedelta(hours=3)).date().isoformat()  # São Paulo's


def _address() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {name: known[name] for name in ("dbname", "user", "password", "host", "port") if known.get(name)}


class TestRebuilt(TransactionTestCase):
    def test_the_counts_kept_are_those_rebuilt_after_any_sequence(self) -> None:
        few = settings(max_examples=12, stateful_step_count=25, suppress_health_check=list(HealthCheck), deadline=None)
        run_state_machine_as_test(Counts, settings=few)
