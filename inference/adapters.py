"""The registry of adapters and which of them should serve. Changes what is desired; live processes bring it about."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.adapter_folder import AdapterFacts, check_base, inspect_adapter
from inference.base_models import base_model_path, base_sha256
from inference.bundled import BUNDLED_ADAPTER, BUNDLED_ADAPTER_NAME
from inference.engine import EngineState, ServedAdapter
from inference.exceptions import AdapterRejected
from inference.external import external_url
from inference.models import ALIVE_WITHIN, Adapter, DesiredState, ProcessReport
from inference.registry import adapter_path, discard, keep, locked, private_copy

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OLDER_ADAPTER_DIR = Path("trainer/lora/out/adapter")
PATIENCE_S = 120.0
LONGEST_SWAP_S = 3600.0  # merging a model of many billions of weights
LONGEST_NAME = 120  # what a row holds
_LOOK_EVERY_S = 0.2
_DIGEST_SHOWN = 12


def register(folder: Path, *, name: str = "", origin: str = Adapter.Origin.IMPORTED, by: User | None = None) -> Adapter:
    """Check `folder`, copy what counts into the registry, and return its row; the same bytes are one adapter.

    Raises `AdapterRejected` (also for an adapter of another base model) or `ModelNotFound`.
    """
    with private_copy(folder) as copy:
        facts = inspect_adapter(copy)
        base_name, base_digest = _base_that_serves()
        check_base(facts, base_digest)
        with locked():
            keep(copy, facts.digest)
            adapter, _created = Adapter.objects.get_or_create(
                digest=facts.digest,
                defaults={
                    "name": _name_of(facts, name, str(facts.card.get("name") or ""), folder.resolve().name),
                    "base_model": _presentable(facts.base_model or base_name),
                    "base_sha256": facts.base_sha256 or base_digest,
                    "rank": facts.rank,
                    "size_bytes": facts.size_bytes,
                    "origin": origin,
                    "metrics": dict(facts.card),
                    "created_by": by,
                },
            )
    return adapter


def delete_adapter(adapter_id: int) -> Adapter:
    """Remove an adapter for good, with its files and its failed attempts. Raises `AdapterRejected`.

    Whatever was served stays: going back needs it, and so does the record of who answered what.
    """
    with locked(), transaction.atomic():
        adapter = Adapter.objects.select_for_update().filter(pk=adapter_id).first()
        if adapter is None:
            raise _unknown(adapter_id)
        if reason := why_kept(adapter):
            raise AdapterRejected("in_use", reason)
        adapter.desired.all().delete()
        Adapter.objects.filter(pk=adapter.pk).delete()
        transaction.on_commit(lambda: discard(adapter.digest))
    return adapter


def why_kept(adapter: Adapter) -> str:
    """Why an adapter cannot be deleted; "" if it can."""
    if ProcessReport.objects.filter(adapter_digest=adapter.digest, heartbeat_at__gt=_alive_since()).exists():
        return _("It is being served.")
    if adapter.desired.filter(outcome__in=DesiredState.IN_FORCE).exists():
        return _("It has served, or was asked to: going back and the record of past answers need it.")
    return ""


def served_adapter(desired: DesiredState) -> ServedAdapter | None:
    """What an engine is told to serve for `desired`."""
    adapter = desired.adapter
    if adapter is None:
        return None
    return ServedAdapter(adapter.name, adapter.digest, str(adapter_path(adapter.digest)), desired.merged)


def desired_state() -> DesiredState | None:
    """What is in force: the newest wish that waits or has served."""
    return DesiredState.objects.filter(outcome__in=DesiredState.IN_FORCE).select_related("adapter").first()


def default_served() -> ServedAdapter | None:
    """The default adapter as a command serves it before anything was wished for: from its own folder, nothing written.

    Raises `AdapterRejected` or `ModelNotFound`.
    """
    folder = default_adapter_folder()
    if folder is None:
        return None
    facts = inspect_adapter(folder)
    check_base(facts, _base_that_serves()[1])
    given = BUNDLED_ADAPTER_NAME if folder == BUNDLED_ADAPTER else str(facts.card.get("name") or "")
    return ServedAdapter(_name_of(facts, given, folder.resolve().name), facts.digest, str(folder))


def default_adapter_folder() -> Path | None:
    """What a bare reload reads: `AION_ADAPTER_DIR`, the older design's folder, or the shipped adapter."""
    if settings.AION_ADAPTER_DIR:
        return Path(settings.AION_ADAPTER_DIR)
    if external_url():  # another server's model, which brings its own
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


def reload_adapter(adapter_id: int | None = None, *, by: User | None = None, reason: str = "reload") -> None:
    """Serve the adapter `adapter_id`, else the configured one. Raises `AdapterRejected`; the old one then stays."""
    adapter = register_default(by=by) if adapter_id is None else _registered(adapter_id)
    _bring_about(set_desired(adapter.pk, by=by, reason=reason))


def unload_adapter(*, by: User | None = None) -> None:
    """Serve the base model alone. Raises `AdapterRejected`; nothing changes then."""
    current = desired_state()
    if current is None or current.adapter is None:
        raise AdapterRejected("nothing_to_unload", _("No adapter is loaded: the base model serves alone already."))
    _bring_about(set_desired(None, by=by, reason="unload"))


def merge_adapter(*, by: User | None = None) -> None:
    """Serve a merged copy of base and current adapter. Raises `AdapterRejected`; nothing changes then."""
    current = desired_state()
    if current is None or current.adapter is None:
        raise AdapterRejected("nothing_to_merge", _("No adapter is loaded, so there is nothing to merge."))
    if current.merged:
        raise AdapterRejected("already_merged", _("The adapter is merged already."))
    _bring_about(set_desired(current.adapter.pk, merged=True, by=by, reason="merge"))


def unmerge_adapter(*, by: User | None = None) -> None:
    """Serve the merged adapter beside the base model again. Raises `AdapterRejected`; nothing changes then."""
    current = desired_state()
    if current is None or not current.merged:
        raise AdapterRejected("not_merged", _("No adapter is merged, so there is nothing to undo."))
    _bring_about(set_desired(current.adapter_id, by=by, reason="unmerge"))


def rollback_adapter(*, by: User | None = None, reason: str = "rollback") -> None:
    """Serve what served before the present adapter. Raises `AdapterRejected`."""
    previous = previous_state()
    if previous is None:
        raise AdapterRejected("nothing_before", _("Nothing else has served before, so there is nothing to go back to."))
    _bring_about(set_desired(previous.adapter_id, merged=previous.merged, by=by, reason=reason))


def serving_report() -> tuple[ProcessReport, ...]:
    """What each live process really serves."""
    alive = ProcessReport.objects.filter(heartbeat_at__gt=_alive_since())
    return tuple(alive.select_related("reached__adapter", "reached__created_by"))


def last_failure() -> DesiredState | None:
    """The newest wish that could not be served, with its reason."""
    return DesiredState.objects.filter(outcome=DesiredState.Outcome.FAILED).select_related("adapter").first()


def previous_state() -> DesiredState | None:
    """What a rollback would serve: never what learned from data that was erased since."""
    current = desired_state()
    served = DesiredState.objects.filter(outcome=DesiredState.Outcome.SERVED).select_related("adapter")
    served = served.exclude(adapter__tainted_at__isnull=False)
    if current is not None:
        served = served.filter(pk__lt=current.pk).exclude(adapter=current.adapter, merged=current.merged)
    return served.first()


def _base_that_serves() -> tuple[str, str]:
    """Its name and SHA-256. An external server tells no SHA-256: it has to refuse by itself what does not fit."""
    if external_url():
        return str(settings.AION_BASE_MODEL), ""
    folder = base_model_path()
    return folder.name, base_sha256(folder)


def _bring_about(desired: DesiredState) -> None:
    """Wait until every live process serves `desired`, or another change comes after it. With none alive it is checked
    and served at the next start."""
    from inference.serving import local_reconciler  # it imports this module

    _check_folder(desired)
    if reconciler := local_reconciler():
        reconciler.reconcile()
    at_most = time.monotonic() + LONGEST_SWAP_S
    until = time.monotonic() + PATIENCE_S
    while True:
        desired.refresh_from_db()
        if desired.outcome == DesiredState.Outcome.FAILED:
            raise AdapterRejected(desired.error_code, desired.error)
        if DesiredState.objects.filter(pk__gt=desired.pk, outcome__in=DesiredState.IN_FORCE).exists():
            _be_superseded(desired)
        reports = serving_report()
        if all(report.reached_id == desired.pk for report in reports):
            return
        if any(report.state in (EngineState.LOADING, EngineState.SWAPPING) for report in reports):
            until = min(at_most, time.monotonic() + PATIENCE_S)
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


def _be_superseded(desired: DesiredState) -> None:
    DesiredState.objects.filter(pk=desired.pk, outcome=DesiredState.Outcome.PENDING).update(
        outcome=DesiredState.Outcome.SUPERSEDED
    )
    raise AdapterRejected("superseded", _("Another change came after this one, and is the one that counts."))


def fail(desired: DesiredState, why: AdapterRejected) -> None:
    """Take a wish back that cannot be fulfilled; what was in force before it is so again."""
    DesiredState.objects.filter(pk=desired.pk, outcome=DesiredState.Outcome.PENDING).update(
        outcome=DesiredState.Outcome.FAILED, error_code=why.code, error=str(why)
    )


def _registered(adapter_id: int) -> Adapter:
    try:
        return Adapter.objects.get(pk=adapter_id)
    except Adapter.DoesNotExist as exc:
        raise _unknown(adapter_id) from exc


def _unknown(adapter_id: int) -> AdapterRejected:
    return AdapterRejected("not_found", _("There is no adapter %(id)s.") % {"id": adapter_id})


def _name_of(facts: AdapterFacts, *given: str) -> str:
    """The first name of which anything can be seen, else the digest."""
    return next(filter(None, map(_presentable, given)), facts.digest[:_DIGEST_SHOWN])


def _presentable(text: str) -> str:
    """Printable and no longer than a row holds: it comes from files that others wrote."""
    return "".join(filter(str.isprintable, text)).strip()[:LONGEST_NAME]


def _alive_since() -> datetime:
    return timezone.now() - ALIVE_WITHIN
