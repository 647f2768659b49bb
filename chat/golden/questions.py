"""Golden questions as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from chat.exceptions import GoldenFileInvalid


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """A question, what answers it, and where: `document` is a title or file name, `passage` the text ("" unknown).

    `elsewhere` are further pairs of both, where an answer needs more than one passage. `split`, `kind` and `set_name`
    are the file's own marks ("" where it has none); `earlier` are the questions it leans on, oldest first.
    """

    text: str
    answers: tuple[str, ...]
    document: str
    passage: str
    answerable: bool | None
    split: str = ""
    kind: str = ""
    earlier: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()
    set_name: str = ""

    @property
    def follows_up(self) -> bool:
        """Whether it can be understood only after what was asked before."""
        return bool(self.earlier)


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """The questions of a file, and the documents it brings along: passages by title, in order.

    `complete`: those documents are the file's own, whatever else is installed under their names (SQuAD).
    """

    name: str
    questions: tuple[GoldenQuestion, ...]
    documents: Mapping[str, tuple[str, ...]]
    complete: bool = False


def only_split(golden: GoldenSet, split: str) -> GoldenSet:
    """With the questions that the file marks with `split`, and those it marks with none; all where `split` is "".

    Raises `GoldenFileInvalid` where that leaves nothing.
    """
    questions = tuple(row for row in golden.questions if not split or row.split in ("", split))
    if not questions:
        message = _("%(name)s holds no question of the split “%(split)s”.")
        raise GoldenFileInvalid(message % {"name": golden.name, "split": split})
    return replace(golden, questions=questions)
