"""Which LoRA configurations are accepted. PEFT obeys far more than a served adapter may ask for: the rest is refused.

Patterns are the danger: PEFT takes them as regular expressions, and one that backtracks without end stops the whole
process. So are initialisations that rewrite the base model (PiSSA, OLoRA), which other adapters share.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from inference.exceptions import AdapterRejected

CONFIG = "adapter_config.json"
MAX_JSON_BYTES = 1024**2
MAX_RANK = 512
MAX_ALPHA = 4096
_MAX_TARGETS = 4096
_ALL_LINEAR = "all-linear"
_PLAIN_NAME = re.compile(r"[\w.]{1,200}", re.ASCII)
_HARMLESS_INITIALISATIONS = (None, True, False, "gaussian", "eva", "orthogonal")  # the weights replace what they made
# Without effect on what is served, or checked below. Anything else must be absent, null, false or empty.
_KNOWN_SETTINGS = frozenset(
    """alpha_pattern base_model_name_or_path bias fan_in_fan_out inference_mode init_lora_weights layers_to_transform
    lora_alpha lora_dropout megatron_core peft_type peft_version qalora_group_size r rank_pattern revision
    target_modules task_type use_dora use_rslora""".split()
)


def read_config(path: Path) -> dict[str, Any]:
    """The configuration in `path`, every setting of which is known and plain. Raises `AdapterRejected`."""
    config = json_object(path)
    if config is None or config.get("peft_type") != "LORA" or config.get("task_type") not in (None, "CAUSAL_LM"):
        raise _bad(_("%(name)s does not describe a LoRA adapter.") % {"name": CONFIG})
    if not _is_rank(config.get("r")):
        raise _bad(_("The adapter's rank must lie between 1 and 512."))
    if not _is_alpha(config.get("lora_alpha", 8)):
        raise _bad(_("The adapter's lora_alpha must lie above 0 and at most at 4096."))
    if not _are_plain_targets(config.get("target_modules")):
        raise _bad(_("target_modules must be a list of plain names: patterns are not accepted."))
    if not (_is_pattern(config.get("rank_pattern"), _is_rank) and _is_pattern(config.get("alpha_pattern"), _is_alpha)):
        raise _bad(_("rank_pattern and alpha_pattern must give plain names usable numbers."))
    if unsupported := _unsupported(config):
        raise _bad(_("The adapter's setting %(setting)s is not supported.") % {"setting": unsupported[:80]})
    return config


def ranks_of(config: Mapping[str, Any]) -> frozenset[int]:
    """Every rank that a matrix of the adapter may have."""
    return frozenset({config["r"], *(config.get("rank_pattern") or {}).values()})


def check_patterns(config: Mapping[str, Any], modules: Collection[str]) -> None:
    """Refuse patterns for none of the `modules`, and more patterns than modules. Raises `AdapterRejected`.

    PEFT tries each as a regular expression on every module: a few thousand keep it busy for half a minute.
    """
    backwards = sorted(f".{module}"[::-1] for module in modules)  # what ends alike begins alike, side by side
    for setting in ("rank_pattern", "alpha_pattern"):
        names = config.get(setting) or {}
        if len(names) > len(modules):
            raise _bad(_("%(setting)s has more names than the adapter has matrices.") % {"setting": setting})
        for name in names:
            end = f".{name}"[::-1]
            if not any(each.startswith(end) for each in backwards[bisect_left(backwards, end) :][:1]):
                message = _("%(setting)s names %(name)s, which the adapter does not change.")
                raise _bad(message % {"setting": setting, "name": name})


def json_object(path: Path) -> dict[str, Any] | None:
    """None for what is no object, is larger than any honest one, or holds text that no database can."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            return None
        value = json.loads(path.read_text("utf-8"))
        storable = "\\u0000" not in json.dumps(value, ensure_ascii=False, allow_nan=False).encode().decode()
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and storable else None


def _unsupported(config: Mapping[str, Any]) -> str:
    """The first setting that asks for what is not served; "" if none does."""
    for name, value in sorted(config.items()):
        if name not in _KNOWN_SETTINGS and value:
            return name
    if config.get("bias", "none") != "none":
        return "bias"
    return "" if config.get("init_lora_weights") in _HARMLESS_INITIALISATIONS else "init_lora_weights"


def _is_rank(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_RANK


def _is_alpha(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_ALPHA


def _are_plain_targets(value: object) -> bool:
    if value is None or value == _ALL_LINEAR:
        return True
    return isinstance(value, list) and len(value) <= _MAX_TARGETS and all(map(_is_plain_name, value))


def _is_pattern(value: object, is_usable: Any) -> bool:
    if not value:
        return True
    if not isinstance(value, dict) or len(value) > _MAX_TARGETS:
        return False
    return all(_is_plain_name(name) and is_usable(number) for name, number in value.items())


def _is_plain_name(value: object) -> bool:
    return isinstance(value, str) and _PLAIN_NAME.fullmatch(value) is not None


def _bad(message: str) -> AdapterRejected:
    return AdapterRejected("bad_config", message)
