"""The engines. Only `transformers.py` and what it uses import torch, and only once it is itself imported."""

from django.conf import settings

from inference.libraries import stay_offline

stay_offline(str(settings.AION_BASE_MODEL))
