"""What telemetry keeps. Rows only; the rules are in the modules beside it.

Ids of other rooms' rows are plain values without constraint: what they point to may be erased, what happened stays.
"""

from telemetry.models.alarms import Alarm, AlarmChannel, AlarmDelivery, AlarmKind, AlarmRule, AlarmSeverity
from telemetry.models.audit import AuditEntry
from telemetry.models.datasets import DatasetExport, TrainingRow, TrainingSet
from telemetry.models.events import Event, Question
from telemetry.models.gaps import Gap, GapQuestion, GapSearch
from telemetry.models.governance import DataRequest, RetentionRule, RoleGroup
from telemetry.models.ids import new_id
from telemetry.models.loop import LoopSettings, Night
from telemetry.models.money import BudgetLimit, ExchangeRate, LedgerEntry, ModelPrice, Reservation, scope_in_words
from telemetry.models.opinions import Feedback, Review
from telemetry.models.rollups import Rollup, RollupDue, RollupSeal

__all__ = [
    "Alarm",
    "AlarmChannel",
    "AlarmDelivery",
    "AlarmKind",
    "AlarmRule",
    "AlarmSeverity",
    "AuditEntry",
    "BudgetLimit",
    "DataRequest",
    "DatasetExport",
    "Event",
    "ExchangeRate",
    "Feedback",
    "Gap",
    "GapQuestion",
    "GapSearch",
    "LedgerEntry",
    "LoopSettings",
    "ModelPrice",
    "Night",
    "Question",
    "Reservation",
    "RetentionRule",
    "Review",
    "RoleGroup",
    "Rollup",
    "RollupDue",
    "RollupSeal",
    "TrainingRow",
    "TrainingSet",
    "new_id",
    "scope_in_words",
]
