"""The demo's golden questions are many, of every kind, truthful to the documents, and split by document."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import Any

import pytest

from demo.document_text import DOCUMENTS, document_paths, document_text

Question = dict[str, Any]

QUESTIONS: list[Question] = [
    json.loads(line) for line in (DOCUMENTS.parent / "golden.jsonl").read_text(encoding="utf-8").splitlines()
]
ANSWERABLE = [question for question in QUESTIONS if question["answerable"]]
TEXTS = {path.name: document_text(path) for path in document_paths()}
NEAREST = re.compile(r"nearest: (\S+\.\w+)")


def sources(question: Question) -> list[Question]:
    """The places an answer is quoted from: one, or two for a question that needs two passages."""
    return [question, question["also"]] if "also" in question else [question]


def split_documents(question: Question) -> list[str]:
    """The documents that decide the question's split; an unanswerable one names the nearest in its note."""
    if question["answerable"]:
        return [source["document"] for source in sources(question)]
    nearest = NEAREST.match(question["note"])
    assert nearest, question["id"]
    return [nearest[1]]


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


@pytest.mark.parametrize(
    ("kind", "at_least"), [("unanswerable", 50), ("table", 20), ("two_passages", 10), ("follow_up", 20)]
)
def test_there_are_enough_of_the_harder_kinds(kind: str, at_least: int) -> None:
    assert Counter(question["kind"] for question in QUESTIONS)[kind] >= at_least


def test_there_are_enough_questions_in_all_and_enough_as_people_type() -> None:
    assert len(QUESTIONS) >= 170
    assert sum(question["note"].startswith("typed: ") for question in QUESTIONS) >= 40


def test_ids_and_questions_are_unique() -> None:
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS)
    asked = [(question["question"], str(question.get("conversation"))) for question in QUESTIONS]
    assert len(set(asked)) == len(asked)


def test_every_document_is_asked_about() -> None:
    assert {document for question in QUESTIONS for document in split_documents(question)} == set(TEXTS)


def test_a_document_has_all_its_questions_on_one_side() -> None:
    sides: dict[str, set[str]] = defaultdict(set)
    for question in QUESTIONS:
        for document in split_documents(question):
            sides[document].add(question["split"])
    assert {document: split for document, split in sides.items() if len(split) > 1} == {}
    assert set().union(*sides.values()) == {"train", "test"}
    tests = sum(split == {"test"} for split in sides.values())
    assert 0.5 <= tests / len(sides) <= 0.7


def test_the_owners_question_is_in_the_test_split() -> None:
    asked = [question for question in QUESTIONS if "full-day e half-day em Sintra" in question["question"]]
    assert [question["split"] for question in asked] == ["test"]


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["id"])
def test_an_answerable_question_quotes_its_document(question: Question) -> None:
    assert question["answers"]
    assert all(question["answers"])
    for source in sources(question):
        assert source["passage"] in TEXTS[source["document"]]
        assert "**" not in source["passage"], "markup would hide the passage from a parser that drops it"


def test_the_short_answer_stands_in_the_passage() -> None:
    """Explanations, steps and sums from two passages may put it in words of their own."""
    spans = [question for question in ANSWERABLE if question["kind"] in {"fact", "table", "follow_up"}]
    astray = [q["id"] for q in spans if words(q["answers"][0]) not in words(q["passage"])]
    assert astray == []


def test_explanations_and_steps_also_have_a_full_sentence() -> None:
    taught = [question for question in ANSWERABLE if question["kind"] in {"explain", "steps", "two_passages"}]
    assert [question["id"] for question in taught if len(question["answers"]) < 2] == []


def test_an_unanswerable_question_has_neither_answer_nor_passage() -> None:
    for question in QUESTIONS:
        if question["kind"] == "unanswerable":
            assert (question["answerable"], question["answers"]) == (False, []), question["id"]
            assert (question["document"], question["passage"]) == (None, None), question["id"]
    assert all(question["kind"] != "unanswerable" for question in ANSWERABLE)


def test_only_follow_ups_come_with_a_conversation_that_the_assistant_ended() -> None:
    for question in QUESTIONS:
        turns = question.get("conversation", [])
        assert bool(turns) == (question["kind"] == "follow_up"), question["id"]
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2), question["id"]


def test_only_two_passage_questions_have_a_second_passage() -> None:
    for question in QUESTIONS:
        assert ("also" in question) == (question["kind"] == "two_passages"), question["id"]
        if "also" in question:
            assert question["also"]["passage"] != question["passage"], question["id"]
