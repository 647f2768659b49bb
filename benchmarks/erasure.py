"""How long it takes to erase one person among a million messages: `python -m benchmarks.erasure [--messages N]`.

Runs on a private PostgreSQL of its own, which is thrown away. Prints lines of JSON as every benchmark does.
"""

from __future__ import annotations

import argparse
import json
import time

PEOPLE = 1000
FILL = """
INSERT INTO auth_user (id, username, password, is_superuser, is_staff, is_active, first_name, last_name, email,
                       date_joined)
SELECT 100000 + n, 'pessoa' || n, '', false, false, true, '', '', '', now() FROM generate_series(1, {people}) AS n;
INSERT INTO chat_conversation (id, tenant, user_id, title, created_at, updated_at)
SELECT md5('c' || n)::uuid, 'default', 100000 + n, 'Preços', now(), now() FROM generate_series(1, {people}) AS n;
CREATE TEMP TABLE asked AS
SELECT n, 100001 + n % {people} AS who, lpad(to_hex(base + n * 100), 12, '0') AS moment
  FROM generate_series(1, {questions}) AS n,
       (SELECT (extract(epoch FROM date_trunc('month', now())) * 1000)::bigint AS base) AS first;
INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema)
SELECT (moment || '7000a' || substr(md5(n::text), 1, 15))::uuid, 'default', 'retrieval', 8,
       jsonb_build_object('query', 'Quanto custa o passeio ' || n, 'items', jsonb_build_array(repeat('x', 600))),
       now(), 1 FROM asked;
INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema)
SELECT (moment || '7000b' || substr(md5(n::text), 1, 15))::uuid, 'default', 'answer', 1,
       jsonb_build_object('prompt', 'Quanto custa o passeio ' || n, 'reply', repeat('Custa 95 euros. ', 20),
                          'userId', who, 'keyId', null, 'status', 'answered', 'source', 'local', 'C', 0.8,
                          'retrievalId', (moment || '7000a' || substr(md5(n::text), 1, 15))::uuid),
       now(), 1 FROM asked;
INSERT INTO chat_message (conversation_id, role, text, event_id, meta, created_at)
SELECT md5('c' || (who - 100000))::uuid, role, 'Quanto custa o passeio ' || n, NULL, '{{}}', now()
  FROM asked, (VALUES ('user'), ('assistant')) AS roles (role);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    messages = parser.parse_args().messages

    from django.core.management import call_command
    from django.db import connection

    from aion.erasure import erase_person, preview
    from tests.conftest import start_private_installation  # noqa: F401 - importing it starts one

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(people=PEOPLE, questions=messages // 2))
        cursor.execute("ANALYZE")
    conditions = {"messages": messages, "people": PEOPLE, "embedded": True}
    for case, work in (("preview", preview), ("erasure and vacuum", erase_person)):
        began = time.perf_counter()
        work(100_007)
        _print(case, time.perf_counter() - began, conditions)


def _print(case: str, seconds: float, conditions: dict[str, object]) -> None:
    line = {"benchmark": "erasure", "case": case, "metric": "seconds", "value": round(seconds, 3), "peer": None}
    print(json.dumps({**line, "ratio": None, "conditions": conditions}), flush=True)


if __name__ == "__main__":
    main()
