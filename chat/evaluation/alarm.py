"""A set of golden questions that fails raises an alarm, until it passes again or is no more."""

from __future__ import annotations

from django.urls import reverse

from chat.evaluation.run_words import standing_in_words
from chat.models import EvaluationRun
from telemetry.alarms import clear_alarm, raise_alarm
from telemetry.models import Alarm, AlarmKind


def tell(row: EvaluationRun) -> None:
    """Raise or clear each set's alarm by a finished run; in the caller's transaction."""
    page = reverse("admin:chat_evaluationrun_change", args=[row.pk])
    failing = {f"{AlarmKind.GOLDEN_SET}:{one['name']}": standing_in_words(one) for one in row.sets if one["alarm"]}
    for key, words in failing.items():
        said = f"{words['share']} ({words['why']})"
        raise_alarm(key, values={"name": words["name"], "said": said}, link=page, tenant=row.tenant)
    is_open = Alarm.objects.filter(tenant=row.tenant, kind=AlarmKind.GOLDEN_SET, closed_at=None)
    for key in is_open.exclude(key__in=failing).values_list("key", flat=True):
        clear_alarm(key, tenant=row.tenant)
