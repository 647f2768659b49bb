"""Where each generation of embeddings stands, in plain values for screens and commands."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from retrieval import partitions
from retrieval.building import BATCH, Progress, is_being_built, progress_of
from retrieval.models import EmbeddingGeneration

State = EmbeddingGeneration.State


@dataclass(frozen=True, slots=True)
class GenerationStatus:
    """`done` of `total` chunks have their vector; `seconds_left` is None while unknown or while nobody builds."""

    id: int
    embedder: str
    dimensions: int
    state: str
    done: int
    total: int
    is_being_built: bool
    is_indexed: bool
    seconds_left: float | None
    size_bytes: int
    error: str

    @property
    def is_complete(self) -> bool:
        """Near enough for a switch, which embeds the rest itself."""
        return self.is_indexed and self.total - self.done <= BATCH

    @property
    def kind(self) -> str:
        """For the badge's colour."""
        if self.state == State.BUILDING and self.error:
            return "failed"
        return "ready" if self.state == State.BUILDING and self.is_complete else self.state

    @property
    def label(self) -> str:
        """What it is doing, in a word or two."""
        if self.state == State.ACTIVE:
            return _("in service")
        if self.is_being_built:
            done = self.done >= self.total
            return _("being indexed") if done and not self.is_indexed else _("being built")
        if self.state == State.RETIRED:
            return pgettext("a generation", "retired")
        if self.error:
            return _("stopped by an error")
        return _("built; it may serve") if self.is_complete else pgettext("a generation", "interrupted")

    @property
    def time_left(self) -> str:
        return "" if self.seconds_left is None else duration(self.seconds_left)


def statuses() -> list[GenerationStatus]:
    """All of them, the newest first."""
    return [status_of(generation) for generation in EmbeddingGeneration.objects.order_by("-pk")]


def status_of(generation: EmbeddingGeneration) -> GenerationStatus:
    """One of them. Whoever builds is taken to build the one that lacks something."""
    progress: Progress = progress_of(generation)
    is_indexed = partitions.has_index(generation.pk)
    lacks = progress.done < progress.total or not is_indexed
    building = generation.state != State.ACTIVE and lacks and is_being_built()
    return GenerationStatus(
        id=generation.pk,
        embedder=generation.embedder,
        dimensions=generation.dimensions,
        state=generation.state,
        done=progress.done,
        total=progress.total,
        is_being_built=building,
        is_indexed=is_indexed,
        seconds_left=progress.seconds_left if building else None,
        size_bytes=partitions.size_bytes(generation.pk),
        error=generation.error,
    )


def duration(seconds: float) -> str:
    """As people say it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return _("less than a minute left")
    if minutes < 60:
        return ngettext("%(count)d minute left", "%(count)d minutes left", minutes) % {"count": minutes}
    return _("%(hours)d h %(minutes)02d min left") % {"hours": minutes // 60, "minutes": minutes % 60}
