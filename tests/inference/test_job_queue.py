"""The queue before the model: bounded, chat first."""

from __future__ import annotations

import pytest

from inference.backends.job_queue import MIN_JOB_TOKENS, JobQueue
from inference.engine import Priority
from inference.exceptions import EngineBusy, EngineUnavailable


def drain(queue: JobQueue) -> None:
    """Close it behind what waits and work that off."""
    queue.put(queue.close, tokens=0, priority=Priority.BATCH)
    queue.run()


def test_chat_goes_before_batch_and_each_in_order_of_arrival() -> None:
    queue, done = JobQueue(), list[str]()
    for name, priority in (
        ("b1", Priority.BATCH),
        ("c1", Priority.CHAT),
        ("c2", Priority.CHAT),
        ("b2", Priority.BATCH),
    ):
        queue.put(lambda name=name: done.append(name), tokens=1, priority=priority)  # type: ignore[misc]  # bound now
    queue.put_first(lambda: done.append("swap"))
    drain(queue)
    assert done == ["swap", "c1", "c2", "b1", "b2"]


def test_it_refuses_what_does_not_fit_and_says_when_to_come_back() -> None:
    queue = JobQueue(limit_tokens=2 * MIN_JOB_TOKENS)
    for _ in range(2):
        assert queue.retry_after_s == 0
        queue.put(lambda: None, tokens=10, priority=Priority.CHAT)
    assert queue.retry_after_s >= 1
    with pytest.raises(EngineBusy) as caught:
        queue.put(lambda: None, tokens=10, priority=Priority.CHAT)
    assert caught.value.retry_after_s >= 1
    assert len(queue) == 2


def test_a_request_larger_than_the_bound_is_taken_when_nobody_waits() -> None:
    queue = JobQueue(limit_tokens=10)
    queue.put(lambda: None, tokens=10_000, priority=Priority.CHAT)
    assert queue.tokens == 10_000


def test_who_goes_away_frees_the_place() -> None:
    queue = JobQueue(limit_tokens=MIN_JOB_TOKENS)
    ticket = queue.put(lambda: None, tokens=1, priority=Priority.CHAT)
    queue.discard(ticket)
    assert queue.tokens == 0


def test_once_closed_it_does_what_was_put_first_and_takes_no_more() -> None:
    """Or whoever swaps an adapter would wait for ever."""
    queue, done = JobQueue(), list[str]()
    queue.put(lambda: done.append("answer"), tokens=1, priority=Priority.CHAT)
    queue.put_first(lambda: done.append("swap"))
    queue.close()
    queue.run()
    assert done == ["swap"]
    with pytest.raises(EngineUnavailable):
        queue.put_first(lambda: done.append("late"))
