"""Files are sent from the browser, documents read, marked and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from retrieval.admin import passages_of
from retrieval.models import Chunk, Document, IngestJob

pytestmark = pytest.mark.django_db
SEND = reverse("admin:retrieval_ingestjob_add")


@pytest.fixture(autouse=True)
def _kept_apart(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def a_file(name: str, content: bytes = b"O passeio custa 95 euros.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_several_files_are_sent_at_once_each_a_job_of_its_own(owning: Client) -> None:
    files = [a_file("precos.md"), a_file("horarios.txt")]
    response = owning.post(SEND, {"uploads": files, "labels": "tabela, tabela,  local-only", "groups": ""}, follow=True)
    assert "2 arquivos recebidos." in response.content.decode()
    assert set(IngestJob.objects.values_list("filename", flat=True)) == {"precos.md", "horarios.txt"}
    assert {tuple(job.labels) for job in IngestJob.objects.all()} == {("tabela", "local-only")}
    assert LogEntry.objects.count() == 2


def test_a_refused_file_is_named_with_the_reason_and_the_others_go_on(owning: Client) -> None:
    files = [a_file("programa.exe"), a_file("precos.md")]
    page = owning.post(SEND, {"uploads": files}, follow=True).content.decode()
    assert "programa.exe: Este tipo de arquivo não é aceito." in page
    assert IngestJob.objects.get().filename == "precos.md"


def test_nothing_sent_is_asked_again(owning: Client) -> None:
    assert owning.post(SEND, {"labels": "x"}).status_code == 200
    assert not IngestJob.objects.exists()


def test_sending_needs_its_permission(staff_with: Callable[..., Client]) -> None:
    client = staff_with("retrieval.view_ingestjob")
    assert client.get(SEND).status_code == 403
    assert client.post(SEND, {"uploads": [a_file("precos.md")]}).status_code == 403
    assert not IngestJob.objects.exists()


def test_a_skipped_file_says_why_on_its_page(owning: Client) -> None:
    skipped = {"path": "contrato.pdf", "status": "skipped", "reason": "Está protegido por senha.", "document_id": None}
    job = IngestJob.objects.create(
        tenant="default", filename="contrato.pdf", path="x", state="done", report={"documents": [skipped]}
    )
    page = owning.get(reverse("admin:retrieval_ingestjob_change", args=[job.pk])).content.decode()
    assert "ignorado" in page
    assert "Está protegido por senha." in page


def test_a_document_shows_its_text_with_its_chunks(owning: Client, document: Document) -> None:
    page = owning.get(reverse("admin:retrieval_document_change", args=[document.pk])).content.decode()
    assert f'id="chunk-{document.chunks.get().pk}"' in page
    assert "Sai às 8h30 da Praça dos Restauradores." in page


def test_overlapping_chunks_show_every_character_once(document: Document) -> None:
    Chunk.objects.create(document=document, ordinal=1, text="", start=20, end=40, token_count=1, term_count=1)
    assert "".join(passage.text for passage in passages_of(document)) == document.text


def test_labels_and_groups_are_changed_by_who_may(
    owning: Client, staff_with: Callable[..., Client], document: Document
) -> None:
    address = reverse("admin:retrieval_document_access", args=[document.pk])
    refused = staff_with("retrieval.view_document").post(address, {"labels": "x", "groups": "y"})
    assert refused.status_code == 403
    assert owning.get(address).status_code == 200
    owning.post(address, {"labels": "local-only", "groups": "atendimento, diretoria"})
    document.refresh_from_db()
    assert (document.labels, document.groups) == (["local-only"], ["atendimento", "diretoria"])
    assert LogEntry.objects.count() == 1


def test_a_document_is_deleted_after_confirmation(owning: Client, document: Document) -> None:
    address = reverse("admin:retrieval_document_delete", args=[document.pk])
    assert owning.get(address).status_code == 200
    assert Document.objects.exists()
    owning.post(address, {"post": "yes"})
    assert not Document.objects.exists()
    assert not Chunk.objects.exists()
