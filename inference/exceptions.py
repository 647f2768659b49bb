"""What can go wrong in this room. Other rooms map these to codes and sentences."""

from __future__ import annotations


class InferenceError(Exception):
    """Base of the room's errors."""


class EngineBusy(InferenceError):
    """The queue is full; nothing was done."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"engine busy, retry after {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class DeadlineExceeded(InferenceError):
    """The request's deadline passed before the answer was complete."""


class GenerationCancelled(InferenceError):
    """Whoever asked went away."""


class EngineUnavailable(InferenceError):
    """No model is loaded, or the server that holds it does not answer."""


class ModelNotFound(EngineUnavailable):
    """The configured base model does not exist or cannot be read."""


class GenerationFailed(InferenceError):
    """The model failed on this request; the engine may still serve others."""


class PromptTooLong(GenerationFailed):
    """Prompt and answer do not fit into the model's window."""

    def __init__(self, prompt_tokens: int, answer_tokens: int, window: int) -> None:
        super().__init__(
            f"{prompt_tokens} tokens of prompt and {answer_tokens} of answer exceed the window of {window}"
        )
        self.prompt_tokens, self.answer_tokens, self.window = prompt_tokens, answer_tokens, window


class AdapterRejected(InferenceError):
    """An adapter cannot be registered or served. `code` is stable; the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ExaminationRefused(InferenceError):
    """An examination cannot be made now; the message says why."""


class TrainingFailed(InferenceError):
    """The training did not end with an adapter; the message says why."""


class TrainingRefused(InferenceError):
    """The training was not begun or not taken up again, and nothing changed; the message says why."""


class TrainingStopped(InferenceError):
    """The training was asked to stop; its last checkpoint says where it goes on."""
