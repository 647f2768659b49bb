"""Questions that the documents do not answer: found, put together, named, closed and opened by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from aion.erasure import erase_person
from chat import control
from chat.gaps import grouping, naming, writing
from chat.gaps.asking_again import ask_again
from chat.gaps.night import find_gaps
from chat.tasks import find_gaps as nightly_task
from retrieval import embeddings
from retrieval.exceptions import EmbeddingFailed
from retrieval.ingestion import ingest_text
from retrieval.models import Document
from telemetry.exceptions import NoSuchGap
from telemetry.feedback import give_feedback
from telemetry.gaps import figures, keeping, unanswered
from telemetry.models import Event, Gap, GapQuestion, GapSearch
from telemetry.reviews import Verdict, decide
from tests.chat.conftest import FULL_DAY, HashedEmbedder
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
NOW = timezone.now()
REFUND = (
    "Como pedir reembolso da passagem?",
    "Quero pedir o reembolso de uma passagem",
    "reembolso de passagem: como pedir?",
)
PARKING = ("Onde estaciono o carro?", "Tem lugar para estacionar o carro?")
_numbers = iter(range(1, 10**6))


@pytest.fixture
def trusting(settings) -> None:
    """A tau that this embedder's confidence reaches."""
    settings.AION_TAU_CONFIDENCE = 0.1
    control.forget()


def asked(
    text: str,
    *,
    by: int | None = 7,
    key: int | None = None,
    days_ago: float = 1,
    source: str = "abstain",
    c: float = 0.2,
) -> UUID:
    moment = NOW - timedelta(days=days_ago)
    return record_answer(
        text, "", at=moment, number=next(_numbers), source=source, C=c, userId=by, keyId=key, reason="low_confidence"
    )


def subjects() -> set[frozenset[str]]:
    return {frozenset(gap.questions.values_list("text", flat=True)) for gap in Gap.objects.all()}


def gaps_with_counts() -> Any:
    return figures.with_counts(Gap.objects.all())


def test_questions_of_different_people_about_one_thing_become_a_gap() -> None:
    for person, text in enumerate((*REFUND, *PARKING, "Qual é a capital da França?")):
        asked(text, by=person)
    found = find_gaps(NOW)
    assert subjects() == {frozenset(REFUND), frozenset(PARKING)}
    assert (found.embedded, found.joined, found.new_gaps) == (6, 0, 2)
    assert GapQuestion.objects.get(gap=None).text == "Qual é a capital da França?"
    gap = Gap.objects.get(questions__text=REFUND[0])
    assert gap.example is not None
    assert gap.example.text in REFUND
    assert {"reembolso", "passagem"} <= set(gap.name.split(" · "))


def test_only_what_was_not_answered_well_is_taken() -> None:
    asked("Foi respondida", source="local", c=0.9)
    asked("A API paga respondeu o que faltava", source="fallback", c=0.3)
    forced = asked("A pessoa forçou a API paga", source="fallback", c=0.9)
    disliked = asked("Não gostei desta", source="local", c=0.9)
    give_feedback(
        event_id=disliked,
        tenant=TENANT,
        vote=-1,
        comment="",
        correction="",
        relevant_sources=[],
        user_id=7,
        key_id=None,
        question="Não gostei desta",
        reply="",
    )
    rejected = asked("Rejeitada na revisão", source="local", c=0.9)
    decide(rejected, Verdict.REJECTED, tenant=TENANT, by=1)
    approved = asked("Pouca certeza, mas certa", source="local", c=0.3)
    decide(approved, Verdict.APPROVED, tenant=TENANT, by=1)
    record_answer("Falhou a máquina", "", at=NOW, status="failed", source="failed")
    asked("Antiga demais", days_ago=unanswered.DAYS_READ + 2)
    unanswered.collect(TENANT, NOW)
    assert dict(GapQuestion.objects.values_list("text", "why")) == {
        "A API paga respondeu o que faltava": "low",
        "Não gostei desta": "disliked",
        "Rejeitada na revisão": "rejected",
    }
    assert forced not in GapQuestion.objects.values_list("event_id", flat=True)


def test_ten_thousand_identical_questions_of_one_key_are_one() -> None:
    meta = Event.objects.get(pk=asked("me responda agora", by=None, key=3)).meta
    first = Event.objects.get()
    Event.objects.bulk_create(
        Event(tenant=TENANT, kind="answer", value=1, meta=meta, at=first.at, schema=1) for _ in range(10_000)
    )
    for person, text in enumerate(REFUND):
        asked(text, by=person)
    find_gaps(NOW + timedelta(minutes=5))
    assert subjects() == {frozenset(REFUND)}
    row = GapQuestion.objects.filter(key_id=3).first()
    assert row is not None
    assert sum(GapQuestion.objects.filter(key_id=3).values_list("times", flat=True)) == 10_001
    assert GapQuestion.objects.filter(key_id=3).count() <= 2  # today's, and yesterday's


def test_a_flood_of_different_questions_of_one_key_is_cut_and_counts_as_one_asker(monkeypatch) -> None:
    monkeypatch.setattr(unanswered, "MOST_A_DAY", 5)
    for number in range(20):
        asked(f"pergunta inventada número {number}", by=None, key=3)
    for person, text in enumerate(REFUND):
        asked(text, by=person)
    find_gaps(NOW)
    assert GapQuestion.objects.filter(key_id=3).count() == 5
    first = gaps_with_counts().order_by("-askers", "-asked")[0]
    assert (set(first.questions.values_list("text", flat=True)), first.askers) == (set(REFUND), 3)


def test_saying_it_again_in_other_words_the_same_day_does_not_count() -> None:
    asked("Como peço reembolso da passagem?", by=1)
    asked("Como peço o reembolso da passagem??", by=1)
    find_gaps(NOW)
    assert sorted(GapQuestion.objects.values_list("counted", flat=True)) == [False, True]
    assert not Gap.objects.exists()  # one person's one question is no subject yet
    asked("Como peço reembolso da passagem?", by=2)
    find_gaps(NOW)
    assert gaps_with_counts().values_list("asked", "askers").get() == (2, 2)


def test_later_questions_join_the_gap_that_staff_own_and_named() -> None:
    for person, text in enumerate(REFUND[:2]):
        asked(text, by=person)
    find_gaps(NOW)
    gap = Gap.objects.get()
    keeping.own(gap.pk, 5, tenant=TENANT)
    keeping.rename(gap.pk, "  Reembolsos ", by=5, tenant=TENANT)
    asked(REFUND[2], by=9)
    assert find_gaps(NOW).joined == 1
    gap.refresh_from_db()
    assert (gap.questions.count(), gap.name, gap.owner_id) == (3, "Reembolsos", 5)
    assert find_gaps(NOW).embedded == 0  # only what is new is worked on


def test_a_gap_that_staff_took_outlives_its_questions_and_another_does_not() -> None:
    for person, text in enumerate((*REFUND, *PARKING)):
        asked(text, by=person)
    find_gaps(NOW)
    mine = Gap.objects.get(questions__text=PARKING[0])
    keeping.own(mine.pk, 5, tenant=TENANT)
    find_gaps(NOW + timedelta(days=unanswered.DAYS_KEPT + 5))
    assert list(Gap.objects.all()) == [mine]
    assert not GapQuestion.objects.exists()


def test_merged_and_moved_questions_stay_where_staff_put_them() -> None:
    for person, text in enumerate((*REFUND, *PARKING)):
        asked(text, by=person)
    find_gaps(NOW)
    refund, parking = Gap.objects.get(questions__text=REFUND[0]), Gap.objects.get(questions__text=PARKING[0])
    keeping.own(parking.pk, 5, tenant=TENANT)
    keeping.merge(parking.pk, refund.pk, tenant=TENANT)
    moved = GapQuestion.objects.get(text=REFUND[1])
    keeping.move([moved.pk], None, tenant=TENANT)
    find_gaps(NOW)
    assert subjects() == {frozenset({REFUND[0], REFUND[2], *PARKING}), frozenset({REFUND[1]})}
    refund.refresh_from_db()
    assert refund.owner_id == 5
    with pytest.raises(NoSuchGap):
        keeping.merge(refund.pk, refund.pk, tenant=TENANT)


def test_a_gap_is_closed_by_the_document_that_answers_it_and_opens_when_asked_again(trusting) -> None:
    texts = ("Quanto custa o passeio de balão em Campinas?", "Qual o preço do passeio de balão em Campinas?")
    for person, text in enumerate(texts):
        asked(text, by=person)
    find_gaps(NOW)
    gap = Gap.objects.get()
    assert not ask_again(gap.pk).closed
    body = "O passeio de balão em Campinas custa R$ 450 por adulto. O preço do passeio de balão em Campinas é fixo."
    document_id = writing.write_document(gap.pk, "Passeio de balão em Campinas", body)
    gap.refresh_from_db()
    assert (gap.state, gap.document_id) == (Gap.State.WRITING, document_id)
    again = ask_again(gap.pk)
    gap.refresh_from_db()
    assert (again.answered, again.closed, gap.state, gap.closed_by_id) == (2, True, Gap.State.CLOSED, document_id)
    Gap.objects.update(state_at=NOW - timedelta(hours=30))
    asked(texts[0], by=4, days_ago=2)  # before it was closed
    find_gaps(NOW)
    gap.refresh_from_db()
    assert gap.state == Gap.State.CLOSED
    asked(texts[1], by=8)
    find_gaps(NOW)
    gap.refresh_from_db()
    assert (gap.state, gap.came_again, gap.questions.count()) == (Gap.State.OPEN, True, 4)


def test_a_disliked_answer_is_not_mended_by_being_given_again(documents, trusting) -> None:
    texts = ("Quanto custa o passeio de dia inteiro em Sintra?", "Quanto custa o passeio em Sintra de dia inteiro?")
    for person, text in enumerate(texts):
        event_id = asked(text, by=person, source="local", c=0.9, days_ago=-0.01)
        decide(event_id, Verdict.REJECTED, tenant=TENANT, by=1)
    find_gaps(NOW + timedelta(hours=1))
    gap = Gap.objects.get()
    assert ask_again(gap.pk).answered == 0
    GapQuestion.objects.update(asked_at=NOW - timedelta(days=3))  # the document changed since
    assert ask_again(gap.pk).closed


def test_a_document_that_its_asker_may_not_see_closes_nothing(trusting) -> None:
    texts = ("Quanto custa o passeio de balão em Campinas?", "Qual o preço do passeio de balão em Campinas?")
    person = User.objects.create_user("ana")
    for day, text in enumerate(texts, start=1):
        asked(text, by=person.pk, days_ago=day)
    find_gaps(NOW)
    gap = Gap.objects.get()
    passage = "O passeio de balão em Campinas custa R$ 450 por adulto. O preço do passeio de balão em Campinas é fixo."
    ingest_text("Balão", tenant=TENANT, passages=[passage], groups=["diretoria"])
    assert ask_again(gap.pk).answered == 0
    person.groups.create(name="diretoria")
    assert ask_again(gap.pk).closed


def test_it_works_without_a_single_document() -> None:
    for person, text in enumerate(REFUND):
        asked(text, by=person)
    find_gaps(NOW)
    gap = Gap.objects.get()
    assert not ask_again(gap.pk).closed
    assert GapSearch.objects.get().problem == ""


class Gone(HashedEmbedder):
    """Answers a few, then is gone."""

    left = 0

    def query(self, text: str) -> np.ndarray:
        if self.left <= 0:
            raise EmbeddingFailed("o servidor de embeddings não respondeu")
        type(self).left -= 1
        return super().query(text)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        return super().passages(texts)


def test_a_night_whose_embedder_is_gone_says_so_and_the_next_goes_on(settings, monkeypatch) -> None:
    monkeypatch.setitem(embeddings.LIBRARIES, "gone", lambda _model: Gone())
    monkeypatch.setattr("chat.gaps.night.KEPT_AT_ONCE", 2)
    settings.AION_EMBEDDER = "gone:1"
    Gone.left = 3
    for person, text in enumerate((*REFUND, *PARKING)):
        asked(text, by=person)
    with pytest.raises(EmbeddingFailed):
        find_gaps(NOW)
    assert GapSearch.objects.get().problem == "o servidor de embeddings não respondeu"
    assert GapQuestion.objects.exclude(vector=None).count() == 2
    result = nightly_task.apply()
    assert result.state == "FAILURE"  # after its last try
    Gone.left = 1000
    assert find_gaps(NOW).embedded == 3
    assert (GapSearch.objects.get().problem, len(subjects())) == ("", 2)


def test_who_is_erased_leaves_no_question_and_no_name_made_of_it() -> None:
    person = User.objects.create_user("joao")
    for day, text in enumerate(REFUND[:2], start=1):
        asked(text, by=person.pk, days_ago=day)
    asked(REFUND[2], by=9)
    for day, text in enumerate(PARKING, start=1):
        asked(text, by=person.pk, days_ago=day)
    find_gaps(NOW)
    assert Gap.objects.count() == 2
    receipt = erase_person(person.pk)
    assert receipt.erased["telemetry"]["gap_questions"] == 4
    assert list(GapQuestion.objects.values_list("text", flat=True)) == [REFUND[2]]
    assert list(Gap.objects.values_list("name", flat=True)) == [""]
    find_gaps(NOW)
    assert GapQuestion.objects.count() == 1


def test_the_repeat_rate_is_the_share_asked_of_gaps_that_were_known() -> None:
    first = datetime(2026, 11, 9, 12, tzinfo=timezone.get_default_timezone())  # a Monday
    ignored = Gap.objects.create(tenant=TENANT, state="ignored", state_at=first, created_at=first)
    gap = Gap.objects.create(tenant=TENANT, state_at=first, created_at=first)
    days = ((gap, -1), (gap, 1), (gap, 2), (None, 3), (ignored, 3), (gap, 8))
    for number, (of, day) in enumerate(days):
        at = first + timedelta(days=day)
        GapQuestion.objects.create(
            tenant=TENANT,
            gap=of,
            event_id=UUID(int=number),
            text="x",
            asked_at=at,
            day=at.date(),
            fingerprint=str(number),
        )
    weeks = figures.asked_again(TENANT, first + timedelta(days=9), weeks=3)
    assert [(week.questions, week.repeated) for week in weeks] == [(1, 0), (3, 2), (1, 1)]
    assert figures.trends([gap.pk], first + timedelta(days=9))[gap.pk][-3:] == [1, 2, 1]
    assert figures.asked_again("outra", first)[-1].share is None


def test_questions_beyond_what_is_compared_at_once_find_their_like_all_the_same(monkeypatch) -> None:
    monkeypatch.setattr(grouping, "AT_ONCE", 4)
    texts = [f"assunto{number} especial" for number in range(8)] * 2
    embedder = HashedEmbedder()
    vectors = np.stack([embedder.query(text) for text in texts])
    background = np.stack([embedder.query(text) for text in grouping.BACKGROUND])
    space = grouping.space_of(texts, vectors, background)
    assert grouping.place(space, {}, [0, 1, 2, 8, 9, 10, 3, 11], [True] * 16).new  # within reach of each other
    placed = grouping.place(space, {5: [0]}, list(range(1, 16)), [True] * 16)
    assert placed.joined == {8: 5}
    assert all(texts[one] == texts[other] for one, *rest in placed.new for other in rest)


def test_a_name_is_of_words_that_several_said() -> None:
    texts = ["Maria Souza quer reembolso 529.982.247-25", "reembolso da passagem", "reembolso de passagem aérea"]
    spread = naming.spread_of([*texts, "passagem", "outra coisa"])
    assert naming.name_of(texts, texts[1], spread, 5) == "reembolso · passagem"
    assert naming.name_of(["só esta"], "só esta", spread, 5) == ""


def test_a_document_for_a_gap_that_is_gone_is_not_written() -> None:
    with pytest.raises(NoSuchGap):
        writing.write_document(1, "Nada", FULL_DAY)
    assert not Document.objects.exists()
