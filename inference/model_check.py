"""Whether a model folder is whole, safe and works: what there is to see first, then one short answer from it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from safetensors import SafetensorError, safe_open

from inference.base_models import base_sha256, file_sha256
from inference.engine import Delta, GenerationRequest, GenerationResult, Message
from inference.exceptions import InferenceError

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_INDEX = "model.safetensors.index.json"
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_HUB_NOTES = Path(".cache/huggingface/download")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_QUESTION = "Explique em poucas palavras o que é uma passagem de avião."
_TOKENS = 32


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and what was found, in words."""

    what: str
    verdict: Verdict
    sentence: str


def check_model(folder: Path, *, load: bool = True) -> Iterator[Finding]:
    """Every finding in turn, slow ones last; the model is loaded only where nothing before was bad."""
    if not folder.is_dir():
        yield Finding("folder", Verdict.BAD, _("%(folder)s is not a folder.") % {"folder": folder})
        return
    sound = True
    for look in LOOKS:
        finding = look(folder)
        sound = sound and finding.verdict is not Verdict.BAD
        yield finding
    if load and sound:
        yield _answer(folder)


def _configuration(folder: Path) -> Finding:
    config = read_json(folder / "config.json")
    if config is None:
        return Finding("config", Verdict.BAD, _("config.json is missing or is not JSON."))
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        return Finding("config", Verdict.BAD, _("The tokenizer is missing (tokenizer.json)."))
    names = ", ".join(map(str, config.get("architectures") or [config.get("model_type")]))
    return Finding("config", Verdict.OK, _("Configuration and tokenizer are there: %(names)s.") % {"names": names})


def _remote_code(folder: Path) -> Finding:
    config = read_json(folder / "config.json") or {}
    scripts = sorted(file.name for file in folder.glob("*.py"))
    if "auto_map" not in config and not scripts:
        return Finding("code", Verdict.OK, _("It brings no code of its own."))
    if _is_known(str(config.get("model_type"))):
        sentence = _("It brings code of its own, which is never run; transformers knows this kind of model itself.")
        return Finding("code", Verdict.NOTE, sentence)
    return Finding("code", Verdict.BAD, _("It needs code of its own, which AION does not run."))


def _weights(folder: Path) -> Finding:
    found = {file.name for file in folder.glob("*.safetensors")}
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
    if not found:
        sentence = _("There are no safetensors weights. Only such are read: others may run code.")
        return Finding("weights", Verdict.BAD, sentence)
    missing = sorted(_expected_shards(folder) - found)
    if missing or any(folder.rglob("*.incomplete")):
        names = ", ".join(missing[:5]) or _("a download that was broken off")
        return Finding("weights", Verdict.BAD, _("Incomplete: %(names)s. Fetch it again.") % {"names": names})
    torn = sorted(name for name in found if not _opens(folder / name))
    if torn:
        sentence = _("Damaged: %(names)s. Fetch it again.") % {"names": ", ".join(torn[:5])}
        return Finding("weights", Verdict.BAD, sentence)
    if pickles:
        sentence = _("Whole. %(names)s may run code and is never read; you can delete it.")
        return Finding("weights", Verdict.NOTE, sentence % {"names": ", ".join(pickles[:5])})
    return Finding("weights", Verdict.OK, _("Whole, in safetensors: %(count)d file(s).") % {"count": len(found)})


def _checksums(folder: Path) -> Finding:
    """What the hub said of each file when it was fetched, against what lies on the disk."""
    promised = dict(_promised(folder))
    wrong = sorted(name for name, sha256 in promised.items() if file_sha256(folder / name) != sha256)
    if wrong:
        sentence = _("Not what the hub sent: %(names)s. Fetch it again.") % {"names": ", ".join(wrong[:5])}
        return Finding("checksums", Verdict.BAD, sentence)
    if promised:
        sentence = _("%(count)d file(s) are just what the hub sent (SHA-256).") % {"count": len(promised)}
        return Finding("checksums", Verdict.OK, sentence)
    return Finding("checksums", Verdict.NOTE, _("The hub's checksums were not kept beside it, so nothing to compare."))


def _identity(folder: Path) -> Finding:
    try:
        return Finding("identity", Verdict.OK, f"SHA-256 {base_sha256(folder)}")
    except (InferenceError, OSError) as exc:
        return Finding("identity", Verdict.BAD, str(exc))


LOOKS: tuple[Callable[[Path], Finding], ...] = (_configuration, _remote_code, _weights, _checksums, _identity)


def _answer(folder: Path) -> Finding:
    """Load it as AION would, and let it write a few tokens, sampled so that drafts do not flatter the speed."""
    from inference.backends.transformers import TransformersEngine  # torch, needed only here

    engine = TransformersEngine(str(folder.resolve()))
    started = time.monotonic()
    try:
        engine.load()
        loaded_s = time.monotonic() - started
        request = GenerationRequest(
            (Message("user", _QUESTION),), max_new_tokens=_TOKENS, temperature=0.7, seed=1, deadline_s=300
        )
        parts = list(engine.generate(request))
    except InferenceError as exc:
        return Finding("answer", Verdict.BAD, _("It does not work: %(error)s") % {"error": exc})
    finally:
        engine.unload()
    result = next(part for part in parts if isinstance(part, GenerationResult))
    if not any(isinstance(part, Delta) for part in parts):
        return Finding("answer", Verdict.BAD, _("It loads, but wrote nothing."))
    values = {
        "loaded": round(loaded_s, 1),
        "speed": round(decoding_tokens_s(result), 1),
        "text": " ".join(result.text.split())[:120],
    }
    sentence = _("Loaded in %(loaded)s s, writes %(speed)s tokens a second: “%(text)s”")
    return Finding("answer", Verdict.OK, sentence % values)


def decoding_tokens_s(result: GenerationResult) -> float:
    """Tokens a second after the first."""
    seconds = (result.generate_ms - result.time_to_first_token_ms) / 1000
    return (result.usage.output_tokens - 1) / seconds if seconds > 0 else 0.0


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_known(model_type: str) -> bool:
    from transformers import CONFIG_MAPPING  # heavy, and needed only where a model brings code

    return model_type in CONFIG_MAPPING


def _expected_shards(folder: Path) -> set[str]:
    """The files that the index names; none where there is no index, which one file does not need."""
    index = read_json(folder / _INDEX) or {}
    shards = index.get("weight_map")
    return {str(name) for name in shards.values()} if isinstance(shards, dict) else set()


def _opens(path: Path) -> bool:
    """Header and length agree; the library checks both."""
    try:
        with safe_open(path, framework="numpy"):
            return True
    except (SafetensorError, OSError):
        return False


def _promised(folder: Path) -> Iterator[tuple[str, str]]:
    """Of large files the hub's entity tag is their SHA-256; `hf download --local-dir` keeps it beside them."""
    for note in sorted((folder / _HUB_NOTES).glob("*.metadata")):
        lines = note.read_text("utf-8", errors="replace").split()
        name = note.name.removesuffix(".metadata")
        if len(lines) >= 2 and _SHA256.fullmatch(lines[1]) and (folder / name).is_file():
            yield name, lines[1]
