from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.parsing.blocks import BlockKind, Limits, ParsedDocument, RejectionCode, Unparsable, clean
from retrieval.parsing.formats import parse
from retrieval.parsing.sandbox import Parser
from tests.retrieval import files

LIMITS = Limits(file_bytes=2_000_000, unpacked_bytes=20_000_000, pages=5, text_chars=200_000, seconds=120)
ParseOne = Callable[[str, bytes | str], ParsedDocument]
PLAIN = "Olá! O passeio custa R$ 98."


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser(LIMITS) as parser:
        yield parser


@pytest.fixture
def parsed(parser: Parser, tmp_path: Path) -> ParseOne:
    def parsed(name: str, data: bytes | str) -> ParsedDocument:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        (document,) = parser.parse(path)
        return document

    return parsed


def texts(document: ParsedDocument, kind: BlockKind) -> list[str]:
    return [block.text for block in document.blocks if block.kind is kind]


def test_a_pdf_keeps_pages_and_headings(parsed: ParseOne) -> None:
    document = parsed(
        "manual.pdf", files.pdf("# Chegada\nVenha cedo, por favor.", "# Saida\nSaia tarde.", title="Manual")
    )
    assert document.title == "Manual"
    assert [(b.kind, b.text, b.page) for b in document.blocks] == [
        (BlockKind.HEADING, "Chegada", 1),
        (BlockKind.PARAGRAPH, "Venha cedo, por favor.", 1),
        (BlockKind.HEADING, "Saida", 2),
        (BlockKind.PARAGRAPH, "Saia tarde.", 2),
    ]


def test_running_heads_of_a_pdf_are_no_text(parsed: ParseOne) -> None:
    pages = [f"Rota Atlantica, pagina {n}\nA regra numero {n} vale para todos os passageiros." for n in range(1, 5)]
    assert "Rota" not in " ".join(texts(parsed("m.pdf", files.pdf(*pages)), BlockKind.PARAGRAPH))


def test_a_table_row_can_be_read_alone(parsed: ParseOne) -> None:
    rows = (("Passeio", "Preço"), ("Sintra", "R$ 98"), ("Évora", "R$ 112"))
    document = parsed("precos.docx", files.word(title="Preços", rows=rows, Tabela="Valores de 2026."))
    assert texts(document, BlockKind.ROW) == ["Passeio: Sintra; Preço: R$ 98", "Passeio: Évora; Preço: R$ 112"]
    assert texts(document, BlockKind.HEADING) == ["Tabela"]


def test_cells_that_span_keep_every_row_readable(parsed: ParseOne) -> None:
    html = (
        "<table><tr><th>Cidade<th>Dia<th>Preço<tr><td rowspan=2>Lisboa<td>seg<td>10<tr><td>ter<td>20"
        "<tr><td colspan=2>Porto<td>30<tr><td rowspan=999999999>Faro<td>qua<td>40</table>"
    )
    assert texts(parsed("t.html", html), BlockKind.ROW) == [
        "Cidade: Lisboa; Dia: seg; Preço: 10",
        "Cidade: Lisboa; Dia: ter; Preço: 20",
        "Cidade: Porto; Preço: 30",
        "Cidade: Faro; Dia: qua; Preço: 40",
    ]
    document = docx.Document()
    table = document.add_table(2, 3)
    for cell, text in zip(table.rows[0].cells, ("Cidade", "Dia", "Preço"), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 1)).text = "Porto"
    table.cell(1, 2).text = "30"
    buffer = io.BytesIO()
    document.save(buffer)
    assert texts(parsed("t.docx", buffer.getvalue()), BlockKind.ROW) == ["Cidade: Porto; Preço: 30"]


def test_a_sheet_shows_its_values_as_a_reader_sees_them(parsed: ParseOne) -> None:
    data = files.sheet([["Item", "Valor", "Parte"], ["Van", 1250.5, 0.15]], {"B2": '"R$" #,##0.00', "C2": "0%"})
    document = parsed("tabela.xlsx", data)
    assert texts(document, BlockKind.ROW) == ["Item: Van; Valor: R$ 1.250,50; Parte: 15%"]
    assert document.title == "Tabela"


def test_a_slide_is_a_page_under_its_title(parsed: ParseOne) -> None:
    document = parsed("a.pptx", files.slides("Segurança", "Use o cinto."))
    assert [(b.text, b.page) for b in document.blocks] == [("Segurança", 1), ("Use o cinto.", 1)]


def test_a_web_page_is_its_content_only(parsed: ParseOne) -> None:
    document = parsed(
        "p.html",
        "<html><head><title>Fado</title><script>x()</script></head><body><nav>Menu</nav><h2>Preço</h2>"
        "<p>Custa <b>74 €</b>.</p><ul><li>jantar</li></ul><p style='display: none'>oculto</p>"
        "<footer>rodapé</footer></body>",
    )
    assert document.title == "Fado"
    assert [b.text for b in document.blocks] == ["Preço", "Custa 74 €.", "- jantar"]


def test_markdown_tables_lists_and_headings_are_kept(parsed: ParseOne) -> None:
    document = parsed("s.md", "# Sintra\n\nTexto **forte**\nquebrado.\n\n| Dia | Hora |\n|---|---|\n| seg | 9h |\n")
    assert document.title == "Sintra"
    assert [b.text for b in document.blocks] == ["Sintra", "Texto forte quebrado.", "Dia: seg; Hora: 9h"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_text_is_read_in_the_encodings_that_people_send(parsed: ParseOne, encoding: str) -> None:
    text = "Não há remarcação às terças – é “proibido”."
    assert parsed("aviso.txt", text.encode(encoding)).blocks[0].text == text


def test_csv_finds_its_delimiter(parsed: ParseOne) -> None:
    document = parsed("h.csv", "Passeio;Saída\nSintra;8h30\nÉvora;8h00\n")
    assert texts(document, BlockKind.ROW) == ["Passeio: Sintra; Saída: 8h30", "Passeio: Évora; Saída: 8h00"]


def test_a_squad_file_is_a_document_a_title_and_a_passage_a_paragraph(parser: Parser, tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_text(
        json.dumps(
            {
                "data": [
                    {"title": "A_B", "paragraphs": [{"context": "Um."}, {"context": "Dois."}]},
                    {"title": "C", "paragraphs": [{"context": "Três."}]},
                ]
            }
        )
    )
    documents = parser.parse(path)
    assert [(d.title, [(b.kind, b.text) for b in d.blocks]) for d in documents] == [
        ("A B", [(BlockKind.PASSAGE, "Um."), (BlockKind.PASSAGE, "Dois.")]),
        ("C", [(BlockKind.PASSAGE, "Três.")]),
    ]


def test_other_json_becomes_rows_under_its_keys(parsed: ParseOne) -> None:
    document = parsed("c.json", '{"loja": {"cidade": "Lisboa", "aberta": true}, "idiomas": ["pt", "en"]}')
    assert [b.text for b in document.blocks] == ["loja", "cidade: Lisboa; aberta: sim", "idiomas", "pt, en"]


def test_hidden_characters_do_not_survive() -> None:
    assert clean("pre\u200bço\u00ad \u202ereal\x00\x07!") == "preço real !"


HOSTILE = {
    "torn.pdf": (files.pdf("Texto inteiro.")[:300], RejectionCode.UNREADABLE),
    "locked.pdf": (files.encrypted_pdf("Segredo."), RejectionCode.ENCRYPTED),
    "scan.pdf": (files.pdf(""), RejectionCode.EMPTY),
    "long.pdf": (files.pdf(*["a"] * 6), RejectionCode.TOO_LARGE),
    "text.pdf": (b"apenas texto", RejectionCode.UNREADABLE),
    "bomb.docx": (files.bomb(30), RejectionCode.TOO_LARGE),
    "torn.docx": (files.word(A="texto")[:2000], RejectionCode.UNREADABLE),
    "locked.docx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
        RejectionCode.ENCRYPTED,
    ),
    "zip.docx": (b"PK\x03\x04" + b"\0" * 50, RejectionCode.UNREADABLE),
    "old.xlsx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, RejectionCode.UNSUPPORTED),
    "empty.md": (b" \n ", RejectionCode.EMPTY),
    "dashes.txt": ("-----\n\u200b\u200b".encode(), RejectionCode.EMPTY),
    "binary.txt": (bytes(range(256)) * 20, RejectionCode.UNREADABLE),
    "mojibake.txt": (b"\x81\x8d\x8f\x90\x9d" * 40, RejectionCode.WRONG_ENCODING),
    "torn.json": (b'{"a": [1, 2', RejectionCode.UNREADABLE),
    "deep.json": (b"[" * 200_000, RejectionCode.UNREADABLE),
    "deep.html": (b"<div>" * 50_000 + b"x", RejectionCode.UNREADABLE),
    "huge.txt": (b"palavra " * 400_000, RejectionCode.TOO_LARGE),
    "wordy.txt": (b"palavra " * 40_000, RejectionCode.TOO_LARGE),
    "photo.png": (b"\x89PNG", RejectionCode.UNSUPPORTED),
    "none": (b"texto", RejectionCode.UNSUPPORTED),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(parser: Parser, tmp_path: Path, name: str) -> None:
    data, code = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(Unparsable) as refusal:
        parser.parse(path)
    assert refusal.value.code is code


def test_content_wins_over_a_wrong_extension(parsed: ParseOne) -> None:
    assert parsed("nota.txt", files.pdf("Sou um PDF.")).media_type == "application/pdf"


def test_a_file_that_takes_too_long_kills_only_its_process(tmp_path: Path) -> None:
    endless = tmp_path / "endless.txt"
    os.mkfifo(endless)  # whoever opens it waits for ever
    good = tmp_path / "good.txt"
    good.write_text(PLAIN)
    with Parser(Limits(seconds=1)) as parser:
        with pytest.raises(Unparsable) as refusal:
            parser.parse(endless)
        assert refusal.value.code is RejectionCode.TOO_SLOW
        parser.limits = LIMITS  # for a slow machine: the new process first imports its parsers
        assert parser.parse(good)[0].blocks[0].text == PLAIN


@given(st.binary(max_size=400), st.sampled_from([".pdf", ".docx", ".html", ".md", ".txt", ".csv", ".json", ".jsonl"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_read_or_refused_never_worse(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"random{kind}"
    path.write_bytes(data)
    documents = []
    with suppress(Unparsable):
        documents = parse(path, path.name, LIMITS)
    assert all(any(char.isalnum() for char in block.text) for document in documents for block in document.blocks)
