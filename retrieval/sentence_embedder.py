"""Embedders of the library sentence-transformers, which is imported only when one is asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from retrieval.exceptions import EmbeddingFailed, ModelUnusable
from retrieval.local_models import LOADING_FAILED, device, model_folder
from retrieval.vectors import Vectors, checked, clean, remembered


class SentenceEmbedder:
    """A model from a folder of this machine, with the prefixes that its own configuration names ("query", "document").

    Nothing is fetched, no code of the model's runs, only safetensors are read. Threads take turns.
    """

    BATCH = 16

    def __init__(self, name: str) -> None:
        self.id = f"sentence-transformers:{name}"
        self._name = name
        self._lock = threading.RLock()
        self._model: Any = None
        self.query = remembered(self._embed_query)

    @property
    def dimensions(self) -> int:
        return int(self.load().get_embedding_dimension())

    def load(self) -> Any:
        """The model, loaded by whoever comes first (seconds). Raises `EmbeddingFailed`."""
        with self._lock:
            if self._model is None:
                self._model = self._loaded()
            return self._model

    def passages(self, texts: Sequence[str]) -> Vectors:
        """The library sorts by length and pads within a batch."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return self._encode("encode_document", [clean(text) for text in texts])

    def token_count(self, text: str) -> int:
        model = self.load()
        with self._lock:  # fast tokenizers may not be borrowed twice at once
            return len(model.tokenizer(clean(text))["input_ids"])

    def _embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._encode("encode_query", [clean(text)])[0]
        return vector

    def _encode(self, method: str, texts: list[str]) -> Vectors:
        encode = getattr(self.load(), method)
        try:
            with self._lock:
                vectors = encode(
                    texts,
                    batch_size=self.BATCH,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
        except (RuntimeError, ValueError, IndexError) as exc:
            raise EmbeddingFailed(
                _("“%(embedder)s” gave no vectors: %(why)s") % {"embedder": self.id, "why": exc}
            ) from exc
        return checked(np.asarray(vectors, np.float32))

    def _loaded(self) -> Any:
        try:
            folder = model_folder(self._name)
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(
                str(folder),
                device=device(),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except ModelUnusable as exc:
            raise EmbeddingFailed(str(exc)) from exc
        except LOADING_FAILED as exc:
            raise EmbeddingFailed(
                _("“%(embedder)s” could not be loaded: %(why)s") % {"embedder": self.id, "why": exc}
            ) from exc
