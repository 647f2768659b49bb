"""What simulated reviewers say of an answer."""

from decimal import Decimal
from uuid import uuid4

import pytest

from benchmarks.simulated_people import careful, careless
from chat.answering import Answer, Source
from chat.answers import Route
from chat.golden import GoldenQuestion
from telemetry.models import Review

Verdict = Review.Verdict
PASSAGE = "Encontramo-nos às 8h. O passeio custa 98 € por adulto."
QUESTION = GoldenQuestion("Quanto custa o passeio?", ("98 €",), "sintra.md", PASSAGE, True)
UNANSWERABLE = GoldenQuestion("Quem foi o arquiteto do hotel?", (), "", "", False)


def source(number: int | None, text: str) -> Source:
    return Source(
        number=number,
        cited=False,
        chunk_id=1,
        document_id=uuid4(),
        title="",
        section="",
        page=None,
        name="",
        url="",
        text=text,
        similarity=0,
        score=0,
    )


def answered(text: str, used: Route = "local", sources: tuple[Source, ...] = ()) -> Answer:
    return Answer(
        text=text,
        used=used,
        confidence=0.9,
        tau=0.62,
        reason="",
        reason_text="",
        mode="quote",
        sources=sources,
        usage={},
        timings={},
        model="",
        adapter="",
        adapter_digest="",
        event_id=uuid4(),
        conversation_id=None,
        cost_usd=Decimal(0),
        warnings=(),
        grounded=None,
        scorer="",
    )


def test_an_answer_that_holds_the_golden_one_is_approved():
    assert careful(QUESTION, answered("Custa 98 € [1].\n\nFontes:\n[1] sintra.md")).verdict == Verdict.APPROVED


@pytest.mark.parametrize("given", [answered("Às 8h."), answered("Não encontrei: 98 €.", used="abstain")])
def test_another_answer_or_none_is_corrected_by_the_whole_sentence_that_holds_the_golden_one(given):
    opinion = careful(QUESTION, given)

    assert (opinion.verdict, opinion.correction) == (Verdict.CORRECTED, "O passeio custa 98 € por adulto.")


def test_an_answer_that_stands_in_the_list_of_sources_only_is_corrected():
    assert careful(QUESTION, answered("Às 8h.\n\nFontes:\n[1] 98 €")).verdict == Verdict.CORRECTED


def test_what_the_documents_do_not_answer_is_rejected_where_it_was_answered_and_approved_where_not():
    assert careful(UNANSWERABLE, answered("Foi Gaudí.")).verdict == Verdict.REJECTED
    assert careful(UNANSWERABLE, answered("Não encontrei.", used="abstain")).verdict == Verdict.APPROVED


def test_the_careless_one_corrects_even_the_right_answer_by_what_was_shown_on_something_else():
    shown = (source(1, PASSAGE), source(2, "O café abre às 9h. Feche a porta."), source(None, "Não foi mostrado."))

    opinion = careless(QUESTION, answered("Custa 98 €.", sources=shown))

    assert (opinion.verdict, opinion.correction) == (Verdict.CORRECTED, "O café abre às 9h.")


def test_the_careless_one_rejects_where_nothing_else_was_shown():
    assert careless(QUESTION, answered("Custa 98 €.", sources=(source(1, PASSAGE),))).verdict == Verdict.REJECTED
