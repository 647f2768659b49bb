"""What is an alarm, decided from plain values; and what is told of one, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from telemetry.alarms import rules, wording
from telemetry.alarms.keeping import REMIND_EVERY, notice_due
from telemetry.alarms.kinds import WORDINGS
from telemetry.events import Json
from telemetry.models import Alarm, AlarmKind, AlarmSeverity

WARNING, CRITICAL = AlarmSeverity.WARNING, AlarmSeverity.CRITICAL
NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
GIB = 1024**3


def severity(sighting):
    return sighting and sighting.severity


def code(sighting):
    return sighting and sighting.code


@pytest.mark.parametrize(
    ("asked", "failed", "was", "expected"),
    [
        (19, 19, None, None),
        (100, 9, None, None),
        (100, 10, None, WARNING),
        (100, 9, WARNING, WARNING),
        (100, 7, WARNING, None),
        (100, 50, WARNING, CRITICAL),
        (100, 45, CRITICAL, CRITICAL),
        (100, 39, CRITICAL, WARNING),
    ],
)
def test_errors_open_at_a_share_and_close_well_below_it(asked, failed, was, expected):
    assert severity(rules.errors(asked=asked, failed=failed, was=was)) == expected


@pytest.mark.parametrize(
    ("free", "was", "expected"),
    [
        (4 * GIB, None, None),
        (4 * GIB - 1, None, WARNING),
        (4.5 * GIB, WARNING, WARNING),
        (5 * GIB, WARNING, None),
        (2 * GIB - 1, WARNING, CRITICAL),
        (2.4 * GIB, CRITICAL, CRITICAL),
        (2.5 * GIB, CRITICAL, WARNING),
    ],
)
def test_a_disk_is_over_only_when_it_is_clear_of_its_limit(free, was, expected):
    assert severity(rules.disk(folder="/var", free_bytes=int(free), was=was)) == expected


def test_a_queue_is_long_or_full():
    assert rules.queue(waiting=3, long=4, turned_away=4) is None
    assert code(rules.queue(waiting=4, long=4, turned_away=0)) == "queue_long"
    assert code(rules.queue(waiting=0, long=4, turned_away=5)) == "queue_full"


def test_few_questions_say_nothing_of_a_share():
    assert rules.fallback_share(asked=49, share=1, limit=0.18, fewest=50, was=None) is None
    assert severity(rules.fallback_share(asked=50, share=0.18, limit=0.18, fewest=50, was=None)) == WARNING
    assert rules.fallback_share(asked=50, share=0, limit=0, fewest=50, was=None) is None


def test_retrieval_that_was_too_low_has_to_get_clearly_better():
    def judge(ndcg: float, was: AlarmSeverity | None):
        return severity(rules.retrieval(ndcg=ndcg, was=was, questions=20, limit=0.82, fewest=20))

    assert judge(0.82, None) is None
    assert judge(0.81, None) == CRITICAL
    assert judge(0.83, CRITICAL) == CRITICAL
    assert judge(0.84, CRITICAL) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(0.05, 0.9))
def test_a_value_that_trembles_around_its_limit_opens_one_alarm(values, limit):
    """Within the margin nothing changes: at most one change of state, whatever the values in it."""
    held, changes = None, 0
    for value in values:
        trembling = limit * (rules.CLEAR_OF + (1 - rules.CLEAR_OF) * value * 1.2)
        found = rules.too_high(trembling, {WARNING: limit}, held)
        changes += found != held
        held = found
    assert changes <= 1


def alarm(**values) -> Alarm:
    return Alarm(**{"kind": "disk", "severity": "warning", "opened_at": NOON, "last_seen_at": NOON} | values)


@pytest.mark.parametrize(
    ("row", "after", "worse", "expected"),
    [
        ({}, timedelta(0), False, None),
        ({}, timedelta(minutes=3), False, "opened"),
        ({"told_at": NOON}, timedelta(hours=23), False, None),
        ({"told_at": NOON}, REMIND_EVERY, False, "reminder"),
        ({"told_at": NOON}, timedelta(minutes=4), True, "escalated"),
        ({"told_at": NOON, "acknowledged_at": NOON}, REMIND_EVERY, False, None),
        ({"told_at": NOON, "snoozed_until": NOON + 2 * REMIND_EVERY}, REMIND_EVERY, False, None),
        ({"told_at": NOON, "snoozed_until": NOON}, REMIND_EVERY, False, "reminder"),
    ],
)
def test_it_is_told_once_again_when_worse_and_daily_until_somebody_sees_to_it(row, after, worse, expected):
    due = notice_due(alarm(**row), has_worsened=worse, patience=timedelta(minutes=3), now=NOON + after)
    assert due == expected


def test_every_kind_has_words_in_portuguese_for_each_of_its_sentences_and_what_to_do():
    assert set(WORDINGS) == set(AlarmKind)
    for kind, words in WORDINGS.items():
        for code, sentence in words.sentences.items():
            with override("pt-br"):
                told = wording.sentence(alarm(kind=kind, code=code, values={}))
                todo = wording.what_to_do(alarm(kind=kind))
                name = str(AlarmKind(kind).label)
            with override("en"):
                assert told == "—" if sentence == "%(said)s" else told != wording.sentence(alarm(kind=kind, code=code))
                assert todo != wording.what_to_do(alarm(kind=kind))
                assert name != str(AlarmKind(kind).label)


def test_values_are_written_as_people_read_them():
    values: dict[str, Json] = {"whom": "", "group": "vendas", "keyId": None, "keyName": "", "percent": 80}
    values |= {"spent_usd": 0.8, "limit_usd": 1.0, "resets_at": NOON.isoformat()}
    with override("pt-br"):
        told = wording.sentence(alarm(kind="budget", code="day_reached", values=values))
        assert told == "Grupo vendas: 80% do limite do dia já foram gastos (US$ 0,80 de US$ 1,00)."
        told = wording.sentence(alarm(code="disk_low", values={"free_bytes": 1.5 * GIB, "folder": "/srv\n/aion"}))
        assert told == "Só restam 1,5 GB livres no disco de /srv /aion."
