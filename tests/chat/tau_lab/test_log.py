"""The log as columns: what everybody's tau was, whose judgements count, what the switch and warnings did."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from chat import control
from chat.judges import counted
from chat.tau_lab.traffic import load
from telemetry.models import Feedback
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db


def test_a_tau_that_was_not_everybodys_stays_its_own() -> None:
    moment = timezone.now() - timedelta(hours=2)
    record_answer("a", "r", at=moment, number=1, tau=0.62)
    record_answer("a", "r", at=moment, number=2, tau=0.9)
    control.revise({"tau": 0.4}, by=None)
    record_answer("a", "r", tau=0.4)
    own = load(now=timezone.now() + timedelta(seconds=1)).own_tau
    assert np.isnan(own[[0, 2]]).all()
    assert own[1] == 0.9


def test_answers_with_a_warning_and_those_of_the_switch_are_neither_local_nor_judged() -> None:
    warned = record_answer("a", "r", reason="low_confidence_warned")
    record_answer("a", "r", source="fallback", reason="forced")
    record_answer("a", "r", source="fallback", reason="forced", forced=True)
    staff = get_user_model().objects.create_user("ana", is_staff=True)
    Feedback.objects.create(tenant=TENANT, event_id=warned, vote=1, user_id=staff.pk, question="", reply="")
    log = load(now=timezone.now() + timedelta(seconds=1))
    assert log.route.tolist() == ["warned", "switched", "fallback"]
    assert not log.reviewed.any()


def test_nobody_outside_the_staff_gives_more_than_a_fifth_of_what_counts() -> None:
    staff = get_user_model().objects.create_user("ana", is_staff=True)
    people = [staff.pk + number for number in range(1, 7)]
    assert sum(counted([staff.pk] * 100)) == 100
    assert sum(counted([people[0]] * 1000)) == 0
    assert sum(counted(people[:5] * 20)) == 100
    assert sum(counted([*people[:5], *[people[5]] * 500])) == 6  # as many as each of the others
    assert counted([None]) == [False]
