"""The queue before the model: bounded, chat first."""

from __future__ import annotations

import threading
import time

import pytest

from inference.backends.job_queue import MIN_JOB_TOKENS, JobQueue, Work
from inference.engine import Priority
from inference.exceptions import EngineBusy, EngineUnavailable


def drain(queue: JobQueue) -> None:
    """Close it and work off what waits."""
    queue.close()
    queue.run()


def noting(done: list[str], name: str) -> Work:
    def work() -> bool:
        done.append(name)
        return True

    return work


def nothing() -> bool:
    return True


def test_chat_goes_before_batch_and_each_in_order_of_arrival() -> None:
    queue, done = JobQueue(), list[str]()
    for name, priority in (
        ("b1", Priority.BATCH),
        ("c1", Priority.CHAT),
        ("c2", Priority.CHAT),
        ("b2", Priority.BATCH),
    ):
        queue.put(noting(done, name), tokens=1, priority=priority)
    queue.put_first(noting(done, "swap"))
    drain(queue)
    assert done == ["swap", "c1", "c2", "b1", "b2"]


def test_it_refuses_what_does_not_fit_and_says_when_to_come_back() -> None:
    queue = JobQueue(limit_tokens=2 * MIN_JOB_TOKENS)
    for _ in range(2):
        assert queue.retry_after_s == 0
        queue.put(nothing, tokens=10, priority=Priority.CHAT)
    assert queue.retry_after_s >= 1
    with pytest.raises(EngineBusy) as caught:
        queue.put(nothing, tokens=10, priority=Priority.CHAT)
    assert caught.value.retry_after_s >= 1
    assert len(queue) == 2


def test_a_request_larger_than_the_bound_is_taken_when_nobody_waits() -> None:
    queue = JobQueue(limit_tokens=10)
    queue.put(nothing, tokens=10_000, priority=Priority.CHAT)
    assert queue.tokens == 10_000


def test_who_goes_away_frees_the_place() -> None:
    queue = JobQueue(limit_tokens=MIN_JOB_TOKENS)
    ticket = queue.put(nothing, tokens=1, priority=Priority.CHAT)
    queue.discard(ticket)
    assert queue.tokens == 0


def test_once_closed_it_does_what_waits_and_takes_no_more() -> None:
    """Or whoever swaps an adapter would wait for ever, and whoever asked for the whole deadline."""
    queue, done = JobQueue(), list[str]()
    queue.put(noting(done, "answer"), tokens=1, priority=Priority.CHAT)
    queue.put_first(noting(done, "swap"))
    drain(queue)
    assert done == ["swap", "answer"]
    with pytest.raises(EngineUnavailable):
        queue.put_first(noting(done, "late"))


def test_what_was_broken_off_makes_nobody_come_back_too_soon() -> None:
    """Its tokens were never computed."""

    def told_after(work: Work) -> float:
        queue = JobQueue(limit_tokens=MIN_JOB_TOKENS)
        queue.put(work, tokens=10 * MIN_JOB_TOKENS, priority=Priority.CHAT)
        worker = threading.Thread(target=queue.run)
        worker.start()
        while len(queue):
            time.sleep(0.001)
        blocked = threading.Event()
        queue.put(blocked.wait, tokens=10 * MIN_JOB_TOKENS, priority=Priority.CHAT)
        while len(queue):
            time.sleep(0.001)
        queue.put(nothing, tokens=1, priority=Priority.CHAT)
        told = queue.retry_after_s
        blocked.set()
        queue.close()
        worker.join()
        return told

    assert told_after(lambda: False) > told_after(nothing)


def test_several_workers_have_the_work_done_sooner() -> None:
    def told_with(workers: int) -> float:
        queue, blocked = JobQueue(limit_tokens=MIN_JOB_TOKENS), threading.Event()
        threads = [threading.Thread(target=queue.run) for _number in range(workers)]
        for thread in threads:
            thread.start()
            queue.put(blocked.wait, tokens=10 * MIN_JOB_TOKENS // workers, priority=Priority.CHAT)
            while len(queue):
                time.sleep(0.001)
        queue.put(nothing, tokens=1, priority=Priority.CHAT)
        told = queue.retry_after_s
        blocked.set()
        queue.close()
        for thread in threads:
            thread.join()
        return told

    assert told_with(4) < told_with(1) / 3
