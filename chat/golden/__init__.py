"""Golden questions, whose answer and source are known: `files` reads them, `installed` has those of the panel,
`scratch` gives their documents a place to be searched in, `sources` finds where there each answer stands.
"""

from chat.golden.files import read_golden
from chat.golden.installed import InstalledQuestion, installed_questions, installed_set
from chat.golden.questions import GoldenQuestion, GoldenSet, only_split
from chat.golden.scratch import INSTALLED, leave_out_installed, places_to_search, scratch, sweep
from chat.golden.sources import Source, find_sources

__all__ = [
    "INSTALLED",
    "GoldenQuestion",
    "GoldenSet",
    "InstalledQuestion",
    "Source",
    "find_sources",
    "installed_questions",
    "installed_set",
    "leave_out_installed",
    "only_split",
    "places_to_search",
    "read_golden",
    "scratch",
    "sweep",
]
