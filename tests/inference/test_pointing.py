"""Pointing with the real small model: nothing is written, and the probabilities are the model's own."""

from __future__ import annotations

from typing import Any

import pytest

from inference import wire
from inference.engine import GenerationRequest, GenerationResult, Message, Pointing
from inference.exceptions import GenerationCancelled

TEXT = "A Quinta da Regaleira abre às 10h e fecha às 18h30, todos os dias."
ASKED = (Message("system", "Responda em português."), Message("user", f"{TEXT} Pergunta: quando fecha?"))
REQUEST = GenerationRequest(ASKED, max_new_tokens=64, deadline_s=600.0, pointing=Pointing((TEXT, "Não há mais nada.")))


@pytest.fixture(scope="module")
def result(fp32_engine: Any) -> GenerationResult:
    fp32_engine.serve_adapter(None)
    *_waiting, last = fp32_engine.generate(REQUEST)
    assert isinstance(last, GenerationResult)
    return last


def test_it_points_and_writes_nothing(result: GenerationResult) -> None:
    assert (result.text, result.usage.output_tokens) == ("", 0)
    assert result.excerpts
    logprobs = [excerpt.logprob for excerpt in result.excerpts]
    assert logprobs == sorted(logprobs, reverse=True)


def test_excerpts_are_words_of_the_texts(result: GenerationResult) -> None:
    assert REQUEST.pointing is not None
    for excerpt in result.excerpts:
        text = REQUEST.pointing.texts[excerpt.text]
        assert 0 <= excerpt.start < excerpt.end <= len(text)
        assert excerpt.start == 0 or not text[excerpt.start - 1].isalnum()
        assert excerpt.end == len(text) or not text[excerpt.end].isalnum()


def test_an_excerpts_probability_is_that_of_writing_it(engine: Any, result: GenerationResult) -> None:
    """Against the model itself, asked token by token."""
    import torch

    from inference.backends.prompting import prompt_ids

    served = engine._ready()
    excerpt = next(each for each in result.excerpts if each.text == 0)
    said = TEXT[excerpt.start : excerpt.end]
    prompt = prompt_ids(served.tokenizer, ASKED)
    whole = said[:1].upper() + said[1:] + TEXT[excerpt.end :]
    encoded = served.tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    answer = [
        token
        for token, (_start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        if end <= len(said)
    ]
    following = [*answer, served.tokenizer(" [", add_special_tokens=False)["input_ids"][0]]
    with torch.inference_mode():
        logits = served.model(torch.tensor([prompt + following])).logits[0].float().log_softmax(-1)
    expected = sum(float(logits[len(prompt) + place - 1, token]) for place, token in enumerate(following))
    assert excerpt.logprob == pytest.approx(expected, abs=0.02)


def test_whoever_goes_away_stops_it(engine: Any) -> None:
    with pytest.raises(GenerationCancelled):
        list(engine.generate(REQUEST, cancelled=lambda: True))


def test_requests_and_excerpts_cross_the_wire(engine: Any, result: GenerationResult) -> None:
    lines = list(wire.serve(engine, wire.encode_request(REQUEST), lambda: False))
    crossed = [wire.decode_line(line) for line in lines][-1]
    assert isinstance(crossed, GenerationResult)
    assert crossed.excerpts == result.excerpts
