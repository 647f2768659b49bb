"""Settings as revisions over the environment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from chat import control
from chat.exceptions import InvalidSettings
from chat.models import ChatSettingsRevision
from telemetry.models import Event

pytestmark = pytest.mark.django_db


def now_in_force():
    control.forget()
    return control.current()


def test_without_a_revision_the_environment_is_in_force(settings):
    settings.AION_TAU_CONFIDENCE = 0.7
    policy = now_in_force()
    assert (policy.tau, policy.revision) == (0.7, None)
    assert (policy.dense_candidates, policy.top_k, policy.mmr_lambda) == (24, 8, 0.7)
    assert (policy.temperature, policy.max_new_tokens, policy.deadline_s) == (0.0, 512, 60.0)


def test_a_change_is_a_revision_with_who_and_why_and_leaves_an_event():
    ana = get_user_model().objects.create_user("ana")
    revision = control.revise({"tau": 0.5}, by=ana, reason="less caution")
    assert now_in_force().tau == 0.5
    assert (revision.by, revision.reason) == (ana, "less caution")
    assert Event.objects.get(kind="settings").meta["changed"] == {"tau": 0.5}


def test_a_change_keeps_the_others_and_none_inherits_again(settings):
    control.revise({"tau": 0.5, "top_k": 4}, by=None)
    control.revise({"tau": None}, by=None)
    policy = now_in_force()
    assert (policy.tau, policy.top_k) == (settings.AION_TAU_CONFIDENCE, 4)


def test_zero_and_false_are_values_and_do_not_inherit(settings):
    settings.AION_FALLBACK_ENABLED = True
    control.revise({"tau": 0.0, "fallback_allowed": False}, by=None)
    policy = now_in_force()
    assert (policy.tau, policy.fallback_allowed) == (0.0, False)


def test_an_older_revision_can_be_restored():
    first = control.revise({"tau": 0.4}, by=None)
    control.revise({"tau": 0.9}, by=None)
    restored = control.restore(first, by=None)
    assert now_in_force().tau == 0.4
    assert restored.restored_from == first
    assert ChatSettingsRevision.objects.count() == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("tau", 1.5), ("tau", -0.1), ("top_k", 0), ("mmr_lambda", 2), ("scorer", "guess"), ("deadline_s", 0), ("nope", 1)],
)
def test_what_is_out_of_range_is_named_and_changes_nothing(field, value):
    with pytest.raises(InvalidSettings) as refused:
        control.revise({field: value}, by=None)
    assert refused.value.field == field
    assert not ChatSettingsRevision.objects.exists()


def test_a_revision_is_never_changed_or_deleted():
    revision = control.revise({"tau": 0.4}, by=None)
    with pytest.raises(ValueError, match="never changed"):
        revision.save()
    with pytest.raises(ValueError, match="never deleted"):
        revision.delete()


def test_the_forced_fallback_turns_itself_off():
    until = timezone.now() + timedelta(minutes=5)
    control.revise({"forced_fallback_until": until}, by=None)
    policy = now_in_force()
    assert policy.fallback_forced()
    assert not policy.fallback_forced(until + timedelta(seconds=1))
