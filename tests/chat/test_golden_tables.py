"""Golden questions as spreadsheets read and write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.exceptions import GoldenFileInvalid
from chat.golden import read_golden
from chat.golden.exporting import export_questions
from chat.golden.importing import import_questions
from retrieval.models import GoldenQuestion


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "perguntas.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_spreadsheet_of_brazil_is_read(tmp_path: Path, encoding: str) -> None:
    text = (
        "Pergunta;Respostas;Respondida;Documento;Trecho;Tipo\r\n"
        'Até quando cancelo?;"48 horas\r\ndois dias";sim;regras.md;"Até 48 horas; sem custo.";fato\r\n'
        "Quem ganhou o jogo?;;não;;;\r\n"
    )
    first, second = read_golden(table(tmp_path, text, encoding)).questions
    assert (first.text, first.answers, first.answerable) == ("Até quando cancelo?", ("48 horas", "dois dias"), True)
    assert (first.document, first.passage, first.kind) == ("regras.md", "Até 48 horas; sem custo.", "fato")
    assert (second.answers, second.answerable) == ((), False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resposta\n98\n", "pergunta"),
        ("pergunta,respondida\nQuanto?,talvez\n", "perguntas.csv:2"),
        ("pergunta\n\n", "nenhuma pergunta"),
        ("pergunta,resposta\n ,98\n", "perguntas.csv:2"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(GoldenFileInvalid, match=said):
        read_golden(table(tmp_path, text))


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_was_taken_out_can_be_brought_in_again(tmp_path: Path, form: str) -> None:
    GoldenQuestion.objects.create(
        tenant="default",
        question='=HYPERLINK("http://x.invalid")',
        answers=["-5 graus", "cinco; negativos"],
        document="clima.md",
        passage="Faz\n-5 graus.",
        answerable=True,
        kind="fato",
        earlier=["Faz frio?"],
    )
    GoldenQuestion.objects.create(tenant="default", question="Quem ganhou?", answerable=False)
    fields = ("question", "answers", "document", "passage", "answerable", "kind", "earlier")
    before = list(GoldenQuestion.objects.order_by("pk").values_list(*fields))
    path = tmp_path / f"fora.{form}"
    path.write_bytes(export_questions(form))
    GoldenQuestion.objects.all().delete()
    assert import_questions(read_golden(path)).added == 2
    assert list(GoldenQuestion.objects.order_by("pk").values_list(*fields)) == before


@pytest.mark.django_db
def test_a_table_taken_out_holds_nothing_that_a_spreadsheet_would_run() -> None:
    GoldenQuestion.objects.create(tenant="default", question="=cmd|' /C calc'!A0", answers=["@SUM(1)"])
    cells = export_questions("csv").decode("utf-8-sig").splitlines()[1].split(";")
    assert [cell[0] for cell in cells[:2]] == ["'", "'"]
