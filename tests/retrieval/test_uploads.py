from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.core.files import File
from django.db import connection
from pytest_django.fixtures import Settings

from retrieval import tasks, uploads
from retrieval.exceptions import DocumentRejected
from retrieval.models import Document, IngestJob
from tests.retrieval import files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder", "queued")]


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> list[str]:
    """What would go to the broker."""
    settings.MEDIA_ROOT = tmp_path
    sent: list[str] = []
    monkeypatch.setattr(tasks.run_ingest_job, "delay", sent.append)
    return sent


def upload(name: str, data: bytes, labels: Sequence[str] = (), groups: Sequence[str] = ()) -> IngestJob:
    file = File(io.BytesIO(data), name)  # Django's own uploads clean the name; this is what a hostile one would be
    return uploads.accept_upload(file, tenant="casa", user_id=None, labels=labels, groups=groups)


def test_an_upload_becomes_a_document_named_by_its_file(tmp_path: Path) -> None:
    job = upload("preco-dos-passeios.txt", b"O passeio custa 98 euros.", labels=["local-only"], groups=["vendas"])
    tasks.run_ingest_job(str(job.pk))
    document = Document.objects.get()
    assert (document.title, document.source) == ("Preco dos passeios", "upload:preco-dos-passeios.txt")
    assert (document.labels, document.groups) == (["local-only"], ["vendas"])
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.report["stored"]) == (IngestJob.State.DONE, 1, 1, 1)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_the_task_is_queued_only_once_the_job_is_committed(
    queued: list[str], django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = upload("a.txt", b"Texto.")
        assert queued == []
    assert queued == [str(job.pk)]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [("foto.png", b"\x89PNG", "unsupported"), ("a.txt", b"", "empty"), ("", b"x", "unsupported")],
)
def test_what_name_and_size_rule_out_is_refused_at_once(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    with pytest.raises(DocumentRejected) as refusal:
        upload(name, data)
    assert refusal.value.code == code
    assert not IngestJob.objects.exists()
    assert not (tmp_path / "uploads").exists()


def test_a_file_too_large_is_refused_at_once() -> None:
    file = File(io.BytesIO(b"x"), "a.txt")
    file.size = 10**12
    with pytest.raises(DocumentRejected) as refusal:
        uploads.accept_upload(file, tenant="casa", user_id=None)
    assert refusal.value.code == "too_large"


@pytest.mark.parametrize("name", ["../../etc/passwd.txt", "C:\\Users\\ana\\passwd.txt", "/abs/passwd.txt"])
def test_a_name_with_a_path_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    job = upload(name, b"Texto.")
    assert job.filename == "passwd.txt"
    assert Path(job.path).parent == tmp_path / "uploads"
    assert Path(job.path).stat().st_mode & 0o777 == 0o600


def test_a_hostile_upload_fails_with_its_reason_and_stores_nothing() -> None:
    job = upload("a.pdf", files.encrypted_pdf("Segredo."))
    tasks.run_ingest_job(str(job.pk))
    job.refresh_from_db()
    assert job.state == IngestJob.State.FAILED
    assert job.error.startswith("O arquivo está protegido por senha")
    assert not Document.objects.exists()


def test_a_second_delivery_changes_nothing() -> None:
    job = upload("a.txt", b"Texto.")
    tasks.run_ingest_job(str(job.pk))
    finished = IngestJob.objects.get()
    tasks.run_ingest_job(str(job.pk))
    again = IngestJob.objects.get()
    assert (again.state, again.finished_at) == (IngestJob.State.DONE, finished.finished_at)


def test_a_job_whose_worker_died_is_done_by_the_next_delivery() -> None:
    job = upload("a.txt", b"Texto.")
    IngestJob.objects.update(state=IngestJob.State.RUNNING)
    tasks.run_ingest_job(str(job.pk))
    assert IngestJob.objects.get().state == IngestJob.State.DONE


def test_a_job_that_another_worker_holds_is_left_to_it() -> None:
    job = upload("a.txt", b"Texto.")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"ingest:{job.pk}"])
            tasks.run_ingest_job(str(job.pk))
    finally:
        other.close()
    assert IngestJob.objects.get().state == IngestJob.State.QUEUED


def test_a_missing_job_is_no_error() -> None:
    tasks.run_ingest_job("00000000-0000-0000-0000-000000000000")
