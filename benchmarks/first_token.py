"""A process of its own: the engine from nothing to its first token.

    python first_token.py ADAPTER_FOLDER

Prints `{"rss_mb": ...}`, what it has in memory then.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(folder: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
    import django

    django.setup()
    import psutil

    from benchmarks.engines import adapter_in
    from inference.backends.transformers import TransformersEngine
    from inference.engine import Delta, GenerationRequest, Message

    engine = TransformersEngine()
    engine.load()
    engine.serve_adapter(adapter_in(Path(folder)))
    request = GenerationRequest((Message("user", "Quanto custa?"),), max_new_tokens=1)
    next(part for part in engine.generate(request) if isinstance(part, Delta))
    print(json.dumps({"rss_mb": psutil.Process().memory_info().rss / 2**20}))


if __name__ == "__main__":
    main(*sys.argv[1:])
