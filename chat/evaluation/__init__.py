"""The one evaluator: questions with known answers through the chat path itself, and what they show.

`asking` asks, `measures` judges one reply, `figures` sums up, `intervals` says how sure that is, `report` puts it
together; `publishing` makes a folder of it for people. Nothing is recorded and, unless asked for, nothing is spent.
"""

from chat.evaluation.asking import Judged, Mask, Plan
from chat.evaluation.measures import contains, exact_match, percentiles, plain_reply, token_f1
from chat.evaluation.report import evaluate

__all__ = [
    "Judged",
    "Mask",
    "Plan",
    "contains",
    "evaluate",
    "exact_match",
    "percentiles",
    "plain_reply",
    "token_f1",
]
