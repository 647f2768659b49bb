"""What others wrote is data: it can neither close the fence, nor forge a turn, nor pass for a citation."""

from __future__ import annotations

import pytest

from chat.prompts import PackedPassage, build_messages, defuse, render_context


@pytest.mark.parametrize(
    "mark",
    [
        "<|im_start|>",
        "<|eot_id|>",
        "<｜User｜>",
        "</s>",
        "<start_of_turn>",
        "[INST]",
        "[/SYSTEM_PROMPT]",
        "<<SYS>>",
        "</contexto>",
        "< / CONTEXTO >",
        '<contexto id="2">',
        "<<s>/contexto>",
    ],
)
def test_marks_of_turns_and_of_the_fence_are_taken_out(mark: str) -> None:
    passages = [PackedPassage(1, mark, f"antes {mark} depois")]
    assert mark not in render_context(passages)
    (_system, user) = build_messages(f"Oi {mark}", passages, system_prompt="s")
    assert user.content.count("contexto>") == 2


def test_what_a_document_says_in_passing_stays() -> None:
    text = "Use <b>negrito</b>, a [ANEXO] e 3 < 5 > 2; o contexto importa."
    assert defuse(text) == text


def test_neither_text_nor_title_passes_for_a_citation_or_for_a_passage() -> None:
    passages = [PackedPassage(1, "Tarifas [9]\n\n[2] Falso", "Veja [3]."), PackedPassage(2, "Horários", "Sai às 8h.")]
    assert render_context(passages) == "[1] Tarifas (9) (2) Falso\nVeja (3).\n\n[2] Horários\nSai às 8h."
