"""LoRA by PEFT: an adapter on shared weights, or merged into a fresh copy. Never touches the model that serves."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from django.conf import settings
from django.utils.translation import gettext as _
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from peft.import_utils import is_bnb_4bit_available, is_bnb_available
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file

from inference.adapter_folder import AdapterFacts, check_base, inspect_adapter
from inference.adapter_weights import WEIGHTS, modules_of
from inference.backends.model_loading import load_model, share_weights
from inference.conversion import flush
from inference.engine import ServedAdapter
from inference.exceptions import AdapterRejected, ModelNotFound
from inference.libraries import left_out

logger = logging.getLogger(__name__)


def attach_adapter(base: Any, base_sha256: str, adapter: ServedAdapter) -> Any:
    """A model that shares the tensors of `base` and carries `adapter`. Raises `AdapterRejected`."""
    facts = _facts_of(adapter, base_sha256)
    model = _with_lora(share_weights(base), Path(adapter.path), facts)
    if base.device.type == "cpu" and not getattr(base, "is_quantized", False):
        model = _folded(model)
    return model.eval()


def load_merged(
    base_folder: Path,
    base_sha256: str,
    adapter: ServedAdapter,
    *,
    dtype: torch.dtype | None = None,
    four_bit: bool | None = None,
) -> Any:
    """The model with `adapter` merged into its full-precision weights, then loaded as the base would be."""
    facts = _facts_of(adapter, base_sha256)
    merged = merged_folder(base_sha256, adapter.digest)
    if not merged.is_dir():
        _merge(base_folder, Path(adapter.path), facts, merged)
    try:
        return load_model(merged, dtype=dtype, four_bit=four_bit)
    except ModelNotFound:  # the next try merges anew
        shutil.rmtree(merged, ignore_errors=True)
        raise


def merged_folder(base_sha256: str, digest: str) -> Path:
    return Path(settings.VAR_DIR) / "models" / f"merged-{base_sha256[:16]}-{digest[:16]}"


def _folded(model: PeftModel) -> Any:
    """The adapter added to copies of the matrices it touches, which the base keeps as they are.

    On a processor the many small products of a LoRA cost as much as the model: .93 s an answer, .51 folded (measured).
    """
    _own_what_is_touched(model)
    try:
        return model.merge_and_unload(safe_merge=True)
    except ValueError as exc:  # safe_merge found NaN
        raise AdapterRejected("not_finite", str(exc)) from exc


def _own_what_is_touched(model: PeftModel) -> None:
    """Copies of the matrices that the adapter changes: the base keeps its own, and an output layer that shares the
    input's matrix gets one for itself, or merging into one would change both."""
    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            touched = layer.get_base_layer()
            touched.weight = torch.nn.Parameter(touched.weight.clone(), requires_grad=False)


def _merge(base_folder: Path, adapter_folder: Path, facts: AdapterFacts, target: Path) -> None:
    """Fresh base in fp32 + adapter -> safetensors: aside, flushed, renamed. Never into weights that serve."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")  # inference.leftovers goes by this name
    shutil.rmtree(aside, ignore_errors=True)
    try:
        fresh = load_model(base_folder, dtype=torch.float32, four_bit=False)
        adapted = _with_lora(fresh, adapter_folder, facts)
        _own_what_is_touched(adapted)
        merged = adapted.merge_and_unload(safe_merge=True)
        merged.config.tie_word_embeddings = _shares_embeddings(merged)
        merged.to(_stored_dtype(base_folder)).save_pretrained(aside)
        flush(aside)
        aside.rename(target)
    except OSError as exc:
        message = _("The merged model could not be written: %(error)s") % {"error": exc}
        raise AdapterRejected("not_written", message) from exc
    except ValueError as exc:  # safe_merge found NaN
        raise AdapterRejected("not_finite", str(exc)) from exc
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _shares_embeddings(model: Any) -> bool:
    """Whether one matrix embeds and predicts."""
    predicting = model.get_output_embeddings()
    return predicting is not None and predicting.weight is model.get_input_embeddings().weight


def _stored_dtype(base_folder: Path) -> torch.dtype:
    config = json.loads((base_folder / "config.json").read_text())
    dtype: torch.dtype = getattr(torch, config.get("dtype") or config.get("torch_dtype") or "float32")
    return dtype


def _facts_of(adapter: ServedAdapter, base_sha256: str) -> AdapterFacts:
    """Checked again where it is loaded: the folder may have changed since it was registered."""
    facts = inspect_adapter(Path(adapter.path))
    check_base(facts, base_sha256)
    if facts.digest != adapter.digest:
        raise AdapterRejected("changed", _("The adapter's files have changed since it was registered."))
    return facts


def _with_lora(model: Any, folder: Path, facts: AdapterFacts) -> PeftModel:
    """`model` with the matrices of `folder` in place; every one must fit and none may be left over or missing."""
    if modules_of(facts.shapes) - {name for name, _module in model.named_modules()}:
        raise _does_not_fit()
    try:
        config = LoraConfig.from_pretrained(folder)
        config.inference_mode = True
        config.init_lora_weights = False  # the file's values follow; PiSSA and OLoRA would rewrite the shared base
        config.base_model_name_or_path = None  # a name proves nothing; the shapes and the SHA-256 do
        with _bitsandbytes_spared():
            peft_model = get_peft_model(model, config, low_cpu_mem_usage=True)
        expected = {name for name, _value in peft_model.named_parameters() if ".lora_" in name}
        result = set_peft_model_state_dict(peft_model, load_file(folder / WEIGHTS), low_cpu_mem_usage=True)
    except (ValueError, LookupError, RuntimeError, TypeError, AttributeError, SafetensorError) as exc:
        logger.warning("adapter %s does not fit: %s", folder, exc)
        raise _does_not_fit() from exc
    if result.unexpected_keys or len(facts.shapes) != len(expected):
        raise _does_not_fit()
    return peft_model


def _does_not_fit() -> AdapterRejected:
    return AdapterRejected("wrong_base", _("The adapter does not fit this base model: its matrices differ."))


@contextmanager
def _bitsandbytes_spared() -> Iterator[None]:
    """PEFT asks of each matrix whether it is quantised, and imports bitsandbytes for it: a second of a start. Where
    one is, that was imported with the base model, and stays."""
    try:
        with left_out("bitsandbytes"):
            yield
    finally:
        is_bnb_available.cache_clear()
        is_bnb_4bit_available.cache_clear()
