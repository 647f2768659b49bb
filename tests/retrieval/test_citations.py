"""How an answer cites what it found in each kind of file: title, page, section."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.ingestion import ingest
from retrieval.results import SearchScope
from retrieval.search import retrieve
from tests.retrieval import files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]
ENTRY, RULE = (
    "Venha cedo e traga um documento com foto. " * 8,
    "Avise na véspera para receber o dinheiro de volta. " * 8,
)
TABLE = (("Passeio", "Multa"), ("Sintra", "R$ 98"), ("Évora", "R$ 112"))
HTML = f"<title>Manual</title><h1>Manual</h1><h2>Chegada</h2><p>{ENTRY}</p><h2>Cancelamento</h2><p>{RULE}</p>"
MARKDOWN = f"# Manual\n\n## Chegada\n\n{ENTRY}\n\n## Cancelamento\n\n{RULE}\n"


def kinds() -> Iterator[tuple[str, bytes, str]]:
    """A file, and how its rule of cancelling must be cited."""
    pages = (f"# Chegada\n{ENTRY}", f"# Cancelamento\n{RULE}")
    yield "a.pdf", files.pdf(*pages, title="Manual"), "Manual, p. 2, Cancelamento"
    yield "a.docx", files.word(title="Manual", Chegada=ENTRY, Cancelamento=RULE), "Manual, Cancelamento"
    yield "a.pptx", files.deck("Manual", ("Chegada", ENTRY), ("Cancelamento", RULE)), "Manual, p. 2, Cancelamento"
    yield (
        "Manual.xlsx",
        files.sheets(Chegada=[["Regra"], [ENTRY]], Cancelamento=[["Regra"], [RULE]]),
        ("Manual, Cancelamento"),
    )
    yield "a.html", HTML.encode(), "Manual, Cancelamento"
    yield "a.md", MARKDOWN.encode(), "Manual, Cancelamento"
    attached = files.mail("Normas", "Seguem as normas.", ("Manual.pdf", files.pdf(*pages)))
    yield "a.eml", attached, "Normas, p. 2, Manual.pdf › Cancelamento"


def named(value: object) -> str:
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(("name", "data", "citation"), list(kinds()), ids=named)
def test_a_passage_is_cited_by_title_page_and_section(tmp_path: Path, name: str, data: bytes, citation: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    ingest([path], tenant="casa")
    found = retrieve("Como receber o dinheiro de volta?", scope=SearchScope("casa")).selected
    assert found[0].name == citation
    assert "receber o dinheiro" in found[0].text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.docx", files.word(title="Multas", rows=TABLE, Tabela="Valores.")),
        ("a.xlsx", files.sheet([list(row) for row in TABLE], {})),
        ("a.pptx", files.deck("Multas", ("Tabela", "Valores."), table=TABLE)),
        ("a.md", "\n".join(["| Passeio | Multa |", "|---|---|", "| Sintra | R$ 98 |", "| Évora | R$ 112 |"]).encode()),
        ("a.csv", "\n".join(map(";".join, TABLE)).encode()),
        (
            "a.html",
            b"<table><tr><th>Passeio<th>Multa<tr><td>Sintra<td>R$ 98<tr><td>&Eacute;vora<td>R$ 112</table>",
        ),
    ],
    ids=named,
)
def test_a_row_of_a_table_is_found_with_the_names_of_its_columns(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    ingest([path], tenant="casa")
    found = retrieve("Qual é a multa de Évora?", scope=SearchScope("casa")).selected
    assert "Passeio: Évora; Multa: R$ 112" in found[0].text
