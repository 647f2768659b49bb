"""What staff say of passages that a search found: relevant to the question or not. Kept with the golden question."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from django.db import transaction

from retrieval.exceptions import PassageGone
from retrieval.models import Chunk, GoldenQuestion, Judgement

Place = tuple[str, str]  # document, passage


@transaction.atomic
def judge(question: str, chunk_id: int, *, relevant: bool, tenant: str, by: int) -> Judgement:
    """Keep what was said of a passage; a later word replaces an earlier one. A question that is not golden yet becomes
    one, without answers. Raises `PassageGone`."""
    chunk = Chunk.objects.filter(pk=chunk_id, document__tenant=tenant).select_related("document").first()
    if chunk is None:
        raise PassageGone(str(chunk_id))
    golden = golden_of(question, tenant=tenant) or GoldenQuestion.objects.create(
        tenant=tenant, question=question, created_by_id=by
    )
    said = {"document": chunk.document.title, "passage": chunk.text, "relevant": relevant, "judged_by_id": by}
    judgement, _is_new = Judgement.objects.update_or_create(question=golden, sha256=_digest(chunk.text), defaults=said)
    return judgement


def golden_of(question: str, *, tenant: str) -> GoldenQuestion | None:
    """The golden question of these words that leans on no other; the oldest where several documents answer it."""
    same = GoldenQuestion.objects.filter(tenant=tenant, question=question, earlier=[], is_active=True)
    return same.order_by("pk").first()


def judged(question: str, texts: Iterable[str], *, tenant: str) -> dict[str, bool]:
    """Of these passages those that were judged for the question, by their text."""
    golden = golden_of(question, tenant=tenant)
    if golden is None:
        return {}
    known = dict(golden.judgements.values_list("sha256", "relevant"))
    return {text: known[_digest(text)] for text in texts if _digest(text) in known}


def places_judged(question_ids: Iterable[int], *, relevant: bool) -> Mapping[int, tuple[Place, ...]]:
    """The passages that were judged so, by golden question."""
    places: dict[int, tuple[Place, ...]] = {}
    rows = Judgement.objects.filter(question__in=list(question_ids), relevant=relevant).order_by("pk")
    for question_id, document, passage in rows.values_list("question_id", "document", "passage"):
        places[question_id] = (*places.get(question_id, ()), (document, passage))
    return places


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
