"""What the organisation knows. Rows only; the rules are in the modules beside it."""

from retrieval.models.freshness import IngestJob, WatchedFile, WatchedFolder
from retrieval.models.knowledge import Chunk, Document, DocumentVersion, Shelf
from retrieval.models.quality import GoldenQuestion, Judgement, RetrievalMetric
from retrieval.models.sites import CrawledPage, Site
from retrieval.models.vectors import Embedding, EmbeddingGeneration, Posting

__all__ = [
    "Chunk",
    "CrawledPage",
    "Document",
    "DocumentVersion",
    "Embedding",
    "EmbeddingGeneration",
    "GoldenQuestion",
    "IngestJob",
    "Judgement",
    "Posting",
    "RetrievalMetric",
    "Shelf",
    "Site",
    "WatchedFile",
    "WatchedFolder",
]
