"""Permissions in words: Django keeps their names in the database in English only."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.forms import ModelMultipleChoiceField
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

VERBS = {"add": _("add"), "change": _("change"), "delete": _("delete"), "view": _("see")}
HIDDEN_APPS = ("contenttypes", "sessions")


class PermissionsField(ModelMultipleChoiceField[Permission]):
    """The permissions that mean something in the panel, each named in the active language."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = Permission.objects.exclude(content_type__app_label__in=HIDDEN_APPS)
        self.queryset = known.exclude(content_type__model__startswith="historical").select_related("content_type")

    def label_from_instance(self, obj: Permission) -> str:
        return permission_in_words(obj)


def permission_in_words(permission: Permission) -> str:
    """`Conhecimento: ver documento`; a permission of our own by its name, translated."""
    app = apps.get_app_config(permission.content_type.app_label).verbose_name
    verb, _underscore, model_name = permission.codename.partition("_")
    model = permission.content_type.model_class()
    if verb in VERBS and model is not None and model._meta.model_name == model_name:
        return f"{capfirst(app)}: {VERBS[verb]} {model._meta.verbose_name}"
    return f"{capfirst(app)}: {gettext(permission.name)}"
