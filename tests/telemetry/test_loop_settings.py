"""The loop's settings: sound without a row, and refused outside their ranges."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from inference.training_profile import TrainingProfile
from telemetry.loop_settings import current
from telemetry.models import LoopSettings
from tests.telemetry.answers import TENANT

pytestmark = pytest.mark.django_db


def test_where_nobody_decided_anything_the_defaults_hold() -> None:
    policy = current()
    assert (policy.paused, policy.min_new_rows, policy.include_provider, policy.refusal_share) == (False, 30, False, 0)
    assert TrainingProfile(**policy.profile) == TrainingProfile()  # type: ignore[arg-type]  # numbers by name


def test_what_staff_chose_of_the_profile_is_named_as_the_profile_names_it() -> None:
    LoopSettings.objects.create(tenant=TENANT, learning_rate=1e-4, epochs=2.0, rank=8, batch_size=2, max_length=512)
    profile = TrainingProfile(**current().profile)  # type: ignore[arg-type]
    assert profile == TrainingProfile(epochs=2.0, lr=1e-4, rank=8, batch_size=2, max_length=512)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_new_rows": 0},
        {"refusal_share": 0.6},
        {"refusal_share": -0.1},
        {"epochs": 0.0},
        {"learning_rate": 1.0},
        {"rank": 0},
        {"batch_size": 65},
        {"max_length": 100},
    ],
)
def test_what_would_make_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError) as refused:
        LoopSettings(tenant=TENANT, **wrong).full_clean()
    assert set(refused.value.message_dict) >= set(wrong)


def test_the_database_keeps_refusals_to_half_at_most() -> None:
    with pytest.raises(IntegrityError):
        LoopSettings.objects.create(tenant=TENANT, refusal_share=0.7)
