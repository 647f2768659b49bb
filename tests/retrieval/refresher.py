"""A program that reads a watched folder of the test database, and stops for good while it embeds the second file.

`python -m tests.retrieval.refresher FOLDER_ID` says `embedding` then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402

from retrieval import embeddings  # noqa: E402
from retrieval.embeddings import Vectors  # noqa: E402
from retrieval.models import Document  # noqa: E402
from retrieval.refreshing import refresh_folder  # noqa: E402
from tests.retrieval.conftest import WordEmbedder  # noqa: E402


class SlowEmbedder(WordEmbedder):
    def passages(self, texts: Sequence[str]) -> Vectors:
        if Document.objects.filter(source__endswith="a.txt").exists():
            print("embedding", flush=True)  # noqa: T201
            time.sleep(60)
        return super().passages(texts)


if __name__ == "__main__":
    embeddings.LIBRARIES["words"] = lambda _model: SlowEmbedder()
    settings.AION_DOCUMENT_ROOTS = [Path(sys.argv[2])]
    settings.MEDIA_ROOT = Path(sys.argv[3])
    refresh_folder(int(sys.argv[1]))
