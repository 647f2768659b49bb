"""Tiny models of sentence-transformers, made here with random weights: how they are found, read, and refused."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings

from retrieval import reranking
from retrieval.exceptions import EmbeddingFailed
from retrieval.explanation import explain
from retrieval.ingestion import ingest_text
from retrieval.results import SearchScope
from retrieval.search import retrieve
from retrieval.sentence_embedder import SentenceEmbedder
from tests.retrieval.conftest import WordEmbedder

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] query passage : o a passeio custa quanto chove mala gato em janeiro . ?".split()
PASSAGES = ["O passeio custa.", "Chove em janeiro.", "A mala.", "O gato."]
HERE = SearchScope("casa")


@pytest.fixture(scope="module")
def embedder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertModel

    bert = tmp_path_factory.mktemp("bert")
    _bert_config_and_tokenizer(bert)
    BertModel(_config()).save_pretrained(bert, safe_serialization=True)
    transformer = Transformer(str(bert))
    folder = tmp_path_factory.mktemp("embedder")
    SentenceTransformer(
        modules=[transformer, Pooling(16)], prompts={"query": "query : ", "document": "passage : "}
    ).save(str(folder), safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def reranker_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import BertForSequenceClassification

    folder = tmp_path_factory.mktemp("reranker")
    _bert_config_and_tokenizer(folder)
    BertForSequenceClassification(_config(num_labels=1)).save_pretrained(folder, safe_serialization=True)
    return folder


def _config(**more: int):
    import torch
    from transformers import BertConfig

    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return BertConfig(vocab_size=len(WORDS), max_position_embeddings=64, initializer_range=1.0, **sizes, **more)


def _bert_config_and_tokenizer(folder: Path) -> None:
    from transformers import BertTokenizerFast

    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder)


def test_a_model_tells_its_dimension_its_tokens_and_its_prefixes(embedder_folder: Path) -> None:
    embedder = SentenceEmbedder(str(embedder_folder))
    assert embedder.dimensions == 16
    assert embedder.token_count("quanto custa ?") == 5
    vectors = embedder.passages(PASSAGES)
    assert vectors.shape == (4, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert embedder.passages([]).shape == (0, 16)
    plain = embedder.load().encode(["query : gato", "passage : gato"], normalize_embeddings=True)
    assert np.allclose(embedder.query("gato"), plain[0], atol=1e-5)
    assert np.allclose(embedder.passages(["gato"])[0], plain[1], atol=1e-5)


def test_a_text_is_read_whatever_characters_it_holds(embedder_folder: Path) -> None:
    embedder = SentenceEmbedder(str(embedder_folder))
    assert np.isfinite(embedder.query("gato\0 \ud800 " + "mala " * 500)).all()


@pytest.mark.django_db
def test_its_vectors_are_searched(embedder_folder: Path, settings: Settings) -> None:
    settings.AION_EMBEDDER = f"sentence-transformers:{embedder_folder}"
    ingest_text("Guia", passages=PASSAGES, tenant="casa")
    found = retrieve("quanto custa o passeio ?", scope=HERE)
    assert found.selected[0].text == PASSAGES[0]
    assert found.embedder == settings.AION_EMBEDDER


@pytest.mark.parametrize("harm", ["missing", "pickled", "half pickled", "own code", "torn", "nonsense"])
def test_a_model_that_is_not_there_or_not_safe_is_refused(embedder_folder: Path, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(embedder_folder, folder)
    (weights,) = folder.rglob("*.safetensors")
    if harm == "missing":
        shutil.rmtree(folder)
    elif harm == "pickled":
        weights.rename(weights.with_name("pytorch_model.bin"))
    elif harm == "half pickled":
        (folder / "2_Dense").mkdir()
        (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    elif harm == "own code":
        modules = json.loads((folder / "modules.json").read_text())
        modules[0]["type"] = "planted.Module"
        (folder / "modules.json").write_text(json.dumps(modules))
        marker = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\nclass Module: pass\n"
        (folder / "planted.py").write_text(marker)
    elif harm == "torn":
        weights.write_bytes(weights.read_bytes()[:100])
    else:
        (folder / "config.json").write_text("[1, 2")
    with pytest.raises(EmbeddingFailed, match="model"):
        SentenceEmbedder(str(folder)).query("gato")
    assert not (tmp_path / "ran").exists()


def test_a_name_that_was_never_downloaded_is_not_fetched() -> None:
    with pytest.raises(EmbeddingFailed, match="ninguem/nada"):
        SentenceEmbedder("ninguem/nada").query("gato")


def test_the_library_is_not_imported_until_it_is_asked_for() -> None:
    work = "import django; django.setup(); import retrieval.search; from retrieval.embeddings import get_embedder;"
    work += "get_embedder('sentence-transformers:x'); import sys; print('sentence_transformers' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", work], cwd=django_settings.BASE_DIR, capture_output=True, text=True)
    assert said.stdout.split()[-1:] == ["False"], said.stderr


@pytest.fixture
def guide(db: None, word_embedder: WordEmbedder) -> None:
    ingest_text("Guia", passages=PASSAGES, tenant="casa")


@pytest.mark.usefixtures("guide")
def test_a_reranker_orders_what_was_found_and_its_score_is_shown(reranker_folder: Path, settings: Settings) -> None:
    before = retrieve("mala ?", scope=HERE)
    settings.AION_RERANKER = str(reranker_folder)
    found = retrieve("mala ?", scope=HERE)
    scores = reranking.rerank("mala ?", [f"Guia\n{hit.text}" for hit in found.candidates])
    assert scores is not None
    assert [hit.rerank_score for hit in found.candidates] == pytest.approx(scores.tolist(), abs=1e-5)
    assert found.selected[0].rerank_score == pytest.approx(scores.max(), abs=1e-5)
    assert found.selected[0].chunk_id != before.selected[0].chunk_id  # of this model's random weights
    assert [hit.rank for hit in found.selected] == [1, 2, 3, 4]
    assert [hit.score for hit in found.candidates] == [hit.score for hit in before.candidates]
    explained = explain(found, HERE)
    assert explained["candidates"][0]["rerank_score"] == pytest.approx(scores[0], abs=1e-3)  # type: ignore[index]  # JSON
    assert {hit.rerank_score for hit in before.candidates} == {None}


@pytest.mark.usefixtures("guide")
def test_a_reranker_that_cannot_be_loaded_leaves_the_order_and_is_tried_once(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = retrieve("mala ?", scope=HERE)
    settings.AION_RERANKER = str(tmp_path)
    with caplog.at_level(logging.WARNING):
        after = [retrieve("mala ?", scope=HERE) for _ in range(2)]
    assert [found.selected for found in after] == [before.selected] * 2
    assert caplog.text.count("could not be loaded") == 1


@pytest.mark.usefixtures("guide")
def test_a_model_that_scores_no_passages_leaves_the_order(
    embedder_folder: Path, reranker_folder: Path, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from transformers import BertForSequenceClassification

    shutil.copytree(reranker_folder, tmp_path / "three")
    BertForSequenceClassification(_config(num_labels=3)).save_pretrained(tmp_path / "three")
    before = retrieve("mala ?", scope=HERE)
    settings.AION_RERANKER = str(tmp_path / "three")
    with caplog.at_level(logging.WARNING):
        assert retrieve("mala ?", scope=HERE).selected == before.selected
    assert "the order stays" in caplog.text
