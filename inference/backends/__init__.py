"""The engines. Only `transformers.py` and what it uses import torch, and only once it is itself imported."""

import os
from pathlib import Path

from django.conf import settings

# Read by OpenMP when torch is first imported. Threads that spin while they wait for each other make the model ten times
# slower as soon as anything else wants a core: 1.1 s a token against 0.1 (measured, 2 threads, one busy neighbour).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Read when huggingface_hub is first imported. Without it peft's import of bitsandbytes may fetch a kernel from a hub.
if not settings.AION_BASE_MODEL or Path(settings.AION_BASE_MODEL).is_dir():
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
