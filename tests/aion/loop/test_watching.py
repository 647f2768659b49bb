"""The watch over a promoted adapter, on recorded answers: an alarm at a doubt, the way back on a clear breach, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from aion.loop.lights import watch_light
from aion.loop.watching import look
from inference.adapters import desired_state
from inference.models import Adapter, DesiredState
from inference.watch import Finding, judge
from telemetry.events import Json
from telemetry.live_signals import live_signals
from telemetry.models import Event, Feedback
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
NOW = timezone.now()
PROMOTED = NOW - timedelta(days=2)


def wish(name: str, *, at: timedelta, reason: str) -> DesiredState:
    adapter, _created = Adapter.objects.get_or_create(
        digest=name.ljust(64, "0"), defaults={"name": name, "base_model": "m", "rank": 8, "size_bytes": 1}
    )
    made = DesiredState.objects.create(adapter=adapter, outcome="served", reason=reason)
    DesiredState.objects.filter(pk=made.pk).update(created_at=NOW - at)
    return made


@pytest.fixture(autouse=True)
def _promoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new adapter serves for two days, the old one did for weeks; their files do not matter here."""
    monkeypatch.setattr("inference.adapters._check_folder", lambda desired: None)
    wish("velho", at=timedelta(days=20), reason="reload")
    wish("novo", at=timedelta(days=2), reason="promotion: #1")


def answers(count: int, *, days_ago: float, bad: int = 0, **meta: Json) -> None:
    """`count` generated answers, `bad` of them, spread evenly, with `meta`."""
    for number in range(count):
        given: dict[str, Json] = {
            "mode": "generated",
            **(meta if (number + 1) * bad // count > number * bad // count else {}),
        }
        record_answer("a", "r", at=NOW - timedelta(days=days_ago), number=number, **given)


UNSUPPORTED: dict[str, Json] = {"source": "abstain", "reason": "unsupported", "mode": ""}
FAILED: dict[str, Json] = {"status": "failed", "error": "generation_failed", "source": "failed", "mode": ""}


def alarms() -> list[str]:
    return [meta["alarm"] for meta in Event.objects.filter(kind="loop").order_by("id").values_list("meta", flat=True)]


def serving() -> str:
    state = desired_state()
    assert state is not None
    assert state.adapter is not None
    return state.adapter.name


@pytest.mark.parametrize("bad", [UNSUPPORTED, FAILED])
def test_on_a_clear_breach_it_goes_back_once_and_says_so(bad: dict[str, Json]) -> None:
    answers(200, days_ago=5, bad=4, **bad)
    answers(60, days_ago=1, bad=25, **bad)
    look(NOW)
    look(NOW)
    assert serving() == "velho"
    assert alarms() == ["rolled_back"]
    light = watch_light()
    assert light.level == "red"
    assert "O AION voltou ao que estava no ar antes" in light.sentence
    assert "antes eram 2\xa0%" in light.sentence


def test_a_doubtful_difference_is_an_alarm_told_once() -> None:
    answers(200, days_ago=5, bad=10, **UNSUPPORTED)
    answers(50, days_ago=1, bad=10, **UNSUPPORTED)
    look(NOW)
    look(NOW)
    assert serving() == "novo"
    assert alarms() == ["doubtful"]
    assert watch_light().level == "amber"


def test_what_somebody_put_in_its_place_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(200, days_ago=5, bad=4, **UNSUPPORTED)
    answers(60, days_ago=1, bad=25, **UNSUPPORTED)

    def counting(*args: Any) -> Finding | None:
        wish("outro", at=timedelta(0), reason="reload")
        return judge(*args)

    monkeypatch.setattr("aion.loop.watching.judge", counting)
    assert look(NOW) is None
    assert serving() == "outro"
    assert alarms() == []


def test_nothing_is_said_where_nothing_got_worse() -> None:
    answers(200, days_ago=5, bad=20, **UNSUPPORTED)
    answers(200, days_ago=1, bad=20, **UNSUPPORTED)
    assert look(NOW) is None
    assert alarms() == []
    assert watch_light().level == "green"


def test_what_a_person_put_there_only_a_person_takes_back() -> None:
    DesiredState.objects.filter(reason__startswith="promotion").update(reason="overruled: quero")
    answers(200, days_ago=5)
    answers(60, days_ago=1, bad=30, **UNSUPPORTED)
    look(NOW)
    assert serving() == "novo"
    assert alarms() == ["doubtful"]


def test_what_came_back_and_what_serves_for_weeks_is_not_watched() -> None:
    answers(200, days_ago=18)
    answers(60, days_ago=1, bad=30, **UNSUPPORTED)
    DesiredState.objects.filter(reason__startswith="promotion").update(reason="watch")
    assert look(NOW) is None
    DesiredState.objects.filter(reason="watch").update(reason="promotion: #1", created_at=NOW - timedelta(days=15))
    assert look(NOW) is None


def test_failures_that_no_adapter_causes_do_not_count() -> None:
    answers(5, days_ago=1, bad=5, **{**FAILED, "error": "engine_busy"})
    answers(5, days_ago=1.1, bad=5, **{**FAILED, "error": "hung_up"})
    answers(5, days_ago=1.2, bad=5, mode="quote")
    answers(5, days_ago=1.3, bad=5, source="fallback", reason="low_confidence")
    assert live_signals(TENANT, NOW - timedelta(days=2), NOW).errors == ()


def test_quotations_count_where_the_model_cut_them() -> None:
    answers(3, days_ago=1, bad=3, mode="quote", model="smollm2")
    assert len(live_signals(TENANT, NOW - timedelta(days=2), NOW).unsupported) == 3


def test_dislikes_count_but_not_those_of_one_person_alone() -> None:
    angry = User.objects.create_user("brava")
    answers(100, days_ago=5)
    answers(30, days_ago=1)
    for number, event in enumerate(Event.objects.order_by("id")):
        late = event.at > PROMOTED
        Feedback.objects.create(
            tenant=TENANT,
            event_id=event.pk,
            vote=-1 if late else 1,
            user_id=angry.pk if late else 1000 + number,
            question="a",
            reply="r",
        )
    assert look(NOW) is None
    angry.is_staff = True
    angry.save()
    assert look(NOW) is not None
    assert serving() == "velho"
