"""The screen of golden questions: written, corrected and put out of use by staff."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from retrieval.models import GoldenQuestion


class Lines(forms.CharField):
    """A text a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


class GoldenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    answers = Lines(label=_("Answers"), required=False, help_text=_("Every wording that counts as right, one a line."))
    earlier = Lines(
        label=_("Questions before it"),
        required=False,
        help_text=_("Where it can only be understood after others: those, one a line, the oldest first."),
    )

    class Meta:
        model = GoldenQuestion
        fields: tuple[str, ...] = (
            "question",
            "answers",
            "answerable",
            "document",
            "passage",
            "kind",
            "set_name",
            "earlier",
            "is_active",
        )

    def clean(self) -> dict[str, Any]:
        """The same question twice would count twice."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        twins = GoldenQuestion.objects.filter(
            tenant=settings.PRIMARY_TENANT_ID,
            question=values.get("question", ""),
            document=values.get("document", ""),
            earlier=values.get("earlier", []),
        ).exclude(pk=self.instance.pk)
        if twins.exists():
            self.add_error("question", _("This question about this document is there already."))
        if values.get("answerable") and not values.get("answers"):
            self.add_error("answers", _("Write at least one answer, or say that the documents do not answer it."))
        return values


@admin.register(GoldenQuestion)
class GoldenQuestionAdmin(ModelAdmin):
    """What trainings learn from and adapters are examined on."""

    form = GoldenForm
    list_display = ("question", "answer", "document", "kind", "set_name", "origin", "is_active")
    list_filter = ("is_active", "answerable", "origin", "set_name", "kind")
    search_fields = ("question", "document")
    ordering = ("-id",)
    list_before_template = "admin/retrieval/golden_help.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoldenQuestion]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def save_model(self, request: HttpRequest, obj: GoldenQuestion, form: Any, change: bool) -> None:
        if not change:
            obj.tenant, obj.created_by_id = settings.PRIMARY_TENANT_ID, request.user.pk
        super().save_model(request, obj, form, change)

    @display(description=_("answer"))
    def answer(self, question: GoldenQuestion) -> str:
        return question.answers[0][:120] if question.answers else "—"
