"""What a night learns from: which answers become rows, in what form, and what is said of the others."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone

from chat.lessons import KnownQuestion, ReviewedAnswer, build_from
from chat.lessons.packing import REFUSAL
from chat.lessons.rows import draw
from inference.backends.fake import FakeEngine
from inference.training_data import Example, read_examples
from retrieval.models import Document
from telemetry.events import rewriting
from telemetry.exceptions import ExportFailed
from telemetry.models import Event, LoopSettings, TrainingSet
from tests.chat.lessons.teaching import (
    ASKED,
    HELD_OUT,
    OPEN,
    SAID,
    answered,
    fill_library,
    known,
    learn,
    left_out,
    material,
    reviewed,
)

pytestmark = pytest.mark.django_db
OWN_BUDGET = next(str(number) for number in range(100) if draw(f"review-{number}") % 5 == 4)  # the engine's 600 tokens


@pytest.fixture(autouse=True)
def _library(db: None) -> None:
    fill_library()


def examples(folder: Path) -> list[Example]:
    return read_examples(folder / "data.jsonl")


def only_row(folder: Path) -> Example:
    (row,) = examples(folder)
    return row


def change(event_id: UUID | None, **meta: object) -> None:
    assert event_id is not None
    event = Event.objects.get(pk=event_id)
    event.meta |= meta
    with rewriting():
        event.save(update_fields=["meta"])


# --- what a row is -------------------------------------------------------------------------------------------------
def test_an_approved_answer_is_what_the_model_should_have_written_without_the_list_of_sources(tmp_path: Path) -> None:
    given = answered()
    assert "Fontes:" in given.text
    built = learn(tmp_path, reviewed(given))
    row = only_row(built.path)
    number = next(line for line in row.prompt[1].content.splitlines() if line.endswith("] Bagagem"))[1]
    assert row.completion == f"{SAID} [{number}]."
    assert built.rows == 1


def test_the_prompt_is_the_one_the_engine_was_given_as_long_as_nothing_in_it_is_withheld(tmp_path: Path) -> None:
    Document.objects.filter(title__in=HELD_OUT).delete()
    given = answered()
    saw = FakeEngine.requests[-1].messages
    row = only_row(learn(tmp_path, reviewed(given, review_id=OWN_BUDGET)).path)
    assert [(turn.role, turn.content) for turn in row.prompt] == [(turn.role, turn.content) for turn in saw]


def test_the_prompt_shows_the_passages_as_they_were_when_the_answer_was_given(tmp_path: Path) -> None:
    given = answered()
    fill_library({"Bagagem": "Desde maio vale outra regra, que o balcão explica."})
    assert "outra regra" in Document.objects.get(title="Bagagem").text
    row = only_row(learn(tmp_path, reviewed(given)).path)
    assert OPEN["Bagagem"] in row.prompt[1].content or SAID in row.prompt[1].content


def test_a_correction_is_the_target_and_gets_the_citation_that_its_writer_left_out(tmp_path: Path) -> None:
    said = "A mala pode ter até 23 quilos, uma para cada passageiro."
    row = only_row(learn(tmp_path, reviewed(answered(), correction=said)).path)
    assert row.completion.startswith("A mala pode ter até 23 quilos, uma para cada passageiro [")


def test_citations_follow_their_passage_to_its_new_number(tmp_path: Path) -> None:
    texts = {"Horários": f"{SAID}? Isso diz o quadro.", **OPEN}
    Document.objects.all().delete()
    fill_library(texts)
    given = answered()
    cited = next(source.number for source in given.sources if source.cited)
    row = only_row(learn(tmp_path, reviewed(given, review_id=OWN_BUDGET)).path)
    assert cited == 2
    assert row.completion == f"{SAID} [1]."
    assert "[1] Bagagem" in row.prompt[1].content


def test_a_golden_question_is_answered_by_the_whole_sentence_that_holds_its_answer(tmp_path: Path) -> None:
    golden = known("Por quantos dias ficam guardados os objetos?", "trinta dias", document="Achados e perdidos")
    row = only_row(learn(tmp_path, golden).path)
    assert row.completion == "Objetos esquecidos na van ficam guardados no escritório por trinta dias [1]."
    assert "guardados no escritório por trinta dias" in row.prompt[1].content


def test_the_warning_before_a_doubtful_answer_is_not_taught(tmp_path: Path) -> None:
    given = answered()
    caution = "Cuidado: talvez os documentos não respondam a esta pergunta."
    change(given.event_id, caution=caution, reason="low_confidence_warned")
    review = reviewed(given)
    review = type(review)(
        **{**{name: getattr(review, name) for name in review.__slots__}, "reply": f"{caution}\n\n{review.reply}"}
    )
    row = only_row(learn(tmp_path, review).path)
    assert row.completion.startswith(SAID)


# --- filters -------------------------------------------------------------------------------------------------------
def test_answers_that_nobody_reviewed_are_counted_and_named(tmp_path: Path) -> None:
    given, other = answered(), answered("Quanto pesa a mala de um passageiro?")
    built = learn(tmp_path, reviewed(given))
    assert built.manifest["excluded"]["not_reviewed"] == {"rows": 1, "examples": [str(other.event_id)]}


def test_rejected_answers_teach_nothing(tmp_path: Path) -> None:
    built = learn(tmp_path, review := reviewed(answered(), verdict="rejected"))
    assert built.manifest["excluded"] == {"rejected": {"rows": 1, "examples": [f"review-{review.id}"]}}


def test_questions_that_failed_teach_nothing(tmp_path: Path) -> None:
    given = answered()
    change(given.event_id, status="failed")
    assert left_out(learn(tmp_path, reviewed(given))) == {"failed": 1}


def test_an_answer_whose_passages_are_no_longer_kept_teaches_nothing(tmp_path: Path) -> None:
    given = answered()
    with rewriting():
        Event.objects.filter(kind="retrieval").delete()
    assert left_out(learn(tmp_path, reviewed(given))) == {"no_context": 1}


def test_a_correction_whose_facts_stand_in_no_passage_would_teach_inventing(tmp_path: Path) -> None:
    built = learn(tmp_path, reviewed(answered(), correction="Cada passageiro leva uma mala de até 32 quilos."))
    assert left_out(built) == {"ungrounded": 1}


def test_what_stands_only_in_a_part_of_the_passage_that_is_not_shown_is_not_taught(tmp_path: Path) -> None:
    far = "Lanches são servidos a bordo em todas as viagens. " * 60
    Document.objects.filter(title="Bagagem").delete()
    fill_library({"Bagagem": f"{OPEN['Bagagem']} {far} Taxas extras somam 48 euros por volume excedente."})
    given = answered()
    review = reviewed(given, correction="As taxas extras somam 48 euros por volume excedente.")
    assert left_out(learn(tmp_path, review)) in ({"ungrounded": 1}, {"no_context": 1})


@pytest.mark.parametrize("correction", ["", "A mala pode ter até 23 quilos, uma para cada passageiro."])
def test_what_the_paid_api_wrote_is_learnt_from_only_if_staff_allow_it(tmp_path: Path, correction: str) -> None:
    given = answered()
    change(given.event_id, source="fallback")
    review = reviewed(given, correction=correction)
    assert left_out(learn(tmp_path, review)) == {"provider": 1}
    LoopSettings.objects.create(tenant=settings.PRIMARY_TENANT_ID, include_provider=True)
    assert learn(tmp_path, review).rows == 1


def test_what_only_a_group_may_read_is_not_taught_to_a_model_that_answers_everybody(tmp_path: Path) -> None:
    secret, other = answered(), answered("O que acontece com chuva forte?", OPEN["Clima"].split(".")[0], about="Clima")
    Document.objects.filter(title="Bagagem").update(groups=["diretoria"])
    built = learn(tmp_path, reviewed(secret), reviewed(other))
    assert left_out(built) == {"restricted": 1}
    assert "23 quilos" not in (built.path / "data.jsonl").read_text()


def test_what_a_deleted_document_said_is_not_taught_since_nobody_knows_who_might_read_it(tmp_path: Path) -> None:
    secret = answered()
    Document.objects.filter(title="Bagagem").update(groups=["diretoria"])
    Document.objects.filter(title="Bagagem").delete()
    assert left_out(learn(tmp_path, reviewed(secret))) == {"restricted": 1}


def test_personal_data_is_masked_alike_in_question_passages_and_answer(tmp_path: Path) -> None:
    fill_library({"Vinhos": "Reservas de vinhos de Colares são feitas com ana.souza@exemplo.com.br até sexta."})
    said = "As reservas de vinhos de Colares são feitas com ana.souza@exemplo.com.br"
    given = answered("Reservas de vinhos são feitas com ana.souza@exemplo.com.br?", said, about="Vinhos")
    built = learn(tmp_path, reviewed(given))
    row = only_row(built.path)
    assert "ana.souza" not in (built.path / "data.jsonl").read_text()
    assert "[EMAIL_1]" in row.completion
    assert row.prompt[1].content.count("[EMAIL_1]") == 2
    assert built.manifest["masked"] == {"EMAIL": 1}


def test_the_same_question_is_learnt_once_and_the_newest_answer_counts(tmp_path: Path) -> None:
    now = timezone.now()
    older = reviewed(answered(), at=now - timedelta(days=2))
    again = reviewed(answered(), at=now - timedelta(days=1))
    newest = reviewed(answered(), correction="A mala pode ter até 23 quilos, uma para cada passageiro.", at=now)
    assert left_out(learn(tmp_path, older, again)) == {"duplicate": 1, "not_reviewed": 1}
    built = learn(tmp_path, older, again, newest)
    assert left_out(built) == {"contradicted": 2}
    assert only_row(built.path).completion.startswith("A mala pode")


def test_nearly_the_same_is_learnt_once(tmp_path: Path) -> None:
    first = reviewed(answered())
    second = reviewed(answered("Quantos quilos pode ter, por favor, a mala de cada passageiro?"))
    assert left_out(learn(tmp_path, first, second)) == {"near_duplicate": 1}


def test_a_row_longer_than_the_training_takes_is_left_out(tmp_path: Path) -> None:
    LoopSettings.objects.create(tenant=settings.PRIMARY_TENANT_ID, max_length=256)
    assert left_out(learn(tmp_path, reviewed(answered()))) == {"too_long": 1}


def test_a_quotation_of_half_a_sentence_is_no_way_to_write(tmp_path: Path) -> None:
    cut = reviewed(answered(), correction="[…] uma mala de até 23 quilos [1].")
    assert left_out(learn(tmp_path, cut)) == {"cut": 1}


def test_a_golden_question_whose_passage_is_not_installed_teaches_nothing(tmp_path: Path) -> None:
    Document.objects.filter(title="Bagagem").delete()
    assert left_out(learn(tmp_path, known("Quantos quilos?", "23 quilos"))) == {"source_not_found": 1}


# --- refusals ------------------------------------------------------------------------------------------------------
def test_no_refusal_is_taught_unless_staff_ask_for_a_share(tmp_path: Path) -> None:
    built = learn(tmp_path, reviewed(answered()), known("Qual é a capital da Mongólia?", answerable=False))
    assert built.manifest["origins"] == {"approved": 1}
    assert left_out(built) == {"refusal_share": 1}


def test_a_share_of_refusals_comes_of_unanswerable_questions_and_of_hidden_sources(tmp_path: Path) -> None:
    LoopSettings.objects.create(tenant=settings.PRIMARY_TENANT_ID, refusal_share=0.5)
    approved = reviewed(answered())
    rain = reviewed(answered("O que acontece com chuva forte?", OPEN["Clima"].split(".")[0], about="Clima"))
    built = learn(tmp_path, approved, rain, known("Qual é a capital da Mongólia?", answerable=False))
    assert built.manifest["origins"] == {"approved": 2, "refusal": 2}
    refusals = [row for row in examples(built.path) if row.completion == REFUSAL]
    asked = [row.prompt[1].content.rsplit("Pergunta: ", 1)[1] for row in refusals]
    assert "Qual é a capital da Mongólia?" in asked
    hidden = next(row for row in refusals if "Mongólia" not in row.prompt[1].content)
    source = "Bagagem" if ASKED in hidden.prompt[1].content else "Clima"
    assert OPEN[source] not in hidden.prompt[1].content
    assert f"] {source}" not in hidden.prompt[1].content


# --- the set -------------------------------------------------------------------------------------------------------
def test_the_same_material_gives_the_same_file(tmp_path: Path) -> None:
    given: list[ReviewedAnswer | KnownQuestion] = [
        reviewed(answered()),
        reviewed(answered("O que acontece com chuva forte?", OPEN["Clima"].split(".")[0], about="Clima")),
        known("Por quantos dias ficam guardados os objetos?", "trinta dias", document="Achados e perdidos"),
    ]
    first, second = learn(tmp_path, *given), learn(tmp_path, *reversed(given))
    assert (first.path / "data.jsonl").read_bytes() == (second.path / "data.jsonl").read_bytes()
    assert first.rows == 3


def test_the_manifest_says_where_each_row_comes_from_and_the_readme_says_it_to_people(tmp_path: Path) -> None:
    given = answered(user_id=None)
    built = learn(tmp_path, reviewed(given), reviewed(answered("Que mala?"), verdict="rejected"))
    manifest = json.loads((built.path / "manifest.json").read_text())
    assert manifest["provenance"][0]["event"] == str(given.event_id)
    assert manifest["files"][0]["sha256"] == TrainingSet.objects.get(pk=built.training_set_id).sha256
    assert "- a resposta foi rejeitada: 1" in (built.path / "README.md").read_text()


def test_a_set_of_nothing_says_why(tmp_path: Path) -> None:
    built = learn(tmp_path, reviewed(answered(), verdict="rejected"))
    assert built.rows == 0
    assert left_out(built) == {"rejected": 1}


def test_nothing_is_left_behind_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ExportFailed):
        build_from(material(reviewed(answered())), target=tmp_path / "taken")
    assert not TrainingSet.objects.exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]
