"""What an adapter folder may hold: each refusal with its code, nothing registered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.adapter_folder import CARD, CONFIG, WEIGHTS, check_base, inspect_adapter
from inference.exceptions import AdapterRejected

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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_it_refuses_values_that_are_not_numbers(make_adapter: Make, value: float) -> None:
    assert refusal(make_adapter(value=value)).code == "not_finite"


def test_it_refuses_absurd_values(make_adapter: Make) -> None:
    assert refusal(make_adapter(value=1e9)).code == "absurd_norm"


@pytest.mark.parametrize(
    "change", [{"peft_type": "IA3"}, {"r": 0}, {"r": 10**6}, {"modules_to_save": ["lm_head"]}, {"bias": "all"}]
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
