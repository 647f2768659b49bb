"""The screen of what user groups have otherwise than the rest: choose, compare, confirm; read what was in force."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser, Group
from django.forms import CharField, ChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from chat import control
from chat.exceptions import InvalidSettings
from chat.models import GroupPolicyRevision, Revision
from chat.screens import Change, confirmation, differences, label, shown
from telemetry.screens import ReadOnlyAdmin

FIELDS = GroupPolicyRevision.INHERITED
HELP = {
    "tau": _("From 0 to 1. Higher: AION answers this group only when it is surer."),
    "fallback_allowed": _("Costs money, always within the budget and the hours of the answer settings."),
    "on_low_confidence": _("What this group gets below tau where the paid API is not to be had."),
}


class GroupPolicyForm(ModelForm[GroupPolicyRevision]):
    """One group and what it has otherwise; an empty field is as for everybody, which its help names."""

    group_name = ChoiceField(label=_("group"), widget=UnfoldAdminSelectWidget)
    reason = CharField(
        label=_("reason of the change"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Group.objects.order_by("name").values_list("name", flat=True)
        group = self.fields["group_name"]
        assert isinstance(group, ChoiceField)  # noqa: S101  # declared above
        group.choices = [("", "—"), *((name, name) for name in names)]
        group.help_text = _(
            "Whoever is in several groups with differences gets the strictest: the highest tau, the paid API only if "
            "every one of them allows it, and no answers with a warning unless every one of them gives them."
        )
        for name in FIELDS:
            self.fields[name].help_text = format_html("{} {}", HELP[name], _as_for_everybody(name))
        as_for_everybody = gettext("As for everybody")
        yes_and_no = [("unknown", as_for_everybody), ("true", gettext("Yes")), ("false", gettext("No"))]
        self.fields["fallback_allowed"].widget.choices = yes_and_no
        reactions = Revision.OnLowConfidence.choices
        self.fields["on_low_confidence"].choices = [("", as_for_everybody), *reactions]  # type: ignore[attr-defined]  # a choice
        for field in self.fields.values():
            field.label = capfirst(str(field.label))


@admin.register(GroupPolicyRevision)
class GroupPolicyAdmin(ReadOnlyAdmin):
    """Every state the groups' differences were in; a new one is compared and confirmed before it holds."""

    list_display = ("number", "group_name", "at", "by", "what_changed", "reason", "in_force")
    list_display_links = ("number",)
    list_select_related = ("by",)
    add_fieldsets = ((None, {"fields": ("group_name", *FIELDS)}), (_("Why"), {"fields": ("reason",)}))
    list_before_template = "admin/chat/groups_in_force.html"
    change_form_template = "admin/chat/groups_form.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat.add_grouppolicyrevision")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A revision that exists is shown, so only a new one needs the form."""
        return super().get_form(request, obj, change, form=GroupPolicyForm if obj is None else ModelForm, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        in_force = [
            (difference.group, in_words(difference), _form_with(newest_of(difference.group)))
            for difference in control.differences_in_force()
        ]
        context = {"in_force": in_force, "has_groups": Group.objects.exists(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """First what would change, then the change; asked again if somebody else changed the group in between."""
        if request.method == "POST" and self.has_add_permission(request) and not _is_confirmed(request):
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                return self._ask(request, form)
        try:
            return super().add_view(request, form_url, extra_context)
        except InvalidSettings as exc:
            messages.error(request, f"{label(exc.field)}: {exc.message}")
            return HttpResponseRedirect(reverse("admin:chat_grouppolicyrevision_add"))

    def _ask(self, request: HttpRequest, form: GroupPolicyForm) -> HttpResponse:
        group = form.cleaned_data["group_name"]
        changes = _differences(values_of(newest_of(group)), _chosen_in(form))
        if not changes:
            messages.info(request, gettext("Nothing was changed."))
            return HttpResponseRedirect(reverse("admin:chat_grouppolicyrevision_changelist"))
        return confirmation(
            self.admin_site,
            request,
            title=gettext("Confirm what the group “%(group)s” has otherwise") % {"group": group},
            explanation=_("It holds for the group's next question and is kept as a revision."),
            changes=changes,
            verb=_("Save the differences"),
            back=reverse("admin:chat_grouppolicyrevision_add"),
            hidden=[
                *(field.as_hidden() for field in form),
                format_html('<input type="hidden" name="based_on" value="{}">', _newest_id(group)),
            ],
        )

    def save_model(self, request: HttpRequest, obj: GroupPolicyRevision, form: Any, change: bool) -> None:
        values = form.cleaned_data
        revision = control.revise_group(
            values["group_name"], _chosen_in(form), by=_person(request), reason=values["reason"]
        )
        obj.pk = revision.pk

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A revision's page compares it with the group's one before it, and lets it be chosen again."""
        revision: GroupPolicyRevision | None = context.get("original")
        if revision is not None:
            context["changes"] = _differences(values_of(before_of(revision)), values_of(revision))
            context["is_newest"] = _is_newest(revision)
            context["again"] = _form_with(revision)
            context["title"] = str(revision)
        context["may_add"] = self.has_add_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("revision"), ordering="id")
    def number(self, revision: GroupPolicyRevision) -> str:
        return f"#{revision.pk}"

    @display(description=_("what changed"))
    def what_changed(self, revision: GroupPolicyRevision) -> str:
        rows = _differences(values_of(before_of(revision)), values_of(revision))
        return "; ".join(f"{name}: {before} → {after}" for name, before, after in rows) or "—"

    @display(description=_("in force"), label={"in_force": "success", "gone": "warning"})
    def in_force(self, revision: GroupPolicyRevision) -> tuple[str, Any] | None:
        if not _is_newest(revision):
            return None
        if not Group.objects.filter(name=revision.group_name).exists():
            return "gone", _("the group no longer exists")
        return "in_force", _("in force")


def in_words(difference: control.GroupDifference) -> list[tuple[str, str]]:
    """What a group has otherwise: each setting that differs, and its value."""
    values = [(name, getattr(difference, name)) for name in FIELDS]
    return [(label(name), shown(name, value)) for name, value in values if value is not None]


def values_of(revision: GroupPolicyRevision | None) -> dict[str, Any]:
    """What a revision says; none says that everything is as for everybody."""
    return {name: getattr(revision, name, None) for name in FIELDS}


def newest_of(group: str) -> GroupPolicyRevision | None:
    """The revision of a group that is in force."""
    return GroupPolicyRevision.objects.filter(group_name=group).first()


def before_of(revision: GroupPolicyRevision) -> GroupPolicyRevision | None:
    """The revision of the same group that was in force before this one."""
    return GroupPolicyRevision.objects.filter(group_name=revision.group_name, pk__lt=revision.pk).first()


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return differences(before, after, show=_shown_of_group)


def _shown_of_group(name: str, value: Any) -> str:
    return _as_for_everybody(name) if value is None else shown(name, value)


def _as_for_everybody(name: str) -> str:
    return gettext("As for everybody (%(value)s)") % {"value": shown(name, getattr(control.current(), name))}


def _is_newest(revision: GroupPolicyRevision) -> bool:
    return not GroupPolicyRevision.objects.filter(group_name=revision.group_name, pk__gt=revision.pk).exists()


def _form_with(revision: GroupPolicyRevision | None) -> str:
    """The address of the form, filled in with a revision's values."""
    chosen = {name: str(value).lower() for name, value in values_of(revision).items() if value is not None}
    query = urlencode({"group_name": revision.group_name if revision else "", **chosen})
    return f"{reverse('admin:chat_grouppolicyrevision_add')}?{query}"


def _is_confirmed(request: HttpRequest) -> bool:
    based_on = request.POST.get("based_on")
    return request.POST.get("confirmed") == "yes" and based_on == _newest_id(request.POST.get("group_name", ""))


def _newest_id(group: str) -> str:
    """Which revision of a group is in force, as a form sends it back; "" before the first."""
    newest = newest_of(group)
    return str(newest.pk) if newest else ""


def _chosen_in(form: GroupPolicyForm) -> dict[str, Any]:
    return {name: None if (value := form.cleaned_data[name]) == "" else value for name in FIELDS}


def _person(request: HttpRequest) -> AbstractBaseUser:
    assert isinstance(request.user, AbstractBaseUser)  # noqa: S101  # the admin lets nobody else this far
    return request.user
