"""How often a host is asked: turns handed out by Redis, so that all workers of an installation share one pace."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cache
from typing import cast

from django.conf import settings
from redis import Redis
from redis.commands.core import Script

SECONDS_BETWEEN = 1.0  # where the site names no other
# Redis's own clock and one script: two workers never get the same turn. -1 and no turn where it would be too late.
TURN = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local wait = math.max(0, tonumber(redis.call('GET', KEYS[1]) or '0') - now)
if wait > tonumber(ARGV[2]) then return -wait end
local free = wait + ARGV[1]
redis.call('SET', KEYS[1], string.format('%.0f', now + free), 'PX', string.format('%.0f', free + 1000))
return wait
"""


class NoTurn(Exception):
    """The next turn is too far away; `wait_s` from now."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


def wait_for_turn(host: str, *, every_s: float, until: float) -> None:
    """Sleep until this host may be asked again. Raises `NoTurn` at once, and takes none, where that is after `until`
    (`time.monotonic`), and `redis.RedisError`."""
    patience_ms = max(0, int((until - time.monotonic()) * 1000))
    wait_ms = cast(int, _script()(keys=[_key(host)], args=[int(every_s * 1000), patience_ms]))
    if wait_ms < 0:
        raise NoTurn(-wait_ms / 1000)
    time.sleep(wait_ms / 1000)


def postpone(host: str, wait_s: float) -> None:
    """No turn at this host before that: it said that it is asked too often."""
    _script()(keys=[_key(host)], args=[int(wait_s * 1000), int(timedelta(days=1).total_seconds() * 1000)])


def _key(host: str) -> str:
    return f"aion:crawl:turn:{host}"


@cache
def _script() -> Script:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5).register_script(TURN)
