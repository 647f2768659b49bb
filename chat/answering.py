"""The path of one question, streamed or not. Reads as the story it is; each step lives in a module of its own."""

from __future__ import annotations

from chat.answers import (
    Answer,
    AnswerPart,
    Asker,
    Question,
    Replaced,
    SentenceReleased,
    Source,
    SourcesFound,
    StillWaiting,
)

__all__ = [
    "Answer",
    "AnswerPart",
    "Asker",
    "Question",
    "Replaced",
    "SentenceReleased",
    "Source",
    "SourcesFound",
    "StillWaiting",
]
