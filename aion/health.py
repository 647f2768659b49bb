"""`/health` says what serves, at once and whatever is broken; `/ready` asks each thing that an answer needs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.connection import Connection

from inference.engine import EngineState, EngineStatus
from inference.serving import engine_status

CHECK_TIMEOUT_S: Final = 2.0
_checkers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="ready")


@dataclass(frozen=True, slots=True)
class Check:
    """The state of one dependency; `detail` says what is wrong."""

    ok: bool
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok} | ({"detail": self.detail} if self.detail else {})


@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """What really serves. Touches neither the database nor the network."""
    return JsonResponse(health_body(engine_status()))


def health_body(status: EngineStatus) -> dict[str, Any]:
    """`base_model` and `adapter_loaded` as older clients know them, and AION's own keys."""
    return {
        "base_model": status.base_model or settings.AION_BASE_MODEL,
        "adapter_loaded": bool(status.adapter_digest) and not status.merged,
        "adapter": status.adapter,
        "adapter_digest": status.adapter_digest,
        "merged": status.merged,
        "engine": str(status.state),
        "device": status.device,
        "dtype": status.dtype,
        "queue_length": status.queue_length,
        "error": public_error(status),
        "service": "aion",
    }


def public_error(status: EngineStatus) -> str:
    """What is wrong, as a code: the whole sentence may name files and is for the panel and the log."""
    if not status.error:
        return ""
    codes = {EngineState.FAILED: "model_failed", EngineState.UNREACHABLE: "server_unreachable"}
    return codes.get(status.state, "adapter_not_served")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when a question can be answered, else 503; each dependency's state either way."""
    checks = run_checks(
        {"database": check_database, "broker": check_broker, "model": check_model, "migrations": check_migrations}
    )
    all_ok = all(check.ok for check in checks.values())
    body = {"ready": all_ok} | {name: check.as_dict() for name, check in checks.items()}
    return JsonResponse(body, status=200 if all_ok else 503)


def run_checks(checks: dict[str, Callable[[], Check]]) -> dict[str, Check]:
    """All checks side by side; one that takes longer than `CHECK_TIMEOUT_S` counts as failed."""
    running = {name: _checkers.submit(_check_in_thread, check) for name, check in checks.items()}
    return {name: _outcome(future) for name, future in running.items()}


def check_database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(ok=True)


def check_broker() -> Check:
    limits = {"socket_timeout": CHECK_TIMEOUT_S, "socket_connect_timeout": CHECK_TIMEOUT_S}
    with Connection(settings.CELERY_BROKER_URL, transport_options=limits) as broker:  # type: ignore[no-untyped-call]  # kombu has no types
        broker.connect()  # pings
    return Check(ok=True)


def check_model() -> Check:
    status = engine_status()
    serving = status.state in (EngineState.READY, EngineState.SWAPPING)
    return Check(ok=serving, detail="" if serving else public_error(status) or str(status.state))


def check_migrations() -> Check:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Check(ok=not missing, detail=", ".join(str(migration) for migration, _ in missing[:5]))


def _check_in_thread(check: Callable[[], Check]) -> Check:
    """No request ends in these threads, so nobody else would give the connection back."""
    try:
        return check()
    finally:
        connections.close_all()


def _outcome(future: Future[Check]) -> Check:
    try:
        return future.result(timeout=CHECK_TIMEOUT_S)
    except FutureTimeout:
        future.cancel()
        return Check(ok=False, detail=f"no answer within {CHECK_TIMEOUT_S:.0f} s")
    except Exception as exc:  # noqa: BLE001  # whatever is wrong with a dependency is this call's answer
        return Check(ok=False, detail=type(exc).__name__)
