"""Answers decoded together, as on a GPU, on the real small model: here only for its correctness."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from inference.engine import GenerationRequest, GenerationResult, Message, ServedAdapter
from inference.exceptions import GenerationCancelled

TEXTS = ("Lisboa é a capital de", "A água ferve a", "Repita: o bonde sai às 9h, o bonde sai às", "Um, dois, três,")


@pytest.fixture(scope="module")
def together(bundled_model: Any) -> Iterator[Any]:
    import torch

    from inference.backends import batching
    from inference.backends.transformers import TransformersEngine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "MEMORY_SHARE", 0.05)  # half of what is free, as on a GPU, starves everything else
        engine = TransformersEngine(dtype=torch.float32, batches=True)
        engine.load()
        yield engine
        engine.unload()


def ask(engine: Any, text: str, **options: Any) -> GenerationResult:
    request = GenerationRequest((Message("user", text),), **{"max_new_tokens": 8, "deadline_s": 600.0} | options)
    *_parts, result = engine.generate(request)
    assert isinstance(result, GenerationResult)
    return result


def test_answers_decoded_together_are_those_decoded_alone(together: Any, engine: Any) -> None:
    with ThreadPoolExecutor(len(TEXTS)) as clients:
        answers = list(clients.map(lambda text: ask(together, text), TEXTS))
    alone = [ask(engine, text) for text in TEXTS]
    assert [answer.text for answer in answers] == [answer.text for answer in alone]
    assert [answer.mean_logprob for answer in answers] == pytest.approx(
        [answer.mean_logprob for answer in alone], abs=1e-3
    )


def test_what_the_batch_does_not_take_is_decoded_beside_it(together: Any) -> None:
    first, second = (ask(together, TEXTS[0], temperature=0.8, seed=7) for _time in range(2))
    assert first.text == second.text


def test_who_goes_away_leaves_the_batch_to_the_others(together: Any) -> None:
    request = GenerationRequest((Message("user", TEXTS[0]),), max_new_tokens=400, deadline_s=600.0)
    with pytest.raises(GenerationCancelled):
        list(together.generate(request, cancelled=lambda: True))
    assert ask(together, TEXTS[1]).usage.output_tokens


def test_a_swap_starts_a_batch_of_its_own(together: Any, strong_adapter: ServedAdapter) -> None:
    base = ask(together, TEXTS[0])
    together.serve_adapter(strong_adapter)
    adapted = ask(together, TEXTS[0])
    together.serve_adapter(None)
    again = ask(together, TEXTS[0])
    assert adapted.adapter_digest == strong_adapter.digest
    assert base.text == again.text != adapted.text
