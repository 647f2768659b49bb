"""Pages around golden questions: one made from an answer, files brought in and taken out. HTTP only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import (
    UnfoldAdminNullBooleanSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from chat.exceptions import GoldenFileInvalid
from chat.golden.exporting import FORMS, export_questions
from chat.golden.files import read_golden
from chat.golden.from_answer import Draft, draft_from_answer, golden_made_from
from chat.golden.importing import import_questions
from retrieval.golden_screen import GoldenForm
from retrieval.models import GoldenQuestion
from telemetry.audit.trail import Action, write
from telemetry.exceptions import NoSuchAnswer

ADD, VIEW = "retrieval.add_goldenquestion", "retrieval.view_goldenquestion"
MOST_BYTES = 20 * 2**20
READ_FORMS = (".csv", ".jsonl", ".json")


class FromAnswerForm(GoldenForm):
    """A golden question whose document and passage are chosen among what was found for the answer."""

    source = forms.ChoiceField(label=gettext_lazy("Where the answer stands"), required=False, widget=forms.RadioSelect)

    class Meta(GoldenForm.Meta):
        fields = ("question", "answers", "answerable", "kind", "set_name", "earlier")
        widgets = {
            "question": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "answerable": UnfoldAdminNullBooleanSelectWidget(),
            "kind": UnfoldAdminTextInputWidget(),
            "set_name": UnfoldAdminTextInputWidget(),
        }

    def __init__(self, draft: Draft, data: Any = None) -> None:
        initial = {"question": draft.question, "answers": list(draft.answers), "earlier": list(draft.earlier)}
        super().__init__(data, initial=initial | {"answerable": True, "source": draft.cited})
        self.places = {str(number): source for number, source in enumerate(draft.sources, start=1)}
        self.fields["source"].choices = [  # type: ignore[attr-defined]  # a ChoiceField, as declared above
            *((number, source.name) for number, source in self.places.items()),
            ("", _("none of them, or unknown")),
        ]

    def clean(self) -> dict[str, Any]:
        chosen = self.places.get(self.cleaned_data.get("source", ""))
        self.instance.document = chosen.document if chosen else ""
        self.instance.passage = chosen.passage if chosen else ""
        self.cleaned_data |= {"document": self.instance.document}
        return super().clean()


def from_answer(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """A form filled from an answer; saved it is a golden question that goes when the asker is erased."""
    if not request.user.has_perms((ADD, "telemetry.view_question")):
        raise PermissionDenied
    made = golden_made_from(event_id)
    if made is not None:
        messages.info(request, _("This answer is a golden question already."))
        return HttpResponseRedirect(reverse("admin:retrieval_goldenquestion_change", args=[made]))
    try:
        draft = draft_from_answer(event_id)
    except NoSuchAnswer as exc:
        raise Http404 from exc
    form = FromAnswerForm(draft, request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _saved(request, form, event_id)
    context = {
        **admin.site.each_context(request),
        "title": _("Make it a golden question"),
        "form": form,
        "draft": draft,
        "sources": [(number, source) for number, source in form.places.items()],
        "chosen": str(form["source"].value() or ""),
        "back": reverse("admin:telemetry_question_change", args=[event_id]),
    }
    return TemplateResponse(request, "admin/golden/from_answer.html", context)


def _saved(request: HttpRequest, form: FromAnswerForm, event_id: UUID) -> HttpResponse:
    row: GoldenQuestion = form.save(commit=False)
    row.tenant, row.event_id = settings.PRIMARY_TENANT_ID, event_id
    row.origin, row.created_by_id = GoldenQuestion.Origin.REVIEW, request.user.pk
    row.save()
    admin.site._registry[GoldenQuestion].log_addition(request, row, _("Made from an answer."))
    messages.success(request, _("The golden question is in use from the next examination and training on."))
    return HttpResponseRedirect(reverse("admin:telemetry_question_change", args=[event_id]))


class FileForm(forms.Form):
    """One file of golden questions."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV (from a spreadsheet), JSON lines or SQuAD JSON, at most 20 MB. A CSV names its columns in the first "
            "line: question, answers, answerable, document, passage, kind, set. "
            "Several answers stand in one cell, one a line."
        ),
    )

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 20 MB. Split it into parts."))
        if Path(file.name or "").suffix.lower() not in READ_FORMS:
            raise forms.ValidationError(_("Send a file that ends in .csv, .jsonl or .json."))
        return file


def import_file(request: HttpRequest) -> HttpResponse:
    """Bring questions in: all of the file or nothing; those that are there stay as they are."""
    if not request.user.has_perm(ADD):
        raise PermissionDenied
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            sentence = _imported(form.cleaned_data["file"])
        except GoldenFileInvalid as exc:
            form.add_error("file", str(exc))
        else:
            messages.success(request, sentence)
            return HttpResponseRedirect(reverse("admin:retrieval_goldenquestion_changelist"))
    context = {**admin.site.each_context(request), "title": _("Bring in golden questions"), "form": form}
    return TemplateResponse(request, "admin/golden/import.html", context)


def _imported(file: UploadedFile[bytes]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{_('file')}{Path(file.name or '').suffix.lower()}"
        path.write_bytes(b"".join(file.chunks()))
        imported = import_questions(read_golden(path))
    added = ngettext("%(count)d golden question added.", "%(count)d golden questions added.", imported.added)
    known = ngettext("%(count)d was there already.", "%(count)d were there already.", imported.known)
    return f"{added % {'count': imported.added}} {known % {'count': imported.known} if imported.known else ''}".strip()


def export_file(request: HttpRequest, form: str) -> HttpResponse:
    """All golden questions as a file."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    if form not in FORMS:
        raise Http404
    name = f"aion-golden-{timezone.localdate().isoformat()}.{form}"
    write(Action.DOWNLOADED, object_type="retrieval.goldenquestion", object_name=name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(export_questions(form), content_type=FORMS[form], headers=headers)
