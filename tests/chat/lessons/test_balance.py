"""No document and no section teaches more than its share, and the newest rows stay."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chat.evidence import Packed
from chat.lessons.lesson import Lesson
from chat.lessons.rows import Row
from chat.lessons.selection import balanced, in_training_order
from retrieval.results import RetrievedChunk
from telemetry.training_sets import Exclusion, Origin

START = datetime(2026, 11, 1, tzinfo=UTC)


def row(number: int, title: str, section: str = "") -> Row:
    chunk = RetrievedChunk(1, UUID(int=1), title, section, None, "", "", (), 1, 1.0, 0.5, 1.0, None, None)
    lesson = Lesson(
        id=f"review-{title}-{number}",
        origin=Origin.APPROVED,
        question=f"Pergunta {number}?",
        at=START - timedelta(days=number),
        chunks=(chunk,),
        weights={},
        gold=frozenset({1}),
    )
    return Row(lesson, lesson.question, "Resposta.", Packed(), {}, ())


def test_no_document_gives_more_than_a_fifth_of_many_rows_and_the_newest_of_them_stay() -> None:
    many = [row(number, "Manual", f"Seção {number % 40}") for number in range(400)]
    rest = [row(number, f"Folheto {number % 8}", f"Seção {number}") for number in range(400)]
    kept, left = balanced([*many, *rest])
    given = Counter(each.document for each in kept)
    assert given["manual"] == 100 == len(kept) // 5
    assert set(left.values()) == {Exclusion.DOCUMENT_SHARE}
    assert [each for each in kept if each.document == "manual"] == many[:100]


def test_no_section_gives_more_than_a_tenth() -> None:
    one = [row(number, "Manual", "Preços") for number in range(100)]
    rest = [row(number, f"Folheto {number % 20}", f"Seção {number}") for number in range(270)]
    kept, left = balanced([*one, *rest])
    assert sum(each.section == ("manual", "precos") for each in kept) == 30
    assert set(left.values()) == {Exclusion.SECTION_SHARE}


def test_an_installation_of_one_document_still_learns_from_it() -> None:
    kept, _left = balanced([row(number, "Manual", f"Seção {number}") for number in range(80)])
    assert len(kept) == 50


def test_rows_are_mixed_and_always_in_the_same_way() -> None:
    rows = [row(number, "Manual") for number in range(20)]
    assert in_training_order(rows) == in_training_order(rows[::-1]) != rows
