"""The engine as the command line of a benchmark asks for it. Import it after `django.setup()`."""

from __future__ import annotations

import argparse
from pathlib import Path

from inference.adapter_folder import inspect_adapter
from inference.backends.transformers import TransformersEngine
from inference.engine import ServedAdapter


def add_adapter_arguments(parser: argparse.ArgumentParser) -> None:
    """`--adapter DIR`, the bare model without it, and `--merged`."""
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--merged", action="store_true")


def loaded_engine(options: argparse.Namespace) -> TransformersEngine:
    """The loaded model with that adapter. Raises `AdapterRejected`."""
    engine = TransformersEngine()
    engine.load()
    if options.adapter:
        digest = inspect_adapter(options.adapter).digest
        engine.serve_adapter(ServedAdapter("measured", digest, str(options.adapter.resolve()), options.merged))
    return engine


def case_of(options: argparse.Namespace) -> str:
    """What serves, as a benchmark's line names it."""
    return ("merged" if options.merged else "adapter") if options.adapter else "base"
