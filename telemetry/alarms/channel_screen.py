"""The screen of destinations: who is told of alarms, a webhook's secret shown once, and a test that says what came."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import EmailValidator
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from telemetry.alarms import sending, signing, wording
from telemetry.models import AlarmChannel, AlarmDelivery

WEBHOOK = AlarmChannel.Way.WEBHOOK
STATE_LABELS = {"on": "success", "no_email": "warning", "off": "info", "gone": "danger", "failing": "danger"}


class ChannelForm(ModelForm[AlarmChannel]):
    def clean(self) -> dict[str, Any]:
        """An address that fits the way, once."""
        values = super().clean() or self.cleaned_data
        way, address = values.get("way"), values.get("address", "").strip()
        if not way or not address:
            return values
        if way == WEBHOOK:
            _check_url(address)
        else:
            EmailValidator()(address)
        if AlarmChannel.objects.filter(tenant=settings.PRIMARY_TENANT_ID, way=way, address=address).exists():
            raise ValidationError(gettext("This destination is there already."))
        return values | {"address": address}


def _check_url(address: str) -> None:
    """The shape alone; where it leads is checked at each attempt, since names move."""
    parts = urlsplit(address)
    if parts.username or parts.password:
        raise ValidationError(gettext("Leave name and password out of the address; the signature says who sends."))
    in_one_word = address.isascii() and address.isprintable() and " " not in address
    if parts.scheme not in ("http", "https") or not parts.hostname or not in_one_word:
        raise ValidationError(gettext("Enter an address such as https://example.org/hooks/aion."))


@admin.register(AlarmChannel)
class AlarmChannelAdmin(ModelAdmin):
    """E-mail addresses and webhooks. An address is not changed but added anew: the secret is this receiver's."""

    form = ChannelForm
    list_display = ("where", "way", "least_severity", "state_label", "last_notice")
    list_before_template = "admin/telemetry/channels_help.html"
    change_form_outer_before_template = "admin/telemetry/channel_actions.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlarmChannel]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def get_fields(self, request: HttpRequest, obj: AlarmChannel | None = None) -> tuple[str, ...]:
        return ("way", "address", "least_severity", "active") if obj else ("way", "address", "least_severity")

    def get_readonly_fields(self, request: HttpRequest, obj: AlarmChannel | None = None) -> tuple[str, ...]:
        return ("way", "address") if obj else ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:channel_id>/test/", view, name="telemetry_alarmchannel_test"), *urls]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        about = {"has_email": bool(settings.EMAIL_HOST), "any_channel": self.get_queryset(request).exists()}
        return super().changelist_view(request, {**(extra_context or {}), **about})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: AlarmChannel, form: Any, change: bool) -> None:
        """A new webhook gets its secret, whose text stays with the request alone."""
        obj.tenant = settings.PRIMARY_TENANT_ID
        if not change and obj.way == WEBHOOK:
            request.META["aion.webhook_secret"] = secret = signing.new_secret()
            obj.sealed_secret = signing.seal(secret)
        if obj.active:
            obj.switched_off_because = ""
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: AlarmChannel, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show a webhook's secret, this once."""
        if obj.way != WEBHOOK:
            return HttpResponseRedirect(_page(obj))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Webhook added"),
            "channel": obj,
            "text": request.META["aion.webhook_secret"],
        }
        return TemplateResponse(request, "admin/telemetry/secret_once.html", context)

    def test(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        """Send a notice now and say what came of it."""
        if not request.user.has_perm("telemetry.change_alarmchannel"):
            raise PermissionDenied
        channel = self.get_object(request, str(channel_id))
        if channel is None:
            raise Http404
        if request.method == "POST":
            return self._test(request, channel)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Send a test notice"),
            "explanation": _("A notice that says it is a test goes out at once; then you read whether it arrived."),
            "changes": [(wording.channel_in_words(channel), "—", gettext("a test notice"))],
            "verb": _("Send a test notice"),
            "back": _page(channel),
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    def _test(self, request: HttpRequest, channel: AlarmChannel) -> HttpResponse:
        delivery = sending.send_test(channel)
        if delivery.state == AlarmDelivery.State.SENT:
            said = gettext("The test notice was taken by %(address)s.") % {"address": channel.address}
            messages.success(request, said)
        else:
            said = wording.failure_in_words(delivery.failure, delivery.detail)
            messages.error(request, gettext("The test notice did not arrive. %(why)s") % {"why": said})
        self.log_change(request, channel, gettext("Test notice: %(what)s") % {"what": said})
        return HttpResponseRedirect(_page(channel))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its notices go with it: who may delete a destination need not be able to delete notices, which nobody is."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - {AlarmDelivery._meta.verbose_name}, protected

    @display(description=_("address"), ordering="address")
    def where(self, channel: AlarmChannel) -> SafeString:
        return wording.address_in_html(channel)

    @display(description=_("state"), label=STATE_LABELS)
    def state_label(self, channel: AlarmChannel) -> tuple[str, str]:
        if channel.switched_off_because:
            return "gone", gettext("switched off: it said that it is gone")
        if not channel.active:
            return "off", gettext("switched off")
        if channel.way != WEBHOOK and not settings.EMAIL_HOST:
            return "no_email", gettext("no e-mail server is set")
        last = channel.alarmdelivery_set.order_by("-id").first()
        return ("failing", gettext("failing")) if last is not None and last.failure else ("on", gettext("in force"))

    @display(description=_("last notice"))
    def last_notice(self, channel: AlarmChannel) -> Any:
        last = channel.alarmdelivery_set.order_by("-id").first()
        return last.created_at if last else None


def _page(channel: AlarmChannel) -> str:
    return reverse("admin:telemetry_alarmchannel_change", args=[channel.pk])
