"""The laboratory's figures in words."""

from __future__ import annotations

import pytest
from django.utils import translation

from chat.tau_lab.forecast import Share
from chat.tau_lab.screen import NBSP, choice_in_words, percent
from chat.tau_lab.target import Choice, Judged


@pytest.mark.parametrize(("share", "words"), [(0.696, "70"), (0.304, "30"), (1.0, "100"), (0.004, "0")])
def test_shares_are_rounded_so_that_they_add_up(share: float, words: str) -> None:
    assert percent(Share(share, share, share)) == f"{words}{NBSP}%"


def test_an_interval_stands_in_brackets() -> None:
    assert percent(Share(0.7, 0.651, 0.749)) == f"70{NBSP}% (65–75{NBSP}%)"


def test_what_is_proven_is_never_said_to_be_less_than_it_is() -> None:
    with translation.override("pt-br"):
        said = choice_in_words(Choice(0.05, 0.62, Judged(0.62, 300, 6), 0.0421, 0))
    assert "4,3 %" in said["sentence"]
    assert said["tau"] == 0.62
