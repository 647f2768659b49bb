"""Models kept for a swap back, and made without getting in the way of decoding."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref

import pytest
from django.utils import translation

from inference.backends.preparation import KEPT_MODELS, NICENESS, PreparedModels, in_background
from inference.engine import ServedAdapter
from inference.exceptions import AdapterRejected


class Model:
    """Something that can be counted."""


def adapter(digest: str, *, merged: bool = False) -> ServedAdapter:
    return ServedAdapter(digest, digest, "", merged)


def test_going_back_makes_nothing_anew() -> None:
    models = PreparedModels()
    first, second = models.model_with(adapter("a"), Model), models.model_with(adapter("b"), Model)
    assert models.model_with(adapter("a"), Model) is first
    assert models.model_with(adapter("b"), Model) is second


def test_merged_is_another_model() -> None:
    models = PreparedModels()
    plain = models.model_with(adapter("a"), Model)
    assert models.model_with(adapter("a", merged=True), Model) is not plain


def test_while_one_is_made_what_serves_is_the_only_other() -> None:
    models = PreparedModels()
    living = weakref.WeakSet[Model]()
    counted: list[int] = []

    def make() -> Model:
        gc.collect()
        model = Model()
        living.add(model)
        counted.append(len(living))
        return model

    for digest in "abcd":
        models.model_with(adapter(digest), make)
    assert max(counted) == KEPT_MODELS
    serving = models.model_with(adapter("d"), make)
    assert serving in living
    assert len(counted) == 4


def test_a_refusal_keeps_what_serves_and_speaks_the_language_of_whoever_asked() -> None:
    models = PreparedModels()
    serving = models.model_with(adapter("a"), Model)

    def refuse() -> Model:
        raise AdapterRejected("torn", translation.get_language() or "")

    with translation.override("en"), pytest.raises(AdapterRejected, match=r"^en$"):
        models.model_with(adapter("b"), refuse)
    assert models.model_with(adapter("a"), Model) is serving


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_it_is_made_at_a_lower_priority() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness()
    assert in_background(niceness) == min(before + NICENESS, 19)
    assert niceness() == before
