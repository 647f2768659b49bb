"""A worker on the test database in the middle of an evaluation: it says `asking`, and then the engine is slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402

from chat.evaluation import running  # noqa: E402
from inference.backends.fake import FakeEngine  # noqa: E402
from inference.engine import GenerationPart  # noqa: E402
from retrieval import embeddings  # noqa: E402
from tests.chat.conftest import HashedEmbedder  # noqa: E402

PATIENCE_S = 60


class Slow(FakeEngine):
    def generate(self, *args: Any, **kwargs: Any) -> Iterator[GenerationPart]:
        print("asking", flush=True)  # noqa: T201
        time.sleep(PATIENCE_S)
        return super().generate(*args, **kwargs)


if __name__ == "__main__":
    embeddings.LIBRARIES["hashed"] = lambda _model: HashedEmbedder()
    running.look(timezone.now(), reach=Slow)
