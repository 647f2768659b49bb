"""A month of events as AION writes them, poured into the database: text of the demo's, its figures varied."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from benchmarks.options import BASE_DIR
from benchmarks.planted_identifiers import Planted, planted
from telemetry import partitions
from telemetry.models import Event, Feedback

DEMO = BASE_DIR / "demo"
WITH_IDENTIFIERS = 0.04  # of the questions; every third has them in the reply as well
DIFFERENT_PLANTS = 5_000
EVENT = "COPY telemetry_event (id, tenant, kind, value, meta, at, schema) FROM STDIN"
OPINION = (
    "COPY telemetry_feedback (tenant, event_id, vote, comment, correction, relevant_sources, user_id, key_id, question,"
    " reply, created_at) FROM STDIN"
)
Row = tuple[object, ...]


@dataclass(frozen=True)
class Month:
    """What was poured: `planted` holds, by the answer's id, what was planted in it."""

    tenant: str
    events: int
    answers: int
    planted: Mapping[str, Planted]


def fill(tenant: str, events: int, seed: int) -> Month:
    """Write `events` events of the last thirty days, and the opinions beside them."""
    until = timezone.now() - timedelta(hours=1)
    since = until - timedelta(days=29, hours=20)
    partitions.ensure_partitions(since)
    writer = _Writer(tenant, since, (until - since) / events, random.Random(seed))
    with connection.cursor() as cursor, cursor.copy(EVENT) as copy:
        for row in writer.rows(events):
            copy.write_row(row)
    with connection.cursor() as cursor, cursor.copy(OPINION) as copy:
        for row in writer.opinions:
            copy.write_row(row)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Event._meta.db_table}, {Feedback._meta.db_table}")
    return Month(tenant, events, writer.answers, writer.planted)


class _Writer:
    """Question after question, each with the events that AION would have written."""

    def __init__(self, tenant: str, since: datetime, step: timedelta, rng: random.Random) -> None:
        self.planted: dict[str, Planted] = {}
        self.opinions: list[Row] = []
        self.answers = 0
        self._tenant, self._since, self._step, self._rng = tenant, since, step, rng
        self._written = 0
        self._plants = planted(DIFFERENT_PLANTS, rng.randrange(10**6))
        golden = (DEMO / "golden.jsonl").read_text(encoding="utf-8").splitlines()
        self._questions = [json.loads(line)["question"] for line in golden]
        texts = [path.read_text(encoding="utf-8") for path in sorted((DEMO / "documents").glob("*.md"))]
        sentences = [sentence.strip() for text in texts for sentence in re.split(r"(?<=[.!?])\s+", text)]
        self._sentences = [sentence for sentence in sentences if 40 < len(sentence) < 400]

    def rows(self, count: int) -> Iterator[Row]:
        """So many events, in the order of their ids."""
        while self._written < count:
            for kind, value, meta in self._question():
                if self._written < count:
                    yield self._event(kind, value, meta)

    def _question(self) -> Iterator[tuple[str, float, dict[str, object]]]:
        rng = self._rng
        found = [{"text": self._sentence(), "rank": rank, "rel": 0.8, "chunkId": rank} for rank in range(1, 4)]
        yield "retrieval", 3, {"query": "", "items": found, "embedder": "e5", "generation": 1}
        prompt, reply = self._varied(rng.choice(self._questions)), self._reply()
        if rng.random() < WITH_IDENTIFIERS:
            plant = rng.choice(self._plants)
            self.planted[str(self._next_id())] = plant
            prompt, reply = plant.text, f"{reply} {plant.text}" if rng.random() < 1 / 3 else reply
        source = rng.choices(("local", "fallback", "abstain", "failed"), (80, 9, 10, 1))[0]
        yield "answer", 1, self._answer(prompt, reply, source)
        self.answers += 1
        if source == "fallback":
            yield "fallback", 0, {"reason": "low_confidence", "costUsd": 0.0003, "maskedKinds": []}
        if rng.random() < 0.05:
            yield self._opinion(prompt, reply)
        if rng.random() < 0.0005:
            yield "settings", 1, {"reason": "tau", "by": 1}

    def _answer(self, prompt: str, reply: str, source: str) -> dict[str, object]:
        rng = self._rng
        passages = [
            {
                "number": number,
                "cited": number < 3,
                "chunkId": number,
                "documentId": str(UUID(int=number)),
                "name": "a.md",
            }
            for number in range(1, 7)
        ]
        return {
            **{"prompt": prompt, "reply": reply, "rank": 1, "source": source, "route": source, "mode": "quote"},
            **{"status": "failed" if source == "failed" else "answered", "grounded": rng.random() < 0.95},
            **{"C": round(rng.random(), 4), "tau": 0.62, "scorer": "calibrated", "reason": "confident"},
            **{"reasonText": "A confiança alcança o limite.", "model": "bundled", "adapter": None, "adapterDigest": ""},
            **{"usage": {"inputTokens": 412, "outputTokens": 96, "finishReason": "stop"}, "costUsd": 0.0},
            **{"timings": {"embed": 9.1, "search": 7.4, "route": 1.2, "generate": 812.5, "own": 21.0}},
            **{"userId": rng.randrange(1, 400), "keyId": None, "conversationId": str(UUID(int=rng.getrandbits(128)))},
            **{"forced": False, "caution": None, "meanLogprob": -0.31, "minLogprob": -2.2, "pCorrect": 0.8},
            **{"sources": passages, "retrievalId": str(UUID(int=rng.getrandbits(128)))},
        }

    def _opinion(self, prompt: str, reply: str) -> tuple[str, float, dict[str, object]]:
        """About the answer just written."""
        vote = self._rng.choice((1, 1, 1, -1))
        plant = self._rng.choice(self._plants).text
        self.opinions.append(
            (self._tenant, self._id(self._written - 1), vote, plant, "", [], 7, None, prompt, reply, timezone.now())
        )
        return "feedback", vote, {"corrected": False}

    def _event(self, kind: str, value: float, meta: Mapping[str, object]) -> Row:
        row = (self._next_id(), self._tenant, kind, value, json.dumps(meta, ensure_ascii=False), self._moment(), 1)
        self._written += 1
        return row

    def _moment(self) -> datetime:
        return self._since + self._step * self._written

    def _next_id(self) -> UUID:
        return self._id(self._written)

    def _id(self, number: int) -> UUID:
        """The UUIDv7 of the event with that number."""
        lowest = partitions.lowest_id(self._since + self._step * number)
        return UUID(int=lowest.int | 7 << 76 | 2 << 62 | number)

    def _reply(self) -> str:
        return " ".join(f"{self._sentence()} [{place}]" for place in range(1, self._rng.randrange(2, 6)))

    def _sentence(self) -> str:
        return self._varied(self._rng.choice(self._sentences))

    def _varied(self, text: str) -> str:
        return re.sub(r"\d", lambda _match: str(self._rng.randrange(10)), text)
