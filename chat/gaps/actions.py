"""What the buttons of the gaps' pages do. HTTP only: each checks its permission, calls one function, says what came."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from chat.exceptions import DocumentNotWritten
from chat.gaps.asking_again import Again, ask_again
from chat.gaps.writing import write_document
from chat.screens import confirmation
from chat.tasks import find_gaps
from retrieval.admin import AccessForm
from retrieval.exceptions import RetrievalError
from retrieval.models import Document
from telemetry.exceptions import NoSuchGap
from telemetry.gaps import keeping
from telemetry.models import Gap, GapQuestion
from telemetry.screens import name_of

VIEW, MANAGE = "telemetry.view_gap", "telemetry.manage_gaps"
WRITE = (VIEW, MANAGE, "retrieval.add_ingestjob")
BACKEND = "django.contrib.auth.backends.ModelBackend"
MOST_SHOWN = 200
LONGEST_BODY = 50_000  # characters, some twenty pages: what is longer is a file to send
STATES = {"ignore": Gap.State.IGNORED, "close": Gap.State.CLOSED, "open": Gap.State.OPEN}


def possible_owners() -> QuerySet[AbstractUser]:
    """Staff who may work on gaps."""
    people: Any = get_user_model().objects
    return people.with_perm(MANAGE, backend=BACKEND).filter(is_staff=True).order_by("username")  # type: ignore[no-any-return]


class ActForm(forms.Form):
    """A press of one button on the page of a gap."""

    action = forms.ChoiceField(choices=[(name, name) for name in (*STATES, "take", "assign", "name", "again")])
    owner = forms.IntegerField(required=False)
    name = forms.CharField(required=False, max_length=120)


class MoveForm(forms.Form):
    """Questions, and the gap they belong to; none is a new one."""

    question = forms.TypedMultipleChoiceField(coerce=int)
    into = forms.IntegerField(required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        asked = data.getlist("question")
        self.fields["question"].choices = [(one, one) for one in asked if one.isdecimal()]  # type: ignore[attr-defined]


class WritingForm(AccessForm):
    """A document in Markdown, and who may find it."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200, widget=UnfoldAdminTextInputWidget)
    body = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=LONGEST_BODY,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 18}),
        help_text=gettext_lazy(
            "Markdown: “## ” begins a section, “- ” a line of a list. Write whole sentences that hold by themselves: "
            "AION quotes them."
        ),
    )
    field_order = ("title", "body", "labels", "groups")


@require_POST
def search_now(request: HttpRequest) -> HttpResponse:
    """Have a worker look for gaps."""
    _require(request, VIEW, MANAGE)
    find_gaps.delay()
    messages.success(request, _("AION is looking through the unanswered questions; reload this page in a moment."))
    return HttpResponseRedirect(reverse("admin:telemetry_gap_changelist"))


@require_POST
def act(request: HttpRequest, gap_id: int) -> HttpResponse:
    """Owner, name, state, or asking again."""
    _require(request, VIEW, MANAGE)
    gap, form = _gap(gap_id), ActForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This could not be read. Reload the page."))
        return _back(gap)
    values, tenant, by = form.cleaned_data, gap.tenant, _person(request)
    action = values["action"]
    if action == "again":
        return _asked_again(request, gap)
    if action == "take":
        keeping.own(gap_id, by, tenant=tenant)
        said = _("The gap is yours.")
    elif action == "assign":
        owner = possible_owners().filter(pk=values["owner"]).first() if values["owner"] else None
        keeping.own(gap_id, owner.pk if owner else None, tenant=tenant)
        said = _("The gap is now with %(name)s.") % {"name": name_of(owner.pk)} if owner else _("It is nobody's now.")
    elif action == "name":
        keeping.rename(gap_id, values["name"], by=by, tenant=tenant)
        said = _("The name was kept.") if values["name"].strip() else _("The next night names it by its questions.")
    else:
        keeping.put(gap_id, STATES[action], tenant=tenant)
        said = _("State: %(state)s.") % {"state": STATES[action].label}
    _log(request, gap, said)
    messages.success(request, said)
    return _back(gap)


def merge(request: HttpRequest, gap_id: int) -> HttpResponse:
    """Show what becomes of both, then make them one."""
    _require(request, VIEW, MANAGE)
    gap = _gap(gap_id)
    asked = request.POST.get("into") or request.GET.get("into") or ""
    into = (
        Gap.objects.filter(tenant=gap.tenant, pk=int(asked)).exclude(pk=gap.pk).first() if asked.isdecimal() else None
    )
    if into is None:
        messages.error(request, _("Choose the gap that it belongs to."))
        return _back(gap)
    if request.method == "POST" and request.POST.get("confirmed"):
        said = _("Merged with “%(gap)s”.") % {"gap": gap}
        try:
            keeping.merge(gap.pk, into.pk, tenant=gap.tenant)
        except NoSuchGap as exc:
            raise Http404 from exc
        _log(request, into, said)
        messages.success(request, said)
        return _back(into)
    counts = [GapQuestion.objects.filter(gap=row, counted=True).count() for row in (gap, into)]
    owner = name_of(into.owner_id or gap.owner_id) or "—"
    return confirmation(
        admin.site,
        request,
        title=_("Merge two gaps"),
        explanation=_("All questions of “%(gap)s” go to “%(into)s”, and it ends to be a gap of its own.")
        % {"gap": gap, "into": into},
        verb=_("Merge"),
        back=_page(gap),
        changes=[
            (_("questions of “%(gap)s”") % {"gap": into}, str(counts[1]), str(sum(counts))),
            (_("owner"), name_of(into.owner_id) or "—", owner),
        ],
        hidden=[format_html('<input type="hidden" name="into" value="{}">', into.pk)],
    )


def alone(request: HttpRequest) -> HttpResponse:
    """Questions that have no like yet: they wait, or staff put them where they belong."""
    _require(request, VIEW)
    rows = GapQuestion.objects.filter(tenant=settings.PRIMARY_TENANT_ID, gap=None, counted=True)
    context = {
        **admin.site.each_context(request),
        "title": _("Questions without a subject yet"),
        "questions": rows.order_by("-asked_at")[:MOST_SHOWN],
        "others": keeping.others(0, settings.PRIMARY_TENANT_ID),
        "may_manage": request.user.has_perm(MANAGE),
    }
    return TemplateResponse(request, "admin/gaps/alone.html", context)


@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Put the ticked questions under another gap."""
    _require(request, VIEW, MANAGE)
    form = MoveForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Tick the questions first, then choose where they belong."))
        return HttpResponseRedirect(reverse("admin:telemetry_gap_alone"))
    chosen = form.cleaned_data["question"]
    try:
        into = keeping.move(chosen, form.cleaned_data["into"], tenant=settings.PRIMARY_TENANT_ID)
    except NoSuchGap as exc:
        raise Http404 from exc
    moved = ngettext("%(count)d question put here.", "%(count)d questions put here.", len(chosen))
    said = moved % {"count": len(chosen)}
    gap = _gap(into)
    _log(request, gap, said)
    messages.success(request, said)
    return _back(gap)


def write(request: HttpRequest, gap_id: int) -> HttpResponse:
    """A document for the gap, written beside its questions; saved, they are asked again at once."""
    _require(request, *WRITE)
    gap = _gap(gap_id)
    form = WritingForm(request.POST or None, initial={"title": gap.name.replace(" · ", " ").capitalize()})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            write_document(gap.pk, values["title"], values["body"], labels=values["labels"], groups=values["groups"])
        except (DocumentNotWritten, RetrievalError) as exc:
            form.add_error(None, str(exc))
        else:
            _log(request, gap, _("Wrote the document “%(title)s”.") % {"title": values["title"]})
            messages.success(request, _("The document is in use. AION answers from it from now on."))
            return _asked_again(request, gap)
    context = {
        **admin.site.each_context(request),
        "title": _("Write a document about this"),
        "gap": gap,
        "form": form,
        "questions": gap.questions.filter(counted=True).order_by("-asked_at")[:MOST_SHOWN],
        "back": _page(gap),
    }
    return TemplateResponse(request, "admin/gaps/write.html", context)


def _asked_again(request: HttpRequest, gap: Gap) -> HttpResponse:
    try:
        again = ask_again(gap.pk)
    except RetrievalError:
        messages.warning(request, _("The questions could not be asked again now; the next night does."))
        return _back(gap)
    if again.closed:
        _log(request, gap, _("Closed: its questions are answered now."))
    messages.info(request, _again_in_words(again))
    return _back(gap)


def _again_in_words(again: Again) -> str:
    if not again.asked:
        return _("It has no questions to ask again.")
    found = Document.objects.filter(pk=again.document_id).first() if again.document_id else None
    numbers = {"answered": again.answered, "asked": again.asked, "document": found}
    if again.closed:
        return (
            _("Closed: %(answered)d of %(asked)d questions are now answered, most of them by “%(document)s”.") % numbers
        )
    return _("%(answered)d of %(asked)d questions would be answered now. Not enough to close it.") % numbers


def _require(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _gap(gap_id: int) -> Gap:
    return get_object_or_404(Gap, pk=gap_id, tenant=settings.PRIMARY_TENANT_ID)


def _person(request: HttpRequest) -> int:
    if request.user.pk is None:
        raise PermissionDenied
    return request.user.pk


def _page(gap: Gap) -> str:
    return reverse("admin:telemetry_gap_change", args=[gap.pk])


def _back(gap: Gap) -> HttpResponseRedirect:
    return HttpResponseRedirect(_page(gap))


def _log(request: HttpRequest, gap: Gap, said: str) -> None:
    admin.site._registry[Gap].log_change(request, gap, said)
