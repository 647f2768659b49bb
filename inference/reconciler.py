"""Keeps a serving process at what the database desires and reports what it serves. Without a database it waits."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from django.db import DatabaseError, close_old_connections, connections
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from opentelemetry import trace

from inference.adapters import desired_state, fail, register_default, served_adapter, set_desired
from inference.engine import Engine, EngineState, EngineStatus
from inference.exceptions import AdapterRejected, EngineUnavailable
from inference.models import ALIVE_WITHIN, HEARTBEAT_S, Adapter, DesiredState, ProcessReport

logger = logging.getLogger(__name__)
_tracer = trace.get_tracer("aion.inference")

MOST_BEGUN = 2  # processes that may end while they take one wish over: a kill for want of memory tells nobody


class Reconciler:
    """One per serving process. `reconcile` may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._started_at = timezone.now()
        self._reached: int | None = None
        self._refused: set[int] = set()
        self._has_settled = False
        self._refusal = ""  # why what is wished for does not serve
        self._one_at_a_time = threading.Lock()
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._database_is_gone = False

    @property
    def has_settled(self) -> bool:
        """Whether what was wished for at the start serves, or was refused: before that nothing may answer."""
        return self._has_settled

    def status(self) -> EngineStatus:
        """The engine's, as loading until it has settled, with the last refusal. Never waits."""
        status = self._engine.status()
        status = replace(status, error=status.error or self._refusal)
        is_up = status.state in (EngineState.READY, EngineState.SWAPPING)
        return replace(status, state=EngineState.LOADING) if is_up and not self._has_settled else status

    def run(self) -> None:
        """Reconcile at every heartbeat until stopped, in this thread."""
        while not self._stopped.is_set():
            try:
                close_old_connections()
                self.reconcile()
                self._database_is_gone = False
            except DatabaseError as exc:
                self._tell_once(exc)
            except Exception:
                logger.exception("the reconciler failed; it tries again")
            finally:
                connections.close_all()
            self._stopped.wait(HEARTBEAT_S)

    def stop(self) -> None:
        self._stopped.set()

    def reconcile(self) -> None:
        """Bring the engine to the desired state and report. A refused adapter leaves what serves.

        Never waits for another thread that is at it: that one looks again before it ends.
        """
        self._wanted.set()
        while self._wanted.is_set() and self._one_at_a_time.acquire(blocking=False):
            try:
                self._wanted.clear()
                self._look()
            finally:
                self._one_at_a_time.release()

    def _look(self) -> None:
        if self._engine.status().state == EngineState.UNREACHABLE:
            self._look_again()
        if self._engine.status().state == EngineState.READY:
            while desired := self._unreached():  # where one is refused, the one before it is in force again
                self._reach(desired)
            self._has_settled = True
        self._report()

    def _unreached(self) -> DesiredState | None:
        desired = desired_state() or self._first_desired()
        is_new = desired is not None and desired.pk != self._reached and desired.pk not in self._refused
        return desired if is_new else None

    def _look_again(self) -> None:
        """A server that was away may be back, and nobody asks a process that says it is not ready."""
        with suppress(EngineUnavailable):
            self._engine.load()

    def _reach(self, desired: DesiredState) -> None:
        try:
            if not self._has_settled:
                _refuse_what_ends_processes(desired)
            with _counted(desired), self._reporting_meanwhile(), _traced(desired):
                self._engine.serve_adapter(served_adapter(desired))
        except AdapterRejected as exc:
            logger.warning("adapter %s cannot be served (%s): %s", desired.adapter, exc.code, exc)
            self._refused.add(desired.pk)
            self._refusal = str(exc)
            fail(desired, exc)
            return
        self._refusal = ""
        still_wished = DesiredState.objects.filter(pk=desired.pk, outcome__in=DesiredState.IN_FORCE)
        if not still_wished.update(outcome=DesiredState.Outcome.SERVED, error="", error_code=""):
            self._reached = None  # it was given up or overtaken meanwhile: the next look brings what is in force
            return
        self._reached = desired.pk
        _crown(desired.adapter)

    @contextmanager
    def _reporting_meanwhile(self) -> Iterator[None]:
        """A large model takes minutes to merge, and a process that says nothing for so long is taken for dead."""
        done = threading.Event()

        def report() -> None:
            try:
                while not done.wait(HEARTBEAT_S):
                    with suppress(DatabaseError):
                        self._report()
            finally:
                connections.close_all()

        reporting = threading.Thread(target=report, name="reconciler-report", daemon=True)
        reporting.start()
        try:
            yield
        finally:
            done.set()
            reporting.join()

    def _first_desired(self) -> DesiredState | None:
        """A fresh installation serves the default adapter; one that has none, or a bad one, serves the base."""
        if DesiredState.objects.exists():
            return None
        try:
            adapter = register_default()
        except AdapterRejected as exc:
            logger.warning("the default adapter is not served (%s): %s", exc.code, exc)
            return set_desired(None, reason=f"first start: {exc}"[:200])
        return set_desired(adapter.pk, reason="first start")

    def _report(self) -> None:
        status = self.status()
        ProcessReport.objects.filter(heartbeat_at__lt=timezone.now() - 10 * ALIVE_WITHIN).delete()
        ProcessReport.objects.update_or_create(
            process=self._process,
            defaults={
                "state": status.state,
                "base_model": status.base_model,
                "base_sha256": status.base_sha256,
                "adapter": status.adapter,
                "adapter_digest": status.adapter_digest,
                "merged": status.merged,
                "reached_id": self._reached,
                "device": status.device,
                "dtype": status.dtype,
                "queue_length": status.queue_length,
                "error": status.error,
                "started_at": self._started_at,
                "heartbeat_at": timezone.now(),
            },
        )

    def _tell_once(self, exc: DatabaseError) -> None:
        if not self._database_is_gone:
            logger.warning("the database is gone; the model keeps what it serves: %s", exc)
        self._database_is_gone = True


def _refuse_what_ends_processes(desired: DesiredState) -> None:
    if desired.begun >= MOST_BEGUN:
        message = _(
            "Twice the serving process ended while it loaded this, perhaps for want of memory. Ask for it again."
        )
        raise AdapterRejected("process_ended", message)


@contextmanager
def _traced(desired: DesiredState) -> Iterator[None]:
    wished: dict[str, str | bool] = {
        "aion.adapter.digest": desired.adapter.digest if desired.adapter else "",
        "aion.adapter.merged": desired.merged,
    }
    with _tracer.start_as_current_span("adapter swap", attributes=wished, record_exception=False):
        yield


@contextmanager
def _counted(desired: DesiredState) -> Iterator[None]:
    """Count a try that the process does not survive; one that ends in any other way leaves no mark."""
    row = DesiredState.objects.filter(pk=desired.pk)
    row.update(begun=F("begun") + 1)
    try:
        yield
    except Exception:
        row.update(begun=0)
        raise
    row.update(begun=0)


def _crown(served: Adapter | None) -> None:
    """The served adapter is the champion; who was it before is retired. Where the base serves alone nobody is."""
    champions = Adapter.objects.filter(state=Adapter.State.CHAMPION)
    if served is not None:
        champions = champions.exclude(pk=served.pk)
        Adapter.objects.filter(pk=served.pk).update(state=Adapter.State.CHAMPION)
    champions.update(state=Adapter.State.RETIRED)
