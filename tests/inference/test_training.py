"""Training data, one tiny real training, and the rows of runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings

from inference.adapter_folder import inspect_adapter
from inference.base_models import base_sha256
from inference.engine import Message
from inference.models import TrainingRun
from inference.training import TrainingFailed, TrainingProfile, train, train_candidate
from inference.training_data import BadDataset, Example, read_examples

ROW = {"prompt": "Qual a capital?", "completion": "Brasília [1]."}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(ROW) + "\n")
    return path


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        {
            "messages": [
                {"role": "user", "content": "Qual a capital?"},
                {"role": "assistant", "content": "Brasília [1]."},
            ]
        },
        {
            "prompt": [{"role": "user", "content": "Qual a capital?"}],
            "completion": [{"role": "assistant", "content": "Brasília [1]."}],
        },
    ],
)
def test_every_form_is_the_same_example(tmp_path: Path, row: dict[str, object]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(row))
    assert read_examples(path) == [Example((Message("user", "Qual a capital?"),), "Brasília [1].")]


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"prompt": "only"}',
        '{"messages": [{"role": "user", "content": "x"}]}',
        '{"messages": [1, 2]}',
    ],
)
def test_a_bad_line_is_named(dataset: Path, line: str) -> None:
    with dataset.open("a") as file:
        file.write(line)
    with pytest.raises(BadDataset, match="3"):
        read_examples(dataset)


def test_an_empty_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(BadDataset):
        read_examples(tmp_path / "empty.jsonl")


def test_a_taken_folder_is_left_alone(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(TrainingFailed):
        train(dataset, tmp_path / "out", TrainingProfile())
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.django_db
def test_training_gives_a_sound_candidate_of_this_base(dataset: Path, tmp_path: Path, bundled_model: Path) -> None:
    profile = TrainingProfile(rank=2, batch_size=2)
    trained, adapter = train_candidate(dataset, tmp_path / "run" / "adapter", profile)
    facts = inspect_adapter(trained.folder)
    assert (facts.rank, facts.base_sha256) == (2, base_sha256(bundled_model))
    assert facts.card["examples"] == 2
    assert str(settings.VAR_DIR) not in (trained.folder / "adapter_config.json").read_text()
    assert [entry.name for entry in trained.folder.parent.iterdir()] == ["adapter"]
    run = TrainingRun.objects.get()
    assert (run.state, run.adapter, run.error) == (TrainingRun.State.DONE, adapter, "")


@pytest.mark.django_db
def test_a_training_that_fails_is_kept_with_its_reason(dataset: Path, tmp_path: Path) -> None:
    dataset.write_text("not json")
    with pytest.raises(BadDataset):
        train_candidate(dataset, tmp_path / "out", TrainingProfile())
    run = TrainingRun.objects.get()
    assert (run.state, run.adapter) == (TrainingRun.State.FAILED, None)
    assert "1" in run.error  # the line
