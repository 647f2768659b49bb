"""A dataset is taken by `datasets`, TRL and LLaMA-Factory as it is written."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from telemetry.formats import FORMATS

from .answers import record_answer
from .test_export import export_all
from .test_feedback import vote_on

TEMPLATE = "{% for m in messages %}{% generation %}{{ m['role'] }} {{ m['content'] }} {% endgeneration %}{% endfor %}"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(db: None, tmp_path: Path) -> Path:
    """An export in every format, with a pair of preferences."""
    staff = get_user_model().objects.create_user("ana", is_staff=True).pk
    record_answer("Quanto custa?", "Custa 90 euros [1].", C=None)
    vote_on(record_answer("E o almoço?", "Não sei."), 0, correction="Custa 20 euros.", user_id=staff)
    export_all(tmp_path / "one", formats=["messages", "prompt/completion", "sharegpt", "alpaca"])
    return tmp_path / "one"


@pytest.fixture
def tiny() -> tuple[Any, Any]:
    """A model of a few weights and its tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"[U]": 0, "[E]": 1, "Custa": 2}, unk_token="[U]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[U]", eos_token="[E]", pad_token="[E]")
    tokenizer.chat_template = TEMPLATE
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    return LlamaForCausalLM(LlamaConfig(vocab_size=3, num_key_value_heads=1, **shape)), tokenizer


def test_the_folder_itself_loads_in_datasets(folder: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    rows = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows[0]["messages"][1]["content"] == "Custa 90 euros [1]."
    pairs = load_dataset(str(folder), "preferences", split="train", cache_dir=str(tmp_path / "cache"))
    assert (pairs[0]["chosen"], pairs[0]["rejected"]) == ("Custa 20 euros.", "Não sei.")


def test_trl_takes_every_format_and_the_preferences(folder: Path, tiny: tuple[Any, Any], tmp_path: Path) -> None:
    from datasets import load_dataset
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    def rows(name: str) -> Any:
        return load_dataset("json", data_files=str(folder / name), split="train", cache_dir=str(tmp_path / "cache"))

    model, tokenizer = tiny
    plain = {"output_dir": str(tmp_path / "out"), "report_to": "none", "use_cpu": True, "bf16": False}
    for file, said in (
        ("data.jsonl", {}),
        ("data.prompt_completion.jsonl", {}),
        ("data.sharegpt.jsonl", {}),
        ("data.alpaca.jsonl", {"formatting_func": lambda row: f"{row['instruction']} {row['output']}"}),
    ):
        trainer = SFTTrainer(
            model, args=SFTConfig(**plain), train_dataset=rows(file), processing_class=tokenizer, **said
        )
        assert len(trainer.train_dataset[0]["input_ids"]) > 3, file
    args, pairs = DPOConfig(**plain), rows("preferences.jsonl")
    trainer = DPOTrainer(model, deepcopy(model), args, train_dataset=pairs, processing_class=tokenizer)
    assert len(trainer.train_dataset) == 1


def test_llama_factory_is_told_of_every_file_and_column(folder: Path) -> None:
    told = json.loads((folder / "dataset_info.json").read_text())
    assert set(told) == {f"aion_{name}" for name in (*FORMATS, "preferences")}
    for said in told.values():
        row = json.loads((folder / said["file_name"]).read_text().splitlines()[0])
        assert set(said["columns"].values()) <= set(row)
        if "tags" in said:
            message = row["messages"][0]
            assert message[said["tags"]["role_tag"]] == said["tags"]["user_tag"]
    assert told["aion_preferences"]["ranking"] is True
