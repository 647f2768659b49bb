"""Files of golden questions, and a scratch space that leaves nothing behind."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chat.exceptions import GoldenFileInvalid
from chat.golden import find_sources, leave_out_installed, only_split, places_to_search, read_golden, scratch, sweep
from retrieval.ingestion import ingest_text
from retrieval.models import Chunk, Document
from tests.chat.conftest import FULL_DAY, HALF_DAY, LOST

SQUAD: dict[str, Any] = {
    "data": [
        {
            "title": "Sintra",
            "paragraphs": [
                {
                    "context": FULL_DAY,
                    "qas": [
                        {"question": "Quanto custa o dia inteiro?", "answers": [{"text": "€ 98"}, {"text": "€ 98"}]}
                    ],
                },
                {
                    "context": HALF_DAY,
                    "qas": [{"question": "Quanto custa?", "answers": [{"text": "€ 62"}], "is_impossible": False}],
                },
            ],
        }
    ]
}


def written(tmp_path, text, name="golden.jsonl"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_squad_is_read_with_its_passages_as_documents(tmp_path):
    read = read_golden(written(tmp_path, json.dumps(SQUAD)))
    assert read.documents == {"Sintra": (FULL_DAY, HALF_DAY)}
    assert read.questions[0].answers == ("€ 98",)
    assert read.questions[0].answerable is True


def test_lines_are_read_and_null_stays_unknown(tmp_path):
    lines = [
        {"question": "A?", "answer": "a", "passage": FULL_DAY, "answerable": None},
        {"question": "B?", "answers": ["b", "bb"], "passage": FULL_DAY, "answerable": True},
        {"question": "C?", "document": None, "passage": None, "answerable": False},
    ]
    read = read_golden(written(tmp_path, "\n".join(json.dumps(line) for line in lines)))
    assert [question.answerable for question in read.questions] == [None, True, False]
    assert read.questions[1].answers == ("b", "bb")
    assert list(read.documents.values()) == [(FULL_DAY,)]
    assert read.questions[0].document == read.questions[1].document != ""


def test_what_answers_is_answerable_unless_the_file_says_that_nobody_knows(tmp_path):
    lines = [
        {"question": "A?", "answer": "a"},
        {"question": "B?", "passage": FULL_DAY},
        {"question": "C?", "answer": "a", "answerable": None},
        {"question": "D?"},
    ]
    read = read_golden(written(tmp_path, "\n".join(json.dumps(line) for line in lines)))
    assert [question.answerable for question in read.questions] == [True, True, None, None]


def test_squad_two_marks_what_is_impossible(tmp_path):
    qas = [
        {"question": "A?", "is_impossible": True, "answers": [], "plausible_answers": [{"text": "x"}]},
        {"question": "B?", "answers": [{"text": "b"}]},
        {"question": "C?", "answers": []},
        {"question": "D?"},
    ]
    squad = {"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": FULL_DAY, "qas": qas}]}]}
    read = read_golden(written(tmp_path, json.dumps(squad)))
    assert [question.answerable for question in read.questions] == [False, True, None, None]


def test_squad_may_repeat_titles_and_passages_and_leave_out_what_is_not_needed(tmp_path):
    asked = {"context": HALF_DAY, "qas": [{"question": "Quanto?", "answers": [{"text": "€ 62"}, {"text": ""}]}]}
    squad = {
        "data": [
            {"title": "A", "paragraphs": [{"context": FULL_DAY}, {"context": FULL_DAY, "qas": []}]},
            {"title": "A", "paragraphs": [asked, {"context": "  ", "qas": []}]},
            {"paragraphs": [asked]},
            {"title": "empty", "paragraphs": []},
        ]
    }
    read = read_golden(written(tmp_path, json.dumps(squad)))
    assert read.documents == {"A": (FULL_DAY, HALF_DAY), "2": (HALF_DAY,)}
    assert read.questions[0].answers == ("€ 62",)


def test_a_byte_order_mark_windows_line_ends_and_separators_inside_strings_are_read(tmp_path):
    path = tmp_path / "windows.jsonl"
    rows = [{"question": "Um\u2028dois?", "answer": "a\x85b"}, {"question": "Três?"}]
    path.write_bytes("\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode("utf-8-sig") + b"\r\n")
    assert [question.text for question in read_golden(path).questions] == ["Um\u2028dois?", "Três?"]


@pytest.mark.parametrize(
    "text",
    [
        '{"no": 1}',
        "not json",
        '{"question": 3}',
        '{"question": "  "}',
        '{"question": "A?", "answerable": "yes"}',
        '{"question": "A?", "answers": {"text": ["a"]}}',
        '{"question": "A?", "answers": [{"text": "a"}]}',
        '{"question": "A?", "passage": ["a"]}',
        "[]",
        "[" * 100_000,
    ],
)
def test_a_file_that_is_neither_is_refused_with_its_line(tmp_path, text):
    with pytest.raises(GoldenFileInvalid, match=r"golden\.jsonl:1"):
        read_golden(written(tmp_path, text))


@pytest.mark.parametrize(
    ("squad", "place"),
    [
        ({"data": 3}, "golden.jsonl"),
        ({"data": [3]}, "documento 1"),
        ({"data": [{"title": "T"}]}, "documento 1"),
        ({"data": [{"title": "T", "paragraphs": [{"qas": [{}]}]}]}, "parágrafo 1, pergunta 1"),
        ({"data": [{"title": "T", "paragraphs": [{"context": 3.5, "qas": ["x"]}]}]}, "parágrafo 1, pergunta 1"),
        (
            {"data": [{"title": "T", "paragraphs": [{"context": "x", "qas": [{"question": "A?", "answers": ["a"]}]}]}]},
            "resposta 1",
        ),
    ],
)
def test_broken_squad_is_refused_with_its_place(tmp_path, squad, place):
    with pytest.raises(GoldenFileInvalid, match=place):
        read_golden(written(tmp_path, json.dumps(squad)))


@pytest.mark.parametrize("text", ["", "\n \n", '{"data": []}'])
def test_a_file_without_a_question_is_refused(tmp_path, text):
    with pytest.raises(GoldenFileInvalid, match="nenhuma pergunta"):
        read_golden(written(tmp_path, text))


ROWS = st.dictionaries(
    st.sampled_from(["question", "answers", "answer", "document", "passage", "answerable", "split", "kind", "also"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
    ),
)


@hypothesis_settings(max_examples=50)
@given(st.lists(ROWS, max_size=3))
def test_any_json_lines_are_read_or_refused(tmp_path_factory, rows):
    path = written(tmp_path_factory.mktemp("rows"), "\n".join(json.dumps(row) for row in rows))
    try:
        golden = read_golden(path)
    except GoldenFileInvalid:
        return
    assert golden.questions


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(GoldenFileInvalid):
        read_golden(tmp_path / "none.json")


@pytest.mark.django_db
def test_the_scratch_space_holds_the_documents_and_is_gone_afterwards(tmp_path):
    read = read_golden(written(tmp_path, json.dumps(SQUAD)))
    with scratch(read) as name:
        sources = find_sources(read.questions, [name])
        assert Document.objects.filter(collection=name).count() == 1
        assert [len(source.hidden_passage.chunk_ids) for source in sources] == [1, 1]
        assert sources[0].hidden_passage != sources[1].hidden_passage
        assert sources[0].has_neighbours
    assert not Document.objects.exists()


@pytest.mark.django_db
def test_a_passage_that_another_document_repeats_is_hidden_there_too(tmp_path):
    article = SQUAD["data"][0]
    twin = {"title": "Cópia", "paragraphs": [{"context": FULL_DAY, "qas": []}, {"context": LOST, "qas": []}]}
    read = read_golden(written(tmp_path, json.dumps({"data": [article, twin]})))
    with scratch(read) as name:
        first, second = find_sources(read.questions, [name])
        chunks = dict(Chunk.objects.filter(document__title="Cópia").values_list("text", "id"))
    assert chunks[FULL_DAY] in first.hidden_passage.chunk_ids
    assert first.hidden_document.chunk_ids == {chunks[FULL_DAY]}
    assert len(first.hidden_document.document_ids) == 1
    assert not second.hidden_document.chunk_ids


@pytest.mark.django_db
def test_titles_that_are_numbers_mean_no_file(tmp_path):
    squad = {
        "data": [
            {"title": title, "paragraphs": [{"context": text, "qas": [{"question": "A?", "answers": [{"text": "a"}]}]}]}
            for title, text in (("2", FULL_DAY), ("1", HALF_DAY), ("a/2", LOST))
        ]
    }
    read = read_golden(written(tmp_path, json.dumps(squad)))
    with scratch(read) as name:
        titles = dict(Document.objects.values_list("id", "title"))
        found = [source.hidden_document.document_ids for source in find_sources(read.questions, [name])]
    assert [[titles[document] for document in documents] for documents in found] == [["2"], ["1"], ["a/2"]]


@pytest.mark.django_db
def test_an_answer_in_two_places_is_hidden_in_both(tmp_path):
    row = {"question": "Qual é a diferença?", "document": "A", "passage": FULL_DAY, "answer": "36 euros"}
    rows = [row | {"also": {"document": "B", "passage": HALF_DAY}}, row | {"passage": LOST}]
    read = read_golden(written(tmp_path, "\n".join(json.dumps(row) for row in rows)))
    with scratch(read) as name:
        both, one = find_sources(read.questions, [name])
    assert (len(both.hidden_document.document_ids), len(both.hidden_passage.chunk_ids)) == (2, 2)
    assert (len(one.hidden_document.document_ids), len(one.hidden_passage.chunk_ids)) == (1, 1)


@pytest.mark.django_db
def test_what_postgresql_cannot_keep_is_left_out(tmp_path):
    row = {"question": "A\0?", "document": "T\ud800", "passage": f"{FULL_DAY}\0\ud800", "answer": "a"}
    read = read_golden(written(tmp_path, json.dumps(row)))
    with scratch(read) as name:
        assert find_sources(read.questions, [name])[0].known


@pytest.mark.django_db
@pytest.mark.usefixtures("documents")
def test_it_is_asked_where_its_documents_are(tmp_path):
    installed = {"question": "A?", "document": "Sintra dia inteiro", "passage": "custa € 98 por adulto"}
    own = {"question": "B?", "document": "Outro", "passage": LOST}
    squad = {"data": [SQUAD["data"][0] | {"title": "Sintra dia inteiro"}]}

    def places(text):
        with places_to_search(read_golden(written(tmp_path, text))) as collections:
            return [name.split("-")[0] for name in collections]

    assert places(json.dumps(installed)) == ["main"]
    assert places(json.dumps({"question": "Sem documento?"})) == ["main"]
    assert places(json.dumps(own)) == ["scratch"]
    assert places(f"{json.dumps(installed)}\n{json.dumps(own)}") == ["scratch", "main"]
    assert places(json.dumps(squad)) == ["scratch"]


@pytest.mark.django_db
def test_it_is_gone_after_a_failure_too(tmp_path):
    read = read_golden(written(tmp_path, json.dumps(SQUAD)))
    with pytest.raises(ZeroDivisionError), scratch(read):
        1 / 0  # noqa: B018
    assert not Document.objects.exists()


@pytest.mark.django_db
def test_what_a_killed_run_left_is_swept_and_a_living_ones_stays(settings, tmp_path):
    host = socket.gethostname()[:20]
    ingest_text(
        "x", tenant=settings.PRIMARY_TENANT_ID, passages=["Um texto."], collection=f"scratch-{host}-1-99-abcdef"
    )
    ingest_text("y", tenant=settings.PRIMARY_TENANT_ID, passages=["Outro."], collection="scratch-elsewhere-1-99-abcdef")
    read = read_golden(written(tmp_path, json.dumps(SQUAD)))
    with scratch(read) as name:
        sweep()
        assert set(Document.objects.values_list("title", "collection")) == {
            ("y", "scratch-elsewhere-1-99-abcdef"),
            ("Sintra", name),
        }


@pytest.mark.django_db
@pytest.mark.usefixtures("documents")
def test_documents_that_are_installed_are_searched_where_they_are(tmp_path):
    line = {"question": "Quanto custa?", "document": "Sintra dia inteiro", "passage": "custa € 98 por adulto"}
    read = leave_out_installed(read_golden(written(tmp_path, json.dumps(line))))
    assert read.documents == {}
    (source,) = find_sources(read.questions, ["main"])
    assert len(source.hidden_document.document_ids) == 1
    assert len(source.hidden_passage.chunk_ids) == 1


def test_a_split_is_taken_where_a_file_marks_one(tmp_path):
    rows = [{"question": "Um?", "split": "train"}, {"question": "Dois?", "split": "test"}, {"question": "Três?"}]
    golden = read_golden(written(tmp_path, "\n".join(json.dumps(row) for row in rows)))
    assert [row.text for row in only_split(golden, "train").questions] == ["Um?", "Três?"]
    assert only_split(golden, "") == golden
    with pytest.raises(GoldenFileInvalid, match="dev"):
        only_split(replace(golden, questions=golden.questions[:2]), "dev")
