"""Open models worth trying in Brazilian Portuguese, by size. Shapes are from each model's `config.json`.

A list to start from, not a ranking: AION was measured with the bundled model only. `manage.py evaluate` with one's own
questions tells which of those that fit answers best.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inference.model_sizes import ModelShape

_OPEN = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model on the Hugging Face hub. `gated`: its terms must be accepted there first, and a token given."""

    repository: str
    shape: ModelShape
    licence: str
    portuguese: Promise
    gated: bool = False


_MANY = _("one of many languages")
_NATIVE = _("trained for Portuguese")
_OFFICIAL = _("one of the officially supported languages")

CATALOGUE: tuple[OpenModel, ...] = (
    OpenModel(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        ModelShape(30, 576, 1536, 9, 3, 64, 49152, tied=True),
        _OPEN,
        _("hardly any; bundled, with AION's adapter"),
    ),
    OpenModel("Qwen/Qwen3-0.6B", ModelShape(28, 1024, 3072, 16, 8, 128, 151936, tied=True), _OPEN, _MANY),
    OpenModel("TucanoBR/Tucano-1b1-Instruct", ModelShape(22, 2048, 5632, 32, 4, 64, 32002, tied=False), _OPEN, _NATIVE),
    OpenModel(
        "meta-llama/Llama-3.2-1B-Instruct",
        ModelShape(16, 2048, 8192, 32, 8, 64, 128256, tied=True),
        "Llama 3.2",
        _OFFICIAL,
        gated=True,
    ),
    OpenModel("Qwen/Qwen3-1.7B", ModelShape(28, 2048, 6144, 16, 8, 128, 151936, tied=True), _OPEN, _MANY),
    OpenModel(
        "TucanoBR/Tucano-2b4-Instruct", ModelShape(24, 2560, 10240, 16, 4, 160, 32002, tied=False), _OPEN, _NATIVE
    ),
    OpenModel("HuggingFaceTB/SmolLM3-3B", ModelShape(36, 2048, 11008, 16, 4, 128, 128256, tied=True), _OPEN, _OFFICIAL),
    OpenModel(
        "meta-llama/Llama-3.2-3B-Instruct",
        ModelShape(28, 3072, 8192, 24, 8, 128, 128256, tied=True),
        "Llama 3.2",
        _OFFICIAL,
        gated=True,
    ),
    OpenModel("Qwen/Qwen3-4B-Instruct-2507", ModelShape(36, 2560, 9728, 32, 8, 128, 151936, tied=True), _OPEN, _MANY),
    OpenModel(
        "mistralai/Mistral-7B-Instruct-v0.3", ModelShape(32, 4096, 14336, 32, 8, 128, 32768, tied=False), _OPEN, _MANY
    ),
    OpenModel("Qwen/Qwen3-8B", ModelShape(36, 4096, 12288, 32, 8, 128, 151936, tied=False), _OPEN, _MANY),
)
