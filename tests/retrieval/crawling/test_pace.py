from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from retrieval.crawling.pace import NoTurn, wait_for_turn


def test_several_workers_share_the_pace_of_a_host() -> None:
    host = str(uuid.uuid4())
    begun = time.monotonic()

    def turn(_number: int) -> float:
        wait_for_turn(host, every_s=0.2, until=time.monotonic() + 30)
        return time.monotonic() - begun

    with ThreadPoolExecutor(4) as workers:
        turns = sorted(workers.map(turn, range(8)))
    assert all(at >= number * 0.2 - 0.02 for number, at in enumerate(turns))


def test_hosts_do_not_wait_for_each_other() -> None:
    begun = time.monotonic()
    for _number in range(5):
        wait_for_turn(str(uuid.uuid4()), every_s=60, until=time.monotonic() + 1)
    assert time.monotonic() - begun < 1


def test_a_turn_too_far_away_is_not_taken() -> None:
    host = str(uuid.uuid4())
    wait_for_turn(host, every_s=30, until=time.monotonic() + 1)
    for _number in range(3):
        with pytest.raises(NoTurn) as later:
            wait_for_turn(host, every_s=30, until=time.monotonic() + 1)
    assert 28 < later.value.wait_s <= 30
