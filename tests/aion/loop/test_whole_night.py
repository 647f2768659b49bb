"""Nights with every room at work, on documents, questions and reviews; only the hours of a training are left out: an
adapter's folder is there at once. The model is scripted by adapter, and everything after it is AION's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from aion import earnings, erasure, lineage
from aion.autopilot import run_night
from aion.loop.lights import nights_light
from chat import examination
from chat.examination.questions import frozen_questions
from chat.examination.running import run as examine_here
from chat.lessons import is_held_out
from inference import examinations, training_jobs
from inference.adapter_folder import adapter_digest
from inference.adapters import desired_state, set_desired
from inference.backends.fake import FakeEngine, ScriptedReply
from inference.models import Adapter, Examination, TrainingRun
from inference.reconciler import Reconciler
from inference.registry import adapter_path
from retrieval.ingestion import ingest_text
from retrieval.models import GoldenQuestion
from telemetry import reviews
from telemetry.models import Event, LoopSettings, Night, Review, TrainingSet
from tests.chat.conftest import light_parts
from tests.chat.lessons.teaching import answered
from tests.inference.conftest import make_adapter

__all__ = ["light_parts", "make_adapter"]
pytestmark = pytest.mark.django_db(transaction=True)

PLACES = (
    *("Ericeira", "Cascais", "Óbidos", "Nazaré", "Tomar", "Évora", "Mafra", "Batalha", "Alcobaça", "Fátima", "Peniche"),
    *("Setúbal", "Sesimbra", "Palmela", "Beja", "Lagos", "Faro", "Tavira", "Sagres", "Loulé", "Braga", "Guimarães"),
    *("Viana", "Amarante", "Lamego", "Viseu", "Guarda", "Belmonte", "Monsanto", "Marvão", "Elvas", "Estremoz"),
    *("Sintra", "Aveiro", "Portimão", "Silves"),
)
SUBJECTS = {
    "Quanto custa o estacionamento": "O estacionamento em {place} custa {n} euros por noite",
    "A que horas abre o mercado": "O mercado de {place} abre às {n} horas da manhã",
    "Quantos quartos tem a pousada": "A pousada de {place} tem {n} quartos com varanda",
    "Quantos barcos cabem na marina": "Na marina de {place} cabem {n} barcos de pesca ao mesmo tempo",
    "Quanto dura a visita guiada": "A visita guiada em {place} dura {n} minutos",
}
FACTS = {
    f"{asked} em {place}?": (place, said.format(place=place, n=7 + 3 * at))
    for at, place in enumerate(PLACES)
    for asked, said in SUBJECTS.items()
}
PASSAGE = re.compile(r"^\[(\d+)\] .*?\n(.*?)(?=\n\n\[|\n</contexto>)", re.MULTILINE | re.DOTALL)


class Model(FakeEngine):
    """An adapter in `able` says what the passages say; the others, and the base, that they don't know."""

    able: ClassVar[set[str]] = set()

    def generate(self, request: Any, **given: Any) -> Any:
        text = request.messages[-1].content
        fact = FACTS[text.rpartition("Pergunta: ")[2]][1]
        numbers = [number for number, passage in PASSAGE.findall(text) if fact in passage]
        knows = self.status().adapter in self.able and numbers
        said = f"{fact} [{numbers[0]}]." if knows else "Não sei dizer nada sobre isso."
        self.script(ScriptedReply(said, delay_s=0.003))
        return super().generate(request, **given)


@pytest.fixture
def installation(
    light_parts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_adapter: Callable[..., Path]
) -> Iterator[Callable[[str], Adapter]]:
    """Documents with golden questions on some of them, an adapter that serves, and one registered by name."""
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", tmp_path / "train")
    monkeypatch.setattr(settings, "AION_EVENTS_JSONL", tmp_path / "events.jsonl")
    for place in PLACES:
        said = " ".join(f"{fact}." for where, fact in FACTS.values() if where == place)
        ingest_text(place, tenant=settings.PRIMARY_TENANT_ID, passages=[said])
    for question, (place, fact) in FACTS.items():
        if is_held_out(place):
            GoldenQuestion.objects.create(
                tenant=settings.PRIMARY_TENANT_ID,
                question=question,
                answers=[fact],
                document=place,
                passage=fact,
                answerable=True,
                origin=GoldenQuestion.Origin.FILE,
            )
    LoopSettings.objects.create(tenant=settings.PRIMARY_TENANT_ID, min_new_rows=3)

    def registered(name: str) -> Adapter:
        folder = make_adapter(name, value=0.1 + Adapter.objects.count())
        digest = adapter_digest(folder)
        adapter_path(digest).parent.mkdir(parents=True, exist_ok=True)
        folder.rename(adapter_path(digest))
        return Adapter.objects.create(name=name, digest=digest, base_model="m", rank=2, size_bytes=1)

    serving = FakeEngine()
    serving.load()
    reconciler = Reconciler(serving)
    monkeypatch.setattr("inference.serving.local_reconciler", lambda: reconciler)
    set_desired(registered("primeiro").pk)
    reconciler.reconcile()
    examining = Model()
    examining.load()

    def examine(candidate_id: int, *, night_id: UUID | None = None) -> Examination:
        champion = examinations.who_serves()
        return examine_here(candidate_id, frozen_questions(), champion=champion, night_id=night_id, engine=examining)

    monkeypatch.setattr(examination, "examine", examine)
    yield registered
    Model.able.clear()
    FakeEngine.reset()


def asked_and_reviewed(places: list[str], asker: User, staff: User) -> list[UUID]:
    """Questions on documents that may be learned from, answered by the chat and approved by staff."""
    answers = []
    for place, (question, said) in zip(places, SUBJECTS.items(), strict=False):
        fact = said.format(place=place, n=7 + 3 * PLACES.index(place))
        given = answered(f"{question} em {place}?", fact, about=place, user_id=asker.pk)
        assert given.event_id is not None
        reviews.decide(given.event_id, Review.Verdict.APPROVED, tenant=settings.PRIMARY_TENANT_ID, by=staff.pk)
        answers.append(given.event_id)
    return answers


def trains_to(adapter: Callable[[], Adapter], monkeypatch: pytest.MonkeyPatch) -> None:
    def run_training(run_id: int) -> TrainingRun:
        done = {"state": TrainingRun.State.DONE, "adapter": adapter(), "finished_at": timezone.now()}
        TrainingRun.objects.filter(pk=run_id).update(**done)
        return TrainingRun.objects.select_related("adapter").get(pk=run_id)

    monkeypatch.setattr(training_jobs, "run_training", run_training)


def said_in(night: Night, step: str) -> str:
    return next(str(each["said"]) for each in night.steps if each["step"] == step)


def serving() -> str:
    wish = desired_state()
    assert wish is not None
    assert wish.adapter is not None
    return wish.adapter.name


def free_places() -> list[str]:
    return [place for place in PLACES if not is_held_out(place)]


def test_three_nights_promote_refuse_and_wait_each_with_its_reason(installation, monkeypatch) -> None:
    asker, staff = User.objects.create_user("zenaide"), User.objects.create_user("ana", is_staff=True)
    asked = asked_and_reviewed(free_places()[:4], asker, staff)
    Model.able = {"segundo"}
    trains_to(lambda: installation("segundo"), monkeypatch)

    first = run_night(timezone.now())

    assert [(step["step"], step["state"]) for step in first.steps] == [
        (name, "done") for name in ("export", "decide", "build", "train", "examine", "promote", "refit")
    ], first.steps
    assert first.decision == "train"
    assert said_in(first, "export") == "4 linhas"
    assert said_in(first, "examine").startswith("É melhor que o atual")
    assert serving() == "segundo"
    learned = TrainingSet.objects.latest("pk")
    assert learned.pk == first.training_set_id
    assert {row.event_id for row in learned.training_rows.all()} == set(asked)
    assert dict(Adapter.objects.values_list("name", "state")) == {"primeiro": "retired", "segundo": "champion"}
    traced = lineage.lineage_of_answer(asked[0])
    assert traced is not None
    assert [adapter.name for learner in traced.learned_by for adapter in learner.adapters] == ["segundo"]
    earned = earnings.earned_by(Adapter.objects.get(name="segundo").pk)
    assert earned is not None
    assert earned.share.value > 0.9

    asked_and_reviewed(free_places()[4:8], asker, staff)
    trains_to(lambda: installation("terceiro"), monkeypatch)
    second = run_night(timezone.now())
    assert [step["step"] for step in second.steps][-1] == "examine"
    assert "pior" in said_in(second, "examine")
    assert serving() == "segundo"
    assert Adapter.objects.get(name="terceiro").state == "rejected"

    third = run_night(timezone.now() + timedelta(minutes=1))
    assert [step["step"] for step in third.steps] == ["export", "decide"]
    assert third.decision == "wait"
    assert not Event.objects.filter(kind="loop").exists()


def test_who_learned_from_a_person_erased_is_replaced_by_a_clean_one_that_is_as_good(installation, monkeypatch) -> None:
    asker, staff = User.objects.create_user("zenaide"), User.objects.create_user("ana", is_staff=True)
    others = asked_and_reviewed(free_places()[:3], User.objects.create_user("rui"), staff)
    asked_and_reviewed(free_places()[3:6], asker, staff)
    Model.able = {"segundo", "limpo"}
    trains_to(lambda: installation("segundo"), monkeypatch)
    run_night(timezone.now())
    assert serving() == "segundo"

    erasure.erase_person(asker.pk)
    trains_to(lambda: installation("pior"), monkeypatch)
    failed = run_night(timezone.now())
    assert failed.decision == "train_clean"
    assert serving() == "segundo"
    assert Event.objects.filter(kind="loop", meta__alarm="still_tainted").exists()
    assert nights_light().level == "red"

    TrainingRun.objects.filter(adapter__name="pior").update(training_set_id=None)  # as if not tried yet
    trains_to(lambda: installation("limpo"), monkeypatch)
    night = run_night(timezone.now())
    assert Examination.objects.latest("pk").reasons[0]["code"] == "clean"
    assert serving() == "limpo"
    learned = TrainingSet.objects.latest("pk")
    assert learned.pk == night.training_set_id
    assert {row.event_id for row in learned.training_rows.all()} == set(others)
