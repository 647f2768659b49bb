"""The in-process engine on the bundled model, with and without an adapter."""

from __future__ import annotations

from pathlib import Path

from benchmarks.questions import say
from inference.adapter_folder import inspect_adapter
from inference.backends.transformers import TransformersEngine
from inference.engine import ServedAdapter


def bare_engine() -> TransformersEngine:
    """Loaded, the base model alone. Raises `ModelNotFound`."""
    say("loading the model")
    engine = TransformersEngine()
    engine.load()
    return engine


def adapter_in(folder: Path) -> ServedAdapter:
    """What `serve_adapter` takes. Raises `AdapterRejected`."""
    return ServedAdapter(folder.name, inspect_adapter(folder).digest, str(folder.resolve()))
