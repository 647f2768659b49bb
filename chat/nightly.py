"""What the chat learns by itself: the confidence fitted again where judged questions allow it, and only where it is no
worse than the one in force; and how likely an answer given is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _

from chat import calibration, control, correctness
from chat.evaluation.fit_report import full_report
from chat.exceptions import CalibrationRefused
from chat.features import as_vector
from chat.golden.logged import judged_questions
from telemetry.traffic import asked_between

LOOKING_BACK = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Refit:
    """What came of a fit, in words; `taken` where it is in force now."""

    taken: bool
    said: str


def refuse_confidence_too_few(now: datetime) -> None:
    """Raises `CalibrationRefused` where people have judged too little for a fit, without making one."""
    judged = judged_questions(now - LOOKING_BACK)
    calibration.refuse_too_few(len(judged), len({source.group for _text, source in judged}))


def refit_confidence(now: datetime) -> Refit:
    """Fit C on logged questions of judged source. What was cross-fitted has to be at least as good, by its Brier score
    on the same questions, as what is in force."""
    examples = calibration.examples_of_logged(judged_questions(now - LOOKING_BACK))
    try:
        fitted = calibration.fit(examples, tau=control.current().tau)
    except CalibrationRefused as exc:
        return Refit(False, str(exc))
    rows = np.stack([as_vector(example.features) for example in examples])
    labels = np.array([example.answerable for example in examples])
    before = calibration.scores(labels, calibration.weights_in_force().probabilities(rows))
    after = fitted.report
    values = {"before": before["brier"], "after": after["brier"]}
    if after["brier"] > before["brier"]:
        return Refit(False, _("A new fit would be worse (Brier %(after)s, in force %(before)s); it stays.") % values)
    fitted_on = _("%(count)d judged questions") % {"count": sum(example.answerable for example in examples)}
    calibration.activate(replace(fitted, report=full_report(fitted, examples)), fitted_on=fitted_on)
    return Refit(True, _("A new fit is in force (Brier %(after)s, before %(before)s).") % values)


def refit_correctness(now: datetime) -> Refit:
    """Fit how likely a local answer is right on what people said of such answers since C means what it means."""
    confidence = calibration.in_force()
    since = max(now - LOOKING_BACK, confidence.created_at) if confidence else now - LOOKING_BACK
    try:
        fitted = correctness.refit(asked_between(settings.PRIMARY_TENANT_ID, since, now))
    except CalibrationRefused as exc:
        return Refit(False, str(exc))
    return Refit(True, _("P(correct) was fitted on %(data)s.") % {"data": fitted.fitted_on})
