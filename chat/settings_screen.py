"""The screen of the chat's settings: edit all of them, compare, confirm; read and restore every earlier state."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Func, QuerySet
from django.forms import CharField, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from chat import control
from chat.exceptions import InvalidSettings
from chat.models import ChatSettingsRevision
from chat.providers import what_is_wrong
from chat.screens import confirmation, differences, label, shown, values_of
from chat.tau_lab.screen import lab_context
from retrieval.models import Document
from telemetry.screens import ReadOnlyAdmin

SETTINGS_FIELDS = tuple(name for name in ChatSettingsRevision.INHERITED if name != "forced_fallback_until")
SETTINGS_FIELDSETS = (
    (_("Route"), {"fields": (("tau", "scorer"), ("answer_mode", "on_low_confidence"))}),
    (_("Retrieval"), {"fields": (("dense_candidates", "text_candidates"), ("top_k", "mmr_lambda"))}),
    (
        _("Generation"),
        {
            "fields": (
                ("prompt_context_tokens", "max_new_tokens"),
                ("temperature", "top_p"),
                ("repetition_penalty", "deadline_s"),
                "system_prompt",
            )
        },
    ),
    (
        _("Paid fallback"),
        {
            "fields": (
                ("fallback_allowed", "fallback_on_overload"),
                ("fallback_from", "fallback_to"),
                "fallback_model",
                "labels_that_stay",
            )
        },
    ),
    (_("Why"), {"fields": ("reason",)}),
)
SETTINGS_HELP = {
    "tau": _(
        "From 0 to 1. At or above it AION answers by itself; below it asks the paid API, or says it did not find."
    ),
    "scorer": _("How the confidence C is computed."),
    "answer_mode": _("Whether the model writes, or AION only quotes."),
    "on_low_confidence": _(
        "What happens below tau where the paid API is not to be had. With a warning the local model answers all the "
        "same, provided the documents support what it writes, and says first how unsure it is."
    ),
    "dense_candidates": _("How many passages the search by meaning brings."),
    "text_candidates": _("How many passages the search by words brings."),
    "top_k": _("How many of them are kept."),
    "mmr_lambda": _("From 0 (varied) to 1 (most similar)."),
    "prompt_context_tokens": _("How much of the passages the model reads."),
    "max_new_tokens": _("The longest answer."),
    "temperature": _("0 repeats the same answer and quotes faithfully."),
    "top_p": _("Used only with a temperature above 0."),
    "repetition_penalty": _("1 means none."),
    "deadline_s": _("After it the answer is given up."),
    "system_prompt": _("Who the model is told to be."),
    "fallback_allowed": _("Costs money, always within the budget."),
    "fallback_on_overload": _("Whether a full queue may cost money."),
    "fallback_model": _(
        "The paid model's name at the provider. Several, separated by commas, are tried in this order; "
        "model@name asks a provider of AION_FALLBACK_PROVIDERS."
    ),
    "fallback_from": _("From this hour on the paid API may be used; leave both empty for always."),
    "fallback_to": _("From this hour on no longer. It may be after midnight, as in 22:00 to 6:00."),
    "labels_that_stay": _(
        "Passages of documents with one of these labels are never sent to the paid API. Separate them by commas; "
        "“local-only” is always among them."
    ),
}


class LabelsField(CharField):
    """Labels separated by commas, as the documents' own form takes them; "local-only" need not be named."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        names = dict.fromkeys(name.strip() for name in super().clean(value).split(","))
        return [name for name in names if name and name.casefold() != control.NEVER_LEAVES]


class SettingsForm(ModelForm[ChatSettingsRevision]):
    """All settings at once; an empty field inherits the installation's default, which its help names."""

    reason = CharField(
        label=_("reason of the change"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
    labels_that_stay = LabelsField(
        label=_("labels that never leave"), required=False, max_length=1000, widget=UnfoldAdminTextInputWidget
    )

    class Meta:
        widgets: ClassVar = dict.fromkeys(
            ("fallback_from", "fallback_to"), UnfoldAdminTextInputWidget(attrs={"type": "time"})
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inherited = control.defaults()
        for name in SETTINGS_FIELDS:
            default = getattr(inherited, name)
            empty = "" if default is None else gettext("Empty: %(default)s.") % {"default": shown(name, default)}
            self.fields[name].help_text = format_html("{} {}", SETTINGS_HELP[name], empty)
        if labels := ", ".join(_labels_in_use()):
            used = gettext("The documents have: %(labels)s.") % {"labels": labels}
            self.fields["labels_that_stay"].help_text = format_html("{} {}", SETTINGS_HELP["labels_that_stay"], used)
        for field in self.fields.values():
            field.label = capfirst(str(field.label))

    def clean_fallback_model(self) -> str | None:
        order: str | None = self.cleaned_data["fallback_model"]
        if order and (wrong := what_is_wrong(order)):
            raise ValidationError(wrong)
        return order


@admin.register(ChatSettingsRevision)
class SettingsAdmin(ReadOnlyAdmin):
    """Every state the settings were in; a new one is compared, explained and confirmed before it holds."""

    list_display = ("number", "at", "by", "what_changed", "reason", "in_force")
    list_display_links = ("number",)
    list_select_related = ("by",)
    add_fieldsets = SETTINGS_FIELDSETS
    list_before_template = "admin/chat/settings_in_force.html"
    change_form_template = "admin/chat/settings_form.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat.add_chatsettingsrevision")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A revision that exists is shown, so only a new one needs the form."""
        return super().get_form(request, obj, change, form=SettingsForm if obj is None else ModelForm, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What is in force, to be edited."""
        latest = ChatSettingsRevision.objects.first()
        return {name: getattr(latest, name) for name in SETTINGS_FIELDS} if latest else {}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        policy = control.current()
        in_force = [
            (label(name), shown(name, getattr(policy, name))) for name in SETTINGS_FIELDS if name != "system_prompt"
        ]
        return super().changelist_view(request, {**(extra_context or {}), "in_force": in_force})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """First what would change, then the change; asked again if somebody else changed them in between."""
        if request.method == "POST" and self.has_add_permission(request) and not self._is_confirmed(request):
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                return self._ask(request, form)
        try:
            return super().add_view(request, form_url, extra_context)
        except InvalidSettings as exc:
            messages.error(request, f"{label(exc.field)}: {exc.message}")
            return HttpResponseRedirect(reverse("admin:chat_chatsettingsrevision_add"))

    def _is_confirmed(self, request: HttpRequest) -> bool:
        return request.POST.get("confirmed") == "yes" and request.POST.get("based_on") == _newest()

    def _ask(self, request: HttpRequest, form: SettingsForm) -> HttpResponse:
        before = self.get_changeform_initial_data(request)
        changes = differences(before, chosen_in(form))
        if not changes:
            messages.info(request, gettext("Nothing was changed."))
            return HttpResponseRedirect(reverse("admin:chat_chatsettingsrevision_changelist"))
        return confirmation(
            self.admin_site,
            request,
            title=_("Confirm the new settings"),
            explanation=_("They hold from the next question on and are kept as a revision that can be restored."),
            changes=changes,
            verb=_("Save the settings"),
            back=reverse("admin:chat_chatsettingsrevision_add"),
            hidden=[
                *(field.as_hidden() for field in form),
                format_html('<input type="hidden" name="based_on" value="{}">', _newest()),
            ],
        )

    def save_model(self, request: HttpRequest, obj: ChatSettingsRevision, form: Any, change: bool) -> None:
        before = self.get_changeform_initial_data(request)
        changed = {name: value for name, value in chosen_in(form).items() if value != before.get(name)}
        revision = control.revise(changed, by=_person(request), reason=form.cleaned_data["reason"])
        obj.pk = revision.pk

    def get_urls(self) -> list[URLPattern]:
        restore, lab = self.admin_site.admin_view(self.restore), self.admin_site.admin_view(self.tau_lab)
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:revision_id>/restore/", restore, name="chat_chatsettingsrevision_restore"),
            path("tau/", lab, name="chat_tau_lab"),
            *urls,
        ]

    def tau_lab(self, request: HttpRequest) -> HttpResponse:
        """What each tau would mean, from what was asked."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "opts": self.opts, **lab_context(request)}
        return TemplateResponse(request, "admin/chat/tau_lab.html", context)

    def restore(self, request: HttpRequest, revision_id: int) -> HttpResponse:
        """Show what would change back, then change it back."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        revision = ChatSettingsRevision.objects.filter(pk=revision_id).first()
        if revision is None:
            raise Http404
        if request.method != "POST":
            return confirmation(
                self.admin_site,
                request,
                title=gettext("Restore revision %(number)s") % {"number": revision.pk},
                explanation=_("A new revision with these values is added; nothing is lost."),
                changes=differences(values_of(ChatSettingsRevision.objects.first()), values_of(revision)),
                verb=_("Restore"),
                back=reverse("admin:chat_chatsettingsrevision_change", args=[revision.pk]),
            )
        reason = gettext("Restored from revision %(number)s.") % {"number": revision.pk}
        restored = control.restore(revision, by=_person(request), reason=reason)
        self.log_change(request, restored, reason)
        messages.success(request, gettext("Revision %(number)s is in force again.") % {"number": revision.pk})
        return HttpResponseRedirect(reverse("admin:chat_chatsettingsrevision_changelist"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A revision's page compares it with the one before it."""
        revision: ChatSettingsRevision | None = context.get("original")
        if revision is not None:
            context["values"] = [(label(name), shown(name, getattr(revision, name))) for name in SETTINGS_FIELDS]
            context["changes"] = differences(values_of(before_of(revision)), values_of(revision))
            context["is_in_force"] = not ChatSettingsRevision.objects.filter(pk__gt=revision.pk).exists()
            context["title"] = gettext("Revision %(number)s") % {"number": revision.pk}
        context["may_restore"] = self.has_add_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("revision"), ordering="id")
    def number(self, revision: ChatSettingsRevision) -> str:
        return f"#{revision.pk}"

    @display(description=_("what changed"))
    def what_changed(self, revision: ChatSettingsRevision) -> str:
        rows = differences(values_of(before_of(revision)), values_of(revision))
        return "; ".join(f"{name}: {before} → {after}" for name, before, after in rows) or "—"

    @display(description=_("in force"), label={"in_force": "success"})
    def in_force(self, revision: ChatSettingsRevision) -> tuple[str, Any] | None:
        return ("in_force", _("in force")) if revision.pk == control.current().revision else None


def _labels_in_use() -> QuerySet[Document, str]:
    documents = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection="main")
    each = documents.annotate(label=Func("labels", function="unnest"))
    return each.order_by("label").values_list("label", flat=True).distinct()


def before_of(revision: ChatSettingsRevision) -> ChatSettingsRevision | None:
    """The revision that was in force before this one."""
    return ChatSettingsRevision.objects.filter(pk__lt=revision.pk).first()


def _newest() -> str:
    """Which revision is in force, as a form sends it back; "" before the first."""
    return str(ChatSettingsRevision.objects.values_list("pk", flat=True).first() or "")


def chosen_in(form: SettingsForm) -> dict[str, Any]:
    """The settings of a valid form; what is empty inherits."""
    return {name: None if (value := form.cleaned_data[name]) in ("", []) else value for name in SETTINGS_FIELDS}


def _person(request: HttpRequest) -> AbstractBaseUser:
    assert isinstance(request.user, AbstractBaseUser)  # noqa: S101  # the admin lets nobody else this far
    return request.user
