"""What would fit, against published and measured figures; and what is found in a model folder."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from safetensors.numpy import save_file

from inference.base_models import file_sha256
from inference.model_catalogue import CATALOGUE
from inference.model_check import Verdict, check_model
from inference.model_report import candidates, fetch_command
from inference.model_sizes import (
    ModelShape,
    Precision,
    Rates,
    decode_tokens_s,
    first_token_s,
    serving_bytes,
    weight_bytes,
)

# Parameters as the models' cards give them, in billions
PUBLISHED = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": 0.135,
    "Qwen/Qwen3-0.6B": 0.6,
    "TucanoBR/Tucano-1b1-Instruct": 1.1,
    "meta-llama/Llama-3.2-1B-Instruct": 1.23,
    "Qwen/Qwen3-1.7B": 1.7,
    "TucanoBR/Tucano-2b4-Instruct": 2.444,
    "HuggingFaceTB/SmolLM3-3B": 3.08,
    "meta-llama/Llama-3.2-3B-Instruct": 3.21,
    "Qwen/Qwen3-4B-Instruct-2507": 4.0,
    "mistralai/Mistral-7B-Instruct-v0.3": 7.25,
    "Qwen/Qwen3-8B": 8.2,
}
BUNDLED = CATALOGUE[0].shape
# Measured together on two busy cores, 2026-11-22: these rates, and 6.1 tokens a second of the bundled model
RATES = Rates(bytes_s=2.804e9, operations_s=1.858e11, layer_s=1.445e-3, nf4_weights_s=1.06e9)
BUNDLED_TOKENS_S = 6.13


def test_shapes_add_up_to_the_published_parameters() -> None:
    computed = {model.repository: model.shape.parameters / 1e9 for model in CATALOGUE}
    assert computed == pytest.approx(PUBLISHED, rel=0.02)


def test_the_estimate_of_the_bundled_model_is_within_a_factor_of_two_of_what_was_measured() -> None:
    estimated = decode_tokens_s(BUNDLED, Precision.BF16, RATES)
    assert estimated is not None
    assert BUNDLED_TOKENS_S / 2 < estimated < BUNDLED_TOKENS_S * 2


def test_the_weights_are_as_large_as_their_file(bundled_model: Path) -> None:
    shape = ModelShape.from_config(json.loads((bundled_model / "config.json").read_text()))
    assert shape == BUNDLED
    size = (bundled_model / "model.safetensors").stat().st_size
    assert weight_bytes(shape, Precision.BF16) == pytest.approx(size, rel=0.01)


def test_four_bits_shrink_all_but_the_embeddings() -> None:
    mistral = next(model.shape for model in CATALOGUE if "Mistral" in model.repository)
    assert weight_bytes(mistral, Precision.NF4) / 1e9 == pytest.approx(4.1, abs=0.2)  # measured by others: about 4.1
    qwen = next(model.shape for model in CATALOGUE if model.repository.endswith("0.6B"))
    assert weight_bytes(qwen, Precision.NF4) > qwen.embedding_parameters * 2


def test_on_a_processor_changing_adapters_takes_copies() -> None:
    needed = {
        (on_processor, with_adapters): serving_bytes(
            BUNDLED, Precision.BF16, on_processor=on_processor, with_adapters=with_adapters
        )
        for on_processor in (True, False)
        for with_adapters in (True, False)
    }
    assert needed[True, True] - needed[True, False] == 2 * 2 * BUNDLED.linear_parameters
    assert needed[False, True] == needed[False, False] == needed[True, False]


def test_twice_the_bandwidth_is_never_slower_and_unmeasured_stays_unknown() -> None:
    faster = Rates(2 * RATES.bytes_s, 2 * RATES.operations_s, RATES.layer_s)
    for model in CATALOGUE:
        slow, fast = (decode_tokens_s(model.shape, Precision.BF16, rates) for rates in (RATES, faster))
        assert slow is not None
        assert fast is not None
        assert slow < fast <= 2 * slow
        assert first_token_s(model.shape, faster) < first_token_s(model.shape, RATES)
        assert decode_tokens_s(model.shape, Precision.NF4, faster) is None


def test_what_fits_follows_the_memory() -> None:
    found = candidates(memory_bytes=16 * 10**9, on_processor=True, precision=Precision.BF16, rates=None)
    fits = {candidate.model.repository: [fit.fits for fit in candidate.fits] for candidate in found}
    assert fits["Qwen/Qwen3-0.6B"] == ["yes", "yes"]
    assert fits["meta-llama/Llama-3.2-3B-Instruct"] == ["alone", "yes"]
    assert fits["Qwen/Qwen3-8B"] == ["no", "yes"]


def test_the_command_that_fetches_is_one_that_hf_understands() -> None:
    arguments = shlex.split(fetch_command("Qwen/Qwen3-1.7B"))
    hf = Path(sys.executable).with_name(Path(arguments[0]).name)
    ends = [
        subprocess.run([hf, *arguments[1:], *more, "--help"], capture_output=True, check=False).returncode
        for more in ([], ["--no-such-option"])
    ]
    assert ends[0] == 0
    assert ends[1] != 0


@pytest.mark.django_db
def test_the_overview_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.model_report.ServingEngine.reach", lambda: None)
    out = StringIO()
    call_command("models", "--json", "--no-measure", stdout=out)
    report = json.loads(out.getvalue())
    assert (report["running"], report["measured"]) == (None, None)
    assert len(report["models"]) == len(CATALOGUE)
    out = StringIO()
    call_command("models", "--no-measure", stdout=out)
    assert "Nenhum modelo está em serviço agora" in out.getvalue()
    assert "hf download Qwen/Qwen3-1.7B" in out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder that looks whole; its two shards hold no model."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
    (tmp_path / "tokenizer.json").write_text("{}")
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for number, shard in enumerate(shards):
        save_file({f"w{number}": np.ones(4, np.float32)}, tmp_path / shard)
    index = {"weight_map": {f"w{number}": shard for number, shard in enumerate(shards)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


def verdicts(folder: Path) -> dict[str, Verdict]:
    return {finding.what: finding.verdict for finding in check_model(folder, load=False)}


def test_a_whole_folder_is_found_sound(folder: Path) -> None:
    assert set(verdicts(folder).values()) <= {Verdict.OK, Verdict.NOTE}


def test_a_missing_shard_is_found(folder: Path) -> None:
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert verdicts(folder)["weights"] is Verdict.BAD


def test_a_torn_shard_is_found(folder: Path) -> None:
    shard = folder / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-3])
    assert verdicts(folder)["weights"] is Verdict.BAD


def test_a_broken_off_download_is_found(folder: Path) -> None:
    (folder / ".cache" / "huggingface" / "download").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "download" / "abc.incomplete").touch()
    assert verdicts(folder)["weights"] is Verdict.BAD


def test_pickles_beside_the_weights_are_noted_and_alone_refused(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert verdicts(folder)["weights"] is Verdict.NOTE
    for shard in folder.glob("*.safetensors"):
        shard.unlink()
    assert verdicts(folder)["weights"] is Verdict.BAD


def test_code_of_its_own_is_noted_where_it_is_not_needed_and_refused_where_it_is(folder: Path) -> None:
    (folder / "modeling_own.py").write_text("import os")
    assert verdicts(folder)["code"] is Verdict.NOTE
    (folder / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoModel": "modeling_own.A"}}))
    assert verdicts(folder)["code"] is Verdict.BAD


def test_files_are_compared_with_what_the_hub_said_of_them(folder: Path) -> None:
    shard = folder / "model-00001-of-00002.safetensors"
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    (notes / f"{shard.name}.metadata").write_text(f"{'c' * 40}\n{file_sha256(shard)}\n1.0\n")
    assert verdicts(folder)["checksums"] is Verdict.OK
    save_file({"w0": np.zeros(4, np.float32)}, shard)
    assert verdicts(folder)["checksums"] is Verdict.BAD


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_what_a_model_cannot_do_without_is_missed(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert verdicts(folder)["config"] is Verdict.BAD


def test_the_command_says_that_a_folder_cannot_serve(folder: Path) -> None:
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("models", "check", str(folder / "nowhere"), stdout=out)
    assert caught.value.returncode == 2
    assert "não é uma pasta" in out.getvalue()


def test_the_bundled_model_passes_and_writes(bundled_model: Path) -> None:
    out = StringIO()
    call_command("models", "check", str(bundled_model), "--json", stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    assert report["ok"]
    assert "tokens por segundo" in report["findings"][-1]["sentence"]


def test_a_damaged_model_that_looks_whole_does_not_pass(bundled_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bundled_model, broken)
    config = json.loads((broken / "config.json").read_text())
    for change in ({"hidden_size": 577}, {"num_hidden_layers": 31}):
        (broken / "config.json").write_text(json.dumps(config | change))
        *_before, answer = check_model(broken)
        assert (answer.what, answer.verdict) == ("answer", Verdict.BAD)
