"""Which way a question goes, for every combination that matters."""

import pytest

from chat.router import LocalFailure, Paid, Reason, choose_route


def decide(confidence=0.9, tau=0.62, forced=False, paid=Paid.OFF, **others):
    decision = choose_route(confidence=confidence, tau=tau, forced=forced, paid=paid, **others)
    return decision.route, decision.reason


@pytest.mark.parametrize("confidence", [0.62, 0.63, 1.0])
def test_confidence_that_reaches_tau_stays_local(confidence):
    assert decide(confidence, paid=Paid.ALLOWED) == ("local", Reason.CONFIDENT)


def test_low_confidence_pays_only_where_it_may():
    assert decide(0.61, paid=Paid.ALLOWED) == ("fallback", Reason.LOW_CONFIDENCE)
    assert decide(0.61, paid=Paid.OFF) == ("abstain", Reason.LOW_CONFIDENCE)
    assert decide(0.61, paid=Paid.BUDGET_SPENT) == ("abstain", Reason.LOW_CONFIDENCE)
    assert decide(0.61, paid=Paid.LOCAL_ONLY) == ("abstain", Reason.LOW_CONFIDENCE)


UNPAID = (Paid.OFF, Paid.OUTSIDE_HOURS, Paid.BUDGET_SPENT, Paid.LOCAL_ONLY)


@pytest.mark.parametrize("paid", UNPAID)
def test_low_confidence_is_answered_with_a_warning_only_where_staff_say_so_and_nothing_may_be_paid(paid):
    assert decide(0.61, paid=paid, warn=True) == ("local", Reason.LOW_CONFIDENCE_WARNED)
    assert decide(0.61, paid=paid, warn=False) == ("abstain", Reason.LOW_CONFIDENCE)
    assert decide(0.61, paid=Paid.ALLOWED, warn=True) == ("fallback", Reason.LOW_CONFIDENCE)


@pytest.mark.parametrize("paid", UNPAID)
def test_what_was_not_found_was_forced_or_failed_is_never_answered_with_a_warning(paid):
    assert decide(0.0, paid=paid, warn=True, found=False) == ("abstain", Reason.NOTHING_FOUND)
    assert decide(0.1, paid=paid, warn=True, forced=True) == ("abstain", Reason.FORCED)
    for failure in (LocalFailure.EMPTY, LocalFailure.UNSUPPORTED):
        assert decide(0.1, paid=paid, warn=True, local_failed=failure)[0] == "abstain"
        assert decide(0.9, paid=paid, warn=True, local_failed=failure)[0] == "abstain"
    for failure in (LocalFailure.ENGINE, LocalFailure.OVERLOAD):
        assert decide(0.1, paid=paid, warn=True, local_failed=failure)[0] == "error"


def test_warning_changes_nothing_where_confidence_suffices():
    for paid in Paid:
        assert decide(0.62, paid=paid, warn=True) == ("local", Reason.CONFIDENT)


def test_forcing_wins_over_confidence_and_never_over_money():
    assert decide(1.0, forced=True, paid=Paid.ALLOWED) == ("fallback", Reason.FORCED)
    assert decide(1.0, forced=True, paid=Paid.OFF) == ("abstain", Reason.FORCED)


def test_tau_zero_does_not_answer_from_nothing():
    assert decide(0.0, tau=0.0, found=False) == ("abstain", Reason.NOTHING_FOUND)
    assert decide(0.0, tau=0.0, found=True) == ("local", Reason.CONFIDENT)


@pytest.mark.parametrize("failure", [LocalFailure.EMPTY, LocalFailure.UNSUPPORTED])
def test_a_failed_answer_escalates_like_low_confidence(failure):
    assert decide(paid=Paid.ALLOWED, local_failed=failure)[0] == "fallback"
    assert decide(paid=Paid.OFF, local_failed=failure)[0] == "abstain"


def test_a_broken_engine_is_an_error_and_no_abstention():
    assert decide(paid=Paid.ALLOWED, local_failed=LocalFailure.ENGINE) == ("fallback", Reason.ENGINE_FAILED)
    for paid in (Paid.OFF, Paid.BUDGET_SPENT, Paid.LOCAL_ONLY):
        assert decide(paid=paid, local_failed=LocalFailure.ENGINE) == ("error", Reason.ENGINE_FAILED)


def test_an_overload_spends_no_money_unless_the_policy_says_so():
    overload = {"paid": Paid.ALLOWED, "local_failed": LocalFailure.OVERLOAD}
    assert decide(**overload) == ("error", Reason.OVERLOADED)
    assert decide(**overload, pay_for_overload=True) == ("fallback", Reason.OVERLOADED)
