"""The search page of the panel: one question, what is found for it and why, and the passages judged. HTTP only."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from chat import control
from retrieval.exceptions import PassageGone, RetrievalError
from retrieval.explanation import explain
from retrieval.judgements import judge, judged
from retrieval.models import Document
from retrieval.results import Retrieval, SearchScope
from retrieval.search import retrieve

VIEW, JUDGE = "retrieval.view_document", "retrieval.add_goldenquestion"
LONGEST = 8000  # characters, as in the chat
NOBODY = "-"  # a member of no group


class SearchForm(forms.Form):
    """What to look for, where, and as whom."""

    q = forms.CharField(label=gettext_lazy("Question"), max_length=LONGEST, widget=UnfoldAdminTextInputWidget)
    group = forms.ChoiceField(label=gettext_lazy("As a member of"), required=False, widget=UnfoldAdminSelectWidget)
    collection = forms.ChoiceField(label=gettext_lazy("Collection"), required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        named = Group.objects.order_by("name").values_list("name", flat=True)
        marked = {group for groups in _documents().values_list("groups", flat=True).distinct() for group in groups}
        names = sorted({*named, *marked})
        self.fields["group"].choices = [  # type: ignore[attr-defined]  # ChoiceFields, as declared above
            ("", _("all groups: everything is searched")),
            (NOBODY, _("no group: what is open to everyone")),
            *((name, name) for name in names),
        ]
        collections = _documents().order_by("collection").values_list("collection", flat=True).distinct()
        self.fields["collection"].choices = [("main", "main"), *((c, c) for c in collections if c != "main")]  # type: ignore[attr-defined]  # as above

    def scope(self) -> SearchScope:
        """Call on a valid form."""
        group = self.cleaned_data["group"]
        groups = {"": None, NOBODY: ()}.get(group, (group,))
        return SearchScope(settings.PRIMARY_TENANT_ID, (self.cleaned_data["collection"] or "main",), groups)


class JudgementForm(forms.Form):
    """A press of "relevant" or "not relevant"."""

    q = forms.CharField(max_length=LONGEST)
    chunk_id = forms.IntegerField()
    relevant = forms.ChoiceField(choices=[("1", "1"), ("0", "0")])


def search_page(request: HttpRequest) -> HttpResponse:
    """GET searches, POST judges a passage and shows the search again."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    if request.method == "POST":
        return _judge(request)
    form = SearchForm(request.GET if "q" in request.GET else None)
    context = {
        **admin.site.each_context(request),
        "title": _("Try the search"),
        "form": form,
        "may_judge": request.user.has_perm(JUDGE),
        "documents": _documents().exists(),
    }
    if form.is_valid():
        context |= _found(form)
    return TemplateResponse(request, "admin/chat/search.html", context)


def _found(form: SearchForm) -> dict[str, Any]:
    scope = form.scope()
    try:
        retrieval = retrieve(form.cleaned_data["q"], scope=scope, settings=control.current().search_settings)
    except RetrievalError as exc:
        return {"failed": str(exc)}
    explained = explain(retrieval, scope)
    return {"explained": explained, "rows": _rows(retrieval, explained), "asked": form.cleaned_data}


def _rows(retrieval: Retrieval, explained: dict[str, Any]) -> list[dict[str, Any]]:
    """The selected in their order, then the other candidates; each with what was judged of it (None: nothing)."""
    texts = [hit.text for hit in retrieval.candidates]
    said = judged(retrieval.query, texts, tenant=settings.PRIMARY_TENANT_ID)
    rows = [candidate | {"judged": said.get(candidate["text"])} for candidate in explained["candidates"]]
    return sorted(rows, key=lambda row: (row["mmr_rank"] is None, row["mmr_rank"] or row["fused_rank"]))


def _judge(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(JUDGE) or request.user.pk is None:
        raise PermissionDenied
    form = JudgementForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This could not be read. Reload the page."))
        return HttpResponseRedirect(reverse("admin:panel_search"))
    values = form.cleaned_data
    try:
        judge(
            values["q"],
            values["chunk_id"],
            relevant=values["relevant"] == "1",
            tenant=settings.PRIMARY_TENANT_ID,
            by=request.user.pk,
        )
    except PassageGone:
        messages.error(request, _("This passage is no longer there: its document was changed meanwhile."))
    asked = {name: request.POST.get(name, "") for name in ("q", "group", "collection")}
    return HttpResponseRedirect(f"{reverse('admin:panel_search')}?{urlencode(asked)}#p{values['chunk_id']}")


def _documents() -> Any:
    return Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID)
