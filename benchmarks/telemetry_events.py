"""A year of questions poured into the database as AION records them: the demo's sentences, varied by PostgreSQL.

For each question its search (eight of two thousand documents, the popular ones far more often) and its answer, for one
in ten a call of the paid API; of the latest ones the turns of a conversation. One person asked what is planted.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from benchmarks.options import BASE_DIR
from telemetry import partitions

DEMO = BASE_DIR / "demo"
DAYS, DOCUMENTS, PEOPLE, POOL, BATCH = 365, 2_000, 400, 2_000, 50_000
EVENTS_A_QUESTION = 2.1
PLANTED = "quiproquó-de-marmelada"
EVERY_NTH_IS_THEIRS = 2_000


@dataclass(frozen=True, slots=True)
class Poured:
    """What is there: `person` asked every question that holds `PLANTED`."""

    events: int
    questions: int
    messages: int
    since: datetime
    person: int


_MILLISECONDS = "lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')"
_ID = f"({_MILLISECONDS} || '7000800{{}}' || lpad(to_hex(n), 12, '0'))::uuid"
_QUESTIONS = f"""
CREATE TEMP TABLE asked ON COMMIT DROP AS
SELECT n, at, {_ID.format(0)} AS search_id, {_ID.format(1)} AS answer_id,
       {_ID.format(2)} AS fallback_id, gen_random_uuid() AS conversation, random() AS c, random() AS route,
       1 + (random() * {POOL - 1})::int AS found, 1 + (random() * {POOL - 1})::int AS given,
       n %% {EVERY_NTH_IS_THEIRS} = 7 AS theirs,
       CASE WHEN n %% {EVERY_NTH_IS_THEIRS} = 7 THEN %(person)s ELSE %(person)s + 1 + n %% {PEOPLE - 1} END AS person
  FROM generate_series(%(first)s, %(last)s) AS n
       CROSS JOIN LATERAL (SELECT %(since)s::timestamptz + n * %(step)s::interval) AS _(at)
"""
_SEARCHES = """
INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema)
SELECT search_id, %(tenant)s, 'retrieval', 8,
       CASE WHEN theirs THEN meta || jsonb_build_object('query', %(planted)s) ELSE meta END, at, 1
  FROM asked JOIN poured_search ON number = found
"""
_ANSWERS = """
INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema)
SELECT answer_id, %(tenant)s, 'answer', 1, meta || jsonb_build_object(
       'C', round(c::numeric, 4), 'userId', person, 'retrievalId', search_id, 'conversationId', conversation,
       'source', CASE WHEN route < 0.8 THEN 'local' WHEN route < 0.9 THEN 'fallback' ELSE 'abstain' END,
       'costUsd', CASE WHEN route BETWEEN 0.8 AND 0.9 THEN 0.0003 ELSE 0 END,
       'timings', jsonb_build_object('embed', 9.1, 'search', 7.4, 'route', 1.2, 'overhead', 30.3,
                                     'generate', round((800 * exp(random()))::numeric, 1),
                                     'total', round((850 * exp(random()))::numeric, 1)))
       || CASE WHEN theirs THEN jsonb_build_object('prompt', %(planted)s, 'reply', %(planted)s) ELSE '{}' END, at, 1
  FROM asked JOIN poured_answer ON number = given
"""
_FALLBACKS = """
INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema)
SELECT fallback_id, %(tenant)s, 'fallback', 0, jsonb_build_object('reason', 'low_confidence', 'costUsd', 0.0003,
       'answerId', answer_id, 'maskedKinds', '["CPF"]'::jsonb), at, 1
  FROM asked WHERE route BETWEEN 0.8 AND 0.9
"""
_CONVERSATIONS = """
INSERT INTO chat_conversation (id, tenant, user_id, title, created_at, updated_at)
SELECT conversation, %(tenant)s, person, 'Pergunta', at, at FROM asked WHERE n >= %(with_messages)s
"""
_MESSAGES = """
INSERT INTO chat_message (conversation_id, role, text, event_id, meta, created_at)
SELECT conversation, role, CASE WHEN theirs THEN %(planted)s ELSE 'Quanto custa o passeio de dia inteiro?' END,
       CASE role WHEN 'assistant' THEN answer_id END, '{}', at
  FROM asked CROSS JOIN (VALUES ('user'), ('assistant')) AS turns(role) WHERE n >= %(with_messages)s
"""
_OPINIONS = """
INSERT INTO telemetry_feedback (tenant, event_id, vote, comment, correction, relevant_sources, user_id, question, reply,
       created_at)
SELECT %(tenant)s, answer_id, CASE WHEN random() < c THEN 1 ELSE -1 END, CASE WHEN theirs THEN %(planted)s ELSE '' END,
       '', '{}', person, 'Quanto custa?', 'Custa 95 euros [1].', at FROM asked WHERE route < 0.03
"""
_ALWAYS = (_SEARCHES, _ANSWERS, _FALLBACKS, _OPINIONS)


def pour(tenant: str, events: int, messages: int, seed: int = 2026) -> Poured:
    """Write about `events` events of the last year, and `messages` messages of the latest questions."""
    questions = int(events / EVENTS_A_QUESTION)
    until = timezone.now() - timedelta(hours=1)
    since = until - timedelta(days=DAYS)
    partitions.ensure_partitions(since, ahead=13)
    _make_pool(random.Random(seed))
    person = _people()
    silent = max(questions - messages // 2, 0)
    values: dict[str, object] = {"tenant": tenant, "person": person, "planted": PLANTED, "with_messages": silent}
    values |= {"since": since, "step": (until - since) / questions}
    for first in range(0, questions, BATCH):
        last = min(first + BATCH, questions) - 1
        _pour_batch(values | {"first": first, "last": last}, with_messages=last >= silent)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE telemetry_event, chat_message, chat_conversation")
        cursor.execute("SELECT count(*) FROM telemetry_event WHERE tenant = %s", [tenant])
        (written,) = cursor.fetchone()
    return Poured(written, questions, 2 * (questions - silent), since, person)


def _pour_batch(span: Mapping[str, object], *, with_messages: bool) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_QUESTIONS, span)
        for statement in (*_ALWAYS, *((_CONVERSATIONS, _MESSAGES) if with_messages else ())):
            cursor.execute(statement, span)


def _people() -> int:
    """The first of `PEOPLE` accounts whose ids follow each other."""
    made = User.objects.bulk_create(User(username=f"pessoa-{number}", password="!") for number in range(PEOPLE))
    return min(person.pk for person in made)


def _make_pool(rng: random.Random) -> None:
    """What questions draw their searches and answers from, numbered from 1."""
    texts = " ".join(path.read_text(encoding="utf-8") for path in sorted((DEMO / "documents").glob("*.md")))
    sentences = [sentence.strip() for sentence in re.split(r"(?<=[.!?])\s+", texts) if 40 < len(sentence) < 400]
    golden = (DEMO / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in golden]
    popularity = [1 / place for place in range(1, DOCUMENTS + 1)]
    with connection.cursor() as cursor:
        for name in ("search", "answer"):
            cursor.execute(f"CREATE TEMP TABLE poured_{name} (number int PRIMARY KEY, meta jsonb)")
        for number in range(1, POOL + 1):
            documents = rng.choices(range(1, DOCUMENTS + 1), popularity, k=8)
            found = [_item(rank, document, rng.sample(sentences, 4)) for rank, document in enumerate(documents, 1)]
            search = {"query": rng.choice(questions), "items": found, "features": {"best_similarity": 0.91}}
            answer = _answer(rng.choice(questions), " ".join(rng.sample(sentences, 3)), documents[:3])
            for name, meta in (("search", search), ("answer", answer)):
                cursor.execute(f"INSERT INTO poured_{name} VALUES (%s, %s)", [number, json.dumps(meta)])


def _item(rank: int, document: int, sentences: Sequence[str]) -> dict[str, object]:
    about = {"documentId": str(UUID(int=document)), "documentVersion": 1, "title": f"Documento {document}"}
    return {"text": " ".join(sentences), "rank": rank, "rel": 0.8, "similarity": 0.9, "chunkId": rank, **about}


def _answer(prompt: str, reply: str, documents: Sequence[int]) -> dict[str, object]:
    sources = [
        {"number": number, "cited": True, "chunkId": number, "documentId": str(UUID(int=document)), "name": "Documento"}
        for number, document in enumerate(documents, 1)
    ]
    return {
        **{"prompt": prompt, "reply": reply, "rank": 1, "status": "answered", "mode": "generated", "grounded": True},
        **{"tau": 0.62, "scorer": "calibrated", "reason": "confident", "reasonText": "A confiança alcança o limite."},
        **{"model": "bundled", "adapter": "noite-3", "adapterDigest": "3f2a", "keyId": None, "forced": False},
        **{"usage": {"input_tokens": 412, "output_tokens": 96}, "meanLogprob": -0.31, "minLogprob": -2.2},
        **{"pCorrect": 0.8, "caution": "", "sources": sources},
    }
