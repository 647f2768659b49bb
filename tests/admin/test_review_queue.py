"""The review queue's page: every verdict a POST, for those who may; nothing overwritten without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from telemetry.events import EventKind, record
from telemetry.feedback import give_feedback
from telemetry.models import Review
from telemetry.reviews import Verdict, decide
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
QUEUE = reverse("admin:telemetry_review_queue")
REVIEWS = reverse("admin:telemetry_review_changelist")
REVIEW = "telemetry.review_answers"


def press(client: Client, action: str, answer: UUID | None = None, **fields: Any) -> Any:
    """As the page's script sends it."""
    whole = {"action": action, **({"event_id": answer} if answer else {}), **fields}
    return client.post(QUEUE, whole, headers={"accept": "application/json"})


def answer_with_passages(prompt: str, reply: str, **meta: Any) -> UUID:
    items = [
        {"text": f"trecho {number}", "rank": number, "chunkId": number, "documentId": str(uuid4()), "title": "Preços"}
        for number in (1, 2, 3)
    ]
    found = record(EventKind.RETRIEVAL, value=3, meta={"query": prompt, "items": items}, tenant=TENANT)
    sources = [
        {"number": number, "cited": number == 2, "chunkId": number, "documentId": str(uuid4()), "name": "Preços"}
        for number in (1, 2)
    ]
    return record_answer(prompt, reply, retrievalId=str(found), sources=sources, mode="generated", **meta)


def test_a_card_shows_what_a_reviewer_needs(owning: Client) -> None:
    answer = answer_with_passages("Quanto custa?", "95 euros [2].", C=0.63)
    give_feedback(
        event_id=answer,
        tenant=TENANT,
        vote=-1,
        comment="Mudou.",
        correction="98 euros [2].",
        relevant_sources=(),
        user_id=1,
        key_id=None,
        question="Quanto custa?",
        reply="95 euros [2].",
    )
    page = owning.get(QUEUE)
    card = page.context["card"]
    assert [(one.number, one.cited, one.text) for one in card.read] == [(1, False, "trecho 1"), (2, True, "trecho 2")]
    assert [one.text for one in card.related] == ["trecho 3"]
    assert card.better == "98 euros [2]."
    for shown in ("Quanto custa?", "95 euros [2].", "C 0,63", "tau 0,62", "Mudou.", "perto do tau", "0 de 1 revista"):
        assert shown in page.content.decode(), shown


def test_an_abstention_is_corrected_from_an_empty_field_and_an_answer_from_itself(owning: Client) -> None:
    record_answer("a", "Não encontrei.", C=0.62, source="abstain", reason="low_confidence")
    record_answer("b", "95 euros.", C=0.7)
    page = owning.get(QUEUE)
    assert page.context["card"].better == ""
    assert page.context["upcoming"].better == "95 euros."


@pytest.mark.parametrize(
    ("action", "verdict"), [("approve", "approved"), ("correct", "corrected"), ("reject", "rejected")]
)
def test_a_press_keeps_the_verdict_and_brings_the_card_after_the_next(owning, owner, action, verdict) -> None:
    first, second, third = (record_answer(text, "r", C=c) for text, c in (("a", 0.62), ("b", 0.7), ("c", 0.8)))
    reply = press(owning, action, first, shown=second, correction="melhor").json()
    assert f'data-card="{third}"' in reply["upcoming"]
    assert reply["card"] == reply["notice"] == ""
    assert "1 de 3 revistas hoje" in reply["bar"]
    kept = Review.objects.get()
    assert (kept.event_id, kept.verdict, kept.reviewer_id) == (first, verdict, owner.pk)


def test_next_leaves_the_answer_without_verdict_and_offers_it_again_at_the_end(owning: Client) -> None:
    first = record_answer("a", "r")
    reply = press(owning, "next", first).json()
    assert "Só restam as que você pulou" in reply["upcoming"]
    assert not Review.objects.exists()
    owning.post(QUEUE, {"action": "again"})
    assert owning.get(QUEUE).context["card"].event.pk == first


def test_the_last_verdict_is_taken_back_and_its_card_comes_again(owning: Client) -> None:
    answer = record_answer("a", "r")
    press(owning, "approve", answer)
    seen = owning.get(QUEUE).context["last"].decided_at.isoformat()
    reply = press(owning, "undo", answer, seen=seen).json()
    assert f'data-card="{answer}"' in reply["card"]
    assert not Review.objects.exists()
    again = press(owning, "undo", answer, seen=seen)
    assert again.status_code == 409
    assert "já tinha sido desfeita" in again.json()["notice"]


def test_who_comes_second_is_told_and_keeps_what_was_typed(owning: Client) -> None:
    ana = User.objects.create_user("ana", first_name="Ana")
    answer = record_answer("a", "r")
    decide(answer, Verdict.REJECTED, tenant=TENANT, by=ana.pk)
    refused = press(owning, "correct", answer, correction="escrito por dez minutos")
    assert refused.status_code == 409
    assert "Ana rejeitou esta resposta enquanto isso" in refused.json()["notice"]
    assert "escrito por dez minutos" in refused.json()["card"]
    assert Review.objects.get().verdict == "rejected"
    seen = Review.objects.get().decided_at.isoformat()
    assert press(owning, "correct", answer, correction="escrito por dez minutos", seen=seen).status_code == 200
    assert Review.objects.get().correction == "escrito por dez minutos"


def test_a_correction_that_says_the_same_is_refused_with_a_word(owning: Client) -> None:
    refused = press(owning, "correct", record_answer("a", "r"), correction="r")
    assert refused.status_code == 400
    assert "Escreva a resposta melhor" in refused.json()["notice"]
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"action": "drop"},
        {"action": "approve"},
        {"action": "approve", "event_id": "x"},
        {"action": "undo", "event_id": str(uuid4())},
        {"action": "approve", "event_id": str(uuid4()), "seen": "ontem"},
        {"action": "correct", "event_id": str(uuid4()), "correction": "a\0b"},
    ],
)
def test_what_cannot_be_read_changes_nothing(owning: Client, fields: dict[str, str]) -> None:
    record_answer("a", "r")
    refused = owning.post(QUEUE, fields, headers={"accept": "application/json"})
    assert refused.status_code == 400
    assert refused.json()["notice"]
    assert not Review.objects.exists()


def test_an_answer_that_is_gone_is_said_to_be(owning: Client) -> None:
    assert press(owning, "approve", uuid4()).status_code == 404
    assert owning.get(QUEUE, {"answer": "x"}).status_code == 404
    assert owning.get(QUEUE, {"answer": str(uuid4())}).status_code == 404


def test_without_a_script_the_same_forms_work(owning: Client) -> None:
    answer = record_answer("a", "r")
    page = owning.post(QUEUE, {"action": "approve", "event_id": answer}, follow=True)
    assert page.redirect_chain == [(QUEUE, 302)]
    assert Review.objects.get().verdict == "approved"
    assert "Tudo foi revisto" in page.content.decode()
    seen = page.context["last"].decided_at.isoformat()
    page = owning.post(QUEUE, {"action": "undo", "event_id": answer, "seen": seen})
    assert page.context["card"].event.pk == answer
    assert not Review.objects.exists()


def test_looking_changes_nothing_and_a_forged_press_is_refused(owner: User) -> None:
    answer = record_answer("a", "r")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    strict.get(QUEUE, {"action": "approve", "event_id": str(answer)})
    assert press(strict, "approve", answer).status_code == 403
    assert not Review.objects.exists()


def test_only_those_who_may_review_see_the_queue(staff_with: Callable[..., Client]) -> None:
    answer = record_answer("a", "r")
    client = staff_with("telemetry.view_review", "telemetry.view_event")
    assert client.get(QUEUE).status_code == 403
    assert press(client, "approve", answer).status_code == 403
    assert QUEUE not in client.get(REVIEWS).content.decode()
    assert not Review.objects.exists()


def test_the_permission_alone_opens_the_queue_and_its_link(staff_with: Callable[..., Client]) -> None:
    client = staff_with(REVIEW)
    assert client.get(QUEUE).status_code == 200
    assert QUEUE in client.get(reverse("admin:index")).content.decode()
    assert client.get(REVIEWS).status_code == 403


def test_an_empty_queue_says_what_to_do(owning: Client) -> None:
    assert "Ninguém perguntou nada ainda." in owning.get(QUEUE).content.decode()


def test_reviews_are_listed_filtered_and_lead_to_the_question_and_back(owning: Client, owner: User) -> None:
    approved, rejected = record_answer("Quanto custa?", "95", number=1), record_answer("Que horas?", "8h", number=2)
    first = decide(approved, Verdict.APPROVED, tenant=TENANT, by=owner.pk)
    decide(approved, Verdict.CORRECTED, tenant=TENANT, by=owner.pk, correction="98", instead_of=first.decided_at)
    decide(rejected, Verdict.REJECTED, tenant=TENANT, by=owner.pk + 1)
    assert owning.get(REVIEWS, {"days": "7"}).context["cl"].result_count == 2
    for filtered in ({"verdict__exact": "corrected"}, {"reviewer": str(owner.pk)}):
        page = owning.get(REVIEWS, filtered)
        assert [review.event_id for review in page.context["cl"].result_list] == [approved]
    question = reverse("admin:telemetry_question_change", args=[approved])
    assert question in page.content.decode()
    review = Review.objects.get(event_id=approved)
    assert "aprovada" in owning.get(reverse("admin:telemetry_review_change", args=[review.pk])).content.decode()
    assert f"{QUEUE}?answer={approved}" in owning.get(question).content.decode()
    assert owning.get(QUEUE, {"answer": str(approved)}).context["card"].better == "98"
    assert owning.post(reverse("admin:telemetry_review_change", args=[review.pk]), {"verdict": "x"}).status_code == 403
