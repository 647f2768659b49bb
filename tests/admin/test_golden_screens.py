"""Golden questions in the panel: made from a bad answer, brought in and taken out as files."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from aion.erasure import erase_person
from chat.models import Conversation
from retrieval.models import Document, GoldenQuestion
from telemetry.events import EventKind, rewriting
from telemetry.models import Event

pytestmark = pytest.mark.django_db
LIST = "admin:retrieval_goldenquestion_changelist"


@pytest.fixture
def answer(installation: User) -> UUID:
    return UUID(str(Event.objects.get(kind=EventKind.ANSWER).pk))


def from_answer(answer: UUID) -> str:
    return reverse("admin:golden_from_answer", args=[answer])


def given(**changes: str) -> dict[str, str]:
    return {
        "question": "Quanto custa Sintra?",
        "answers": "98 euros\nnoventa e oito",
        "answerable": "true",
        "source": "1",
        "kind": "",
        "earlier": "",
    } | changes


def test_the_page_of_an_answer_leads_to_a_form_filled_from_it(owning: Client, answer: UUID) -> None:
    assert from_answer(answer) in owning.get(reverse("admin:telemetry_question_change", args=[answer])).content.decode()
    assert (
        from_answer(answer) in owning.get(f"{reverse('admin:telemetry_review_queue')}?answer={answer}").content.decode()
    )
    page = owning.get(from_answer(answer)).content.decode()
    for text in ("Quanto custa?", ">Custa 98 euros.</textarea>", "95 euros", 'value="1" checked'):
        assert text in page


def test_saved_it_knows_its_answer_document_and_passage(
    owning: Client, answer: UUID, document: Document, installation: User
) -> None:
    assert owning.post(from_answer(answer), given()).status_code == 302
    row = GoldenQuestion.objects.get(event_id=answer)
    assert (row.origin, row.created_by, row.tenant) == (GoldenQuestion.Origin.REVIEW, installation, "default")
    assert (row.document, row.passage, row.answers) == (document.title, "95 euros", ["98 euros", "noventa e oito"])
    again = owning.get(from_answer(answer))
    assert again["Location"] == reverse("admin:retrieval_goldenquestion_change", args=[row.pk])


def test_a_question_that_leans_on_another_brings_it_along(owning: Client, answer: UUID) -> None:
    with rewriting():
        Event.objects.filter(pk=answer).update(meta=Event.objects.get(pk=answer).meta | {"prompt": "E quanto custa?"})
    conversation = Conversation.objects.get()
    conversation.messages.all().delete()
    for role, text in (("user", "Como é Sintra?"), ("assistant", "Linda."), ("user", "E quanto custa?")):
        conversation.messages.create(role=role, text=text)
    conversation.messages.create(role="assistant", text="95 euros [1].", event_id=answer)
    assert "Como é Sintra?" in owning.get(from_answer(answer)).content.decode()


def test_without_an_answer_it_says_what_is_missing_and_keeps_what_was_typed(owning: Client, answer: UUID) -> None:
    page = owning.post(from_answer(answer), given(answers="", question="Minha pergunta")).content.decode()
    assert "Minha pergunta" in page
    assert "Escreva ao menos uma resposta" in page
    assert not GoldenQuestion.objects.filter(event_id=answer).exists()


def test_it_takes_the_right_to_add_golden_questions(staff_with: Callable[..., Client], answer: UUID) -> None:
    client = staff_with("telemetry.view_question")
    assert client.get(from_answer(answer)).status_code == 403
    assert client.post(from_answer(answer), given()).status_code == 403


def test_an_answer_that_is_not_there_is_not_found(owning: Client, installation: User) -> None:
    assert owning.get(from_answer(UUID(int=1))).status_code == 404


def test_erasing_the_asker_takes_the_golden_question_and_its_words_out_of_the_audit_trail(
    owning: Client, answer: UUID, installation: User
) -> None:
    owning.post(from_answer(answer), given(question="Sou a Zuleica, quanto custa?"))
    row = GoldenQuestion.objects.get(event_id=answer)
    page = reverse("admin:retrieval_goldenquestion_change", args=[row.pk])
    owning.post(page, given(question="Sou a Zuleica, quanto custa Sintra?", is_active="on", document="", passage=""))
    assert "Zuleica" in GoldenQuestion.objects.get(pk=row.pk).question
    erase_person(installation.pk)
    assert not GoldenQuestion.objects.filter(pk=row.pk).exists()
    logged = LogEntry.objects.filter(object_id=str(row.pk), content_type__model="goldenquestion")
    assert logged.count() == 2
    assert not any("Zuleica" in f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())


def test_deleted_by_staff_its_words_are_not_in_the_audit_trail_either(owning: Client, answer: UUID) -> None:
    owning.post(from_answer(answer), given(question="Sou a Zuleica, quanto custa?"))
    row = GoldenQuestion.objects.get(event_id=answer)
    owning.post(reverse("admin:retrieval_goldenquestion_delete", args=[row.pk]), {"post": "yes"})
    assert not GoldenQuestion.objects.filter(pk=row.pk).exists()
    assert not LogEntry.objects.filter(object_repr__contains="Zuleica").exists()


def test_a_table_is_brought_in_by_the_panel(owning: Client, installation: User) -> None:
    data = b"pergunta;resposta\nA que horas sai?;8h30\n"
    reply = owning.post(reverse("admin:golden_import"), {"file": SimpleUploadedFile("p.csv", data)}, follow=True)
    assert "1 pergunta de referência acrescentada." in reply.content.decode()
    assert GoldenQuestion.objects.get(question="A que horas sai?").answers == ["8h30"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [("p.csv", b"resposta\n98\n", "falta"), ("p.xlsx", b"x", "termine em"), ("p.jsonl", b"{", "arquivo.jsonl:1")],
)
def test_a_file_that_cannot_be_brought_in_says_why(
    owning: Client, installation: User, name: str, data: bytes, said: str
) -> None:
    before = GoldenQuestion.objects.count()
    reply = owning.post(reverse("admin:golden_import"), {"file": SimpleUploadedFile(name, data)})
    assert said in reply.content.decode()
    assert GoldenQuestion.objects.count() == before


def test_the_list_leads_to_bringing_in_and_taking_out(owning: Client, installation: User) -> None:
    page = owning.get(reverse(LIST)).content.decode()
    assert reverse("admin:golden_import") in page
    for form in ("csv", "jsonl"):
        address = reverse("admin:golden_export", args=[form])
        assert address in page
        assert "Quanto custa?" in owning.get(address).content.decode()
    assert owning.get(reverse("admin:golden_export", args=["exe"])).status_code == 404


def test_files_take_their_rights(staff_with: Callable[..., Client]) -> None:
    client = staff_with()
    assert client.get(reverse("admin:golden_import")).status_code == 403
    assert client.get(reverse("admin:golden_export", args=["csv"])).status_code == 403
