"""Datasets: whole or not at all, masked, described, and loadable as they are."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from benchmarks.planted_identifiers import leaked, planted
from telemetry import dataset, export, export_jobs, masking, pii, provenance
from telemetry.events import rewriting
from telemetry.exceptions import DiskFull, ExportFailed, ExportRunning, MaskingStopped
from telemetry.export import Selection, export_dataset, write_rolling_jsonl
from telemetry.formats import FORMATS
from telemetry.locks import exporting_alone
from telemetry.masking import mask as _mask
from telemetry.models import DatasetExport, Event
from telemetry.tasks import nightly_export, run_export

from .answers import TENANT, record_answer
from .test_feedback import vote_on

NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)
EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
PATIENCE_S = 120


def export_all(
    target: Path,
    *,
    tenant: str = TENANT,
    since: datetime = EVER[0],
    until: datetime = EVER[1],
    formats: Sequence[str] = ("messages",),
    include_provider: bool = False,
) -> export.ExportResult:
    chosen = Selection(tenant, since, until, include_provider)
    with exporting_alone(tenant):
        return export_dataset(chosen, target=target, formats=formats)


def a_minute_ago() -> datetime:
    """A window that ends now leaves out what was recorded in this very millisecond."""
    return timezone.now() - timedelta(minutes=1)


def record_many_answers() -> None:
    """More than 20 kB of them."""
    for number in range(60):
        record_answer(f"P{number}?", "R" * 400, at=a_minute_ago(), number=number)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def target(tmp_path):
    return tmp_path / "datasets" / "one"


@pytest.mark.django_db
class TestRows:
    def test_an_answer_becomes_messages_with_provenance(self, target):
        answer = record_answer("Quanto custa?", "Custa 90 euros [1].", adapterDigest="abc", model="m", mode="quote")
        result = export_all(target)
        (row,) = lines(target / "data.jsonl")
        assert row["messages"] == [
            {"role": "user", "content": "Quanto custa?"},
            {"role": "assistant", "content": "Custa 90 euros [1]."},
        ]
        assert (row["id"], row["source"], row["adapter"], row["mode"]) == (str(answer), "local", "abc", "quote")
        assert result.rows == 1

    def test_personal_data_is_masked_and_the_asker_not_named(self, target):
        record_answer("Sou a Ana Lima, CPF 529.982.247-25", "Olá, Ana Lima!")
        manifest = export_all(target).manifest
        (row,) = lines(target / "data.jsonl")
        assert [m["content"] for m in row["messages"]] == ["Sou a [NOME_1], CPF [CPF_1]", "Olá, [NOME_1]!"]
        assert not {"userId", "keyId", "conversationId"} & set(row)
        assert manifest["masked"] == {"CPF": 1, "NOME": 1}

    @pytest.mark.parametrize(
        ("reason", "meta"),
        [
            ("failed", {"status": "failed", "error": "engine_busy"}),
            ("abstained", {"source": "abstain"}),
            ("provider", {"source": "fallback"}),
            ("doubtful", {"reason": "low_confidence_warned"}),
            ("ungrounded", {"grounded": False}),
        ],
    )
    def test_what_is_left_out_is_counted_and_named(self, target, reason, meta):
        answer = record_answer("Pergunta?", "Resposta.", **meta)
        manifest = export_all(target).manifest
        assert (manifest["rows"], manifest["considered"]) == (0, 1)
        assert manifest["excluded"] == {reason: {"rows": 1, "examples": [str(answer)]}}

    def test_an_empty_reply_is_left_out(self, target):
        record_answer("Pergunta?", " ")
        assert export_all(target).manifest["excluded"]["empty"]["rows"] == 1

    def test_more_answers_than_a_batch_are_all_exported_in_order(self, target, monkeypatch):
        monkeypatch.setattr(dataset, "BATCH", 3)
        for number in range(8):
            record_answer(f"P{number}?", "R.")
        export_all(target, formats=["alpaca"])
        assert [row["instruction"] for row in lines(target / "data.jsonl")] == [f"P{number}?" for number in range(8)]

    def test_disliked_answers_are_left_out_and_liked_ones_say_so(self, target):
        vote_on(record_answer("Boa?", "Boa."), 1)
        vote_on(record_answer("Ruim?", "Ruim."), -1)
        manifest = export_all(target).manifest
        assert [row["vote"] for row in lines(target / "data.jsonl")] == [1]
        assert manifest["excluded"]["disliked"]["rows"] == 1

    def test_a_provider_answer_is_exported_only_when_asked_for(self, target):
        record_answer("Pergunta?", "Resposta.", source="fallback")
        assert export_all(target, include_provider=True).rows == 1

    def test_other_tenants_and_other_times_stay_out(self, target):
        record_answer("Antes?", "x", at=NOON - timedelta(milliseconds=1))
        record_answer("Dentro?", "x", at=NOON)
        record_answer("Depois?", "x", at=NOON + timedelta(hours=1))
        assert export_all(target, since=NOON, until=NOON + timedelta(hours=1)).rows == 1
        assert export_all(target.with_name("two"), tenant="other").rows == 0

    def test_the_four_formats(self, target):
        record_answer("P?", "R.")
        export_all(target, formats=["alpaca", "messages", "prompt_completion", "sharegpt"])
        (alpaca,) = lines(target / "data.jsonl")
        assert (alpaca["instruction"], alpaca["input"], alpaca["output"]) == ("P?", "", "R.")
        (pair,) = lines(target / "data.prompt_completion.jsonl")
        assert (pair["prompt"], pair["completion"]) == ("P?", "R.")
        (sharegpt,) = lines(target / "data.sharegpt.jsonl")
        assert sharegpt["conversations"] == [{"from": "human", "value": "P?"}, {"from": "gpt", "value": "R."}]
        assert (target / "data.messages.jsonl").exists()

    def test_it_loads_in_datasets_without_conversion(self, target, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
        from datasets import load_dataset

        record_answer("P?", "R.", C=None)
        record_answer("P2?", "R2.")
        export_all(target)
        loaded = load_dataset(
            "json", data_files=str(target / "data.jsonl"), cache_dir=str(tmp_path / "cache"), split="train"
        )
        assert loaded.num_rows == 2
        assert loaded[0]["messages"][1]["content"] == "R."


@pytest.mark.django_db
class TestPreferences:
    @pytest.fixture
    def staff(self):
        return get_user_model().objects.create_user("ana", is_staff=True).pk

    def test_what_staff_corrected_is_a_pair_masked_alike(self, target, staff):
        vote_on(
            record_answer("Sou a Ana Lima?", "Sim, Joana Prado Lima."), -1, correction="Sim, Ana Lima.", user_id=staff
        )
        manifest = export_all(target).manifest
        (pair,) = lines(target / "preferences.jsonl")
        assert (pair["prompt"], pair["chosen"]) == ("Sou a [NOME_1]?", "Sim, [NOME_1].")
        assert pair["rejected"] == "Sim, [NOME_2]."
        assert (manifest["preferences"], manifest["rows"]) == (1, 0)

    def test_a_correction_by_others_is_none(self, target):
        asker = get_user_model().objects.create_user("rui").pk
        vote_on(record_answer("P?", "R."), 1, correction="Outra.", user_id=asker)
        assert export_all(target).manifest["preferences"] == 0

    def test_an_abstention_has_nothing_to_reject(self, target, staff):
        vote_on(record_answer("P?", "Não sei.", source="abstain"), -1, correction="Sei.", user_id=staff)
        assert export_all(target).manifest["preferences"] == 0


@pytest.mark.django_db
class TestPersonalData:
    def test_planted_identifiers_are_in_no_file(self, target, tmp_path):
        staff = get_user_model().objects.create_user("ana", is_staff=True).pk
        plants = planted(60, 7)
        for number, plant in enumerate(plants):
            asked, said = (plant.text, "Certo.") if number % 2 else ("E agora?", f"Anotei: {plant.text}")
            answer = record_answer(asked, said, at=a_minute_ago(), number=number)
            vote_on(answer, 1, correction=f"Melhor: {plant.text}", user_id=staff, comment=plant.text)
        export_all(target, formats=list(FORMATS))
        write_rolling_jsonl(tmp_path / "events.jsonl", TENANT)
        written = [*target.iterdir(), tmp_path / "events.jsonl"]
        assert {path.name for path in written} >= {"preferences.jsonl", "quarantine.jsonl", "manifest.json"}
        rows = lines(target / "preferences.jsonl")
        assert len(rows) == 60
        for plant, *rest in zip(plants, rows, lines(tmp_path / "events.jsonl"), strict=True):
            assert not list(leaked(plant, json.dumps(rest, ensure_ascii=False)))
        everything = "\n".join(path.read_text() for path in written)
        assert not [value for plant in plants for value in plant.values if len(value) > 5 and value in everything]

    def test_what_cannot_be_masked_is_in_quarantine_by_id_and_kind(self, target, monkeypatch):
        kept, left = record_answer("P?", "R."), record_answer("CPF 529.982.247-25", "R.")
        monkeypatch.setattr(pii, "ROUNDS", 0)
        monkeypatch.setattr(masking, "mask", lambda texts: masking.Masked(texts, ()) if "P?" in texts else _mask(texts))
        manifest = export_all(target).manifest
        assert [row["id"] for row in lines(target / "data.jsonl")] == [str(kept)]
        (named,) = lines(target / "quarantine.jsonl")
        assert named == {"id": str(left), "reason": "personal_data_left", "kinds": ["CPF"]}
        assert manifest["quarantined"] == {"CPF": 1}
        assert manifest["excluded"]["personal_data_left"]["rows"] == 1
        assert "529.982" not in "".join(path.read_text() for path in target.iterdir())

    def test_processes_mask_as_one_does_and_in_order(self):
        texts = [(prompt.text, "Certo.") for prompt in planted(40, 8)]
        batches = [(number, texts[number : number + 8]) for number in range(0, 40, 8)]
        assert list(masking.mask_batches(batches)) == [
            (kept, [_mask(pair) for pair in batch]) for kept, batch in batches
        ]

    def test_a_masker_that_dies_is_an_error_and_no_hole(self):
        def dying():
            for number in range(50):
                if number == 5:
                    for child in multiprocessing.active_children():
                        child.kill()
                yield number, [("Olá", "Olá")] * 50

        with pytest.raises(MaskingStopped):
            list(masking.mask_batches(dying()))


@pytest.mark.django_db
class TestWholeOrNot:
    def test_the_manifest_describes_what_is_there(self, target):
        record_answer("P?", "R.")
        manifest = export_all(target).manifest
        assert json.loads((target / "manifest.json").read_text()) == manifest
        file, *_others = manifest["files"]
        data = (target / file["name"]).read_bytes()
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert "Examinadas: 1; linhas: 1" in (target / "README.md").read_text()

    def test_a_full_disk_is_said_and_leaves_nothing(self, target):
        record_many_answers()
        with _files_of_at_most(8192), pytest.raises(DiskFull, match="cheio"):
            export_all(target)
        assert list(target.parent.iterdir()) == []

    def test_a_full_disk_leaves_the_older_rolling_file(self, tmp_path):
        rolling = tmp_path / "events.jsonl"
        record_answer("P?", "R.")
        write_rolling_jsonl(rolling, TENANT)
        before = rolling.read_bytes()
        record_many_answers()
        with _files_of_at_most(8192), pytest.raises(DiskFull):
            write_rolling_jsonl(rolling, TENANT)
        assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
        assert rolling.read_bytes() == before

    def test_an_existing_folder_is_not_touched(self, target):
        target.mkdir(parents=True)
        (target / "mine").write_text("x")
        with pytest.raises(ExportFailed, match="já existe"):
            export_all(target)
        assert [path.name for path in target.iterdir()] == ["mine"]

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(ExportFailed, match="file"):
            export_all(tmp_path / "file" / "one")

    @pytest.mark.parametrize("wrong", [{"formats": ["parquet"]}, {"formats": []}, {"until": EVER[0]}])
    def test_senseless_requests_are_refused(self, target, wrong):
        with pytest.raises(ExportFailed):
            export_all(target, **wrong)
        assert not target.parent.exists()

    def test_what_a_killed_export_left_is_cleared_by_the_next(self, target):
        killed = target.parent / ".aion-partial-killed"
        killed.mkdir(parents=True)
        (killed / "data.jsonl").write_text("{")
        export_all(target)
        assert [path.name for path in target.parent.iterdir()] == ["one"]


@pytest.mark.django_db(transaction=True)
class TestSeveralProcesses:
    def test_the_second_of_two_at_once_says_so(self, target):
        started, done = Signal(), Signal()

        def hold_the_lock() -> None:
            with exporting_alone(TENANT):
                started.set()
                done.wait(PATIENCE_S)
            connections.close_all()

        with ThreadPoolExecutor(1) as other:
            held = other.submit(hold_the_lock)
            assert started.wait(PATIENCE_S)
            with pytest.raises(ExportRunning):
                export_all(target)
            done.set()
            held.result(PATIENCE_S)
        assert export_all(target).rows == 0

    def test_an_export_killed_in_the_middle_shows_nothing_and_the_next_is_right(self, target):
        for number in range(200):
            record_answer(f"P{number}?", "Resposta " * 20)
        killed = subprocess.run(
            [sys.executable, "-c", _dying_export(target)],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "aion.settings"},
            timeout=PATIENCE_S,
        )
        assert killed.returncode == -9
        assert not target.exists()
        assert export_all(target).rows == 200
        assert [path.name for path in target.parent.iterdir()] == ["one"]


def _dying_export(target: Path) -> str:
    """A script whose process is killed with -9 while it writes the 150th row."""
    return (
        "import django; django.setup()\n"
        "import os, pathlib\n"
        "from datetime import datetime, UTC\n"
        "from django.db import connection\n"
        f"connection.settings_dict['NAME'] = {connection.settings_dict['NAME']!r}\n"
        "from telemetry import export\n"
        "written = []\n"
        "def dying(row):\n"
        "    written.append(row)\n"
        "    if len(written) == 150: os.kill(os.getpid(), 9)\n"
        "    return {'prompt': row.prompt}\n"
        "export.FORMATS['dying'] = dying\n"
        "ever = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))\n"
        f"target = pathlib.Path({str(target)!r})\n"
        "export.export_dataset(export.Selection('default', *ever), target=target, formats=['dying'])\n"
    )


@contextmanager
def _files_of_at_most(size: int):
    """The kernel refuses to let this process's files grow beyond `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.django_db
class TestRollingFile:
    def test_its_lines_are_the_kept_ones(self, tmp_path):
        answer = record_answer("Meu CPF é 529.982.247-25", "Certo.", at=a_minute_ago())
        assert write_rolling_jsonl(tmp_path / "events.jsonl", TENANT) == 1
        (line,) = lines(tmp_path / "events.jsonl")
        assert set(line) == {"tenantId", "kind", "value", "meta", "at", "id", "schema"}
        assert (line["tenantId"], line["kind"], line["value"], line["id"]) == (TENANT, "answer", 1, str(answer))
        assert line["meta"]["prompt"] == "Meu CPF é [CPF_1]"
        assert (line["meta"]["reply"], line["meta"]["rank"], line["meta"]["source"]) == ("Certo.", 1, "local")
        assert "userId" not in line["meta"]

    def test_it_holds_the_last_thirty_days_only(self, tmp_path):
        record_answer("Velha?", "x", at=NOON - timedelta(days=31))
        record_answer("Nova?", "x", at=NOON - timedelta(days=29))
        assert write_rolling_jsonl(tmp_path / "events.jsonl", TENANT, now=NOON) == 1


@pytest.mark.django_db
class TestJobs:
    @pytest.fixture(autouse=True)
    def _own_folder(self, settings, tmp_path):
        settings.AION_TRAIN_ROOT = tmp_path
        settings.AION_EVENTS_JSONL = tmp_path / "events.jsonl"

    def test_the_nightly_task_exports_and_rewrites_the_rolling_file(self, tmp_path):
        record_answer("P?", "R.", at=a_minute_ago())
        nightly_export()
        job = DatasetExport.objects.get()
        assert (job.state, job.rows, job.manifest["rows"]) == ("done", 1, 1)
        assert (Path(job.path) / "data.jsonl").exists()
        assert len(lines(tmp_path / "events.jsonl")) == 1

    def test_a_requested_export_is_run_once(self, django_capture_on_commit_callbacks, monkeypatch):
        delivered: list[str] = []
        monkeypatch.setattr(run_export, "delay", delivered.append)
        with django_capture_on_commit_callbacks(execute=True):
            job = export_jobs.request_export(tenant=TENANT, requested_by=3)
        assert delivered == [str(job.pk)]
        run_export(*delivered)
        finished = DatasetExport.objects.get().finished_at
        run_export(*delivered)
        job.refresh_from_db()
        assert (job.state, job.requested_by, job.finished_at) == ("done", 3, finished)

    def test_what_was_erased_is_gone_from_the_rolling_file_after_a_rewrite(self, tmp_path):
        gone, kept = (record_answer(f"P{n}?", "R.", at=a_minute_ago(), number=n) for n in (1, 2))
        nightly_export()
        with rewriting():
            Event.objects.filter(pk=gone).delete()
        assert export_jobs.rewrite_rolling_file(TENANT) == 1
        assert [line["id"] for line in lines(tmp_path / "events.jsonl")] == [str(kept)]

    def test_a_shorter_window_leaves_the_rolling_file_its_thirty_days(self, tmp_path):
        record_answer("Antes?", "R.", at=timezone.now() - timedelta(days=9))
        record_answer("Agora?", "R.", at=a_minute_ago())
        result = export_jobs.export_now(tenant=TENANT, since=timezone.now() - timedelta(days=1))
        assert (result.rows, len(lines(tmp_path / "events.jsonl"))) == (1, 2)

    def test_the_manifest_says_what_other_rooms_told(self, monkeypatch):
        told = provenance.Provenance({"confidence": "3"}, ({"id": "e1"},))
        monkeypatch.setattr(provenance, "_told_by", lambda: told)
        manifest = export_jobs.export_now(tenant=TENANT).manifest
        assert (manifest["calibrations"], manifest["erasures"]) == ({"confidence": "3"}, [{"id": "e1"}])

    def test_the_calibrations_in_force_are_told_by_themselves(self):
        assert export_jobs.export_now(tenant=TENANT).manifest["calibrations"]["confidence"] == "shipped"

    def test_an_export_whose_process_died_is_said_to_have_failed(self):
        died = DatasetExport.objects.create(tenant=TENANT, state="running", formats=[], since=NOON, until=NOON)
        with exporting_alone(TENANT):
            assert export_jobs.settle_interrupted(TENANT) == 0
        assert export_jobs.settle_interrupted(TENANT) == 1
        died.refresh_from_db()
        assert (died.state, "interrompida" in died.error) == ("failed", True)

    def test_a_second_delivery_does_not_fail_the_one_at_work(self):
        job = DatasetExport.objects.create(
            tenant=TENANT, state="running", formats=["messages"], since=EVER[0], until=NOON
        )
        with exporting_alone(TENANT), pytest.raises(ExportRunning):
            export_jobs.run_requested(job.pk)
        job.refresh_from_db()
        assert job.state == "running"

    def test_a_failed_export_says_why_in_its_row(self, tmp_path):
        (tmp_path / "datasets").write_text("in the way")
        nightly_export()
        job = DatasetExport.objects.get()
        assert job.state == "failed"
        assert "datasets" in job.error

    def test_the_command_prints_where_and_what(self, tmp_path, capsys):
        record_answer("P?", "R.", at=a_minute_ago())
        call_command("export_dataset", "--json", "--out", str(tmp_path / "mine"), "--format", "alpaca")
        printed = json.loads(capsys.readouterr().out)
        assert (printed["path"], printed["manifest"]["rows"]) == (str(tmp_path / "mine"), 1)
        assert "instruction" in lines(tmp_path / "mine" / "data.jsonl")[0]

    def test_the_command_reads_days_in_the_installations_zone(self, tmp_path, capsys):
        call_command("export_dataset", "--json", "--since", "2026-11-01", "--until", "2026-11-02T10:00")
        window = json.loads(capsys.readouterr().out)["manifest"]["window"]
        assert datetime.fromisoformat(window["since"]) == datetime(2026, 11, 1, 3, tzinfo=UTC)
        assert datetime.fromisoformat(window["until"]) == datetime(2026, 11, 2, 13, tzinfo=UTC)

    @pytest.mark.parametrize("wrong", ["ontem", "2026-13-01", ""])
    def test_the_command_names_a_wrong_date(self, wrong):
        with pytest.raises(CommandError, match="--since"):
            call_command("export_dataset", "--since", wrong)
        assert not DatasetExport.objects.exists()
