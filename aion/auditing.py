"""What is written into the audit trail by itself: changes of rows, sign-ins, the panel's buttons.

Rows are watched where they are saved, so that no screen can forget it: from the panel every model that it shows, from
the API and the command line what steers AION. What AION does by itself is no act of staff.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.utils import timezone
from django.utils.translation import gettext as _

from telemetry.audit.acting import Acting, acting
from telemetry.audit.rows import as_it_was, differences, label_of, name_of_row, snapshot
from telemetry.audit.trail import Action, write
from telemetry.models import AuditEntry

OF_THE_MACHINE: Final = {  # rows by the million that no screen changes; watching them would slow their deletion
    "admin.logentry",
    "telemetry.auditentry",
    "telemetry.event",
    "telemetry.ledgerentry",
    "telemetry.reservation",
    "telemetry.feedback",
    "chat.conversation",
    "retrieval.crawledpage",
    "inference.processreport",
}
STEERING: Final = {  # whoever changes these from outside the panel is written down too
    "auth.user",
    "auth.group",
    "chat.apikey",
    "chat.chatsettingsrevision",
    "chat.grouppolicyrevision",
    "django_celery_beat.periodictask",
    "django_celery_beat.crontabschedule",
    "inference.adapter",
    "inference.desiredstate",
    "retrieval.site",
    "retrieval.watchedfolder",
    "telemetry.budgetlimit",
    "telemetry.exchangerate",
    "telemetry.loopsettings",
    "telemetry.modelprice",
    "telemetry.retentionrule",
}
_BEFORE: Final = "_audited_before"
REFUSALS_A_MINUTE: Final = 30  # more say nothing new, and could fill the disk


def watch() -> None:
    """Connect everything; once, when the panel knows its models."""
    for model in {model._meta.concrete_model or model for model in admin.site._registry}:
        if label_of(model) in OF_THE_MACHINE:
            continue
        pre_save.connect(_before_saving, sender=model, dispatch_uid=f"audit-{label_of(model)}")
        post_save.connect(_saved, sender=model, dispatch_uid=f"audit-{label_of(model)}")
        pre_delete.connect(_before_deleting, sender=model, dispatch_uid=f"audit-{label_of(model)}")
        post_delete.connect(_deleted, sender=model, dispatch_uid=f"audit-{label_of(model)}")
    users = get_user_model()
    for through in (users.groups.through, users.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(_rights_changed, sender=through, dispatch_uid=f"audit-{through._meta.label_lower}")
    post_save.connect(_told_by_the_panel, sender=LogEntry, dispatch_uid="audit-panel")
    user_logged_in.connect(_signed_in, dispatch_uid="audit-in")
    user_logged_out.connect(_signed_out, dispatch_uid="audit-out")
    user_login_failed.connect(_refused, dispatch_uid="audit-refused")


def _is_watched(model: type[Model]) -> bool:
    source = acting().source
    if source == AuditEntry.Source.PANEL:
        return acting().user_id is not None
    return source != AuditEntry.Source.SYSTEM and label_of(model) in STEERING


def _before_saving(sender: type[Model], instance: Model, raw: bool = False, **about: Any) -> None:
    if not raw and _is_watched(sender):
        setattr(instance, _BEFORE, snapshot(as_it_was(instance)))


def _saved(sender: type[Model], instance: Model, created: bool, **about: Any) -> None:
    before = instance.__dict__.pop(_BEFORE, None)
    if before is None:
        return
    before, after = differences(before, snapshot(instance))
    if created or before or after:
        reason = str(getattr(instance, "reason", "") or "")
        _write_of(instance, Action.ADDED if created else Action.CHANGED, before=before, after=after, reason=reason)


def _before_deleting(sender: type[Model], instance: Model, origin: Any = None, **about: Any) -> None:
    """What goes with something else is that one's deletion."""
    chosen = origin is instance or (isinstance(origin, QuerySet) and origin.model is sender)
    if chosen and _is_watched(sender):
        setattr(instance, _BEFORE, (instance.pk, snapshot(instance)))


def _deleted(sender: type[Model], instance: Model, **about: Any) -> None:
    noted = instance.__dict__.pop(_BEFORE, None)
    if noted is not None:
        _write_of(instance, Action.DELETED, before=noted[1], object_id=noted[0])


def _rights_changed(sender: Any, instance: Model, action: str, reverse: bool, model: Any, **about: Any) -> None:
    """Of a person's groups and permissions, and of a group's permissions: all names before and after."""
    if reverse or not _is_watched(type(instance)):
        return
    field = next(f.name for f in instance._meta.many_to_many if getattr(f.remote_field, "through", None) is sender)
    names = sorted(_name_of_right(right) for right in getattr(instance, field).all())
    if action in ("pre_add", "pre_remove", "pre_clear"):
        setattr(instance, f"{_BEFORE}_{field}", names)
        return
    before = instance.__dict__.pop(f"{_BEFORE}_{field}", names)
    if before != names:
        _write_of(instance, Action.CHANGED, before={field: before}, after={field: names})


def _name_of_right(right: Any) -> str:
    return right.name if isinstance(right, Group) else f"{right.content_type.app_label}.{right.codename}"


def _told_by_the_panel(sender: type[LogEntry], instance: LogEntry, created: bool, **about: Any) -> None:
    """A button, or what a page says in words of its own; Django's lists of changed fields are told by the rows."""
    said = instance.change_message
    told_by_rows = said.startswith("[") or instance.action_flag == DELETION
    if not created or told_by_rows or acting().source == AuditEntry.Source.SYSTEM:
        return
    if instance.content_type is None:
        write(Action.BUTTON, object_name=instance.object_repr, detail=said)
        return
    row = instance.content_type.model_class()._base_manager.filter(pk=instance.object_id).first()  # type: ignore[union-attr]
    if row is not None:
        _write_of(row, Action.CHANGED, detail=said)


def _signed_in(sender: Any, request: Any, user: Any, **about: Any) -> None:
    _write_of(user, Action.SIGNED_IN, by=Acting("panel", request, user.get_username(), user.pk))


def _signed_out(sender: Any, request: Any, user: Any, **about: Any) -> None:
    if user is not None:
        _write_of(user, Action.SIGNED_OUT, by=Acting("panel", request, user.get_username(), user.pk))


def _refused(sender: Any, credentials: Any, request: Any = None, **about: Any) -> None:
    """Of an account that exists, its name; anything else typed there might be a password."""
    lately = AuditEntry.objects.filter(action=Action.REFUSED, at__gte=timezone.now() - timedelta(minutes=1))
    if lately.count() >= REFUSALS_A_MINUTE:
        return
    users = get_user_model()
    known = users.objects.filter(username=str(credentials.get("username", ""))[:150]).first()
    if known is not None:
        _write_of(known, Action.REFUSED)
    else:
        write(Action.REFUSED, object_name=_("account that does not exist"))


def _write_of(row: Model, action: Action, *, object_id: object = None, **about: Any) -> None:
    found = row.pk if object_id is None else object_id
    write(action, object_type=label_of(row), object_id=found, object_name=name_of_row(row), **about)
