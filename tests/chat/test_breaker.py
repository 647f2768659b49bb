"""The circuit breaker: opens after failures in a row, stays open for its time, and lets one probe at a time decide."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chat.breaker import Breaker

FAILURES, OPEN_S = 3, 60.0


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=FAILURES, open_s=OPEN_S, now=clock)


def call(breaker: Breaker, *, works: bool | None) -> None:
    ticket = breaker.enter()
    assert ticket is not None
    breaker.leave(ticket, works=works)


def opened(breaker: Breaker) -> Breaker:
    for _ in range(FAILURES):
        call(breaker, works=False)
    return breaker


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    for _ in range(FAILURES - 1):
        call(breaker, works=False)
    assert breaker.open_circuit() is None
    call(breaker, works=False)
    assert breaker.enter() is None


def test_a_success_between_begins_the_count_anew(breaker: Breaker) -> None:
    for works in (False, False, True, False, False):
        call(breaker, works=works)
    assert breaker.open_circuit() is None


def test_an_end_that_tells_nothing_neither_counts_nor_clears(breaker: Breaker) -> None:
    for works in (False, None, False, None, False):
        call(breaker, works=works)
    assert breaker.open_circuit() is not None


def test_after_its_time_one_probe_goes_and_its_success_closes(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.at += OPEN_S
    probe = breaker.enter()
    assert probe is not None
    assert breaker.enter() is None
    breaker.leave(probe, works=True)
    assert breaker.open_circuit() is None


def test_a_probe_that_fails_opens_it_for_the_whole_time_again(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.at += OPEN_S
    call(breaker, works=False)
    clock.at += OPEN_S - 1
    assert breaker.enter() is None


def test_a_probe_that_tells_nothing_lets_the_next_one_go(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.at += OPEN_S
    call(breaker, works=None)
    assert breaker.enter() is not None


def test_a_drill_may_probe_before_the_time(breaker: Breaker) -> None:
    opened(breaker)
    probe = breaker.enter(early=True)
    assert probe is not None
    assert breaker.enter(early=True) is None
    breaker.leave(probe, works=True)
    assert breaker.enter() is not None


def test_what_was_let_in_before_the_opening_has_no_say_afterwards(breaker: Breaker, clock: Clock) -> None:
    old = breaker.enter()
    assert old is not None
    opened(breaker)
    breaker.leave(old, works=True)
    assert breaker.enter() is None


def test_it_says_since_when_and_until_when(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.at += 20
    circuit = breaker.open_circuit()
    assert circuit is not None
    assert (circuit.open_for_s, circuit.probe_in_s) == (20, OPEN_S - 20)


def test_of_many_threads_one_probes(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.at += OPEN_S
    start, tickets = threading.Barrier(16), []

    def try_it() -> None:
        start.wait()
        tickets.append(breaker.enter())

    threads = [threading.Thread(target=try_it) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(ticket is not None for ticket in tickets) == 1


@given(st.lists(st.booleans(), max_size=30))
def test_it_opens_exactly_at_the_first_run_of_failures(ends: list[bool]) -> None:
    breaker = Breaker(failures=FAILURES, open_s=OPEN_S, now=Clock())
    run = 0
    for works in ends:
        ticket = breaker.enter()
        if run >= FAILURES:
            assert ticket is None
            return
        assert ticket is not None
        breaker.leave(ticket, works=works)
        run = 0 if works else run + 1


class Circuit(RuleBasedStateMachine):
    """Calls that overlap in any order, and time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(failures=FAILURES, open_s=OPEN_S, now=self.clock)
        self.inside: list[tuple[int, bool]] = []  # the ticket, and whether it was given out while open

    @rule(early=st.booleans())
    def enter(self, early: bool) -> None:
        circuit = self.breaker.open_circuit()
        ticket = self.breaker.enter(early=early)
        if circuit is None:
            assert ticket is not None
        elif circuit.probe_in_s > 0 and not early:
            assert ticket is None
        if ticket is not None:
            self.inside.append((ticket, circuit is not None))

    @precondition(lambda self: self.inside)
    @rule(which=st.integers(0, 50), works=st.sampled_from([True, False, None]))
    def leave(self, which: int, works: bool | None) -> None:
        before = self.breaker.open_circuit()
        ticket, was_probe = self.inside.pop(which % len(self.inside))
        self.breaker.leave(ticket, works=works)
        after = self.breaker.open_circuit()
        if before is not None and after is None:
            assert was_probe
            assert works

    @rule(seconds=st.floats(0, 2 * OPEN_S))
    def wait(self, seconds: float) -> None:
        self.clock.at += seconds

    @invariant()
    def one_probe_at_most(self) -> None:
        assert sum(probe for _ticket, probe in self.inside) <= 1


TestCircuit = Circuit.TestCase
