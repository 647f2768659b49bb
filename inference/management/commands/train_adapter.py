"""`manage.py train_adapter DATASET`: a LoRA adapter from examples, on this machine."""

from __future__ import annotations

import json
import os
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from inference.exceptions import InferenceError, TrainingStopped
from inference.models import Adapter
from inference.training import TrainedAdapter, machine_profile, train
from inference.training_jobs import create_run, new_folder, requeue
from inference.training_lock import training_lock
from inference.training_profile import PROFILES, TrainingProfile
from inference.training_run import perform
from inference.training_watch import Lines

DEFAULTS = TrainingProfile()
_BELOW_OTHER_WORK = 5
ASKED = ("epochs", "lr", "rank", "batch_size", "max_length", "seed", "checkpoint_s")


class Command(BaseCommand):
    help = """Train a LoRA adapter on DATASET and register it as a candidate.

DATASET holds one JSON object a line, in either form:
  {"prompt": [{"role": "user", "content": "..."}], "completion": [{"role": "assistant", "content": "..."}]}
  {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
Only the assistant's last answer is learned. `manage.py export_dataset` writes such files from reviewed conversations.

Progress goes to stderr. Ctrl-C, or a killed process, costs what was learned since the last checkpoint at most:
`--resume RUN` goes on from there, with the same result; RUN is the run's number in the panel.

On two cores the bundled model learns from about 250 tokens a second: 400 examples of 500 tokens take some 14 minutes.
The result is a folder (adapter_config.json, adapter_model.safetensors, aion.json with everything about the run), whole
or not there at all. "Carregar adapter" in the panel, or POST /adapter/reload {"adapter": ID}, serves it."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("dataset", type=Path, nargs="?")
        what.add_argument("--resume", type=int, metavar="RUN", help="go on with a run that was stopped or interrupted")
        what.add_argument("--run", type=int, help=SUPPRESS)  # what the worker queued
        parser.add_argument("--out", type=Path, help="result folder (default: a new one under AION_TRAIN_ROOT/runs)")
        parser.add_argument("--profile", dest="name", choices=list(PROFILES), help="default: what suits this machine")
        parser.add_argument("--epochs", type=float, help=f"default {DEFAULTS.epochs}")
        parser.add_argument("--lr", type=float, help=f"learning rate, default {DEFAULTS.lr}, gpu-4bit 0.0002")
        parser.add_argument("--rank", type=int, help=f"LoRA rank, default {DEFAULTS.rank}")
        parser.add_argument("--batch-size", type=int, help=f"default {DEFAULTS.batch_size}")
        parser.add_argument("--max-length", type=int, help="tokens; default 1024, gpu-4bit 2048")
        parser.add_argument("--seed", type=int, help=f"default {DEFAULTS.seed}")
        parser.add_argument("--checkpoint-s", type=float, help="seconds between checkpoints, default 120")
        parser.add_argument("--no-register", action="store_true", help="only write the folder")
        parser.add_argument("--json", action="store_true", help="print the run's card as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            trained, adapter = self._train(options)
        except TrainingStopped as exc:
            raise CommandError(_("Stopped. `manage.py train_adapter --resume RUN` goes on.")) from exc
        except InferenceError as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            card = trained.card | {"folder": str(trained.folder), "adapter": adapter.pk if adapter else None}
            self.stdout.write(json.dumps(card, ensure_ascii=False))
        else:
            self.stdout.write(f"{trained.folder}\nloss {trained.card['loss']}, {trained.card['seconds']} s")
            if adapter:
                self.stdout.write(f"adapter {adapter.pk}, {adapter.digest}")

    def _train(self, options: dict[str, Any]) -> tuple[TrainedAdapter, Adapter | None]:
        lines = Lines(self.stderr.write)
        if options["run"] is not None:
            os.nice(_BELOW_OTHER_WORK)
            return perform(options["run"], lines)
        if options["resume"] is not None:
            return perform(requeue(options["resume"]).pk, lines)
        out = options["out"] or new_folder()
        asked = {name: options[name] for name in ("name", *ASKED)}
        if options["no_register"]:
            with training_lock():
                return train(options["dataset"], out, machine_profile(asked), watch=lines), None
        return perform(create_run(options["dataset"], out=str(out.resolve()), profile=asked).pk, lines)
