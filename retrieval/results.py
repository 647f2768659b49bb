"""What a search returns to other rooms: plain frozen values, no rows and no arrays of rows."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RetrievedChunk:
    """One candidate chunk with the scores that ranked it.

    `similarity` is the cosine to the question in [-1, 1]; `text_score` is BM25 (0 when no term matches);
    `score` is the fused score (mean of the two z-scores over the union of both candidate lists); `rerank_score` is a
    cross-encoder's, None where none was asked.
    `rank` is 1-based: among the selected for a selected chunk, else among the fused candidates.
    `document_version` counts how often the document's bytes have changed, from 1.
    """

    chunk_id: int
    document_id: UUID
    title: str
    section: str
    page: int | None
    text: str
    url: str
    labels: tuple[str, ...]
    rank: int
    score: float
    similarity: float
    text_score: float
    dense_rank: int | None
    text_rank: int | None
    document_version: int = 1
    rerank_score: float | None = None

    @property
    def name(self) -> str:
        """How a citation names the source: title, page and section; `KB` where it has no title."""
        parts = [self.title or "KB"]
        if self.page is not None:
            parts.append(f"p. {self.page}")
        if self.section:
            parts.append(self.section)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class SearchTimings:
    """Milliseconds of each stage; `embed_ms` is the question's embedding."""

    embed_ms: float
    dense_ms: float
    text_ms: float
    fuse_ms: float
    rerank_ms: float = 0.0

    @property
    def search_ms(self) -> float:
        """Everything but embedding."""
        return self.dense_ms + self.text_ms + self.fuse_ms + self.rerank_ms


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """A stemmed term of the question with its inverse document frequency in the searched scope (0 if absent)."""

    term: str
    idf: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One search: the question, what was selected (in order), all fused candidates (best first), and corpus facts.

    `chunk_count` counts the searchable chunks of the scope with hidden ones left out, as every statistic here does.
    """

    query: str
    selected: tuple[RetrievedChunk, ...]
    candidates: tuple[RetrievedChunk, ...]
    terms: tuple[QueryTerm, ...]
    chunk_count: int
    embedder: str
    generation: int
    timings: SearchTimings


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Which chunks may be found. `groups=None` means no group filter (a service or superuser); an empty tuple means
    only documents open to everyone."""

    tenant: str
    collections: tuple[str, ...] = ("main",)
    groups: tuple[str, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a search must behave as if it did not exist: statistics included (calibration's masked questions)."""

    document_ids: frozenset[UUID] = frozenset()
    chunk_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Sizes of one search; defaults are the kept ones."""

    dense_candidates: int = 24
    text_candidates: int = 24
    top_k: int = 8
    mmr_lambda: float = 0.7
