"""Files of golden questions, and a scratch space that leaves nothing behind."""

from __future__ import annotations

import json
import socket

import pytest

from chat.exceptions import GoldenFileInvalid
from chat.golden import find_sources, leave_out_installed, only_split, read_golden, scratch, sweep
from retrieval.ingestion import ingest_text
from retrieval.models import Document
from tests.chat.conftest import FULL_DAY, HALF_DAY

SQUAD = {
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


@pytest.mark.parametrize(
    "text", ['{"no": 1}', "not json", '{"question": 3}', '{"question": "A?", "answerable": "yes"}', "[]"]
)
def test_a_file_that_is_neither_is_refused_with_its_line(tmp_path, text):
    with pytest.raises(GoldenFileInvalid, match=r"golden\.jsonl:1"):
        read_golden(written(tmp_path, text))


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
