"""One light of the panel's first page: the state of a part, in a sentence, and where it is mended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _


class Level(StrEnum):
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Light:
    """One part's state; `link` leads to where it is mended or read about."""

    title: str
    level: Level
    sentence: str
    link: str
    link_text: str

    @property
    def level_text(self) -> str:
        """The colour in words, for those who do not see it."""
        return {Level.GREEN: _("in order"), Level.AMBER: _("attention"), Level.RED: _("problem")}[self.level]
