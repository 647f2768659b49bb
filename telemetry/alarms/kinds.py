"""Each kind of alarm in words: the sentences of its codes, what to do about it, and how long it may pass by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from telemetry.models import AlarmKind

AT_ONCE = timedelta(0)
Text = Promise | str


@dataclass(frozen=True, slots=True)
class Wording:
    """`sentences` by code, the first where none is named; their values are named as `telemetry.alarms.wording` writes
    them. Nobody is told before it has lasted for `patience`: what a restart mends is no news."""

    sentences: Mapping[str, Text]
    what_to_do: Text
    patience: timedelta = AT_ONCE


WORDINGS: Mapping[AlarmKind, Wording] = {
    AlarmKind.MODEL: Wording(
        {
            "model_gone": _("No process serves the model, so no question is answered."),
            "model_failed": _("The model does not serve: %(said)s"),
        },
        _(
            "Open “Serving processes” and read the error. Start AION again if no process is listed. If the error "
            "speaks of memory, close other programs on the machine or choose a smaller model."
        ),
        timedelta(minutes=3),
    ),
    AlarmKind.ERRORS: Wording(
        {"errors": _("%(failed_count)s of %(asked_count)s questions of the last hour failed (%(failed_share)s).")},
        _(
            "Open “Answered questions”, choose the outcome “failed” and read what the latest ones have in common. Then "
            "press “Status” on the panel."
        ),
    ),
    AlarmKind.QUEUE: Wording(
        {
            "queue_long": _("%(waiting_count)s questions are waiting for the model."),
            "queue_full": _("%(refused_count)s questions of the last 15 minutes were turned away: the queue was full."),
        },
        _(
            "If more people ask than usual, wait. If it happens every day, the machine is too small: allow the paid "
            "API while it is busy, or let a GPU server serve the model."
        ),
        timedelta(minutes=3),
    ),
    AlarmKind.DISK: Wording(
        {"disk_low": _("Only %(free_bytes)s are free on the disk of %(folder)s.")},
        _(
            "Delete old training runs and adapters that nobody needs, or move AION's folder to a larger disk. Below "
            "1 GB AION does not start."
        ),
    ),
    AlarmKind.BUDGET: Wording(
        {
            "day_reached": _("%(whom)s: %(percent)s %% of the day's limit is spent (%(spent_usd)s of %(limit_usd)s)."),
            "month_reached": _(
                "%(whom)s: %(percent)s %% of the month's limit is spent (%(spent_usd)s of %(limit_usd)s)."
            ),
            "day_used_up": _("%(whom)s: the day's limit is used up; until %(resets_at)s the paid API is not asked."),
            "month_used_up": _(
                "%(whom)s: the month's limit is used up; until %(resets_at)s the paid API is not asked."
            ),
        },
        _(
            "Nothing is spent above the limit. If more may be spent, raise it under “Limits”; if not, see in “Answered "
            "questions” what goes to the paid API, and which documents are missing."
        ),
    ),
    AlarmKind.FALLBACK_SHARE: Wording(
        {
            "share_high": _(
                "%(fallback_share)s of the %(asked_count)s questions of the last 7 days went to the paid API; the "
                "limit is %(limit_share)s."
            )
        },
        _(
            "Review the latest answers of the paid API and see which documents are missing: sending them lowers "
            "that share most."
        ),
    ),
    AlarmKind.PAID_MODEL: Wording(
        {"spared": _("%(model)s failed several times in a row and is not asked for the moment.")},
        _(
            "Look at the provider's status page, at the balance of the account and at the key. AION tries again by "
            "itself; a second model in the order answers meanwhile."
        ),
    ),
    AlarmKind.RETRIEVAL: Wording(
        {
            "ndcg_low": _(
                "The search finds its golden questions less well than it should: nDCG %(ndcg)s on %(questions_count)s "
                "questions, the limit is %(limit)s."
            )
        },
        _(
            "Open “Search quality” and see since when. Then try the worst questions in “Try the search”: usually a "
            "document is missing, was replaced, or says the same in other words. Training waits until it is mended."
        ),
    ),
    AlarmKind.CALIBRATION: Wording(
        {
            "embedder_changed": _("The embedder has changed, and the confidence was fitted to the one before."),
            "reranker_changed": _("The reranker has changed, and the confidence was fitted with the one before."),
            "settings_changed": _(
                "The retrieval settings have changed, and the confidence was fitted to those before."
            ),
            "documents_changed": _("More than half of the documents have changed since the confidence was fitted."),
        },
        _("Calibrate anew by the button on the panel; with too few golden questions, add some first."),
    ),
    AlarmKind.GOLDEN_SET: Wording(
        {"golden_failing": _("The golden set “%(name)s” does not pass: %(said)s")},
        _("Open its last evaluation and see which questions flipped, and what changed just before."),
    ),
    AlarmKind.NIGHT: Wording(
        {"night_failed": _("Tonight's learning failed at “%(step)s”: %(said)s")},
        _("Open the night and read its last step. Once it is mended, run the night again, or wait for the next one."),
    ),
    AlarmKind.WATCH: Wording(
        {"watch_doubtful": "%(said)s", "watch_rolled_back": "%(said)s", "watch_rollback_failed": "%(said)s"},
        _(
            "Read the latest answers and review the bad ones. The adapters' page says what serves now, and goes back "
            "by a button."
        ),
    ),
    AlarmKind.EXPORT: Wording(
        {"export_failed": _("The last dataset export failed: %(said)s")},
        _("Mend what the error names (most often a full disk), then export by the button on the panel."),
    ),
}
