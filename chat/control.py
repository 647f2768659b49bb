"""The chat's settings as revisions: the newest row over the environment's defaults. Append-only, restorable.

A user group may differ in some of them (`GroupPolicyRevision`); whoever is in several such groups gets the strictest.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from datetime import time as time_of_day
from types import MappingProxyType
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.exceptions import InvalidSettings
from chat.models import ChatSettingsRevision, GroupPolicyRevision, Revision
from chat.prompts import DEFAULT_SYSTEM_PROMPT
from chat.providers import what_is_wrong
from chat.router import Paid
from inference import bundled
from retrieval.results import SearchSettings
from telemetry import events

R = TypeVar("R", bound=Revision)

CACHE_S = 1.0
POINTING_TOKENS = 160
NEVER_LEAVES = "local-only"  # whatever staff choose


@dataclass(frozen=True, slots=True)
class ChatPolicy:
    """What is in force now. `revision` is None while nothing was ever changed."""

    tau: float
    scorer: str
    answer_mode: str
    on_low_confidence: str
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
    fallback_from: time_of_day | None
    fallback_to: time_of_day | None
    labels_that_stay: tuple[str, ...]
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

    @property
    def warns(self) -> bool:
        """Whether low confidence is answered with a warning where nothing may be paid."""
        return self.on_low_confidence == Revision.OnLowConfidence.WARN

    @property
    def evidence_tokens(self) -> int:
        """How much evidence the model is shown: less where it only points, which is then quicker and no worse."""
        pointing = self.answer_mode == ChatSettingsRevision.Mode.EXCERPT
        return min(self.prompt_context_tokens, POINTING_TOKENS) if pointing else self.prompt_context_tokens

    def fallback_forced(self, now: datetime | None = None) -> bool:
        """Whether the timed switch is on; it turns itself off."""
        return self.forced_fallback_until is not None and (now or timezone.now()) < self.forced_fallback_until

    def paid(self, now: datetime | None = None) -> Paid:
        """Whether the paid API may be used at this moment, as far as staff decide that."""
        if not self.fallback_allowed:
            return Paid.OFF
        return Paid.ALLOWED if self._in_hours(timezone.localtime(now).time()) else Paid.OUTSIDE_HOURS

    def kept_by(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Those of the labels that never leave the machine; capitals make no difference."""
        staying = {label.casefold() for label in self.labels_that_stay}
        return tuple(label for label in labels if label.casefold() in staying)

    def _in_hours(self, now: time_of_day) -> bool:
        """From the first hour to before the last, which may be after midnight."""
        if self.fallback_from is None or self.fallback_to is None:
            return True
        if self.fallback_from < self.fallback_to:
            return self.fallback_from <= now < self.fallback_to
        return now >= self.fallback_from or now < self.fallback_to


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """What a user group has otherwise than the rest; None is as for everybody."""

    group: str
    tau: float | None = None
    fallback_allowed: bool | None = None
    on_low_confidence: str | None = None

    def over(self, general: ChatPolicy) -> ChatPolicy:
        """The general policy as this group has it."""
        chosen = {name: getattr(self, name) for name in GroupPolicyRevision.INHERITED}
        return replace(general, **{name: value for name, value in chosen.items() if value is not None})


_cached: tuple[float, ChatPolicy, Mapping[str, GroupDifference]] | None = None
_instead: ContextVar[Mapping[str, Any]] = ContextVar("chat_policy_instead", default=MappingProxyType({}))


def current() -> ChatPolicy:
    """The general policy in force; read from the database at most once a second."""
    return current_for(None)


def current_for(groups: Collection[str] | None) -> ChatPolicy:
    """The policy in force for a member of these groups; for None (a service, a superuser) the general one."""
    general, differences = _in_force()
    concerned = [differences[name] for name in groups or () if name in differences]
    return replace(strictest(general, concerned), **_instead.get())


def differences_in_force() -> tuple[GroupDifference, ...]:
    """The groups that differ from the general policy, by name."""
    return tuple(_in_force()[1].values())


def strictest(general: ChatPolicy, differences: Collection[GroupDifference]) -> ChatPolicy:
    """The highest tau, the paid API only where each of the groups has it, abstaining rather than warning. Pure."""
    if not differences:
        return general
    each = [difference.over(general) for difference in differences]
    choices = Revision.OnLowConfidence
    return replace(
        general,
        tau=max(policy.tau for policy in each),
        fallback_allowed=all(policy.fallback_allowed for policy in each),
        on_low_confidence=choices.WARN if all(policy.warns for policy in each) else choices.ABSTAIN,
    )


def _in_force() -> tuple[ChatPolicy, Mapping[str, GroupDifference]]:
    global _cached
    if _cached is None or time.monotonic() - _cached[0] >= CACHE_S:
        general = _policy_of(ChatSettingsRevision.objects.order_by("-id").first())
        _cached = (time.monotonic(), general, _differences())
    return _cached[1:]


def _differences() -> dict[str, GroupDifference]:
    """What the newest row of each group says; one that says nothing ends the group's difference."""
    newest = GroupPolicyRevision.objects.order_by("group_name", "-id").distinct("group_name")
    rows = newest.values_list("group_name", *GroupPolicyRevision.INHERITED)
    return {row[0]: GroupDifference(*row) for row in rows if any(value is not None for value in row[1:])}


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
        answer_mode=modes.EXCERPT if bundled.is_configured() else modes.GENERATE,
        on_low_confidence=Revision.OnLowConfidence.ABSTAIN,
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
        fallback_from=None,
        fallback_to=None,
        labels_that_stay=(NEVER_LEAVES,),
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


def revise_group(
    group: str, changes: Mapping[str, Any], *, by: AbstractBaseUser | None, reason: str = ""
) -> GroupPolicyRevision:
    """Put `changes` over what a user group has otherwise. `None` is as for everybody. Raises `InvalidSettings`."""
    unknown = sorted(set(changes) - set(GroupPolicyRevision.INHERITED))
    if unknown:
        raise InvalidSettings(unknown[0], _("There is no setting “%(name)s”.") % {"name": unknown[0]})
    with transaction.atomic():
        latest = GroupPolicyRevision.objects.select_for_update().filter(group_name=group).first()
        before = {name: getattr(latest, name, None) for name in GroupPolicyRevision.INHERITED}
        revision = GroupPolicyRevision(group_name=group, **before | dict(changes), by_id=by.pk if by else None)
        return _insert(revision, before=before, reason=reason, about={"group": group})


def _append(
    values: Mapping[str, Any],
    *,
    before: Mapping[str, Any],
    by: AbstractBaseUser | None,
    reason: str,
    restored_from: ChatSettingsRevision | None = None,
) -> ChatSettingsRevision:
    revision = ChatSettingsRevision(**values, by_id=by.pk if by else None, restored_from=restored_from)
    return _insert(revision, before=before, reason=reason)


def _insert(
    revision: R, *, before: Mapping[str, Any], reason: str, about: Mapping[str, Any] = MappingProxyType({})
) -> R:
    """Check and store a new revision, and leave an event of what it changed. Raises `InvalidSettings`."""
    revision.reason = reason
    try:
        revision.full_clean()
    except ValidationError as exc:
        field, messages = next(iter(exc.message_dict.items()))
        raise InvalidSettings(field, messages[0]) from exc
    changed = {name: _plain(getattr(revision, name)) for name in before if getattr(revision, name) != before[name]}
    order = changed.get("fallback_model")
    if order is not None and (wrong := what_is_wrong(order)):
        raise InvalidSettings("fallback_model", wrong)
    revision.save()
    events.record(
        events.EventKind.SETTINGS,
        value=1,
        meta={"revision": revision.pk, **about, "changed": changed, "by": revision.by_id, "reason": reason},
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
    chosen["labels_that_stay"] = tuple(dict.fromkeys((NEVER_LEAVES, *chosen.get("labels_that_stay", ()))))
    return replace(defaults(), **chosen, revision=revision.pk)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | time_of_day) else value
