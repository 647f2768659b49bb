"""Examining adapters: the frozen questions through the chat's own search, packing, drafting and check, for candidate,
champion and base alike.

`questions` says what is asked, `prompts` makes of it what the models are given, `asking` writes their answers down,
`marking` judges them, `running` is the whole, and `launching` starts it in a process of its own.
"""

from chat.examination.launching import examine
from chat.examination.questions import ExamQuestion

__all__ = ["ExamQuestion", "examine"]
