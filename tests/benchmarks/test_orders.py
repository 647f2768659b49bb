"""The peers of retrieval, as orders of the same candidates."""

import uuid

from benchmarks.bm25_peer import Peer, plain_words
from benchmarks.retrieval import by_reciprocal_ranks, by_similarity, by_text, selected_first, without_accents
from retrieval.results import Retrieval, RetrievedChunk, SearchTimings
from retrieval.text import tokens


def chunk(chunk_id: int, *, dense: int | None, text: int | None) -> RetrievedChunk:
    return RetrievedChunk(
        chunk_id=chunk_id,
        document_id=uuid.UUID(int=chunk_id),
        title="",
        section="",
        page=None,
        text="",
        url="",
        labels=(),
        rank=chunk_id,
        score=0.0,
        similarity=0.0,
        text_score=0.0,
        dense_rank=dense,
        text_rank=text,
    )


ONLY_DENSE, BOTH, ONLY_TEXT = chunk(1, dense=1, text=None), chunk(2, dense=2, text=2), chunk(3, dense=None, text=1)
FOUND = Retrieval(
    query="",
    selected=(ONLY_TEXT,),
    candidates=(ONLY_DENSE, BOTH, ONLY_TEXT),
    terms=(),
    chunk_count=3,
    embedder="",
    generation=0,
    timings=SearchTimings(0, 0, 0, 0),
)


def test_each_search_alone_knows_only_what_it_found_itself():
    assert by_similarity(FOUND) == [1, 2]
    assert by_text(FOUND) == [3, 2]


def test_rank_fusion_prefers_what_both_found():
    assert by_reciprocal_ranks(FOUND)[0] == 2


def test_aions_order_is_the_selection_and_then_the_rest():
    assert selected_first(FOUND) == [3, 1, 2]


def test_questions_are_typed_without_accents():
    assert without_accents("Quanto é a caução à vista?") == "Quanto e a caucao a vista?"


def test_rank_bm25_puts_the_passage_with_the_rarest_words_first():
    passages = {7: "O passeio sai cedo.", 8: "O passeio custa 98 euros.", 9: "O passeio volta tarde."}
    assert Peer(passages, tokens).rank("Quanto custam os passeios?").chunk_ids[0] == 8
    assert Peer(passages, plain_words).rank("Quanto CUSTA?").chunk_ids[0] == 8
