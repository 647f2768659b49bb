"""The chat page and the way in to it."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat.forcing import forcing_banner
from chat.serializers import MAX_MESSAGE_CHARACTERS
from chat.suggestions import suggested_questions

# Everything from here; no inline code; nothing that a reply says can load or send anything.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
    ]
)


@login_required(login_url="login")
@require_safe
@never_cache
def chat_page(request: HttpRequest) -> HttpResponse:
    """The page itself; what it shows comes from the calls under `/api/ai/`."""
    user = request.user
    groups = None if user.is_superuser else list(user.groups.values_list("name", flat=True))
    context = {
        "suggestions": suggested_questions(groups=groups),
        "max_characters": MAX_MESSAGE_CHARACTERS,
        "forcing": forcing_banner(user),
    }
    return confined(render(request, "chat/page.html", context))


@method_decorator(never_cache, name="dispatch")
class SignIn(LoginView):
    """The sign-in page of people who ask; staff may use it too."""

    template_name = "registration/login.html"
    redirect_authenticated_user = True

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        return confined(super().render_to_response(context, **response_kwargs))


def confined(response: HttpResponse) -> HttpResponse:
    """Give a page its content security policy."""
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response["Referrer-Policy"] = "same-origin"
    return response
