"""What can go wrong while answering, beyond what the other rooms raise. `chat.errors` maps it to HTTP."""

from __future__ import annotations

from chat.router import Paid


class ChatError(Exception):
    """Base of the room's errors."""


class InvalidQuestion(ChatError):
    """The question cannot be asked as it is. `field` names what is wrong; the message is for the person who asked."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class PermissionRefused(ChatError):
    """The asker may not choose tau or force the fallback. `field` names which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class ModelUnknown(ChatError):
    """No model has this name; or it exists, and `serving` is what answers now."""

    def __init__(self, model_id: str, serving: str = "") -> None:
        super().__init__(model_id)
        self.model_id = model_id
        self.serving = serving


class FallbackFailed(ChatError):
    """The paid API did not give an answer. `reason` is a stable code: `timeout`, `quota`, `refused`, `unreachable`,
    `server_error`, `interrupted`, `malformed`, `personal_data`, `unconfigured`, `circuit_open`. `status` is HTTP's
    where one was given; `again_in_s` says that the call certainly cost nothing and may soon be repeated."""

    def __init__(
        self, reason: str, message: str = "", *, status: int | None = None, again_in_s: float | None = None
    ) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.status = status
        self.again_in_s = again_in_s


class FallbackUnavailable(ChatError):
    """Nothing was sent and nothing spent, for the reason that `paid` says."""

    def __init__(self, paid: Paid) -> None:
        super().__init__(paid)
        self.paid = paid


class CalibrationRefused(ChatError):
    """Too little data, or data of one class only, to fit a confidence."""


class InvalidSettings(ChatError):
    """A change of settings is out of range. `field` names which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class GoldenFileInvalid(ChatError):
    """A file of golden questions that cannot be used; the message names the line and what is wrong."""


class DocumentNotWritten(ChatError):
    """What was written for a gap could not become a document; the message says why, in the writer's language."""


class EvaluationRefused(ChatError):
    """An evaluation cannot begin now; the message is for people."""
