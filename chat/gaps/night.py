"""The nightly search for gaps: what was not answered is copied, embedded, and put with its like.

Only what is new is worked on, and each step is kept as it is done: a night that is killed, or whose embedder is gone,
goes on the next time. What staff have put together, named or taken over stays as they left it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chat.gaps import grouping, naming
from retrieval.embeddings import Embedder
from retrieval.exceptions import RetrievalError
from retrieval.generations import serving_embedder
from retrieval.vectors import Vectors
from telemetry.gaps import keeping, unanswered
from telemetry.models import Gap, GapQuestion, GapSearch

KEPT_AT_ONCE = 100  # vectors; what a kill can cost


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a search: questions embedded, and put under a gap that was there or a new one."""

    embedded: int
    joined: int
    new_gaps: int


def find_gaps(now: datetime) -> Found:
    """Bring the gaps up to date. Raises `EmbeddingFailed`, of which the page then tells."""
    tenant = settings.PRIMARY_TENANT_ID
    with _telling(tenant, now):
        unanswered.forget_old(tenant, now)
        unanswered.collect(tenant, now)
        embedder = serving_embedder()
        embedded = _embed(tenant, embedder)
        background = np.stack([embedder.query(text) for text in grouping.BACKGROUND])
        joined, new_gaps = _place(tenant, embedder.id, background, now)
    return Found(embedded, joined, new_gaps)


@contextmanager
def _telling(tenant: str, now: datetime) -> Iterator[None]:
    """The row that says when the last search was, and what stopped it."""
    GapSearch.objects.update_or_create(tenant=tenant, defaults={"tried_at": now})
    row = GapSearch.objects.filter(tenant=tenant)
    try:
        yield
    except RetrievalError as exc:
        row.update(problem=str(exc)[:500] or type(exc).__name__)
        raise
    row.update(problem="", done_at=timezone.now())


def _embed(tenant: str, embedder: Embedder) -> int:
    """Vectors for the questions that have none of this embedder; kept every hundred."""
    missing = list(
        GapQuestion.objects.filter(tenant=tenant).exclude(embedder=embedder.id).order_by("pk").values_list("pk", "text")
    )
    for start in range(0, len(missing), KEPT_AT_ONCE):
        rows = [
            GapQuestion(pk=pk, vector=embedder.query(text).astype(np.float16).tobytes(), embedder=embedder.id)
            for pk, text in missing[start : start + KEPT_AT_ONCE]
        ]
        GapQuestion.objects.bulk_update(rows, ["vector", "embedder"])
    return len(missing)


@transaction.atomic
def _place(tenant: str, embedder_id: str, background: Vectors, now: datetime) -> tuple[int, int]:
    """Put what has no gap under one; how many joined one that was there, and how many are new."""
    unanswered.hold(tenant)
    asked = GapQuestion.objects.filter(tenant=tenant, embedder=embedder_id).order_by("asked_at", "pk")
    rows = list(asked.select_related("gap").defer("fingerprint"))
    loose = [index for index, row in enumerate(rows) if row.gap_id is None]
    if not rows:
        return 0, 0
    vectors = np.stack([np.frombuffer(row.vector or b"", np.float16) for row in rows]).astype(np.float32)
    space = grouping.space_of([row.text for row in rows], vectors, background)
    _mark_said_again(space, rows, set(loose))
    members: dict[int, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.gap_id is not None:
            members[row.gap_id].append(index)
    placed = grouping.place(space, members, loose, [row.counted for row in rows])
    by_gap: dict[int, list[int]] = defaultdict(list)
    for index, gap_id in placed.joined.items():
        by_gap[gap_id].append(index)
    for gap_id, joined in by_gap.items():
        _add(gap_id, [rows[index] for index in joined], tenant)
        members[gap_id] += joined
    for group in placed.new:
        gap = Gap.objects.create(tenant=tenant, state_at=now, created_at=now)
        _add(gap.pk, [rows[index] for index in group], tenant)
        members[gap.pk] = group
    _describe(space, rows, members, tenant)
    return len(placed.joined), len(placed.new)


def _mark_said_again(space: grouping.Space, rows: Sequence[GapQuestion], loose: set[int]) -> None:
    """Uncount what its asker had said that day in nearly the same words; only new questions lose their count."""
    by_day: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_day[row.user_id, row.key_id, row.day].append(index)
    again = set().union(*(grouping.said_again(space, group) for group in by_day.values())) & loose
    for index in again:
        rows[index].counted = False
    GapQuestion.objects.filter(pk__in=[rows[index].pk for index in again]).update(counted=False)


def _add(gap_id: int, questions: Sequence[GapQuestion], tenant: str) -> None:
    """A closed gap opens when one of them was asked after it was closed."""
    GapQuestion.objects.filter(pk__in=[row.pk for row in questions], gap=None).update(gap_id=gap_id)
    closed = Gap.objects.filter(pk=gap_id, state=Gap.State.CLOSED).first()
    if closed and any(row.asked_at > closed.state_at for row in questions):
        keeping.came_again(gap_id, tenant=tenant)


def _describe(space: grouping.Space, rows: Sequence[GapQuestion], members: dict[int, list[int]], tenant: str) -> None:
    """The example and, where staff gave none, the name of every gap."""
    texts = [row.text for row in rows]
    everywhere = naming.spread_of(texts)
    for gap in Gap.objects.filter(tenant=tenant, pk__in=members):
        own = members[gap.pk]
        example = rows[grouping.most_central(space, own)]
        Gap.objects.filter(pk=gap.pk).update(example=example)
        if gap.named_by_id is None:
            name = naming.name_of([texts[index] for index in own], example.text, everywhere, len(texts))
            Gap.objects.filter(pk=gap.pk, named_by_id=None).update(name=name)  # somebody may have named it meanwhile
