"""What an adapter folder may hold: each refusal with its code, nothing registered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save, save_file

from inference import registry
from inference.adapter_config import check_patterns, ranks_of, read_config
from inference.adapter_folder import CARD, CONFIG, MAX_BYTES, WEIGHTS, check_base, inspect_adapter
from inference.adapter_weights import check_weights
from inference.exceptions import AdapterRejected
from inference.training_watch import thinned

Make = Callable[..., Path]


def refusal(folder: Path) -> AdapterRejected:
    with pytest.raises(AdapterRejected) as caught:
        inspect_adapter(folder)
    return caught.value


def test_it_reads_a_sound_folder(make_adapter: Make) -> None:
    facts = inspect_adapter(make_adapter(rank=2, base_sha256="ab"))
    assert (facts.rank, facts.base_sha256, len(facts.shapes)) == (2, "ab", 2)


def test_the_digest_names_the_content_and_not_the_place(make_adapter: Make) -> None:
    first, same, other = make_adapter("a"), make_adapter("b"), make_adapter("c", value=0.25)
    assert inspect_adapter(first).digest == inspect_adapter(same).digest != inspect_adapter(other).digest


def test_it_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").code == "not_found"


def test_it_refuses_a_pickle(make_adapter: Make) -> None:
    folder = make_adapter()
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04.")
    assert refusal(folder).code == "pickle"


def test_it_refuses_a_link(make_adapter: Make, tmp_path: Path) -> None:
    folder = make_adapter()
    weights = folder / WEIGHTS
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    assert refusal(folder).code == "unexpected_file"


def test_it_refuses_a_shard_index(make_adapter: Make) -> None:
    folder = make_adapter()
    (folder / f"{WEIGHTS}.index.json").write_text("{}")
    assert refusal(folder).code == "unexpected_file"


def test_it_ignores_what_training_tools_leave_beside(make_adapter: Make) -> None:
    folder = make_adapter()
    (folder / "tokenizer_config.json").write_text("{}")
    assert inspect_adapter(folder).rank == 2


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_it_refuses_a_torn_file(make_adapter: Make, keep: int) -> None:
    folder = make_adapter()
    weights = folder / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:keep])
    assert refusal(folder).code == "torn"


@pytest.mark.parametrize(
    "entry",
    [
        {"data_offsets": ["a", "b"]},
        {"data_offsets": [0.0, 32.0]},
        {"shape": [-2, -4]},
        {"shape": [1e999, 1]},
        {"dtype": ["F32"]},
        {"dtype": "I64"},
    ],
)
def test_it_refuses_a_header_that_makes_no_sense(make_adapter: Make, entry: dict[str, object]) -> None:
    folder = make_adapter()
    weights = folder / WEIGHTS
    data = weights.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["base_model.model.x.lora_A.weight"] |= entry
    changed = json.dumps(header).encode()
    weights.write_bytes(len(changed).to_bytes(8, "little") + changed + data[8 + size :])
    assert refusal(folder).code == "torn"


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"r":' * 100_000])
def test_it_refuses_json_that_is_nested_without_end(make_adapter: Make, deep: str) -> None:
    folder = make_adapter()
    (folder / CARD).write_text(deep)
    assert refusal(folder).code == "bad_config"
    (folder / CARD).unlink()
    (folder / WEIGHTS).write_bytes(len(deep).to_bytes(8, "little") + deep.encode())
    assert refusal(folder).code == "torn"
    (folder / CONFIG).write_text(deep)
    assert refusal(folder).code == "bad_config"


@pytest.mark.parametrize("name", ["\\u0000", "\\ud800"])
def test_it_refuses_a_card_that_cannot_be_stored(make_adapter: Make, name: str) -> None:
    folder = make_adapter()
    (folder / CARD).write_text(f'{{"name": "{name}"}}')
    assert refusal(folder).code == "bad_config"


@pytest.mark.parametrize(
    "card",
    [
        '{"a":' * 900 + "1" + "}" * 900,
        '{"a": ' + "[" * 10 + "]" * 10 + "}",
        json.dumps({str(number): number for number in range(60_000)}),
        json.dumps({"losses": {"all": [0.5] * 60_000}}),
    ],
)
def test_it_refuses_a_card_that_no_page_could_show(make_adapter: Make, card: str) -> None:
    folder = make_adapter()
    (folder / CARD).write_text(card)
    assert refusal(folder).code == "bad_config"


def test_it_reads_a_card_with_values_within_values(make_adapter: Make) -> None:
    folder = make_adapter()
    card = {"profile": {"lr": 0.001, "targets": ["q_proj"] * 100}, "loss": 0.4}
    (folder / CARD).write_text(json.dumps(card))
    assert inspect_adapter(folder).card == card


def test_it_reads_the_card_of_a_long_training(make_adapter: Make) -> None:
    folder = make_adapter()
    curve = [list(point) for point in thinned([(step, 0.5, 7.0 * step) for step in range(1, 20_000)])]
    (folder / CARD).write_text(json.dumps({"curve": curve, "libraries": {"torch": "2"}}))
    assert inspect_adapter(folder).card["curve"] == curve


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_it_refuses_values_that_are_not_numbers(make_adapter: Make, value: float) -> None:
    assert refusal(make_adapter(value=value)).code == "not_finite"


def test_it_refuses_absurd_values(make_adapter: Make) -> None:
    assert refusal(make_adapter(value=1e9)).code == "absurd_norm"


@pytest.mark.parametrize(
    "change",
    [
        {"peft_type": "IA3"},
        {"task_type": "SEQ_CLS"},
        {"r": 0},
        {"r": True},
        {"r": 10**6},
        {"r": 2.0},
        {"lora_alpha": 0},
        {"lora_alpha": 1e9},
        {"lora_alpha": float("nan")},
        {"lora_alpha": True},
        {"modules_to_save": ["lm_head"]},
        {"bias": "all"},
        {"lora_bias": True},
        {"target_modules": r"(\w+)+\.q_proj$"},  # a pattern that backtracks for hours
        {"target_modules": ["q_proj", "(a+)+$"]},
        {"target_modules": [7]},
        {"target_modules": ["q"] * 5000},
        {"exclude_modules": "(a+)+$"},
        {"layers_pattern": "(a+)+$"},
        {"rank_pattern": {"(a+)+$": 4}},
        {"rank_pattern": {"x": 10**6}},
        {"alpha_pattern": {"x": -1}},
        {"rank_pattern": {f"z{number}": 4 for number in range(4000)}},  # each would be tried on every module
        {"alpha_pattern": {"proj": 8}},
        {"init_lora_weights": "olora"},  # would rewrite the base model that others share
        {"init_lora_weights": "pissa_niter_4"},
        {"layer_replication": [[0, 1]]},
        {"target_parameters": ["mlp.experts"]},
        {"a_setting_of_the_future": 1},
    ],
)
def test_it_refuses_a_configuration_it_cannot_vouch_for(make_adapter: Make, change: dict[str, object]) -> None:
    folder = make_adapter()
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | change))
    assert refusal(folder).code == "bad_config"


def test_it_refuses_an_adapter_of_another_base(make_adapter: Make) -> None:
    facts = inspect_adapter(make_adapter(base_sha256="aa"))
    with pytest.raises(AdapterRejected) as caught:
        check_base(facts, "bb")
    assert caught.value.code == "wrong_base"


@pytest.mark.parametrize(
    "change",
    [
        {"use_dora": True},
        {"use_rslora": True},
        {"lora_alpha": 0.5},
        {"target_modules": "all-linear"},
        {"target_modules": ["q_proj", "model.layers.0.mlp.up_proj"]},
        {"rank_pattern": {"x": 4}},
        {"megatron_core": "megatron.core", "loftq_config": {}, "eva_config": None},
        {"init_lora_weights": "gaussian"},
    ],
)
def test_it_accepts_what_training_tools_usually_write(make_adapter: Make, change: dict[str, object]) -> None:
    folder = make_adapter()
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | change))
    assert inspect_adapter(folder).rank == 2


@pytest.mark.parametrize(("name", "accepted"), [("q", True), ("a.q", True), ("1.a.q", True), ("1.a", False)])
def test_a_pattern_names_the_end_of_a_module_that_is_changed(name: str, accepted: bool) -> None:
    with nullcontext() if accepted else pytest.raises(AdapterRejected):
        check_patterns({"rank_pattern": {name: 4}}, ["layers.1.a.q", "layers.2.a.q"])


def test_patterns_are_no_more_than_the_modules_they_are_for() -> None:
    with pytest.raises(AdapterRejected):
        check_patterns({"alpha_pattern": {"a.q": 4, "q": 8}}, ["layers.1.a.q"])


def test_it_refuses_matrices_of_another_rank_than_stated(make_adapter: Make) -> None:
    folder = make_adapter(rank=4)
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2}))
    assert refusal(folder).code == "wrong_rank"
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "rank_pattern": {"x": 4}}))
    assert inspect_adapter(folder).rank == 2


@pytest.mark.parametrize(
    "name",
    ["lm_head.weight", "base_model.model.x.weight", "base_model.model.x.lora_A.bias", "x.lora_A.weight", "a" * 9999],
)
def test_it_refuses_tensors_that_are_no_lora_matrices(make_adapter: Make, name: str) -> None:
    folder = make_adapter()
    save_file({name: np.ones((2, 2), np.float32)}, folder / WEIGHTS)
    assert refusal(folder).code == "foreign_tensor"


def with_header(folder: Path, header: bytes, data: bytes = b"") -> Path:
    (folder / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header + data)
    return folder


def test_it_refuses_two_tensors_of_one_name(make_adapter: Make) -> None:
    """Two readers could take different ones."""
    entry = '"base_model.model.x.lora_A.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[%d,%d]}'
    header = f"{{{entry % (0, 8)},{entry % (8, 16)}}}".encode()
    assert refusal(with_header(make_adapter(), header, bytes(16))).code == "torn"


def test_it_refuses_tensors_that_overlap_or_leave_gaps(make_adapter: Make) -> None:
    entry = '"base_model.model.x.lora_%s":{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}'
    for second in ((0, 8), (16, 24)):
        header = f"{{{entry % ('A.weight', '2,1', 0, 8)},{entry % ('B.weight', '1,2', *second)}}}".encode()
        assert refusal(with_header(make_adapter(f"at{second[0]}"), header, bytes(24))).code == "torn"


def test_it_refuses_a_header_longer_than_any_honest_one(make_adapter: Make) -> None:
    """Also where the file is sparse and takes no room on the disk."""
    folder = make_adapter()
    with (folder / WEIGHTS).open("wb") as file:
        file.write((64 * 1024**2).to_bytes(8, "little"))
        file.truncate(128 * 1024**2)
    assert refusal(folder).code == "torn"


def test_it_refuses_a_sparse_file_beyond_the_limit_without_reading_it(make_adapter: Make) -> None:
    folder = make_adapter()
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    assert refusal(folder).code == "too_large"


def test_it_refuses_a_huge_configuration(make_adapter: Make) -> None:
    folder = make_adapter()
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "pad": "a" * 2**21}))
    assert refusal(folder).code == "bad_config"


def test_it_refuses_a_pipe_a_folder_and_a_socket(make_adapter: Make) -> None:
    folder = make_adapter()
    os.mkfifo(folder / "readme.md")
    assert refusal(folder).code == "unexpected_file"
    (folder / "readme.md").unlink()
    (folder / "nested").mkdir()
    assert refusal(folder).code == "unexpected_file"


def test_a_pipe_put_in_place_of_a_file_is_not_waited_for(make_adapter: Make, tmp_path: Path) -> None:
    """Between the check and the copy somebody swaps the file."""
    for make in (os.mkfifo, lambda path: path.symlink_to(tmp_path / "elsewhere")):
        swapped = tmp_path / "swapped"
        make(swapped)
        with pytest.raises(AdapterRejected) as caught:
            registry._copy(swapped, tmp_path / "copy")
        assert caught.value.code == "unexpected_file"
        swapped.unlink()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6), keep=st.integers(0, 500))
def test_damaged_weights_are_refused_or_sound(tmp_path: Path, places: list[tuple[int, int]], keep: int) -> None:
    """Whatever the damage, nothing but a refusal is raised, and what passes can be loaded."""
    matrices = {
        f"base_model.model.x.lora_{part}.weight": np.full(shape, 0.5, np.float32)
        for part, shape in (("A", (2, 4)), ("B", (4, 2)))
    }
    damaged = bytearray(save(matrices))
    for place, value in places:
        if place < len(damaged):
            damaged[place] = value
    weights = tmp_path / WEIGHTS
    weights.write_bytes(damaged[:keep] if keep < 400 else damaged)
    try:
        shapes = check_weights(weights, {2})
    except AdapterRejected:
        return
    assert set(load_file(weights)) == set(shapes)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=st.dictionaries(
        st.sampled_from(["r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "peft_type", "bias"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_any_configuration_is_refused_or_sound(tmp_path: Path, config: dict[str, object]) -> None:
    path = tmp_path / CONFIG
    path.write_text(json.dumps({"peft_type": "LORA", "r": 2} | config))
    try:
        accepted = read_config(path)
    except AdapterRejected:
        return
    assert ranks_of(accepted) <= set(range(1, 513))
