"""The chat's settings as revisions: the newest row over the environment's defaults. Append-only, restorable."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.exceptions import InvalidSettings
from chat.models import ChatSettingsRevision
from chat.prompts import DEFAULT_SYSTEM_PROMPT
from chat.providers import what_is_wrong
from inference import bundled
from retrieval.results import SearchSettings
from telemetry import events

CACHE_S = 1.0


@dataclass(frozen=True, slots=True)
class ChatPolicy:
    """What is in force now. `revision` is None while nothing was ever changed."""

    tau: float
    scorer: str
    answer_mode: str
    dense_candidates: int
    text_candidates: int
    top_k: int
    mmr_lambda: float
    prompt_context_tokens: int
    max_new_tokens: int
    temperature: float
    top_p: float
    repetition_penalty: float
    deadline_s: float
    system_prompt: str
    fallback_allowed: bool
    fallback_model: str
    fallback_on_overload: bool
    forced_fallback_until: datetime | None
    revision: int | None = None

    @property
    def search_settings(self) -> SearchSettings:
        return SearchSettings(
            dense_candidates=self.dense_candidates,
            text_candidates=self.text_candidates,
            top_k=self.top_k,
            mmr_lambda=self.mmr_lambda,
        )

    def fallback_forced(self, now: datetime | None = None) -> bool:
        """Whether the timed switch is on; it turns itself off."""
        return self.forced_fallback_until is not None and (now or timezone.now()) < self.forced_fallback_until


_cached: tuple[float, ChatPolicy] | None = None
_instead: ContextVar[Mapping[str, Any]] = ContextVar("chat_policy_instead", default=MappingProxyType({}))


def current() -> ChatPolicy:
    """The policy in force; read from the database at most once a second."""
    global _cached
    if _cached is None or time.monotonic() - _cached[0] >= CACHE_S:
        _cached = (time.monotonic(), _policy_of(ChatSettingsRevision.objects.order_by("-id").first()))
    return replace(_cached[1], **_instead.get())


@contextmanager
def instead(**values: Any) -> Iterator[None]:
    """Within, for this thread alone, `values` stand in for what is in force (evaluation). Nothing is stored."""
    token = _instead.set({**_instead.get(), **values})
    try:
        yield
    finally:
        _instead.reset(token)


def forget() -> None:
    """Read anew at the next use (after a change, and between tests)."""
    global _cached
    _cached = None


def defaults() -> ChatPolicy:
    """What holds under every revision: the environment, and the kept sizes.

    The bundled model writes worse than the documents it would cite (docs/decisions/0011), so it quotes first.
    """
    modes = ChatSettingsRevision.Mode
    sizes = SearchSettings()
    return ChatPolicy(
        tau=settings.AION_TAU_CONFIDENCE,
        scorer=ChatSettingsRevision.Scorer.CALIBRATED,
        answer_mode=modes.QUOTE_FIRST if bundled.is_configured() else modes.GENERATE,
        dense_candidates=sizes.dense_candidates,
        text_candidates=sizes.text_candidates,
        top_k=sizes.top_k,
        mmr_lambda=sizes.mmr_lambda,
        prompt_context_tokens=600,
        max_new_tokens=512,
        temperature=0.0,
        top_p=1.0,
        repetition_penalty=1.0,
        deadline_s=60.0,
        system_prompt=settings.AION_SYSTEM_PROMPT or DEFAULT_SYSTEM_PROMPT,
        fallback_allowed=settings.AION_FALLBACK_ENABLED,
        fallback_model=settings.AION_FALLBACK_MODEL,
        fallback_on_overload=False,
        forced_fallback_until=None,
    )


def revise(changes: Mapping[str, Any], *, by: AbstractBaseUser | None, reason: str = "") -> ChatSettingsRevision:
    """Put `changes` over what is in force, as a new revision. `None` inherits again. Raises `InvalidSettings`."""
    unknown = sorted(set(changes) - set(ChatSettingsRevision.INHERITED))
    if unknown:
        raise InvalidSettings(unknown[0], _("There is no setting “%(name)s”.") % {"name": unknown[0]})
    with transaction.atomic():
        latest = ChatSettingsRevision.objects.select_for_update().order_by("-id").first()
        return _append(_values_of(latest) | dict(changes), before=_values_of(latest), by=by, reason=reason)


def restore(revision: ChatSettingsRevision, *, by: AbstractBaseUser | None, reason: str = "") -> ChatSettingsRevision:
    """A new revision with the values of an older one."""
    with transaction.atomic():
        latest = ChatSettingsRevision.objects.select_for_update().order_by("-id").first()
        return _append(_values_of(revision), before=_values_of(latest), by=by, reason=reason, restored_from=revision)


def _append(
    values: Mapping[str, Any],
    *,
    before: Mapping[str, Any],
    by: AbstractBaseUser | None,
    reason: str,
    restored_from: ChatSettingsRevision | None = None,
) -> ChatSettingsRevision:
    revision = ChatSettingsRevision(**values, by_id=by.pk if by else None, reason=reason, restored_from=restored_from)
    try:
        revision.full_clean()
    except ValidationError as exc:
        field, messages = next(iter(exc.message_dict.items()))
        raise InvalidSettings(field, messages[0]) from exc
    changed = {name: _plain(values[name]) for name in values if values[name] != before[name]}
    order = changed.get("fallback_model")
    if order is not None and (wrong := what_is_wrong(order)):
        raise InvalidSettings("fallback_model", wrong)
    revision.save()
    events.record(
        events.EventKind.SETTINGS,
        value=1,
        meta={"revision": revision.pk, "changed": changed, "by": by.pk if by else None, "reason": reason},
        tenant=settings.PRIMARY_TENANT_ID,
    )
    transaction.on_commit(forget)
    return revision


def _values_of(revision: ChatSettingsRevision | None) -> dict[str, Any]:
    return {name: getattr(revision, name, None) for name in ChatSettingsRevision.INHERITED}


def _policy_of(revision: ChatSettingsRevision | None) -> ChatPolicy:
    if revision is None:
        return defaults()
    chosen = {name: value for name, value in _values_of(revision).items() if value is not None}
    return replace(defaults(), **chosen, revision=revision.pk)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
