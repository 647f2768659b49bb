"""The engines. Only `transformers.py` and what it uses import torch, and only once it is itself imported."""

import os
from pathlib import Path

from django.conf import settings

# Read when huggingface_hub is first imported. Without it peft's import of bitsandbytes may fetch a kernel from a hub.
if not settings.AION_BASE_MODEL or Path(settings.AION_BASE_MODEL).is_dir():
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
