"""Screens of the chat: API keys, conversations, calibrations; its settings are in `chat.settings_screen` and
`chat.groups_screen`, gaps in `chat.gaps.screen`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.forms import ModelForm, MultipleChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from chat.authentication import issue_key
from chat.evaluation.screen import EvaluationFloorAdmin, EvaluationRunAdmin
from chat.gaps.screen import GapAdmin
from chat.groups_screen import GroupPolicyAdmin
from chat.models import ApiKey, Calibration, Conversation
from chat.reliability import kinds_of_negative, reliability_curve
from chat.screens import confirmation
from chat.settings_screen import SettingsAdmin
from telemetry.screens import ReadOnlyAdmin

__all__ = [
    "ApiKeyAdmin",
    "CalibrationAdmin",
    "ConversationAdmin",
    "EvaluationFloorAdmin",
    "EvaluationRunAdmin",
    "GapAdmin",
    "GroupPolicyAdmin",
    "SettingsAdmin",
]


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Conversations as they were, for those who may read them."""

    list_display = ("updated_at", "name", "user", "key", "turns")
    list_display_links = ("updated_at", "name")
    list_select_related = ("user", "key")
    search_fields = ("title",)
    change_form_template = "admin/chat/conversation.html"

    @display(description=_("title"))
    def name(self, conversation: Conversation) -> str:
        return str(conversation)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        return super().get_queryset(request).annotate(turn_count=Count("messages"))

    @display(description=_("messages"), ordering="turn_count")
    def turns(self, conversation: Any) -> int:
        return int(conversation.turn_count)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page shows the turns, not fields."""
        context["turns"] = context["original"].messages.all()
        context["title"] = str(context["original"])
        return super().render_change_form(request, context, *args, **kwargs)


class ApiKeyForm(ModelForm[ApiKey]):
    """A new key and what it may do."""

    scopes = MultipleChoiceField(
        label=_("scopes"),
        choices=ApiKey.Scope.choices,
        initial=[ApiKey.Scope.CHAT],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What the key may do. Give it no more than it needs."),
    )

    class Meta:
        model = ApiKey
        fields = ("name", "user", "scopes", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys are made here, shown once, and revoked; nobody can read one again."""

    list_display = (
        "name",
        "recognised_by",
        "status",
        "user",
        "scope_names",
        "created_at",
        "last_used_at",
        "expires_at",
    )
    list_select_related = ("user",)
    search_fields = ("name", "prefix")
    add_fieldsets = ((None, {"fields": ("name", "user", "scopes", "expires_at")}),)
    fields = (
        "name",
        "recognised_by",
        "status_name",
        "user",
        "scope_names",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    change_form_outer_before_template = "admin/chat/key_actions.html"

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, form=ApiKeyForm if obj is None else ModelForm, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A key acts as its user, so only superusers make keys for others."""
        if db_field.name == "user":
            people = get_user_model().objects.filter(is_active=True)
            if not request.user.is_superuser:
                people = people.filter(username=request.user.get_username())
            kwargs["queryset"] = people
            kwargs["initial"] = request.user.pk
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def may_revoke(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat.change_apikey")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Issue the key; its text stays with the request alone."""
        values = form.cleaned_data
        key, text = issue_key(
            name=values["name"],
            user_id=values["user"].pk,
            scopes=values["scopes"],
            tenant=settings.PRIMARY_TENANT_ID,
            expires_at=values["expires_at"],
        )
        obj.pk, obj.prefix = key.pk, key.prefix
        request.META["aion.issued_key"] = text

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the whole key, this once."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("API key created"),
            "key": obj,
            "text": request.META["aion.issued_key"],
        }
        return TemplateResponse(request, "admin/chat/key_once.html", context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:key_id>/revoke/", view, name="chat_apikey_revoke"), *urls]

    def revoke(self, request: HttpRequest, key_id: int) -> HttpResponse:
        """Ask, then end the key for good."""
        if not self.may_revoke(request):
            raise PermissionDenied
        key = ApiKey.objects.filter(pk=key_id).first()
        if key is None:
            raise Http404
        page = reverse("admin:chat_apikey_change", args=[key.pk])
        if request.method != "POST":
            return confirmation(
                self.admin_site,
                request,
                title=_("Revoke the API key"),
                explanation=_(
                    "Programs that use this key are refused at once. It cannot be undone; a new key can be made."
                ),
                changes=((key.name, str(self.status(key)[1]), gettext("revoked")),),
                verb=_("Revoke"),
                back=page,
                danger=True,
            )
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
            self.log_change(request, key, gettext("Revoked."))
            messages.success(request, gettext("The key “%(name)s” no longer works.") % {"name": key.name})
        else:
            messages.info(request, gettext("The key “%(name)s” was revoked before.") % {"name": key.name})
        return HttpResponseRedirect(page)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["may_revoke"] = self.may_revoke(request)
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("starts with"))
    def recognised_by(self, key: ApiKey) -> SafeString:
        return format_html("<code>{}…</code>", key.prefix)

    @display(description=_("state"), label={"active": "success", "expired": "warning", "revoked": "danger"})
    def status(self, key: ApiKey) -> tuple[str, Any]:
        if key.revoked_at is not None:
            return "revoked", _("revoked")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return "expired", _("expired")
        return "active", _("active")

    @display(description=_("state"))
    def status_name(self, key: ApiKey) -> Any:
        return self.status(key)[1]

    @display(description=_("scopes"))
    def scope_names(self, key: ApiKey) -> str:
        names = dict(ApiKey.Scope.choices)
        return ", ".join(str(names.get(scope, scope)) for scope in key.scopes) or "—"


@admin.register(Calibration)
class CalibrationAdmin(ReadOnlyAdmin):
    """The fitted confidences and how far each can be believed."""

    list_display = ("created_at", "active", "fitted_on", "embedder", "chunk_count", "auroc", "ece")
    change_form_template = "admin/chat/calibration.html"
    fields = (
        "created_at",
        "active",
        "fitted_on",
        "embedder",
        "generation",
        "chunk_count",
        "search_settings",
        "weights",
    )
    list_before_template = "admin/chat/calibration_help.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        report = context["original"].report
        context["curve"] = reliability_curve(report)
        context["against"] = kinds_of_negative(report)
        context["figures"] = [(name, value) for name, value in report.items() if isinstance(value, int | float | str)]
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description="AUROC")
    def auroc(self, calibration: Calibration) -> str:
        return _figure(calibration.report.get("auroc"))

    @display(description="ECE")
    def ece(self, calibration: Calibration) -> str:
        return _figure(calibration.report.get("ece"))


def _figure(value: Any) -> str:
    return number_format(value, 3) if isinstance(value, int | float) else "—"
