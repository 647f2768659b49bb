"""Desired state, live reports, and what another process is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from inference import adapters, serving, wire
from inference.adapter_folder import CARD, WEIGHTS, AdapterFacts, adapter_digest, check_base
from inference.backends.fake import FakeEngine, ScriptedReply
from inference.engine import EngineState, EngineStatus, GenerationRequest, GenerationResult, Message, ServedAdapter
from inference.erasure import taint
from inference.exceptions import (
    AdapterRejected,
    DeadlineExceeded,
    EngineBusy,
    EngineUnavailable,
    InferenceError,
    PromptTooLong,
)
from inference.models import Adapter, DesiredState, ProcessReport
from inference.reconciler import Reconciler
from inference.registry import adapter_path
from inference.serving_words import failure_in_words, served_rows

pytestmark = pytest.mark.django_db
Make = Callable[..., Path]
REQUEST = GenerationRequest((Message("user", "Olá"),), stop=("fim",), seed=3)


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A base model that is only an identity, a registry of its own, and no default adapter."""
    monkeypatch.setattr(adapters, "base_model_path", lambda: tmp_path)
    monkeypatch.setattr(adapters, "base_sha256", lambda folder: "aa")
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", tmp_path / "train")
    monkeypatch.setattr(settings, "AION_ADAPTER_DIR", str(tmp_path / "none"))
    FakeEngine.reset()
    yield
    FakeEngine.reset()


@pytest.fixture
def serving_process(monkeypatch: pytest.MonkeyPatch) -> Reconciler:
    """This process as the one that serves."""
    engine = FakeEngine()
    engine.load()
    reconciler = Reconciler(engine)
    monkeypatch.setattr(serving, "_engine", engine)
    monkeypatch.setattr(serving, "_reconciler", reconciler)
    return reconciler


def test_the_same_bytes_are_one_adapter(make_adapter: Make) -> None:
    first, again = adapters.register(make_adapter("a")), adapters.register(make_adapter("b"))
    assert first == again
    assert sorted(file.name for file in adapter_path(first.digest).iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_an_adapter_of_another_base_is_not_registered(make_adapter: Make) -> None:
    with pytest.raises(AdapterRejected):
        adapters.register(make_adapter(base_sha256="bb"))
    assert not Adapter.objects.exists()


def test_a_name_longer_than_a_row_holds_is_cut(make_adapter: Make) -> None:
    folder = make_adapter()
    (folder / CARD).write_text(json.dumps({"name": "a" * 500}))
    assert adapters.register(folder).name == "a" * 120


@pytest.mark.parametrize("name", ["\u202e\u200b", "  ", ""])
def test_a_name_of_which_nothing_shows_is_left_out(make_adapter: Make, name: str) -> None:
    folder = make_adapter("seen")
    (folder / CARD).write_text(json.dumps({"name": name}))
    assert adapters.register(folder, name=name).name == "seen"
    unseen = folder.rename(folder.with_name("\u200b"))
    Adapter.objects.all().delete()
    registered = adapters.register(unseen)
    assert registered.name == registered.digest[:12]


def test_files_that_change_after_they_were_checked_do_not_get_into_the_registry(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was checked is what is kept."""
    folder, other = make_adapter("a"), make_adapter("b", value=0.1)
    digest = adapter_digest(folder)

    def swap(facts: AdapterFacts, base_digest: str) -> None:
        check_base(facts, base_digest)
        shutil.copyfile(other / WEIGHTS, folder / WEIGHTS)

    monkeypatch.setattr("inference.adapters.check_base", swap)
    registered = adapters.register(folder)
    assert registered.digest == digest == adapter_digest(adapter_path(digest))


def test_reload_merge_and_rollback_are_served_and_reported(make_adapter: Make, serving_process: Reconciler) -> None:
    first, second = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    adapters.reload_adapter(first.pk)
    adapters.reload_adapter(second.pk)
    adapters.merge_adapter()
    assert [(report.adapter_digest, report.merged) for report in adapters.serving_report()] == [(second.digest, True)]
    adapters.rollback_adapter()
    assert serving.engine_status().adapter_digest == second.digest
    assert not serving.engine_status().merged
    assert Adapter.objects.get(state=Adapter.State.CHAMPION) == second


def test_the_base_serves_alone_and_the_adapter_comes_back(make_adapter: Make, serving_process: Reconciler) -> None:
    adapter = adapters.register(make_adapter("a"))
    adapters.reload_adapter(adapter.pk)
    adapters.unload_adapter()
    assert serving.engine_status().adapter_digest == ""
    with pytest.raises(AdapterRejected) as caught:
        adapters.unload_adapter()
    assert caught.value.code == "nothing_to_unload"
    adapters.rollback_adapter()
    assert serving.engine_status().adapter_digest == adapter.digest


def test_going_back_passes_by_what_learned_from_erased_data(make_adapter: Make, serving_process: Reconciler) -> None:
    first, tainted, last = (adapters.register(make_adapter(name, value=0.1 * n)) for n, name in enumerate("abc"))
    for adapter in (first, tainted, last):
        adapters.reload_adapter(adapter.pk)
    taint([tainted.pk], reason="pedido de exclusão")
    adapters.rollback_adapter()
    assert serving.engine_status().adapter_digest == first.digest


def test_a_merge_is_undone(make_adapter: Make, serving_process: Reconciler) -> None:
    adapter = adapters.register(make_adapter("a"))
    adapters.reload_adapter(adapter.pk)
    with pytest.raises(AdapterRejected) as caught:
        adapters.unmerge_adapter()
    assert caught.value.code == "not_merged"
    adapters.merge_adapter()
    adapters.unmerge_adapter()
    status = serving.engine_status()
    assert (status.adapter_digest, status.merged) == (adapter.digest, False)


def test_an_adapter_that_never_served_is_deleted_with_its_files_and_failed_attempts(
    make_adapter: Make, serving_process: Reconciler, django_capture_on_commit_callbacks: Any
) -> None:
    bad = adapters.register(make_adapter("a"))
    FakeEngine.rejected_digests.add(bad.digest)
    with pytest.raises(AdapterRejected):
        adapters.reload_adapter(bad.pk)
    with django_capture_on_commit_callbacks(execute=True):
        adapters.delete_adapter(bad.pk)
    assert not Adapter.objects.exists()
    assert not adapter_path(bad.digest).exists()
    assert adapters.register(make_adapter("b")).digest == bad.digest, "the same bytes can be registered anew"


def test_an_adapter_that_served_is_kept(make_adapter: Make, serving_process: Reconciler) -> None:
    first, second = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    for adapter in (first, second):
        adapters.reload_adapter(adapter.pk)
    for adapter in (first, second):
        with pytest.raises(AdapterRejected) as caught:
            adapters.delete_adapter(adapter.pk)
        assert caught.value.code == "in_use"
        assert adapter_path(adapter.digest).is_dir()


def test_it_is_told_what_serves_since_when_why_and_by_whom(
    make_adapter: Make, serving_process: Reconciler, admin_user: Any
) -> None:
    good, bad = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    adapters.reload_adapter(good.pk, by=admin_user)
    FakeEngine.rejected_digests.add(bad.digest)
    with pytest.raises(AdapterRejected):
        adapters.reload_adapter(bad.pk)
    (row,) = served_rows()
    assert (row.digest, row.by, row.reason) == (good.digest, "admin", "carregado a pedido")
    assert row.since == DesiredState.objects.get(adapter=good).created_at
    failed = adapters.last_failure()
    assert failed is not None
    assert "the test refuses this adapter" in failure_in_words(failed)


def test_a_refused_adapter_leaves_the_old_one_in_force(make_adapter: Make, serving_process: Reconciler) -> None:
    good, bad = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    adapters.reload_adapter(good.pk)
    FakeEngine.rejected_digests.add(bad.digest)
    with pytest.raises(AdapterRejected):
        adapters.reload_adapter(bad.pk)
    assert serving.engine_status().adapter_digest == good.digest
    desired = adapters.desired_state()
    assert desired is not None
    assert desired.adapter == good
    assert DesiredState.objects.first().outcome == DesiredState.Outcome.FAILED  # type: ignore[union-attr]  # it exists


def test_a_process_that_makes_an_adapter_ready_is_not_taken_for_dead(
    serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a command would take the change for made: with no process alive it is left to the next start."""
    reported, heard = threading.Event(), list[bool]()
    monkeypatch.setattr("inference.reconciler.HEARTBEAT_S", 0.01)
    monkeypatch.setattr(serving_process, "_report", reported.set)
    monkeypatch.setattr(serving_process._engine, "serve_adapter", lambda _adapter: heard.append(reported.wait(5)))
    adapters.set_desired(None)
    serving_process.reconcile()
    assert heard == [True]


def test_a_wish_that_was_given_up_is_not_served_after_all(
    make_adapter: Make, serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, late = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    adapters.reload_adapter(good.pk)
    serve = serving_process._engine.serve_adapter

    def serve_late(adapter: ServedAdapter | None) -> None:
        serve(adapter)
        if adapter is not None and adapter.digest == late.digest:
            adapters.fail(wish, AdapterRejected("not_reached", "too late"))

    monkeypatch.setattr(serving_process._engine, "serve_adapter", serve_late)
    wish = adapters.set_desired(late.pk)
    serving_process.reconcile()
    wish.refresh_from_db()
    assert wish.outcome == DesiredState.Outcome.FAILED
    serving_process.reconcile()
    assert serving.engine_status().adapter_digest == good.digest
    assert Adapter.objects.get(state=Adapter.State.CHAMPION) == good


def test_whoever_is_overtaken_is_told_at_once_and_nothing_has_failed(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    ProcessReport.objects.create(
        process="another", state="swapping", started_at=timezone.now(), heartbeat_at=timezone.now()
    )
    looks = list[float]()

    def overtake(seconds: float) -> None:
        looks.append(seconds)
        adapters.set_desired(second.pk)

    monkeypatch.setattr(adapters, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=overtake))
    with pytest.raises(AdapterRejected) as caught:
        adapters.reload_adapter(first.pk)
    assert (caught.value.code, len(looks)) == ("superseded", 1)
    assert DesiredState.objects.get(adapter=first).outcome == DesiredState.Outcome.SUPERSEDED
    assert adapters.last_failure() is None
    newest = adapters.desired_state()
    assert newest is not None
    adapters.fail(newest, AdapterRejected("not_reached", "too late"))
    assert adapters.desired_state() is None, "who was overtaken has been told so, and does not come back"


def test_who_asks_while_another_thread_is_at_it_does_not_wait_and_is_heeded(
    make_adapter: Make, serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    report, asked = serving_process._report, list[DesiredState]()

    def ask_at_the_last_moment() -> None:
        report()
        if not asked:
            asked.append(adapters.set_desired(second.pk))
            serving_process.reconcile()

    monkeypatch.setattr(serving_process, "_report", ask_at_the_last_moment)
    adapters.set_desired(first.pk)
    serving_process.reconcile()
    assert serving.engine_status().adapter_digest == second.digest


@pytest.mark.parametrize(("state", "code"), [("swapping", ""), ("ready", "not_reached")])
def test_a_long_merge_is_waited_for_and_a_process_that_does_nothing_is_not(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch, state: str, code: str
) -> None:
    adapter = adapters.register(make_adapter("a"))
    report = ProcessReport.objects.create(
        process="another", state=state, started_at=timezone.now(), heartbeat_at=timezone.now()
    )
    looks = list[float]()

    def look(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 10:
            ProcessReport.objects.filter(pk=report.pk).update(reached=DesiredState.objects.first())

    monkeypatch.setattr(adapters, "PATIENCE_S", 1.0)
    monkeypatch.setattr(
        adapters, "time", SimpleNamespace(monotonic=lambda: len(looks) * adapters._LOOK_EVERY_S, sleep=look)
    )
    told = ""
    try:
        adapters.reload_adapter(adapter.pk)
    except AdapterRejected as exc:
        told = exc.code
    assert told == code


def test_nothing_answers_before_what_was_wished_for_serves(
    make_adapter: Make, serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was killed comes back with the base model, which must not answer in the adapter's place."""
    adapter, seen = adapters.register(make_adapter("a")), list[EngineState]()
    serve = serving_process._engine.serve_adapter

    def serve_watched(wished: ServedAdapter | None) -> None:
        seen.append(serving.engine_status().state)
        with pytest.raises(EngineUnavailable, match="not loaded yet"):
            serving.get_engine()
        serve(wished)

    monkeypatch.setattr(serving_process._engine, "serve_adapter", serve_watched)
    adapters.set_desired(adapter.pk)
    assert serving.engine_status().state == EngineState.LOADING
    serving_process.reconcile()
    assert seen == [EngineState.LOADING]
    assert serving.engine_status().state == EngineState.READY
    assert serving.get_engine().status().adapter_digest == adapter.digest


def test_after_a_refusal_at_the_start_what_served_before_answers_first(
    make_adapter: Make, serving_process: Reconciler
) -> None:
    good, bad = adapters.register(make_adapter("a")), adapters.register(make_adapter("b", value=0.1))
    FakeEngine.rejected_digests.add(bad.digest)
    adapters.set_desired(good.pk)
    adapters.set_desired(bad.pk)
    serving_process.reconcile()
    assert serving.get_engine().status().adapter_digest == good.digest


@pytest.mark.parametrize("outcome", [DesiredState.Outcome.PENDING, DesiredState.Outcome.SERVED])
def test_an_adapter_whose_loading_ended_two_processes_is_not_tried_by_a_third(
    make_adapter: Make, serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    """A kill for want of memory tells nobody: without an end, AION would be started again and again for ever."""
    adapter = adapters.register(make_adapter("a"))
    wish = adapters.set_desired(adapter.pk)
    DesiredState.objects.filter(pk=wish.pk).update(outcome=outcome)
    tries = list[object]()

    def be_killed(wished: ServedAdapter | None) -> None:
        tries.append(wished)
        raise SystemExit

    for _start in range(3):
        reconciler = Reconciler(serving_process._engine)
        with monkeypatch.context() as patch, suppress(SystemExit):
            patch.setattr(serving_process._engine, "serve_adapter", be_killed)
            reconciler.reconcile()
    assert len(tries) == 2
    status = reconciler.status()
    assert (status.state, status.adapter, "terminou" in status.error) == (EngineState.READY, "", True)
    if outcome == DesiredState.Outcome.PENDING:
        wish.refresh_from_db()
        assert (wish.outcome, wish.error_code) == (DesiredState.Outcome.FAILED, "process_ended")


def test_an_engine_that_fails_in_another_way_is_waited_for_however_long(
    make_adapter: Make, serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a server of the owner's that is still starting: nothing answers, and the wish is not given up."""

    def be_away(wished: ServedAdapter | None) -> None:
        raise EngineUnavailable("the server does not answer")

    adapter = adapters.register(make_adapter("a"))
    adapters.set_desired(adapter.pk)
    with monkeypatch.context() as patch:
        patch.setattr(serving_process._engine, "serve_adapter", be_away)
        for _heartbeat in range(4):
            with pytest.raises(EngineUnavailable):
                serving_process.reconcile()
            assert serving.engine_status().state == EngineState.LOADING
    serving_process.reconcile()
    assert serving.engine_status().adapter_digest == adapter.digest


def test_one_that_came_through_is_tried_anew_however_often_processes_ended(
    make_adapter: Make, serving_process: Reconciler
) -> None:
    adapters.set_desired(adapters.register(make_adapter("a")).pk)
    for _start in range(4):
        serving_process._engine.serve_adapter(None)
        reconciler = Reconciler(serving_process._engine)
        reconciler.reconcile()
        assert reconciler.status().adapter == "a"


def test_whatever_keeps_the_engine_from_being_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ImportError("no such library")

    for name, value in (("_engine", None), ("_serves", True), ("_error", ""), ("_configured_engine", fail)):
        monkeypatch.setattr(serving, name, value)
    serving._load_and_follow()
    status = serving.engine_status()
    assert (status.state, status.error) == (EngineState.FAILED, "no such library")
    with pytest.raises(EngineUnavailable, match="no such library"):
        serving.get_engine()


def test_a_bare_reload_without_a_folder_says_so(serving_process: Reconciler) -> None:
    with pytest.raises(AdapterRejected) as caught:
        adapters.reload_adapter()
    assert caught.value.code == "not_found"


def test_the_first_start_serves_the_default_adapter(
    make_adapter: Make, serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "AION_ADAPTER_DIR", str(make_adapter("default")))
    serving_process.reconcile()
    assert serving.engine_status().adapter == "default"


def test_a_command_before_any_start_serves_the_default_adapter(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "AION_ADAPTER_DIR", str(make_adapter("default")))
    engine = serving._engine_of_a_command()
    assert engine.status().adapter == "default"
    assert not DesiredState.objects.exists()
    assert not Adapter.objects.exists()


def test_a_bad_default_adapter_leaves_the_base_serving(
    make_adapter: Make, serving_process: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "AION_ADAPTER_DIR", str(make_adapter("default", value=float("nan"))))
    serving_process.reconcile()
    assert serving.engine_status().adapter == ""


def test_there_is_nothing_to_merge_without_an_adapter() -> None:
    with pytest.raises(AdapterRejected) as caught:
        adapters.merge_adapter()
    assert caught.value.code == "nothing_to_merge"


def over_the_wire(body: str) -> list[Any]:
    return [wire.decode_line(line) for line in wire.serve(FakeEngine(), body, lambda: False)]


def test_what_crosses_the_wire_arrives_as_it_was() -> None:
    FakeEngine.script("Olá, visitante.")
    status, *_deltas, result = over_the_wire(wire.encode_request(REQUEST))
    assert isinstance(status, EngineStatus)
    assert isinstance(result, GenerationResult)
    assert result.text == "Olá, visitante."
    assert FakeEngine.requests == [REQUEST]


@pytest.mark.parametrize("error", [EngineBusy(7), DeadlineExceeded("late"), PromptTooLong(9, 1, 8)])
def test_errors_cross_the_wire_as_themselves(error: InferenceError) -> None:
    FakeEngine.script(ScriptedReply("Olá", error=error))
    with pytest.raises(type(error)) as caught:
        over_the_wire(wire.encode_request(REQUEST))
    assert str(caught.value) == str(error)


@pytest.mark.parametrize("body", ["", "[]", '{"generate": {}}', '{"generate": {"messages": [1], "priority": "chat"}}'])
def test_a_foreign_body_is_a_value_error(body: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        list(wire.serve(FakeEngine(), body, lambda: False))


def test_tokens_are_counted_over_the_wire() -> None:
    _status, count = over_the_wire(wire.encode_count("um dois três"))
    assert count == 3


def test_nothing_heavy_is_imported_where_no_model_is_used() -> None:
    program = (
        "import sys, django; django.setup(); import inference.serving, inference.backends.fake, inference.adapters, "
        "inference.training, inference.views; from django.core.management import call_command; "
        "call_command('check'); import json; "
        "heavy = ('torch', 'transformers', 'peft', 'trl', 'openai'); "
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
