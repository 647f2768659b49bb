"""`manage.py train_adapter DATASET`: a LoRA adapter from examples, on this machine."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from inference.exceptions import InferenceError
from inference.training import TrainingProfile, train, train_candidate

DEFAULTS = TrainingProfile()


class Command(BaseCommand):
    help = """Train a LoRA adapter on DATASET and register it as a candidate.

DATASET holds one JSON object a line, in either form:
  {"prompt": [{"role": "user", "content": "..."}], "completion": [{"role": "assistant", "content": "..."}]}
  {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
Only the assistant's last answer is learned. `manage.py export_dataset` writes such files from reviewed conversations.

On two cores the bundled model learns from about 250 tokens a second: 400 examples of 500 tokens take some 14 minutes.
The result is a folder (adapter_config.json, adapter_model.safetensors, aion.json with everything about the run), whole
or not there at all. "Carregar adapter" in the panel, or POST /adapter/reload {"adapter": ID}, serves it."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", type=Path)
        parser.add_argument("--out", type=Path, help="result folder (default: a new one under AION_TRAIN_ROOT/runs)")
        parser.add_argument("--epochs", type=float, default=DEFAULTS.epochs, help="default %(default)s")
        parser.add_argument("--lr", type=float, default=DEFAULTS.lr, help="learning rate, default %(default)s")
        parser.add_argument("--rank", type=int, default=DEFAULTS.rank, help="LoRA rank, default %(default)s")
        parser.add_argument("--batch-size", type=int, default=DEFAULTS.batch_size, help="default %(default)s")
        parser.add_argument(
            "--max-length", type=int, default=DEFAULTS.max_length, help="tokens; longer ones are left out"
        )
        parser.add_argument("--seed", type=int, default=DEFAULTS.seed, help="default %(default)s")
        parser.add_argument("--no-register", action="store_true", help="only write the folder")
        parser.add_argument("--json", action="store_true", help="print the run's card as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        profile = TrainingProfile(**{name: options[name] for name in DEFAULTS.__dataclass_fields__})
        out = options["out"] or _new_folder()
        try:
            if options["no_register"]:
                trained, adapter = train(options["dataset"], out, profile, progress=self.stderr.write), None
            else:
                trained, adapter = train_candidate(options["dataset"], out, profile, progress=self.stderr.write)
        except InferenceError as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            card = trained.card | {"folder": str(trained.folder), "adapter": adapter.pk if adapter else None}
            self.stdout.write(json.dumps(card, ensure_ascii=False))
        else:
            self.stdout.write(f"{trained.folder}\nloss {trained.card['loss']}, {trained.card['seconds']} s")
            if adapter:
                self.stdout.write(f"adapter {adapter.pk}, {adapter.digest}")


def _new_folder() -> Path:
    return Path(settings.AION_TRAIN_ROOT) / "runs" / f"{timezone.now():%Y%m%d-%H%M%S}" / "adapter"
