"""Which sentences of a passage the page marks: the page's own module, run by Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.node import NODE, needs_node

MODULE = Path(__file__).resolve().parents[2] / "static" / "chat" / "js" / "support.js"
PASSAGE = "O passeio sai às 8h30. Custa 89 € por adulto, almoço à parte. Crianças até 3 anos não pagam."

pytestmark = needs_node


def run(expression: str, *arguments: Any) -> Any:
    script = f"""
        const source = await (await import("node:fs/promises")).readFile({json.dumps(str(MODULE))}, "utf8");
        const support = await import("data:text/javascript," + encodeURIComponent(source));
        const given = {json.dumps(arguments)};
        console.log(JSON.stringify({expression}));
    """
    command = [NODE, "--input-type=module", "-e", script]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)


def marked(answer: str, number: int = 1, passage: str = PASSAGE) -> list[str]:
    pieces = run(
        "support.markedPieces(given[0], support.statementsCiting(given[1], given[2]))", passage, answer, number
    )
    assert "".join(piece["text"] for piece in pieces) == passage
    return [piece["text"].strip() for piece in pieces if piece["marked"]]


def test_the_sentence_that_says_it_is_marked() -> None:
    assert marked("O preço: custa 89 € por adulto [1].") == ["Custa 89 € por adulto, almoço à parte."]


def test_a_citation_stands_for_the_sentences_before_it() -> None:
    quote = "O passeio sai às 8h30. Custa 89 € por adulto, almoço à parte [1]."
    assert marked(quote) == ["O passeio sai às 8h30.", "Custa 89 € por adulto, almoço à parte."]


def test_accents_and_case_do_not_matter() -> None:
    assert marked("CRIANCAS ate 3 anos nao pagam [1]") == ["Crianças até 3 anos não pagam."]


def test_another_sources_statement_marks_nothing() -> None:
    assert marked("Crianças até 3 anos não pagam [2]. O preço é bom [1].") == []
    assert marked("Crianças até 3 anos não pagam [1].", number=2) == []


@pytest.mark.parametrize("passage", ["", "sem ponto", "1. um\n2. dois\n", "Av. Paulista, nº 3.", "…", "?!"])
def test_no_text_of_a_passage_is_lost(passage: str) -> None:
    assert marked("Custa 89 € [1].", passage=passage) == []
