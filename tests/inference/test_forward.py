"""The pass of our own gives what the model gives: shapes of every kind, in fp32, to its rounding."""

from __future__ import annotations

from typing import Any

import pytest

from inference.exceptions import GenerationCancelled

SMALL = {
    "vocab_size": 97,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
KINDS: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama, one key head each": {"num_key_value_heads": 6},
    "llama, heads of another width": {"head_dim": 16},
    "llama, biases, own output matrix": {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False},
    "llama, one matrix embeds and predicts": {"tie_word_embeddings": True},
    "llama, positions of another scale": {
        "rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
    },
    "llama, stretched positions": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        }
    },
    "mistral": {"sliding_window": None},
    "qwen2": {},
}
NOT_FUSED: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 8},
    "llama, another activation": {"hidden_act": "gelu"},
    "gpt2": {},
}
PROMPT = [5, 9, 60, 3, 44, 44, 2, 71, 8, 30, 13, 90]


def model_of(kind: str, options: dict[str, Any]) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(3)
    config = AutoConfig.for_model(kind.split(",")[0], **(SMALL | options))
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():  # biases and norms start as zeros and ones, which hide a mistake
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_what_the_model_gives(kind: str) -> None:
    import torch

    from inference.backends.forward import Forward, FusedForward, ModelForward, forward_of

    model = model_of(kind, KINDS[kind])
    with torch.inference_mode():
        expected = model(torch.tensor([PROMPT])).logits[0]
    fused = forward_of(model)
    assert isinstance(fused, FusedForward)
    with torch.inference_mode():  # the matrices were stacked, and are still the model's
        torch.testing.assert_close(model(torch.tensor([PROMPT])).logits[0], expected, rtol=1e-4, atol=1e-5)
    forwards: tuple[Forward, ...] = (fused, ModelForward(model))
    for forward in forwards:
        torch.testing.assert_close(forward(PROMPT, forward.new_cache(12), keep=0), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(_in_pieces(forward), expected[4:], rtol=1e-4, atol=1e-5)


def _in_pieces(forward: Any) -> Any:
    """After a beginning that was kept: some at once, wrong ones that are cut off again, then one by one."""
    import torch

    beginning = forward.new_cache(4)
    forward(PROMPT[:4], beginning, keep=1)
    cache = beginning.copied(12)
    rows = [forward(PROMPT[4:8], cache, keep=0)]
    forward([1, 2, 3], cache, keep=0)
    assert (cache.length, beginning.length) == (11, 4)
    cache.cut(8)
    rows += [forward([token], cache, keep=1) for token in PROMPT[8:]]
    return torch.cat(rows)


@pytest.mark.parametrize("kind", NOT_FUSED)
def test_what_it_does_not_compute_goes_through_the_model(kind: str) -> None:
    from inference.backends.forward import ModelForward, forward_of

    assert isinstance(forward_of(model_of(kind, NOT_FUSED[kind])), ModelForward)


def test_an_adapter_beside_the_matrices_goes_through_the_model() -> None:
    from peft import LoraConfig, get_peft_model

    from inference.backends.forward import ModelForward, forward_of

    lora = LoraConfig(r=2, target_modules=["q_proj"])
    assert isinstance(forward_of(get_peft_model(model_of("llama", {}), lora)), ModelForward)


def test_weights_that_two_models_share_are_stacked_once() -> None:
    import torch

    from inference.backends.forward import FusedForward, forward_of
    from inference.backends.model_loading import share_weights

    model = model_of("llama", {})
    first = forward_of(model)
    shared = share_weights(model)
    touched = shared.model.layers[1].self_attn.q_proj
    touched.weight = torch.nn.Parameter(touched.weight + 1.0)
    second = forward_of(shared)
    assert isinstance(first, FusedForward)
    assert isinstance(second, FusedForward)
    places = [[layer.queries_keys_values[0].data_ptr() for layer in forward._layers] for forward in (first, second)]
    assert [one == other for one, other in zip(*places, strict=True)] == [True, False, True]
    with torch.inference_mode():
        for forward in (first, second):
            expected = forward.model(torch.tensor([PROMPT])).logits[0]
            logits = forward(PROMPT, forward.new_cache(12), keep=0)  # type: ignore[arg-type]  # a cache of its own
            torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_a_pass_is_given_up_between_two_layers(fused: bool) -> None:
    from inference.backends.forward import Forward, ModelForward, forward_of

    model = model_of("llama", {})
    forward: Forward = forward_of(model) if fused else ModelForward(model)
    checked: list[None] = []

    def give_up_at_the_second() -> None:
        checked.append(None)
        if len(checked) == 2:
            raise GenerationCancelled

    cache = forward.new_cache(12)
    with pytest.raises(GenerationCancelled):
        forward(PROMPT, cache, keep=1, check=give_up_at_the_second)
    assert len(checked) == 2
    forward(PROMPT, forward.new_cache(12), keep=1)
    assert len(checked) == 2


def test_a_model_copied_in_the_middle_of_a_pass_takes_nothing_of_it_along() -> None:
    from inference.backends.forward import Forward, ModelForward
    from inference.backends.model_loading import share_weights

    original: Forward = ModelForward(model_of("llama", {}))
    copies: list[Forward] = []

    def copy_once() -> None:
        if copies:
            raise GenerationCancelled
        copies.append(ModelForward(share_weights(original.model)))

    with pytest.raises(GenerationCancelled):
        original(PROMPT, original.new_cache(12), keep=1, check=copy_once)
    checked: list[None] = []
    copy: Forward = copies[0]
    copy(PROMPT, copy.new_cache(12), keep=1, check=lambda: checked.append(None))
    assert len(checked) == SMALL["num_hidden_layers"]
