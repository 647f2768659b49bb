"""An embeddings server that is slow, gone, or says nonsense."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytest_django.fixtures import Settings

from retrieval import embedding_server
from retrieval.embedding_server import BATCH, EmbeddingServer
from retrieval.exceptions import EmbeddingFailed
from tests.ports import free_port
from tests.retrieval.vector_server import VectorServer, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VectorServer]:
    monkeypatch.setattr(embedding_server, "PAUSES_S", (0.01, 0.01))
    with serving(free_port()) as told:
        yield told


@pytest.fixture
def embedder(server: VectorServer) -> EmbeddingServer:
    return EmbeddingServer(server.embedder.removeprefix("openai:"))


def test_vectors_come_in_the_order_of_the_texts_and_of_unit_length(
    server: VectorServer, embedder: EmbeddingServer
) -> None:
    texts = [f"palavra{number} " * (number % 7 + 1) for number in range(BATCH + 9)]
    vectors = embedder.passages(texts)
    expected = np.array([server.vector(text) for text in texts])
    assert np.allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)
    assert (vectors.dtype, embedder.dimensions) == (np.dtype(np.float32), 64)
    assert max(len(asked["input"]) for asked in server.requests) == BATCH
    assert embedder.passages([]).shape == (0, 64)


def test_a_question_is_sent_once(server: VectorServer, embedder: EmbeddingServer) -> None:
    assert np.array_equal(embedder.query("Quanto custa?"), embedder.query("Quanto custa?"))
    assert server.texts == ["Quanto custa?"]


def test_the_key_is_the_servers_own(server: VectorServer, embedder: EmbeddingServer, settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-of-the-paid-api"
    embedder.query("um")
    settings.AION_EMBEDDER_API_KEY = "of-the-embedder"
    embedder.query("dois")
    assert server.keys == [None, "Bearer of-the-embedder"]


def test_a_server_that_is_busy_for_a_moment_is_asked_again(server: VectorServer, embedder: EmbeddingServer) -> None:
    server.fail_first = 2
    assert embedder.query("um").shape == (64,)
    assert len(server.requests) == 3


def test_asking_again_has_an_end(server: VectorServer, embedder: EmbeddingServer) -> None:
    server.fail_first = 99
    with pytest.raises(EmbeddingFailed, match="503"):
        embedder.query("um")
    assert len(server.requests) == 3


@pytest.mark.parametrize("behaviour", ["garbage", "nan", "huge", "zeros", "ragged", "short", "words", "refuse"])
def test_what_is_no_vector_is_refused_and_not_asked_for_again(
    server: VectorServer, embedder: EmbeddingServer, behaviour: str
) -> None:
    embedder.query("três")
    server.behaviour = behaviour
    with pytest.raises(EmbeddingFailed, match=r"http://127\.0\.0\.1"):
        embedder.passages(["um", "dois"])
    assert len(server.requests) == 2


def test_a_dimension_that_changes_is_refused(server: VectorServer, embedder: EmbeddingServer) -> None:
    embedder.query("um")
    server.dimensions = 32
    with pytest.raises(EmbeddingFailed, match="32"):
        embedder.query("dois")


def test_a_server_that_never_ends_is_left(
    server: VectorServer, embedder: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_server, "QUERY_S", 0.2)
    server.behaviour = "drip"
    with pytest.raises(EmbeddingFailed):
        embedder.query("um")


def test_a_server_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_server, "PAUSES_S", (0.01, 0.01))
    with pytest.raises(EmbeddingFailed, match="ConnectError"):
        EmbeddingServer(f"m@http://localhost:{free_port()}/v1").query("um")


def test_a_redirect_leads_nowhere(server: VectorServer, embedder: EmbeddingServer) -> None:
    server.behaviour = "redirect"
    with pytest.raises(EmbeddingFailed, match="307"):
        embedder.query("um")


@pytest.mark.parametrize(
    "base",
    [
        "https://api.openai.com/v1",
        "http://10.0.0.7:8000/v1",
        "http://127.0.0.1.example.org/v1",
        "http://127.0.0.1@example.org/v1",
        "http://example.org#@127.0.0.1/v1",
        "http://0.0.0.0:8000/v1",
        "http://[::ffff:10.0.0.7]/v1",
        "http://127.0.0.1:99999/v1",
        "http://user:key@127.0.0.1/v1",
    ],
)
def test_nothing_is_sent_off_this_machine(base: str) -> None:
    with pytest.raises(EmbeddingFailed, match="AION_EMBEDDER"):
        EmbeddingServer(f"m@{base}")


@pytest.mark.parametrize("base", ["http://localhost:1/v1/", "http://127.8.0.1:1/v1", "http://[::1]:1/v1"])
def test_this_machine_has_several_names(base: str) -> None:
    assert EmbeddingServer(f"org/model@{base}")._address == f"{base.rstrip('/')}/embeddings"
