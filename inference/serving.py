"""Which engine this process uses. The web process holds the model; other processes ask it, or load their own."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError
from django.utils.module_loading import import_string

from inference.backends.serving import ServingEngine
from inference.engine import Engine, EngineState, EngineStatus
from inference.exceptions import AdapterRejected, EngineUnavailable, InferenceError
from inference.external import external_url
from inference.leftovers import remove_leftovers
from inference.reconciler import Reconciler
from inference.wire import serve

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_engine: Engine | None = None
_reconciler: Reconciler | None = None
_serves = False
_error = ""  # why this process has no engine at all


def start() -> None:
    """Make this the serving process: load the model and follow the desired state, both in the background."""
    global _serves
    with _lock:
        if _serves:
            return
        _serves = True
    threading.Thread(target=_load_and_follow, name="reconciler", daemon=True).start()
    threading.Thread(target=remove_leftovers, name="leftovers", daemon=True).start()


def get_engine() -> Engine:
    """The engine of this process. Raises `EngineUnavailable` where it has to be loaded first and cannot be, and until
    what was wished for serves: the base model alone would answer otherwise, as if that had been asked for."""
    global _engine
    with _lock:
        if _engine is None and not _serves:
            _engine = _engine_of_a_command()
        if _engine is None or (_reconciler and not _reconciler.has_settled):
            raise EngineUnavailable(engine_status().error or "the model is not loaded yet")
        return _engine


def engine_of_its_own() -> Engine:
    """One that no other process shares, loaded, with no adapter yet: for whoever exchanges adapters."""
    engine = _configured_engine()
    engine.load()
    return engine


def engine_status() -> EngineStatus:
    """What serves in this process; never loads and never waits."""
    if _reconciler is not None:
        return _reconciler.status()
    if _engine is not None:
        return _engine.status()
    state = EngineState.LOADING if _serves else EngineState.UNLOADED
    return EngineStatus(
        state=EngineState.FAILED if _error else state, base_model=settings.AION_BASE_MODEL, error=_error
    )


def local_reconciler() -> Reconciler | None:
    """The reconciler of this process, if it serves and its model is loaded."""
    ready = _engine is not None and _engine.status().state in (EngineState.READY, EngineState.SWAPPING)
    return _reconciler if ready else None


def serve_wire(body: str, cancelled: Callable[[], bool]) -> Iterator[str]:
    """The JSON lines that answer `POST /internal/generate`; see `inference.wire`."""
    return serve(get_engine(), body, cancelled)


def _load_and_follow() -> None:
    """In the background from the first line on: importing torch alone takes seconds, and `/health` answers at once."""
    global _engine, _reconciler, _error
    try:
        engine = _configured_engine()
        reconciler = Reconciler(engine)
    except Exception as exc:
        logger.exception("there is no engine to load")
        _error = str(exc) or type(exc).__name__
        return
    with _lock:
        _engine, _reconciler = engine, reconciler
    try:
        engine.load()
    except InferenceError as exc:
        logger.error("the model could not be loaded: %s", exc)
    except Exception:
        logger.exception("the model could not be loaded")
    reconciler.run()


def _engine_of_a_command() -> Engine:
    """The web process's model if it answers, else one of our own with the desired adapter."""
    if _uses_own_weights() and (serving := ServingEngine.reach()):
        return serving
    engine = _configured_engine()
    engine.load()
    _serve_desired(engine)
    return engine


def _serve_desired(engine: Engine) -> None:
    from inference.adapters import default_served, desired_state, served_adapter

    try:
        desired = desired_state()
        engine.serve_adapter(served_adapter(desired) if desired else default_served())
    except (DatabaseError, AdapterRejected) as exc:
        logger.warning("the base model serves without its adapter: %s", exc)


def _configured_engine() -> Engine:
    url = external_url()
    if settings.AION_LOCAL_LLM_URL and not url:
        logger.warning("AION_LOCAL_LLM_URL is AION itself; it is ignored and the own model serves")
    if url:
        from inference.backends.openai_compatible import OpenAICompatibleEngine  # openai takes a second

        return OpenAICompatibleEngine(url)
    if _uses_own_weights():
        _leave_out_bitsandbytes()
    engine: Engine = import_string(settings.AION_ENGINE)()
    return engine


def _leave_out_bitsandbytes() -> None:
    """Keep PEFT from importing bitsandbytes where no four-bit weights are wanted: it takes 1.8 s of the start, and on
    some processors looks for a kernel on a hub. A module that is None cannot be imported."""
    from inference.backends.model_loading import choose_device, wants_four_bit

    if not wants_four_bit(choose_device()):
        sys.modules.setdefault("bitsandbytes", None)  # type: ignore[arg-type]  # what the import system itself allows


def _uses_own_weights() -> bool:
    """A scripted engine costs nothing, and must not be mistaken for whatever listens on the port."""
    return bool(settings.AION_ENGINE == settings.ENGINE_IN_PROCESS)
