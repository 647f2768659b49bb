"""The screen of the embeddings' generations: what serves, what is being built and how far, and the buttons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from retrieval.building import is_being_built, swap
from retrieval.exceptions import GenerationRefused, RetrievalError
from retrieval.generation_status import GenerationStatus, status_of
from retrieval.generations import discard, open_generation, serving_embedder_id
from retrieval.models import EmbeddingGeneration

STATE_LABELS = {"active": "success", "building": "warning", "ready": "info", "failed": "danger", "retired": "info"}
MAY_EXCHANGE = "retrieval.change_embeddinggeneration"
LIST = "admin:retrieval_embeddinggeneration_changelist"


@admin.register(EmbeddingGeneration)
class EmbeddingGenerationAdmin(ModelAdmin):
    """All vectors of one embedder are a row; rows are made and changed by buttons only."""

    list_display = ("embedder", "state_label", "progress", "size", "created_at")
    ordering = ("-pk",)
    list_before_template = "admin/retrieval/embedders_help.html"
    change_form_template = "admin/retrieval/embedder.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("build/", view(self.build), name="retrieval_embeddinggeneration_build"),
            path("<int:pk>/resume/", view(self.resume), name="retrieval_embeddinggeneration_resume"),
            path("<int:pk>/switch/", view(self.switch), name="retrieval_embeddinggeneration_switch"),
            path("<int:pk>/discard/", view(self.discard), name="retrieval_embeddinggeneration_discard"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        known = EmbeddingGeneration.objects.all()
        context = {
            "wanted": settings.AION_EMBEDDER,
            "serving": serving_embedder_id(),
            "has_generations": known.exists(),
            "in_progress": is_being_built(),
            "wanted_is_known": known.filter(embedder=settings.AION_EMBEDDER).exists(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        status = status_of(context["original"])
        context |= {
            "status": status,
            "size": filesizeformat(status.size_bytes),
            "in_progress": status.is_being_built,
            "may_exchange": request.user.has_perm(MAY_EXCHANGE) and status.state != "active",
            "title": status.embedder,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def build(self, request: HttpRequest) -> HttpResponse:
        """Embed everything with `AION_EMBEDDER`, aside."""
        return self._confirmed(
            request,
            lambda: self._queued(open_generation()),
            back=reverse(LIST),
            title=gettext("Build the new vectors"),
            explanation=gettext(
                "Every passage is embedded anew in the background. Searches go on with the present vectors; nothing "
                "changes for who asks until you put the new ones in service."
            ),
            change=(gettext("Vectors of %(embedder)s") % {"embedder": settings.AION_EMBEDDER}, "—", _("being built")),
        )

    def resume(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Go on with what stopped, or bring retired vectors up to date."""
        generation = self._generation(request, pk)
        return self._confirmed(
            request,
            lambda: self._queued(generation),
            back=self._page(pk),
            title=gettext("Go on building"),
            explanation=gettext("It goes on where it was: only passages without their vector are embedded."),
            change=(generation.embedder, status_of(generation).label, _("being built")),
        )

    def switch(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let these vectors serve from the next question on."""
        generation = self._generation(request, pk)

        def exchange() -> tuple[EmbeddingGeneration, str]:
            if not swap(pk):
                raise GenerationRefused(gettext("Too many passages still lack their vector: go on building first."))
            return generation, gettext(
                "The new vectors serve. Fit the confidence again now: until then it means little."
            )

        return self._confirmed(
            request,
            exchange,
            back=self._page(pk),
            title=gettext("Put in service"),
            explanation=gettext(
                "Searches use these vectors from the next question on; the present ones are kept, so that you can go "
                "back. The confidence was fitted with the present ones and has to be fitted again."
            ),
            change=(gettext("Embedder that serves"), serving_embedder_id(), generation.embedder),
        )

    def discard(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Drop vectors that do not serve."""
        generation = self._generation(request, pk)

        def drop() -> tuple[EmbeddingGeneration, str]:
            discard(pk)
            return generation, gettext("The vectors were discarded.")

        return self._confirmed(
            request,
            drop,
            back=reverse(LIST),
            title=gettext("Discard these vectors"),
            explanation=gettext("Their space is freed. To have them again every passage must be embedded again."),
            change=(generation.embedder, filesizeformat(status_of(generation).size_bytes), gettext("discarded")),
            danger=True,
        )

    def _queued(self, generation: EmbeddingGeneration) -> tuple[EmbeddingGeneration, str]:
        from retrieval.tasks import build_generation

        EmbeddingGeneration.objects.filter(pk=generation.pk).update(error="")
        transaction.on_commit(partial(build_generation.delay, generation.pk), robust=True)  # else a worker's start
        return generation, gettext("The vectors are being built; this page shows how far they are.")

    def _confirmed(
        self,
        request: HttpRequest,
        act: Callable[[], tuple[EmbeddingGeneration, str]],
        *,
        back: str,
        title: str,
        explanation: str,
        change: tuple[Any, Any, Any],
        danger: bool = False,
    ) -> HttpResponse:
        """GET shows what would change, POST does it and leaves a log entry."""
        if not request.user.has_perm(MAY_EXCHANGE):
            raise PermissionDenied
        if request.method != "POST":
            shown = {"title": title, "verb": title, "explanation": explanation, "changes": [change]}
            context = {**self.admin_site.each_context(request), **shown, "back": back, "danger": danger}
            return TemplateResponse(request, "admin/panel/confirm.html", context)
        try:
            generation, said = act()
        except RetrievalError as exc:
            messages.error(request, str(exc))
        else:
            self.log_change(request, generation, said)
            messages.success(request, said)
        return HttpResponseRedirect(back)

    def _generation(self, request: HttpRequest, pk: int) -> EmbeddingGeneration:
        if not request.user.has_perm(MAY_EXCHANGE):
            raise PermissionDenied
        generation = EmbeddingGeneration.objects.filter(pk=pk).first()
        if generation is None:
            raise Http404
        return generation

    def _page(self, pk: int) -> str:
        return reverse("admin:retrieval_embeddinggeneration_change", args=[pk])

    @display(description=_("state"), label=STATE_LABELS)
    def state_label(self, generation: EmbeddingGeneration) -> tuple[str, str]:
        status = _status(generation)
        return status.kind, status.label

    @display(description=_("progress"))
    def progress(self, generation: EmbeddingGeneration) -> SafeString:
        return progress_bar(_status(generation))

    @display(description=pgettext_lazy("of vectors", "size"))
    def size(self, generation: EmbeddingGeneration) -> str:
        return filesizeformat(_status(generation).size_bytes)


def _status(generation: EmbeddingGeneration) -> GenerationStatus:
    """Asked for once a row: counting a million vectors takes a while."""
    kept = vars(generation)
    if "kept_status" not in kept:
        kept["kept_status"] = status_of(generation)
    return kept["kept_status"]


def progress_bar(status: GenerationStatus) -> SafeString:
    """How many passages have their vector, and how long the rest takes."""
    numbers = format_html('<progress max="{1}" value="{0}">{0}/{1}</progress> {0}/{1}', status.done, status.total)
    return format_html("{} {}", numbers, status.time_left) if status.time_left else numbers
