"""AION's roles: groups that hold exactly what a purpose needs. Code keeps them; whoever wants another makes a group.

A role's permissions are these and no others: at each start they are set again, so that a newer version's screens are
in them, and what was changed by hand goes. A group of that name that somebody made before is left alone: groups also
decide who finds which documents, and its members must not wake up with rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from telemetry.models import RoleGroup

Codes = frozenset[str]


def _may(verbs: str, *models: str) -> Codes:
    """`app.verb_model` of each verb and model."""
    pairs = (model.split(".") for model in models)
    return frozenset(f"{app}.{verb}_{name}" for app, name in pairs for verb in verbs.split())


QUALITY: Final = (
    "telemetry.question",
    "telemetry.feedback",
    "telemetry.review",
    "telemetry.gap",
    "chat.calibration",
    "chat.evaluationrun",
    "chat.evaluationfloor",
)
KNOWLEDGE: Final = (
    "retrieval.document",
    "retrieval.ingestjob",
    "retrieval.watchedfolder",
    "retrieval.site",
    "retrieval.crawledpage",
    "retrieval.goldenquestion",
)
MODEL: Final = (
    "inference.adapter",
    "inference.desiredstate",
    "inference.processreport",
    "inference.trainingrun",
    "inference.examination",
    "telemetry.night",
    "telemetry.trainingset",
    "telemetry.datasetexport",
    "retrieval.embeddinggeneration",
)
SETTINGS: Final = ("chat.chatsettingsrevision", "chat.grouppolicyrevision", "telemetry.loopsettings")
SCHEDULES: Final = (
    "django_celery_beat.periodictask",
    "django_celery_beat.crontabschedule",
    "django_celery_beat.intervalschedule",
    "django_celery_beat.clockedschedule",
    "django_celery_beat.solarschedule",
)
MONEY: Final = (
    "telemetry.budgetlimit",
    "telemetry.ledgerentry",
    "telemetry.reservation",
    "telemetry.modelprice",
    "telemetry.exchangerate",
)
CHANNELS: Final = ("telemetry.alarmchannel", "telemetry.alarmrule")
ALARMS: Final = ("telemetry.alarm", "telemetry.alarmdelivery", *CHANNELS)
PEOPLE: Final = ("auth.user", "auth.group", "chat.apikey")
GOVERNANCE: Final = ("telemetry.auditentry", "telemetry.retentionrule", "telemetry.datarequest")

_READ = _may("view", *QUALITY, *KNOWLEDGE, *MODEL)
_CURATE = _may("add change delete", *KNOWLEDGE, "chat.evaluationfloor") | {
    "telemetry.review_answers",
    "telemetry.manage_gaps",
    "chat.run_evaluation",
}
_OPERATE = (
    _may("view", "telemetry.event", *SETTINGS, *SCHEDULES, *MONEY, *ALARMS)
    | _may("add", "chat.chatsettingsrevision", "inference.adapter")
    | _may("change", "chat.calibration", "retrieval.embeddinggeneration", *SCHEDULES)
    | {
        "inference.load_adapter",
        "inference.merge_adapter",
        "inference.promote_adapter",
        "inference.train_adapter",
        "telemetry.export_dataset",
        "telemetry.run_night",
        "telemetry.handle_alarms",
        "chat.run_evaluation",
    }
)
_ADMINISTER = (
    _may("view", "chat.conversation", *PEOPLE, *GOVERNANCE)
    | _may("add change delete", *CHANNELS)
    | _may("add change", *SETTINGS, *PEOPLE, *SCHEDULES, "telemetry.budgetlimit")
    | _may("delete", "inference.adapter", "auth.user", "auth.group", "telemetry.budgetlimit", *SCHEDULES)
    | _may("add", "telemetry.modelprice", "telemetry.exchangerate")
    | {
        "chat.set_tau",
        "chat.force_fallback",
        "inference.use_generate",
        "telemetry.change_retentionrule",
        "telemetry.copy_person",
        "telemetry.erase_person",
    }
)
_AUDIT = _may(
    "view", "telemetry.event", "chat.conversation", *SETTINGS, *SCHEDULES, *MONEY, *ALARMS, *PEOPLE, *GOVERNANCE
)


@dataclass(frozen=True, slots=True)
class Role:
    """A group of AION's: `key` is its name, `purpose` what its members may do, in words."""

    key: str
    purpose: Promise
    permissions: Codes


ROLES: Final = (
    Role(
        "leitor",
        _("Sees answers and their quality, the knowledge and the model; changes nothing, sees no conversations."),
        _READ,
    ),
    Role(
        "curador",
        _("What a reader sees; brings documents, sites and golden questions in and out, and reviews answers."),
        _READ | _CURATE,
    ),
    Role(
        "operador",
        _(
            "What a reader sees, and events, money and settings; runs the model: tau, adapters, trainings, nights, "
            "exports, schedules. Spends no money and manages no people."
        ),
        _READ | _OPERATE,
    ),
    Role(
        "administrador",
        _(
            "What curators and operators may, and settings, budget, the paid API, people, keys, retention, and "
            "requests about people's data. Cannot give rights: only a superuser does."
        ),
        _READ | _CURATE | _OPERATE | _ADMINISTER,
    ),
    Role(
        "auditor",
        _("Sees everything, also conversations, money, people and the audit trail, which it exports; changes nothing."),
        _READ | _AUDIT | {"telemetry.export_audit"},
    ),
)


def keep_roles() -> None:
    """Make the groups that are missing, and give each exactly what its role has."""
    for role in ROLES:
        with transaction.atomic():
            _group_of(role).permissions.set(_rows_of(role.permissions))


def role_of(group: Group) -> Role | None:
    """The role that a group is, None for somebody's own."""
    key = RoleGroup.objects.filter(group=group.pk).values_list("key", flat=True).first()
    return next((role for role in ROLES if role.key == key), None)


def _group_of(role: Role) -> Group:
    kept = RoleGroup.objects.select_related("group").filter(key=role.key).first()
    if kept is not None:
        return kept.group
    name = f"{role.key} (AION)" if Group.objects.filter(name=role.key).exists() else role.key
    group, _created = Group.objects.get_or_create(name=name)
    RoleGroup.objects.create(key=role.key, group=group)
    return group


def _rows_of(codes: Codes) -> list[Permission]:
    """Raises LookupError for a code that no model has, which only a mistake here can cause."""
    known = {
        f"{app}.{codename}": pk
        for app, codename, pk in Permission.objects.values_list("content_type__app_label", "codename", "pk")
    }
    missing = codes - known.keys()
    if missing:
        raise LookupError(f"no such permissions: {sorted(missing)}")
    return list(Permission.objects.filter(pk__in=[known[code] for code in codes]))
