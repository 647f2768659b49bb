"""From a verdict to who serves, by the reconciler that a serving process runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from aion import night_steps
from inference.adapter_folder import adapter_digest
from inference.adapters import rollback_adapter, set_desired, unload_adapter
from inference.backends.fake import FakeEngine
from inference.erasure import taint
from inference.exceptions import AdapterRejected
from inference.models import Adapter, DesiredState, Examination
from inference.promotion import promote
from inference.reconciler import Reconciler
from inference.registry import adapter_path

pytestmark = pytest.mark.django_db


@pytest.fixture
def serving(settings, tmp_path: Path, make_adapter, monkeypatch):
    """A process that serves `old`, and `new`, which is registered beside it."""
    settings.AION_TRAIN_ROOT = tmp_path / "train"
    rows = []
    for name, value in (("old", 0.1), ("new", 0.2)):
        folder = make_adapter(name, value=value)
        digest = adapter_digest(folder)
        adapter_path(digest).parent.mkdir(parents=True, exist_ok=True)
        folder.rename(adapter_path(digest))
        rows.append(Adapter.objects.create(name=name, digest=digest, base_model="m", rank=2, size_bytes=1))
    engine = FakeEngine()
    engine.load()
    reconciler = Reconciler(engine)
    monkeypatch.setattr("inference.serving.local_reconciler", lambda: reconciler)
    set_desired(rows[0].pk)
    reconciler.reconcile()
    yield rows
    FakeEngine.reset()


def in_force() -> DesiredState:
    return DesiredState.objects.filter(outcome="served").latest("id")


def states() -> dict[str, str]:
    return dict(Adapter.objects.values_list("name", "state"))


def examined(candidate: Adapter, champion: Adapter | None, *, better: bool) -> Examination:
    return Examination.objects.create(candidate=candidate, champion=champion, state="done", promote=better)


def test_the_better_one_serves_and_going_back_turns_the_states_again(serving) -> None:
    old, new = serving
    row = examined(new, old, better=True)
    promote(row.pk)
    row.refresh_from_db()
    assert in_force().adapter == new
    assert states() == {"old": "retired", "new": "champion"}
    assert row.promoted_at
    assert row.overruled_by is None
    rollback_adapter()
    assert states() == {"old": "champion", "new": "retired"}


def test_one_that_lost_serves_only_under_a_name_and_with_a_reason(serving) -> None:
    old, new = serving
    row, ana = examined(new, old, better=False), User.objects.create_user("ana")
    for by, reason in ((None, "quero"), (ana, "  ")):
        with pytest.raises(AdapterRejected):
            promote(row.pk, by=by, reason=reason)
    assert states() == {"old": "champion", "new": "candidate"}
    promote(row.pk, by=ana, reason="campanha de verão")
    row.refresh_from_db()
    assert (row.overruled_by, row.overruled_reason) == (ana, "campanha de verão")
    assert in_force().reason == "overruled: campanha de verão"


def test_one_that_learned_from_what_was_erased_since_is_not_promoted(serving) -> None:
    old, new = serving
    row = examined(new, old, better=True)
    taint([new.pk], reason="erasure")
    with pytest.raises(AdapterRejected, match="apagados depois"):
        promote(row.pk)
    assert in_force().adapter == old


def test_a_verdict_about_another_champion_is_stale(serving) -> None:
    _old, new = serving
    with pytest.raises(AdapterRejected):
        promote(examined(new, None, better=True).pk)


def test_one_that_cannot_be_loaded_leaves_the_old_one_and_says_so(serving) -> None:
    old, new = serving
    FakeEngine.rejected_digests.add(new.digest)
    row = examined(new, old, better=True)
    with pytest.raises(AdapterRejected, match="refuses this adapter"):
        promote(row.pk)
    row.refresh_from_db()
    assert row.promoted_at is None
    assert states() == {"old": "champion", "new": "candidate"}


def test_where_the_base_serves_alone_nobody_is_champion(serving) -> None:
    unload_adapter()
    assert states()["old"] == "retired"


def test_a_night_that_was_cut_short_after_the_swap_notes_the_promotion_and_swaps_no_more(serving) -> None:
    old, new = serving
    set_desired(new.pk)
    row = examined(new, old, better=True)
    wishes = DesiredState.objects.count()
    night_steps.promote(row.pk)
    row.refresh_from_db()
    assert row.promoted_at
    assert DesiredState.objects.count() == wishes
