"""The adapter that comes with the bundled model: small, made for it, served by default, and it cites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from chat.prompts import DEFAULT_SYSTEM_PROMPT, PackedPassage, build_messages
from inference.adapter_folder import inspect_adapter
from inference.adapters import default_adapter_folder
from inference.base_models import base_sha256
from inference.bundled import BUNDLED_ADAPTER
from inference.engine import GenerationRequest, GenerationResult
from inference.models import Adapter
from inference.reconciler import Reconciler

PASSAGE = PackedPassage(1, "Sintra", "O passeio de dia inteiro dura nove horas e custa 98 € por adulto, sem o almoço.")


def test_it_is_small_and_made_for_the_bundled_model(bundled_model: Path) -> None:
    facts = inspect_adapter(BUNDLED_ADAPTER)
    assert facts.size_bytes <= 12_000_000
    assert facts.base_sha256 == base_sha256(bundled_model)
    assert default_adapter_folder() == BUNDLED_ADAPTER


@pytest.mark.django_db
def test_a_fresh_installation_serves_it_and_its_answer_cites(
    engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", tmp_path)
    Reconciler(engine).reconcile()
    messages = build_messages(
        "Quanto custa o passeio de dia inteiro em Sintra?", [PASSAGE], system_prompt=DEFAULT_SYSTEM_PROMPT
    )
    *_, result = engine.generate(GenerationRequest(messages, max_new_tokens=40, deadline_s=150))
    assert isinstance(result, GenerationResult)
    assert "98" in result.text
    assert "[1]" in result.text
    shipped = Adapter.objects.get()
    assert (shipped.origin, shipped.digest) == (Adapter.Origin.SHIPPED, result.adapter_digest)
