"""Blocks to chunks: passages on sentence and heading boundaries that an embedder can hold and a citation can name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from retrieval.parsing.blocks import Block, BlockKind
from retrieval.text import split_sentences

MAX_TOKENS = 190
"""About 110 words: near the passages on which the search was measured, and well inside the embedder's 512."""
TINY_TOKENS = 40
"""A section smaller than this is glued to its neighbour: alone it says too little to be found or quoted."""
PATH_MARK = " › "


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A chunk before it is stored: `document_text[start:end] == text`."""

    text: str
    start: int
    end: int
    section: str
    page: int | None
    token_count: int


@dataclass(frozen=True, slots=True)
class ChunkedDocument:
    text: str
    chunks: tuple[ChunkDraft, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """What is never split further: a sentence, a row, a passage. `lead` is where the headings just above it begin."""

    lead: int
    start: int
    end: int
    tokens: int
    section: tuple[str, ...]
    page: int | None
    ends_paragraph: bool
    is_passage: bool


def chunk(
    blocks: Sequence[Block], *, title: str, count_tokens: Callable[[str], int], max_tokens: int = MAX_TOKENS
) -> ChunkedDocument:
    """Every character of every block but headings lies in exactly one chunk, in order; a heading becomes the section's
    name. No chunk is longer than `max_tokens` by the embedder's count, except a passage, which is always a chunk."""
    text, placed = _laid_out(blocks)
    units = list(_units(placed, text, title, count_tokens, max_tokens))
    runs: list[list[Unit]] = []
    for _, group in groupby(enumerate(units), key=lambda item: (item[1].section, item[1].is_passage and item[0])):
        runs.extend(_packed([unit for _, unit in group], max_tokens))
    return ChunkedDocument(text, tuple(_draft(run, text, count_tokens) for run in _glued(runs, max_tokens)))


def _laid_out(blocks: Sequence[Block]) -> tuple[str, list[tuple[Block, int]]]:
    """The document's text and where in it each block starts; rows stand line under line, the rest apart."""
    pieces: list[str] = []
    placed: list[tuple[Block, int]] = []
    position = 0
    previous: Block | None = None
    for block in blocks:
        if previous is not None:
            close = previous.kind is BlockKind.ROW and block.kind is BlockKind.ROW
            pieces.append("\n" if close else "\n\n")
            position += len(pieces[-1])
        placed.append((block, position))
        pieces.append(block.text)
        position += len(block.text)
        previous = block
    return "".join(pieces), placed


def _units(
    placed: Sequence[tuple[Block, int]], text: str, title: str, count_tokens: Callable[[str], int], max_tokens: int
) -> Iterator[Unit]:
    path: list[tuple[int, str]] = []
    lead: int | None = None
    for block, offset in placed:
        if block.kind is BlockKind.HEADING:
            lead = offset if lead is None else lead
            path = [(level, name) for level, name in path if level < block.level]
            path.append((block.level, block.text))
            continue
        section = tuple(name for _, name in path if name.casefold() != title.casefold())
        is_passage = block.kind is BlockKind.PASSAGE
        spans = [(0, len(block.text))] if is_passage else _spans(block, count_tokens, max_tokens)
        for number, (start, end) in enumerate(spans, start=1):
            start, end = offset + start, offset + end
            tokens = count_tokens(text[start:end])
            is_last = number == len(spans)
            yield Unit(start if lead is None else lead, start, end, tokens, section, block.page, is_last, is_passage)
            lead = None


def _spans(block: Block, count_tokens: Callable[[str], int], max_tokens: int) -> list[tuple[int, int]]:
    """Sentences, or the row; cut between words where one alone is too long."""
    if block.kind is BlockKind.ROW:
        whole = [(0, len(block.text))]
    else:
        whole = [(sentence.start, sentence.end) for sentence in split_sentences(block.text)]
    return [part for start, end in whole for part in _cut(block.text, start, end, count_tokens, max_tokens)]


def _cut(
    text: str, start: int, end: int, count_tokens: Callable[[str], int], max_tokens: int
) -> Iterator[tuple[int, int]]:
    """Halves, at the white space nearest to the middle (anywhere in a word without end), until each fits."""
    if end - start < 2 or count_tokens(text[start:end]) <= max_tokens:
        yield start, end
        return
    middle = (start + end) // 2
    left, right = text.rfind(" ", start + 1, middle), text.find(" ", middle, end - 1)
    spaces = [position for position in (left, right) if position > start]
    cut = min(spaces, key=lambda position: abs(position - middle)) if spaces else middle
    yield from _cut(text, start, cut, count_tokens, max_tokens)
    yield from _cut(text, cut + 1 if spaces else cut, end, count_tokens, max_tokens)


def _packed(units: Sequence[Unit], max_tokens: int) -> Iterator[list[Unit]]:
    """Runs of about equal size rather than full ones and a rest; they like to end where a paragraph does."""
    total = sum(unit.tokens for unit in units)
    target = total / -(-total // max_tokens)
    run: list[Unit] = []
    size = 0
    for unit in units:
        is_full = size + unit.tokens > max_tokens
        is_good_place = bool(run) and run[-1].ends_paragraph and size >= 0.8 * target
        if run and (is_full or is_good_place or size >= target):
            yield run
            run, size = [], 0
        run.append(unit)
        size += unit.tokens
    if run:
        yield run


def _glued(runs: Sequence[list[Unit]], max_tokens: int) -> list[list[Unit]]:
    """Tiny runs joined with a neighbour under the same parent heading, where both fit."""
    glued: list[list[Unit]] = []
    for run in runs:
        if glued and _may_join(glued[-1], run, max_tokens):
            glued[-1] = glued[-1] + run
        else:
            glued.append(run)
    return glued


def _may_join(first: list[Unit], second: list[Unit], max_tokens: int) -> bool:
    sizes = [sum(unit.tokens for unit in run) for run in (first, second)]
    if min(sizes) >= TINY_TOKENS or sum(sizes) > max_tokens or first[0].is_passage or second[0].is_passage:
        return False
    return first[0].section[:-1] == second[0].section[:-1] or first[0].section == second[0].section[:-1]


def _draft(run: list[Unit], text: str, count_tokens: Callable[[str], int]) -> ChunkDraft:
    """A joined run names the heading that its sections share; their own headings stand in its text."""
    start, end = run[0].start, run[-1].end
    sections = {unit.section for unit in run}
    section = run[0].section
    if len(sections) > 1:
        start = run[0].lead
        section = _shared(sections)
    body = text[start:end]
    return ChunkDraft(body, start, end, PATH_MARK.join(section), run[0].page, count_tokens(body))


def _shared(sections: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The path's beginning that all have."""
    levels = (set(names) for names in zip(*sections, strict=False))
    return tuple(names.pop() for names in takewhile(lambda names: len(names) == 1, levels))


def embedded_text(title: str, section: str, text: str) -> str:
    """What is embedded and indexed for a chunk: a passage alone often omits what it is about."""
    return "\n".join(part for part in (title, section, text) if part)
