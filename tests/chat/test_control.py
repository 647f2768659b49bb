"""Settings as revisions over the environment."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from chat import control
from chat.control import ChatPolicy, GroupDifference, strictest
from chat.exceptions import InvalidSettings
from chat.models import ChatSettingsRevision, GroupPolicyRevision
from chat.router import Paid
from telemetry.models import Event

pytestmark = pytest.mark.django_db


def now_in_force() -> ChatPolicy:
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
    [
        *[("tau", 1.5), ("tau", -0.1), ("top_k", 0), ("mmr_lambda", 2), ("scorer", "guess"), ("deadline_s", 0)],
        *[("on_low_confidence", "guess"), ("labels_that_stay", ["x" * 81]), ("nope", 1)],
    ],
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


# --- hours and labels ----------------------------------------------------------------------------------------------
def at(hour: int, minute: int = 0) -> datetime:
    """That time of day in Sao Paulo, three hours behind UTC."""
    return datetime(2026, 3, 10, 0, 0, tzinfo=UTC) + timedelta(hours=hour + 3, minutes=minute)


def with_hours(start: time | None, end: time | None) -> ChatPolicy:
    control.revise({"fallback_allowed": True, "fallback_from": start, "fallback_to": end}, by=None)
    return now_in_force()


def test_without_hours_the_paid_api_may_be_used_always():
    policy = with_hours(None, None)
    assert {policy.paid(at(hour)) for hour in range(24)} == {Paid.ALLOWED}


def test_outside_its_hours_the_paid_api_is_off_with_a_reason_of_its_own():
    policy = with_hours(time(8), time(18))
    moments = (at(7, 59), at(8), at(17, 59), at(18))
    closed, opened = Paid.OUTSIDE_HOURS, Paid.ALLOWED
    assert [policy.paid(moment) for moment in moments] == [closed, opened, opened, closed]


def test_hours_may_go_over_midnight():
    policy = with_hours(time(22), time(6))
    assert [hour for hour in range(24) if policy.paid(at(hour)) is Paid.ALLOWED] == [0, 1, 2, 3, 4, 5, 22, 23]


def test_hours_do_not_allow_what_is_off():
    control.revise({"fallback_allowed": False, "fallback_from": time(8), "fallback_to": time(18)}, by=None)
    assert now_in_force().paid(at(10)) is Paid.OFF


@pytest.mark.parametrize(
    ("hours", "named"),
    [
        ({"fallback_from": time(8)}, "fallback_to"),
        ({"fallback_to": time(8)}, "fallback_from"),
        ({"fallback_from": time(8), "fallback_to": time(8)}, "fallback_to"),
    ],
)
def test_half_an_interval_or_an_empty_one_is_refused(hours, named):
    with pytest.raises(InvalidSettings) as refused:
        control.revise(hours, by=None)
    assert refused.value.field == named


def test_local_only_never_leaves_whatever_else_is_chosen():
    assert now_in_force().kept_by(["local-only", "public"]) == ("local-only",)
    control.revise({"labels_that_stay": ["Sigiloso"]}, by=None)
    assert now_in_force().labels_that_stay == ("local-only", "Sigiloso")
    assert now_in_force().kept_by(["LOCAL-ONLY", "sigiloso", "public"]) == ("LOCAL-ONLY", "sigiloso")


# --- groups --------------------------------------------------------------------------------------------------------
def policy_for(*groups: str) -> ChatPolicy:
    control.forget()
    return control.current_for(groups)


def test_a_group_differs_and_the_others_do_not(settings):
    control.revise_group("caixa", {"tau": 0.8, "on_low_confidence": "warn"}, by=None)
    assert (policy_for("caixa").tau, policy_for("caixa").warns) == (0.8, True)
    for general in (policy_for("obras"), policy_for(), control.current_for(None), control.current()):
        assert (general.tau, general.warns) == (settings.AION_TAU_CONFIDENCE, False)


def test_of_several_groups_the_strictest_holds():
    control.revise({"tau": 0.6, "fallback_allowed": True, "on_low_confidence": "warn"}, by=None)
    control.revise_group("a", {"tau": 0.5}, by=None)
    control.revise_group("b", {"tau": 0.7, "on_low_confidence": "abstain"}, by=None)
    control.revise_group("c", {"tau": 0.4, "fallback_allowed": False}, by=None)
    seen = policy_for("a", "b", "c", "unknown")
    assert (seen.tau, seen.fallback_allowed, seen.warns) == (0.7, False, False)
    alone = policy_for("a", "unknown")
    assert (alone.tau, alone.fallback_allowed, alone.warns) == (0.5, True, True)


def test_what_one_group_leaves_open_is_as_for_everybody_beside_another_too():
    control.revise({"tau": 0.6, "fallback_allowed": False}, by=None)
    control.revise_group("a", {"tau": 0.5, "fallback_allowed": True}, by=None)
    control.revise_group("b", {"on_low_confidence": "warn"}, by=None)
    seen = policy_for("a", "b")
    assert (seen.tau, seen.fallback_allowed, seen.warns) == (0.6, False, False)


def test_zero_and_false_are_differences():
    control.revise({"fallback_allowed": True}, by=None)
    control.revise_group("a", {"tau": 0.0, "fallback_allowed": False}, by=None)
    assert (policy_for("a").tau, policy_for("a").fallback_allowed) == (0.0, False)


def test_a_groups_change_keeps_its_others_and_none_is_as_for_everybody(settings):
    ana = get_user_model().objects.create_user("ana")
    control.revise_group("a", {"tau": 0.8, "fallback_allowed": True}, by=None)
    control.revise_group("a", {"tau": None}, by=ana, reason="like the rest")
    assert (policy_for("a").tau, policy_for("a").fallback_allowed) == (settings.AION_TAU_CONFIDENCE, True)
    newest = GroupPolicyRevision.objects.filter(group_name="a")[0]
    assert (newest.by, newest.reason, GroupPolicyRevision.objects.count()) == (ana, "like the rest", 2)
    event = Event.objects.filter(kind="settings").order_by("-id")[0]
    assert (event.meta["group"], event.meta["changed"]) == ("a", {"tau": None})
    control.revise_group("a", {"fallback_allowed": None}, by=None)
    control.forget()
    assert control.differences_in_force() == ()


@pytest.mark.parametrize(
    ("field", "value"), [("tau", 1.1), ("on_low_confidence", "guess"), ("top_k", 3), ("deadline_s", 3)]
)
def test_what_a_group_cannot_have_is_named_and_changes_nothing(field, value):
    with pytest.raises(InvalidSettings) as refused:
        control.revise_group("a", {field: value}, by=None)
    assert refused.value.field == field
    assert not GroupPolicyRevision.objects.exists()


def test_a_groups_revision_is_never_changed_or_deleted():
    revision = control.revise_group("a", {"tau": 0.4}, by=None)
    with pytest.raises(ValueError, match="never changed"):
        revision.save()
    with pytest.raises(ValueError, match="never deleted"):
        revision.delete()


def test_an_evaluations_own_values_stand_above_a_groups():
    control.revise_group("a", {"tau": 0.8}, by=None)
    with control.instead(tau=0.3):
        assert policy_for("a").tau == 0.3


def test_no_difference_leaves_the_general_policy_as_it_is():
    general = now_in_force()
    assert strictest(general, []) is general
    assert strictest(general, [GroupDifference("a")]) == general
