"""A process of its own: the engine from nothing to its first token, with the adapter in `AION_ADAPTER_DIR`.

Prints `{"rss_mb": ...}`, what it has in memory then.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> None:
    from inference.libraries import import_ahead

    import_ahead("")
    import django

    django.setup()
    import psutil

    from inference.engine import Delta, GenerationRequest, Message
    from inference.serving import get_engine

    request = GenerationRequest((Message("user", "Quanto custa?"),), max_new_tokens=1)
    next(part for part in get_engine().generate(request) if isinstance(part, Delta))
    print(json.dumps({"rss_mb": psutil.Process().memory_info().rss / 2**20}))


if __name__ == "__main__":
    main()
