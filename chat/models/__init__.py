"""What the chat keeps: conversations, API keys, revisions of its settings, calibrations, evaluations. Rows only; no
decisions. A module a subject."""

from chat.models.conversations import ApiKey, Conversation, Message
from chat.models.evaluations import EvaluationAnswer, EvaluationFloor, EvaluationRun
from chat.models.probabilities import Calibration
from chat.models.revisions import ChatSettings, ChatSettingsRevision, GroupPolicyRevision, Revision, between

__all__ = [
    "ApiKey",
    "Calibration",
    "ChatSettings",
    "ChatSettingsRevision",
    "Conversation",
    "EvaluationAnswer",
    "EvaluationFloor",
    "EvaluationRun",
    "GroupPolicyRevision",
    "Message",
    "Revision",
    "between",
]
