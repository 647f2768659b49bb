"""The page of the review queue. HTTP only.

It is a plain form that works by itself; `static/admin_aion/review.js` sends the same form in the background, shows the
card that is already there, and gets the one after it in the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from telemetry import reviews
from telemetry.exceptions import CorrectionInvalid, NoSuchAnswer, ReviewedMeanwhile
from telemetry.models import Event
from telemetry.review_cards import ReviewCard, card_of, review_card
from telemetry.review_queue import next_for, progress
from telemetry.review_turns import pass_over, passed_over, show_again
from telemetry.reviews import Verdict
from telemetry.screens import name_of

REVIEW = "telemetry.review_answers"
VERDICTS = {"approve": Verdict.APPROVED, "correct": Verdict.CORRECTED, "reject": Verdict.REJECTED}
OTHERS = ("next", "undo", "again")
CARD = "admin/telemetry/review_card.html"


class ReviewForm(forms.Form):
    """A press of one key. `seen` is the moment of the verdict that stood on the screen, `shown` the card that stands
    there already in the place of this one."""

    action = forms.ChoiceField(choices=[(name, name) for name in (*VERDICTS, *OTHERS)])
    event_id = forms.UUIDField(required=False)
    seen = forms.DateTimeField(required=False)
    correction = forms.CharField(required=False)
    shown = forms.UUIDField(required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        needed = {"again": (), "undo": ("event_id", "seen")}.get(values.get("action", ""), ("event_id",))
        if any(values.get(name) is None for name in needed):
            raise forms.ValidationError("missing", code="required")
        return values


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a press: a word for the reviewer, and the card to be shown instead of the next one."""

    status: int = 200
    notice: str = ""
    card: ReviewCard | None = None


def review_queue(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """One answer to review: the next one, or that of `?answer=`; POST is a verdict, or its taking back."""
    if not request.user.has_perm(REVIEW):
        raise PermissionDenied
    if request.method == "POST":
        return _pressed(request, site)
    chosen = request.GET.get("answer")
    return _page(request, site, _chosen(chosen) if chosen else _next(request))


def _pressed(request: HttpRequest, site: AdminSite) -> HttpResponse:
    form = ReviewForm(request.POST)
    outcome = (
        _perform(form, request) if form.is_valid() else Outcome(400, _("This could not be read. Reload the page."))
    )
    if request.accepts("text/html"):
        if outcome.card or outcome.notice:
            return _page(request, site, outcome.card, outcome)
        return HttpResponseRedirect(request.path)
    on_screen = [form.cleaned_data[name] for name in ("event_id", "shown") if form.cleaned_data.get(name)]
    upcoming = _next(request, *on_screen) if outcome == Outcome() else None
    reply = {
        "notice": outcome.notice,
        "card": _render(request, outcome.card) if outcome.card else "",
        "upcoming": _render(request, upcoming) if outcome == Outcome() else "",
        "bar": render_to_string("admin/telemetry/review_bar.html", _standing(request), request),
    }
    return JsonResponse(reply, status=outcome.status)


def _perform(form: ReviewForm, request: HttpRequest) -> Outcome:
    """Do what was pressed; what cannot be done is said, beside the card as it stands now with what was typed."""
    values, tenant, by = form.cleaned_data, settings.PRIMARY_TENANT_ID, _reviewer(request)
    action, event_id, seen = values["action"], values["event_id"], values["seen"]
    try:
        if action in VERDICTS:
            verdict, text = VERDICTS[action], values["correction"]
            reviews.decide(event_id, verdict, tenant=tenant, by=by, correction=text, instead_of=seen)
        elif action == "undo":
            reviews.undo(event_id, tenant=tenant, by=by, decided_at=seen)
            return Outcome(card=review_card(event_id, tenant))
        elif action == "next":
            pass_over(event_id, by, tenant)
        else:
            show_again(by, tenant)
    except NoSuchAnswer:
        return Outcome(404, _("This answer is no longer there."))
    except CorrectionInvalid:
        notice = _("Write the better answer: other words than the reply, at most 8,000 characters.")
        return Outcome(400, notice, review_card(event_id, tenant, better=values["correction"]))
    except ReviewedMeanwhile as exc:
        typed = values["correction"] if action == "correct" else None
        return Outcome(409, _meanwhile(exc), review_card(event_id, tenant, better=typed))
    return Outcome()


def _meanwhile(exc: ReviewedMeanwhile) -> str:
    name = name_of(exc.reviewer_id) or _("Somebody else")
    done = {
        Verdict.APPROVED: _("%(name)s has approved this answer meanwhile."),
        Verdict.CORRECTED: _("%(name)s has corrected this answer meanwhile."),
        Verdict.REJECTED: _("%(name)s has rejected this answer meanwhile."),
    }
    sentence = {str(verdict): text for verdict, text in done.items()}.get(exc.verdict)
    if sentence is None:
        return _("This verdict had already been taken back.")
    return f"{sentence % {'name': name}} {_('Nothing of yours was saved: look again, and decide once more or go on.')}"


def _page(
    request: HttpRequest, site: AdminSite, card: ReviewCard | None, outcome: Outcome | None = None
) -> HttpResponse:
    context = {
        **site.each_context(request),
        **_standing(request),
        "title": _("Review queue"),
        "card": card,
        "upcoming": _next(request, card.event.pk) if card else None,
        "notice": outcome.notice if outcome else "",
    }
    status = outcome.status if outcome else 200
    return TemplateResponse(request, "admin/telemetry/review_queue.html", context, status=status)


def _render(request: HttpRequest, card: ReviewCard | None) -> str:
    return render_to_string(CARD, {**_standing(request), "card": card}, request)


def _standing(request: HttpRequest) -> Mapping[str, Any]:
    """How far the day has come, what could be undone, and what an empty queue says."""
    tenant, by, now = settings.PRIMARY_TENANT_ID, _reviewer(request), timezone.now()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "queue": reverse("admin:telemetry_review_queue"),
        "progress": progress(tenant, now=now),
        "last": reviews.latest_of(by, tenant, since=midnight),
        "passed": len(passed_over(by, tenant)),
        "asked": Event.objects.filter(tenant=tenant, kind=Event.Kind.ANSWER).exists(),
    }


def _next(request: HttpRequest, *on_screen: UUID) -> ReviewCard | None:
    tenant = settings.PRIMARY_TENANT_ID
    return card_of(next_for(_reviewer(request), tenant, now=timezone.now(), aside=on_screen), tenant)


def _chosen(text: str) -> ReviewCard:
    try:
        return review_card(UUID(text), settings.PRIMARY_TENANT_ID)
    except (ValueError, NoSuchAnswer) as exc:
        raise Http404 from exc


def _reviewer(request: HttpRequest) -> int:
    if request.user.pk is None:
        raise PermissionDenied
    return int(request.user.pk)
