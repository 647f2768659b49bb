from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.parsing.blocks import BlockKind, Limits, ParsedDocument, RejectionCode, Unparsable
from retrieval.parsing.sandbox import Parser
from tests.retrieval import files

SUBJECT = "Cancelamento do passeio"


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser(Limits(unpacked_bytes=20_000_000)) as parser:
        yield parser


def parsed(parser: Parser, folder: Path, data: bytes) -> ParsedDocument:
    path = folder / "carta.eml"
    path.write_bytes(data)
    (document,) = parser.parse(path)
    return document


def texts(document: ParsedDocument) -> list[str]:
    return [block.text for block in document.blocks]


def test_an_email_is_named_by_its_subject_and_says_who_wrote_to_whom_and_when(parser: Parser, tmp_path: Path) -> None:
    document = parsed(parser, tmp_path, files.mail(SUBJECT, "Pode cancelar até às 18h da véspera."))
    assert (document.title, document.media_type, document.gaps) == (SUBJECT, "message/rfc822", ())
    assert texts(document) == [
        "De: Ana Sá <ana@casa.pt>",
        "Para: rui@casa.pt",
        "Data: 12/03/2026 14:05",
        "Pode cancelar até às 18h da véspera.",
    ]


def test_where_an_email_has_html_only_its_content_is_read(parser: Parser, tmp_path: Path) -> None:
    html = "<h2>Preço</h2><p>Custa <b>74 €</b>.</p><script>x()</script>"
    document = parsed(parser, tmp_path, files.mail(SUBJECT, " ", html=html))
    assert texts(document)[-2:] == ["Preço", "Custa 74 €."]


def test_what_is_attached_belongs_to_the_email_under_its_name_with_its_pages(parser: Parser, tmp_path: Path) -> None:
    attached = files.pdf("# Entrada\nVenha cedo.", "# Cancelamento\nAvise na véspera.")
    document = parsed(parser, tmp_path, files.mail(SUBJECT, "Segue o manual.", ("Manual.pdf", attached)))
    assert [(b.kind, b.text, b.level, b.page) for b in document.blocks][-5:] == [
        (BlockKind.HEADING, "Manual.pdf", 1, None),
        (BlockKind.HEADING, "Entrada", 2, 1),
        (BlockKind.PARAGRAPH, "Venha cedo.", 0, 1),
        (BlockKind.HEADING, "Cancelamento", 2, 2),
        (BlockKind.PARAGRAPH, "Avise na véspera.", 0, 2),
    ]


def test_attachments_that_cannot_be_read_are_named_and_the_rest_is_kept(parser: Parser, tmp_path: Path) -> None:
    hostile = {
        "bomba.docx": (files.bomb(30), RejectionCode.TOO_LARGE),
        "segredo.pdf": (files.encrypted_pdf("x"), RejectionCode.ENCRYPTED),
        "rasgado.xlsx": (b"PK\x03\x04" + b"\0" * 50, RejectionCode.UNREADABLE),
        "programa.exe": (b"MZ", RejectionCode.UNSUPPORTED),
    }
    attached = [(name, data) for name, (data, _code) in hostile.items()]
    document = parsed(parser, tmp_path, files.mail(SUBJECT, "Olá.", *attached, ("nota.txt", b"Texto bom.")))
    assert {gap.name: gap.code for gap in document.gaps} == {name: code for name, (_data, code) in hostile.items()}
    assert texts(document)[-2:] == ["nota.txt", "Texto bom."]


@pytest.mark.parametrize("as_file", [False, True])
def test_emails_in_emails_are_read_only_so_deep(parser: Parser, tmp_path: Path, as_file: bool) -> None:
    message = files.written_mail("Fundo", "O mais fundo.")
    for number in range(6, 0, -1):
        outer = files.written_mail(f"Nível {number}", f"Texto {number}.")
        if as_file:
            outer.add_attachment(message.as_bytes(), maintype="application", subtype="octet-stream", filename="a.eml")
        else:
            outer.add_attachment(message)
        message = outer
    document = parsed(parser, tmp_path, message.as_bytes())
    assert [text for text in texts(document) if text.startswith("Texto")] == [f"Texto {n}." for n in range(1, 5)]
    assert [gap.code for gap in document.gaps] == [RejectionCode.TOO_LARGE]


def test_only_so_many_attachments_are_read(parser: Parser, tmp_path: Path) -> None:
    attached = [(f"{number}.txt", b"Texto bom.") for number in range(60)]
    document = parsed(parser, tmp_path, files.mail(SUBJECT, "Olá.", *attached))
    assert texts(document).count("Texto bom.") == 50
    assert len(document.gaps) == 10


@pytest.mark.parametrize(
    "headers",
    [
        b"From: \xff\xfe <<<\r\nDate: ontem\r\n",
        b"From: =?utf-8?b?////?=\r\nTo: " + b"a@b," * 5000 + b"\r\nDate: Thu, 99 Mar 99999 99:99:99 +9999\r\n",
        b"From: a\r\nContent-Type: text/plain; charset=klingon\r\n",
        b"From: a\r\nContent-Type: multipart/mixed; boundary=x\r\n",
    ],
)
def test_malformed_headers_do_not_hide_the_text(parser: Parser, tmp_path: Path, headers: bytes) -> None:
    document = parsed(parser, tmp_path, headers + "\r\n--x\r\n\r\nCancele até às 18h.\r\n".encode())
    assert any("Cancele até às 18h." in text for text in texts(document))


@pytest.mark.parametrize("data", [b"apenas texto", bytes(range(256))])
def test_what_is_no_email_is_refused(parser: Parser, tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unparsable) as refusal:
        parsed(parser, tmp_path, data)
    assert refusal.value.code is RejectionCode.UNREADABLE


def test_an_email_nested_a_thousand_times_is_refused(parser: Parser, tmp_path: Path) -> None:
    data = b"From: a\r\nContent-Type: message/rfc822\r\n\r\n" * 1000 + b"From: a\r\n\r\nfim"
    with pytest.raises(Unparsable) as refusal:
        parsed(parser, tmp_path, data)
    assert refusal.value.code is RejectionCode.UNREADABLE
