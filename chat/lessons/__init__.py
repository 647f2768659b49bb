"""What a night learns from: the training selection, and the questions kept from it for the examination.

`sources` reads what people said, `lesson` makes of it a question with its passages and what is right, `gathering` says
which of them may be taught, `rows` packs and masks one, `selection` chooses among them, `building` writes the set.
"""

from django.utils import timezone

from chat.lessons.building import BuiltSet, build, build_from
from chat.lessons.gathering import ExaminationQuestion, Material, examination_from, material
from chat.lessons.sources import KnownQuestion, ReviewedAnswer
from chat.lessons.split import is_held_out

__all__ = [
    "BuiltSet",
    "ExaminationQuestion",
    "KnownQuestion",
    "Material",
    "ReviewedAnswer",
    "build",
    "build_from",
    "examination_from",
    "examination_questions",
    "is_held_out",
]


def examination_questions() -> tuple[ExaminationQuestion, ...]:
    """Golden questions and reviewed answers about documents that are never trained on, each question once."""
    return examination_from(material(timezone.now()))
