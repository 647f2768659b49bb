"""The registry of adapters and which of them should serve. Changes what is desired; live processes bring it about."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.adapter_folder import CARD, CONFIG, WEIGHTS, AdapterFacts, adapter_digest, check_base, inspect_adapter
from inference.base_models import base_model_path, base_sha256
from inference.bundled import BUNDLED_ADAPTER, BUNDLED_ADAPTER_NAME
from inference.engine import ServedAdapter
from inference.exceptions import AdapterRejected
from inference.models import ALIVE_WITHIN, Adapter, DesiredState, ProcessReport

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OLDER_ADAPTER_DIR = Path("trainer/lora/out/adapter")
PATIENCE_S = 120.0
LONGEST_NAME = 120  # what a row holds
_LOOK_EVERY_S = 0.2


def register(folder: Path, *, name: str = "", origin: str = Adapter.Origin.IMPORTED, by: User | None = None) -> Adapter:
    """Check `folder`, copy what counts into the registry, and return its row; the same bytes are one adapter.

    Raises `AdapterRejected` (also for an adapter of another base model) or `ModelNotFound`.
    """
    facts = inspect_adapter(folder)
    base = base_model_path()
    base_digest = base_sha256(base)
    check_base(facts, base_digest)
    _keep(folder, facts)
    adapter, _created = Adapter.objects.get_or_create(
        digest=facts.digest,
        defaults={
            "name": (name or str(facts.card.get("name") or folder.resolve().name))[:LONGEST_NAME],
            "base_model": (facts.base_model or base.name)[:LONGEST_NAME],
            "base_sha256": facts.base_sha256 or base_digest,
            "rank": facts.rank,
            "size_bytes": facts.size_bytes,
            "origin": origin,
            "metrics": dict(facts.card),
            "created_by": by,
        },
    )
    return adapter


def adapter_path(digest: str) -> Path:
    """The immutable folder of the adapter `digest`."""
    return Path(settings.AION_TRAIN_ROOT) / "adapters" / digest


def served_adapter(desired: DesiredState) -> ServedAdapter | None:
    """What an engine is told to serve for `desired`."""
    adapter = desired.adapter
    if adapter is None:
        return None
    return ServedAdapter(adapter.name, adapter.digest, str(adapter_path(adapter.digest)), desired.merged)


def desired_state() -> DesiredState | None:
    """What is in force: the newest wish that has not failed."""
    return DesiredState.objects.exclude(outcome=DesiredState.Outcome.FAILED).select_related("adapter").first()


def default_served() -> ServedAdapter | None:
    """The default adapter as a command serves it before anything was wished for: from its own folder, nothing written.

    Raises `AdapterRejected` or `ModelNotFound`.
    """
    folder = default_adapter_folder()
    if folder is None:
        return None
    facts = inspect_adapter(folder)
    check_base(facts, base_sha256(base_model_path()))
    name = BUNDLED_ADAPTER_NAME if folder == BUNDLED_ADAPTER else str(facts.card.get("name") or folder.resolve().name)
    return ServedAdapter(name[:LONGEST_NAME], facts.digest, str(folder))


def default_adapter_folder() -> Path | None:
    """What a bare reload reads: `AION_ADAPTER_DIR`, the older design's folder, or the shipped adapter."""
    if settings.AION_ADAPTER_DIR:
        return Path(settings.AION_ADAPTER_DIR)
    if settings.AION_LOCAL_LLM_URL:  # another server's model, which brings its own
        return None
    older = Path(settings.BASE_DIR) / OLDER_ADAPTER_DIR
    if older.is_dir():
        return older
    return BUNDLED_ADAPTER if not settings.AION_BASE_MODEL and BUNDLED_ADAPTER.is_dir() else None


def register_default(*, by: User | None = None) -> Adapter:
    """The adapter a bare reload serves, registered if new. Raises `AdapterRejected`."""
    folder = default_adapter_folder()
    if folder is None:
        raise AdapterRejected("not_found", _("No adapter folder is configured (AION_ADAPTER_DIR)."))
    if folder == BUNDLED_ADAPTER:
        return register(folder, name=BUNDLED_ADAPTER_NAME, origin=Adapter.Origin.SHIPPED, by=by)
    return register(folder, by=by)


def set_desired(
    adapter_id: int | None, *, merged: bool = False, by: User | None = None, reason: str = ""
) -> DesiredState:
    """Wish for an adapter (None: the base model alone). Live processes follow within seconds."""
    return DesiredState.objects.create(adapter_id=adapter_id, merged=merged, created_by=by, reason=reason)


def reload_adapter(adapter_id: int | None = None, *, by: User | None = None) -> None:
    """Serve the adapter `adapter_id`, else the configured one. Raises `AdapterRejected`; the old one then stays."""
    adapter = register_default(by=by) if adapter_id is None else _registered(adapter_id)
    _bring_about(set_desired(adapter.pk, by=by, reason="reload"))


def merge_adapter(*, by: User | None = None) -> None:
    """Serve a merged copy of base and current adapter. Raises `AdapterRejected`; nothing changes then."""
    current = desired_state()
    if current is None or current.adapter is None:
        raise AdapterRejected("nothing_to_merge", _("No adapter is loaded, so there is nothing to merge."))
    if current.merged:
        raise AdapterRejected("already_merged", _("The adapter is merged already."))
    _bring_about(set_desired(current.adapter.pk, merged=True, by=by, reason="merge"))


def rollback_adapter(*, by: User | None = None) -> None:
    """Serve what served before the present adapter. Raises `AdapterRejected`."""
    current = desired_state()
    served = DesiredState.objects.filter(outcome=DesiredState.Outcome.SERVED)
    if current is not None:
        served = served.filter(pk__lt=current.pk).exclude(adapter=current.adapter, merged=current.merged)
    previous = served.first()
    if previous is None:
        raise AdapterRejected("nothing_before", _("Nothing else has served before, so there is nothing to go back to."))
    _bring_about(set_desired(previous.adapter_id, merged=previous.merged, by=by, reason="rollback"))


def serving_report() -> tuple[ProcessReport, ...]:
    """What each live process really serves."""
    alive = ProcessReport.objects.filter(heartbeat_at__gt=timezone.now() - ALIVE_WITHIN)
    return tuple(alive.select_related("reached__adapter"))


def _bring_about(desired: DesiredState) -> None:
    """Wait until every live process serves `desired`. With none alive it is checked and served at the next start."""
    from inference.serving import local_reconciler  # it imports this module

    _check_folder(desired)
    if reconciler := local_reconciler():
        reconciler.reconcile()
    until = time.monotonic() + PATIENCE_S
    while True:
        desired.refresh_from_db()
        if desired.outcome == DesiredState.Outcome.FAILED:
            raise AdapterRejected(desired.error_code, desired.error)
        if all(report.reached_id == desired.pk for report in serving_report()):
            return
        if time.monotonic() > until:
            _give_up(desired)
        time.sleep(_LOOK_EVERY_S)


def _check_folder(desired: DesiredState) -> None:
    if desired.adapter is None:
        return
    try:
        inspect_adapter(adapter_path(desired.adapter.digest))
    except AdapterRejected as exc:
        fail(desired, exc)
        raise


def _give_up(desired: DesiredState) -> None:
    late = AdapterRejected("not_reached", _("The serving process did not take over the adapter in time."))
    fail(desired, late)
    raise late


def fail(desired: DesiredState, why: AdapterRejected) -> None:
    """Take a wish back that cannot be fulfilled; what was in force before it is so again."""
    DesiredState.objects.filter(pk=desired.pk).exclude(outcome=DesiredState.Outcome.SERVED).update(
        outcome=DesiredState.Outcome.FAILED, error_code=why.code, error=str(why)
    )


def _registered(adapter_id: int) -> Adapter:
    try:
        return Adapter.objects.get(pk=adapter_id)
    except Adapter.DoesNotExist as exc:
        raise AdapterRejected("not_found", _("There is no adapter %(id)s.") % {"id": adapter_id}) from exc


def _keep(folder: Path, facts: AdapterFacts) -> None:
    """Copy aside, flush, rename: a folder of the registry is complete or not there."""
    target = adapter_path(facts.digest)
    if target.is_dir():
        return
    aside = target.with_name(f".{facts.digest}.{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        for name in (CONFIG, WEIGHTS, CARD):
            if (folder / name).exists():
                shutil.copyfile(folder / name, aside / name, follow_symlinks=False)
                with (aside / name).open("rb") as file:
                    os.fsync(file.fileno())
        if adapter_digest(aside) != facts.digest:
            raise AdapterRejected("changed", _("The adapter's files changed while they were copied."))
        aside.rename(target)
    except OSError as exc:
        message = _("The adapter could not be copied into the registry: %(error)s") % {"error": exc}
        raise AdapterRejected("not_written", message) from exc
    finally:
        shutil.rmtree(aside, ignore_errors=True)
