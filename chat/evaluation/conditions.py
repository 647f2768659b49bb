"""What answers, as plain values that two moments can be compared by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, Count, Func, Sum, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat

from chat import calibration, control
from chat.golden import INSTALLED, installed_questions
from inference.adapters import desired_state
from inference.bundled import BUNDLED_NAME
from retrieval.generations import active_generation, serving_embedder_id
from retrieval.models import Document

SETTINGS = (  # those that an evaluation obeys: it is greedy, never pays and never warns
    "tau",
    "scorer",
    "answer_mode",
    "dense_candidates",
    "text_candidates",
    "top_k",
    "mmr_lambda",
    "prompt_context_tokens",
    "max_new_tokens",
    "deadline_s",
    "system_prompt",
)
PARTS: Mapping[str, tuple[str, ...]] = {
    "adapter": ("adapter_digest", "merged"),
    "model": ("model", "reranker"),
    "embedder": ("embedder", "generation"),
    "settings": ("settings",),
    "calibration": ("calibration",),
    "corpus": ("documents", "chunks", "corpus"),
    "golden": ("golden",),
    "version": ("version",),
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """`adapter` is "" for the base model or the one that is served by default; `corpus` and `golden` are digests of
    documents and questions; `calibration` is None for the shipped one, `revision` where no setting was ever changed."""

    adapter: str = ""
    adapter_digest: str = ""
    merged: bool = False
    model: str = ""
    reranker: str = ""
    embedder: str = ""
    generation: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    revision: int | None = None
    calibration: int | None = None
    documents: int = 0
    chunks: int = 0
    corpus: str = ""
    golden: str = ""
    version: str = ""

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Conditions:
        """As a run keeps them; what an older version did not know is left empty."""
        return cls(**{one.name: kept[one.name] for one in fields(cls) if one.name in kept})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def changed(before: Conditions, after: Conditions) -> tuple[str, ...]:
    """The names of the `PARTS` that differ. Pure."""
    return tuple(
        part for part, names in PARTS.items() if any(getattr(before, name) != getattr(after, name) for name in names)
    )


def present() -> Conditions:
    """As they are now: what is wished to serve, what is set, what is installed and asked."""
    return replace(answering(), golden=_golden(), **_corpus())


def answering() -> Conditions:
    """The same without documents and questions, which cost more to look at."""
    wish, generation, policy, fitted = desired_state(), active_generation(), control.current(), calibration.in_force()
    adapter = wish.adapter if wish else None
    return Conditions(
        adapter=str(adapter or ""),
        adapter_digest=adapter.digest if adapter else "",
        merged=bool(wish and wish.merged),
        model=" ".join(filter(None, (settings.AION_BASE_MODEL or BUNDLED_NAME, settings.AION_LOCAL_LLM_URL))),
        reranker=settings.AION_RERANKER or "",
        embedder=serving_embedder_id(),
        generation=generation.pk if generation else None,
        settings={name: getattr(policy, name) for name in SETTINGS},
        revision=policy.revision,
        calibration=fitted.pk if fitted else None,
        version=str(settings.SPECTACULAR_SETTINGS["VERSION"]),
    )


def _corpus() -> dict[str, Any]:
    """The digest is a sum, so that no order has to be made of a million documents."""
    since, until = (Cast(name, TextField()) for name in ("valid_from", "valid_until"))
    said = Concat("sha256", Value("/"), since, Value("/"), until, output_field=TextField())
    hashed = Func(said, Value(0), function="hashtextextended", output_field=BigIntegerField())
    found = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection=INSTALLED).aggregate(
        documents=Count("pk"), chunks=Coalesce(Sum("chunk_count"), 0), corpus=Cast(Sum(hashed), TextField())
    )
    return {**found, "corpus": found["corpus"] or ""}


def _golden() -> str:
    keys = sorted(f"{one.key} {one.question.set_name}" for one in installed_questions())
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
