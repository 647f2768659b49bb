"""Documents, answers given by the real path, and what staff say of them, for tests of lessons."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from chat.answering import Answer, Asker, Question, answer
from chat.golden import GoldenQuestion
from chat.lessons import BuiltSet, KnownQuestion, Material, ReviewedAnswer, build_from, is_held_out
from inference.backends.fake import FakeEngine
from retrieval.ingestion import ingest_text

OPEN = {
    "Bagagem": "Cada passageiro leva uma mala de até 23 quilos no bagageiro. Carrinhos de bebê viajam sem custo.",
    "Clima": "Com chuva forte o passeio de barco é remarcado sem custo. O aviso chega por mensagem até as dezoito.",
    "Achados e perdidos": "Objetos esquecidos na van ficam guardados no escritório por trinta dias.",
}
HELD_OUT = {"Horários": "O primeiro ônibus parte do terminal norte às 7h15 e o último às 22h40."}
ASKED = "Quantos quilos pode ter a mala de cada passageiro?"
SAID = "Cada passageiro leva uma mala de até 23 quilos"
_ids = itertools.count(1)


def fill_library(texts: dict[str, str] | None = None) -> None:
    for title, text in (texts or {**OPEN, **HELD_OUT}).items():
        ingest_text(title, tenant=settings.PRIMARY_TENANT_ID, passages=[text])
    assert all(map(is_held_out, HELD_OUT))
    assert not any(map(is_held_out, OPEN))


def answered(question: str = ASKED, said: str = SAID, *, about: str = "Bagagem", user_id: int | None = None) -> Answer:
    """An answer by the real path, its sentence citing the passage of the document `about`."""
    asker = Asker(user_id=user_id, groups=None, may_set_tau=True, may_force=True)
    looked_up = answer(Question(question, tau=0.0, generate=False, record=False), asker=asker)
    number = next(source.number for source in looked_up.sources if source.title == about)
    FakeEngine.script(f"{said} [{number}].")
    return answer(Question(question, tau=0.0), asker=asker)


def reviewed(
    given: Answer, *, correction: str = "", verdict: str = "", at: datetime | None = None, review_id: str = ""
) -> ReviewedAnswer:
    assert given.event_id is not None
    return ReviewedAnswer(
        id=review_id or str(next(_ids)),
        event_id=given.event_id,
        verdict=verdict or ("corrected" if correction else "approved"),  # type: ignore[arg-type]  # a test's own word
        question="",
        reply=given.text,
        correction=correction,
        reviewer_id=1,
        decided_at=at or timezone.now(),
    )


def known(text: str, *answers: str, document: str = "Bagagem", answerable: bool | None = True) -> KnownQuestion:
    """A golden question on the document; one that nothing answers is on none."""
    place = (document, {**OPEN, **HELD_OUT}[document]) if answers else ("", "")
    golden = GoldenQuestion(text, answers, *place, answerable, kind="fact")
    return KnownQuestion(str(next(_ids)), golden, timezone.now())


def material(*given: ReviewedAnswer | KnownQuestion) -> Material:
    now = timezone.now() + timedelta(seconds=1)
    return Material(
        since=now - timedelta(days=30),
        now=now,
        reviewed=[each for each in given if isinstance(each, ReviewedAnswer)],
        known=[each for each in given if isinstance(each, KnownQuestion)],
    )


def learn(folder: Path, *given: ReviewedAnswer | KnownQuestion) -> BuiltSet:
    return build_from(material(*given), target=folder / f"set-{next(_ids)}")


def left_out(built: BuiltSet) -> dict[str, int]:
    return {reason: each["rows"] for reason, each in built.manifest["excluded"].items()}
