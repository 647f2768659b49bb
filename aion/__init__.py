"""The composition root: it may import every room, and no room imports it."""

import os

# Read by OpenMP when torch or the embedder is first imported, so it stands in the package that is imported first.
# Threads that spin while they wait for each other make the model ten times slower as soon as anything else wants a
# core: 1.1 s a token against 0.1 (measured, 2 threads, one busy neighbour).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from aion.celery import app as celery_app

__all__ = ["celery_app"]
