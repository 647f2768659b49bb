"""How often the documents of a subject were found."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from telemetry.rollups.keeping import keep
from telemetry.rollups.reading import Range
from telemetry.rollups.subjects import found_by_subject
from tests.telemetry.answers import TENANT

from .happenings import NOON, record_search

TWO_DAYS = Range.of_last(2, NOON)


@pytest.mark.django_db
def test_documents_add_up_to_their_subjects_day_by_day() -> None:
    pena, belem, unfound = uuid4(), uuid4(), uuid4()
    record_search(pena, belem, number=1)
    record_search(pena, number=2)
    record_search(belem, at=NOON - timedelta(days=1), number=3)
    record_search(belem, at=NOON - timedelta(days=2), number=4)
    keep()
    documents = {"palácios": [pena], "passeios": [pena, belem], "nada": [unfound]}
    assert found_by_subject(TENANT, TWO_DAYS, documents) == {"palácios": (0, 2), "passeios": (1, 3)}
    assert found_by_subject("other", TWO_DAYS, documents) == {}
    assert found_by_subject(TENANT, TWO_DAYS, {}) == {}
