"""Training data, one tiny real training, and the rows of runs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from inference.adapter_folder import inspect_adapter
from inference.base_models import base_sha256
from inference.checkpoints import checkpoints_folder
from inference.engine import Message
from inference.exceptions import TrainingFailed
from inference.models import TrainingRun
from inference.training import train
from inference.training_data import BadDataset, Example, read_examples
from inference.training_profile import TrainingProfile
from inference.training_watch import Lines

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
        train(dataset, tmp_path / "out", TrainingProfile(), watch=Lines(print))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_the_command_gives_a_sound_candidate_of_this_base(dataset: Path, tmp_path: Path, bundled_model: Path) -> None:
    told, lines = StringIO(), StringIO()
    folder = tmp_path / "run" / "adapter"
    call_command(
        "train_adapter", dataset, out=folder, rank=2, batch_size=2, json=True, stdout=told, stderr=lines
    )  # fmt: skip
    card = json.loads(told.getvalue())
    facts = inspect_adapter(folder)
    assert (facts.rank, facts.base_sha256, card["folder"]) == (2, base_sha256(bundled_model), str(folder))
    assert (card["examples"], card["steps"], card["profile"]["seed"], card["resumed"]) == (2, 2, 17, 0)
    assert "step 2/2" in lines.getvalue()
    assert str(settings.VAR_DIR) not in (folder / "adapter_config.json").read_text()
    assert [entry.name for entry in folder.parent.iterdir()] == ["adapter"]
    run = TrainingRun.objects.get()
    assert (run.state, run.adapter_id, run.error, run.step) == (TrainingRun.State.DONE, card["adapter"], "", 2)
    assert not checkpoints_folder(run.pk).exists()


@pytest.mark.django_db
def test_a_bad_dataset_is_refused_before_there_is_a_run(dataset: Path) -> None:
    dataset.write_text("not json")
    with pytest.raises(CommandError, match="1"):  # the line
        call_command("train_adapter", dataset)
    assert not TrainingRun.objects.exists()
