"""Which engine this process uses. The web process holds the model; other processes ask it, or load their own."""

from __future__ import annotations

import threading

from django.conf import settings
from django.utils.module_loading import import_string

from inference.engine import Engine, EngineState, EngineStatus

_lock = threading.Lock()
_engine: Engine | None = None


def get_engine() -> Engine:
    """The engine of this process, made and loaded on first use."""
    global _engine
    with _lock:
        if _engine is None:
            engine: Engine = import_string(settings.AION_ENGINE)()
            engine.load()
            _engine = engine
        return _engine


def engine_status() -> EngineStatus:
    """What serves in this process; never loads and never waits."""
    engine = _engine
    return engine.status() if engine else EngineStatus(state=EngineState.UNLOADED, base_model=settings.AION_BASE_MODEL)
