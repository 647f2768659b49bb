"""The shapes in which a dataset is written, and how LLaMA-Factory is told of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from telemetry.dataset import Row

FORMATS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "messages": lambda row: {
        "messages": [{"role": "user", "content": row.prompt}, {"role": "assistant", "content": row.reply}]
    },
    "prompt_completion": lambda row: {"prompt": row.prompt, "completion": row.reply},
    "sharegpt": lambda row: {
        "conversations": [{"from": "human", "value": row.prompt}, {"from": "gpt", "value": row.reply}]
    },
    "alpaca": lambda row: {"instruction": row.prompt, "input": "", "output": row.reply},
}
PREFERENCES = "preferences"

# https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md
_FOR_LLAMA_FACTORY: Mapping[str, Mapping[str, Any]] = {
    "messages": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    },
    "prompt_completion": {"columns": {"prompt": "prompt", "response": "completion"}},
    "sharegpt": {"formatting": "sharegpt", "columns": {"messages": "conversations"}},
    "alpaca": {"columns": {"prompt": "instruction", "query": "input", "response": "output"}},
    PREFERENCES: {"ranking": True, "columns": {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}},
}


def spelt(name: str) -> str:
    """A format's name however it is written: "prompt/completion"."""
    return name.replace("/", "_")


def preference(row: Row) -> dict[str, Any]:
    """What staff would have said beside what was said, as TRL's DPOTrainer takes it."""
    return {"prompt": row.prompt, "chosen": row.correction, "rejected": row.reply}


def dataset_info(files: Mapping[str, str]) -> dict[str, Any]:
    """LLaMA-Factory's `dataset_info.json` for a folder: its files by format, as `aion_FORMAT`."""
    return {f"aion_{name}": {"file_name": file} | dict(_FOR_LLAMA_FACTORY[name]) for name, file in files.items()}
