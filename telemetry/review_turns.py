"""Who has which answer on the screen, and who passed which one over: short-lived, in the cache.

A courtesy that spares work, not a lock: without the cache two reviewers may see the same answer, and the later verdict
is refused by `telemetry.reviews`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from django.core.cache import cache
from redis.exceptions import RedisError

HELD_S = 10 * 60  # long enough to write a correction
PASSED_S = 12 * 3600  # tomorrow they may look again
MOST_PASSED = 500

logger = logging.getLogger(__name__)


def first_free(event_ids: Sequence[UUID], reviewer_id: int, tenant: str) -> UUID | None:
    """The first of these answers that nobody else holds, held for this reviewer from now on; the first of all where
    everything is held; None of none."""
    try:
        held = cache.get_many([_held(event_id, tenant) for event_id in event_ids])
        for event_id in event_ids:
            key = _held(event_id, tenant)
            if held.get(key, reviewer_id) == reviewer_id and _hold(key, reviewer_id):
                return event_id
    except RedisError:
        logger.warning("Reviewers take no turns: the cache cannot be reached")
    return event_ids[0] if event_ids else None


def pass_over(event_id: UUID, reviewer_id: int, tenant: str) -> None:
    """Show this answer to this reviewer no more today; anybody else may have it at once."""
    try:
        passed = [*cache.get(_passed(reviewer_id, tenant), ()), event_id]
        cache.set(_passed(reviewer_id, tenant), passed[-MOST_PASSED:], PASSED_S)
        _release(event_id, reviewer_id, tenant)
    except RedisError:
        logger.warning("An answer passed over comes again: the cache cannot be reached")


def passed_over(reviewer_id: int, tenant: str) -> tuple[UUID, ...]:
    """What this reviewer passed over of late."""
    try:
        return tuple(cache.get(_passed(reviewer_id, tenant), ()))
    except RedisError:
        return ()


def show_again(reviewer_id: int, tenant: str) -> None:
    """Forget what this reviewer passed over."""
    try:
        cache.delete(_passed(reviewer_id, tenant))
    except RedisError:
        logger.warning("Nothing was passed over: the cache cannot be reached")


def _hold(key: str, reviewer_id: int) -> bool:
    return bool(cache.add(key, reviewer_id, HELD_S)) or (
        cache.get(key) == reviewer_id and bool(cache.touch(key, HELD_S))
    )


def _release(event_id: UUID, reviewer_id: int, tenant: str) -> None:
    if cache.get(_held(event_id, tenant)) == reviewer_id:
        cache.delete(_held(event_id, tenant))


def _held(event_id: UUID, tenant: str) -> str:
    return f"telemetry.review.held:{tenant}:{event_id}"


def _passed(reviewer_id: int, tenant: str) -> str:
    return f"telemetry.review.passed:{tenant}:{reviewer_id}"
