"""The engines. Only `transformers.py` and what it uses import torch, and only once it is itself imported."""
