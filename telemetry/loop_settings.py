"""What is in force for the nightly loop: what staff chose, else the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from telemetry.models import LoopSettings


@dataclass(frozen=True, slots=True)
class LoopPolicy:
    """The loop's settings. `profile` has the hyper-parameters that staff chose, under the names that the training
    profile has for them (`epochs`, `lr`, `rank`, `batch_size`, `max_length`); what is not there is its default."""

    paused: bool
    min_new_rows: int
    include_provider: bool
    refusal_share: float
    profile: Mapping[str, float | int]


def current(tenant: str | None = None) -> LoopPolicy:
    """The settings in force for the tenant, by default the primary one."""
    tenant = tenant or settings.PRIMARY_TENANT_ID
    row = LoopSettings.objects.filter(tenant=tenant).first() or LoopSettings(tenant=tenant)
    chosen = {
        "epochs": row.epochs,
        "lr": row.learning_rate,
        "rank": row.rank,
        "batch_size": row.batch_size,
        "max_length": row.max_length,
    }
    return LoopPolicy(
        paused=row.paused,
        min_new_rows=row.min_new_rows,
        include_provider=row.include_provider,
        refusal_share=row.refusal_share,
        profile={name: value for name, value in chosen.items() if value is not None},
    )
