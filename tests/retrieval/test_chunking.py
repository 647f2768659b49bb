from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retrieval.chunking import chunk
from retrieval.parsing.blocks import Block, BlockKind


def count_words(text: str) -> int:
    """Like an embedder's count: a long word is several, and parts never count less than the whole."""
    return sum(1 + len(word) // 40 for word in text.split())


WORDS = st.text(alphabet="abçé", min_size=1, max_size=60)
SENTENCES = st.lists(WORDS, min_size=1, max_size=30).map(lambda words: " ".join(words).capitalize() + ".")
TEXTS = st.lists(SENTENCES, min_size=1, max_size=5).map(" ".join)
BLOCKS = st.lists(
    st.one_of(
        st.builds(Block, st.just(BlockKind.HEADING), WORDS, st.integers(1, 4), st.none()),
        st.builds(Block, st.just(BlockKind.PARAGRAPH), TEXTS, st.just(0), st.none() | st.integers(1, 9)),
        st.builds(Block, st.just(BlockKind.ROW), SENTENCES, st.just(0), st.none()),
    ),
    max_size=25,
)


@given(BLOCKS, st.integers(5, 60))
def test_no_text_is_lost_or_doubled_and_order_is_kept(blocks: list[Block], limit: int) -> None:
    chunked = chunk(blocks, title="T", count_tokens=count_words, max_tokens=limit)
    assert all(chunked.text[draft.start : draft.end] == draft.text for draft in chunked.chunks)
    assert all(a.end <= b.start for a, b in zip(chunked.chunks, chunked.chunks[1:], strict=False))
    covered = {place for draft in chunked.chunks for place in range(draft.start, draft.end)}
    position = 0
    for block in blocks:
        position = chunked.text.index(block.text, position)
        if block.kind is not BlockKind.HEADING:
            missing = [p for p in range(position, position + len(block.text)) if p not in covered]
            assert all(chunked.text[place].isspace() for place in missing)
        position += len(block.text)


@given(BLOCKS, st.integers(5, 60))
def test_no_chunk_is_longer_than_the_limit(blocks: list[Block], limit: int) -> None:
    chunked = chunk(blocks, title="T", count_tokens=count_words, max_tokens=limit)
    for draft in chunked.chunks:
        headings = sum(count_words(block.text) for block in blocks if block.kind is BlockKind.HEADING)
        assert count_words(draft.text) <= limit + headings


def paragraph(words: int, name: str) -> Block:
    return Block(BlockKind.PARAGRAPH, " ".join(f"{name}{number}" for number in range(words)).capitalize() + ".")


def heading(text: str, level: int = 2) -> Block:
    return Block(BlockKind.HEADING, text, level)


def test_a_section_is_a_chunk_named_by_its_headings() -> None:
    blocks = [heading("Guia", 1), heading("Preços"), paragraph(60, "a"), heading("Crianças", 3), paragraph(60, "b")]
    chunks = chunk(blocks, title="Guia", count_tokens=count_words, max_tokens=100).chunks
    assert [draft.section for draft in chunks] == ["Preços", "Preços › Crianças"]


def test_tiny_neighbours_share_a_chunk_that_shows_their_headings() -> None:
    blocks = [heading("Entrada"), paragraph(5, "a"), heading("Saída"), paragraph(5, "b")]
    (draft,) = chunk(blocks, title="Guia", count_tokens=count_words).chunks
    assert draft.text.startswith("Entrada\n\nA0")
    assert "Saída\n\nB0" in draft.text


def test_a_long_section_is_cut_into_about_equal_parts() -> None:
    blocks = [paragraph(20, name) for name in "abcdef"]
    sizes = [len(d.text.split()) for d in chunk(blocks, title="", count_tokens=count_words, max_tokens=110).chunks]
    assert sizes == [60, 60]


def test_table_rows_are_never_cut() -> None:
    rows = [Block(BlockKind.ROW, f"Passeio: P{number}; Preço: {number} €") for number in range(40)]
    lines = [
        line
        for d in chunk(rows, title="", count_tokens=count_words, max_tokens=30).chunks
        for line in d.text.split("\n")
    ]
    assert lines == [row.text for row in rows]


def test_a_passage_is_one_chunk_however_long() -> None:
    passages = [Block(BlockKind.PASSAGE, "curta."), Block(BlockKind.PASSAGE, "longa. " * 300 + "fim.")]
    chunks = chunk(passages, title="", count_tokens=count_words, max_tokens=50).chunks
    assert [draft.text for draft in chunks] == [passage.text for passage in passages]


def test_a_word_without_end_is_cut_all_the_same() -> None:
    (block,) = [Block(BlockKind.PARAGRAPH, "x" * 10_000)]
    chunks = chunk([block], title="", count_tokens=count_words, max_tokens=50).chunks
    assert "".join(draft.text for draft in chunks) == block.text
    assert all(count_words(draft.text) <= 50 for draft in chunks)
