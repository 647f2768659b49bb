"""An optional second look: a cross-encoder reads question and passage together. Off unless `AION_RERANKER` names one.

It can only make the order better: whatever goes wrong leaves the order as it was, with a warning in the log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from retrieval.exceptions import ModelUnusable
from retrieval.local_models import LOADING_FAILED, device, model_folder
from retrieval.vectors import clean

log = logging.getLogger(__name__)
BATCH = 8
TOP_N = 24
"""Passages read for one question; the ones after them stay behind them."""


class Reranker:
    """A cross-encoder from this machine, loaded once; one that cannot be loaded is not tried again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._model: Any = None
        self._is_broken = False

    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float64] | None:
        """(n,) the higher the better; None where it failed."""
        with self._lock:
            if self._model is None and not self._is_broken:
                self._load()
            if self._is_broken:
                return None
            pairs = [(clean(question), clean(passage)) for passage in passages]
            try:
                scores = np.asarray(
                    self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False), dtype=np.float64
                )
            except (RuntimeError, ValueError, IndexError, TypeError) as exc:
                log.warning("the reranker %s failed; the order stays as it was: %s", self._name, exc)
                return None
        if scores.shape != (len(passages),) or not np.isfinite(scores).all():
            log.warning("the reranker %s gave no score a passage; the order stays as it was", self._name)
            return None
        return scores

    def _load(self) -> None:
        try:
            folder = model_folder(self._name)
            from sentence_transformers import CrossEncoder

            self._model = CrossEncoder(
                str(folder),
                device=device(),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (ModelUnusable, *LOADING_FAILED) as exc:
            self._is_broken = True
            log.warning("the reranker %s could not be loaded; nothing is reranked: %s", self._name, exc)


@lru_cache(maxsize=2)
def _reranker(name: str) -> Reranker:
    return Reranker(name)


def rerank(question: str, passages: Sequence[str]) -> NDArray[np.float64] | None:
    """Scores of the passages, (n,); None where no reranker is configured or it failed."""
    if not settings.AION_RERANKER or not passages:
        return None
    return _reranker(settings.AION_RERANKER).scores(question, passages)
