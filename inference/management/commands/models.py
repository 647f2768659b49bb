"""`manage.py models`: what runs here, what would fit, and whether a fetched model is whole and works."""

from __future__ import annotations

import json
import time
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from inference.exceptions import ModelNotFound
from inference.model_check import Verdict, check_model
from inference.model_report import Candidate, Fit, Running, candidates, fetch_command, folder_of, running
from inference.model_sizes import CACHED_TOKENS, PROMPT_TOKENS, Precision

GB = 10**9
HELP = _(
    """Says which model runs here, what it takes, and which open models would fit this machine, how fast.

Examples:
  manage.py models
  manage.py models check models/Qwen3-1.7B
  manage.py models convert model.gguf models/converted

Fetching a model needs a network once: the command for each is listed. Then set AION_BASE_MODEL to its folder."""
)
METHOD = _(
    """How it was estimated: a token reads every weight once, so its time is the weights' bytes over the memory's
bandwidth, plus what the layers' calls cost; both were just measured (%(seconds)s s), with the machine as busy as it is
now (load %(load)s, %(threads)s cores). Memory: weights, %(cache)s tokens of keys and values, the process itself and, on
a processor without four bits, two copies of the matrices that an adapter changes ("tight": it fits only without them).
Drafts make answers that quote faster than this."""
)
FETCHING = _(
    """To fetch one where there is a network, with any name of the list (* asks that you accept its terms on the hub
first, and `hf auth login`):
  %(command)s
Then `manage.py models check %(folder)s`, AION_BASE_MODEL=%(folder)s in .env, and start AION again."""
)
EXAMPLE = "Qwen/Qwen3-1.7B"
_MARKS = {Verdict.OK: "✓", Verdict.NOTE: "•", Verdict.BAD: "✗"}


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("print one JSON object"))
        parser.add_argument("--no-measure", action="store_true", help=_("leave the speeds out"))
        actions = parser.add_subparsers(dest="action", metavar="ACTION")
        check = actions.add_parser("check", help=_("verify a model folder: whole, safe, and it writes"))
        check.add_argument("folder", type=Path)
        check.add_argument("--no-load", action="store_true", help=_("look at the files only"))
        convert = actions.add_parser("convert", help=_("write a GGUF file as a folder of safetensors"))
        convert.add_argument("gguf", type=Path)
        convert.add_argument("folder", type=Path)
        for action in (check, convert):
            action.add_argument("--json", action="store_true", default=SUPPRESS, help=_("print one JSON object"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "check":
            self._check(options["folder"], load=not options["no_load"], as_json=options["json"])
        elif options["action"] == "convert":
            self._convert(options["gguf"], options["folder"], as_json=options["json"])
        else:
            self._overview(measured=not options["no_measure"], as_json=options["json"])

    # --- what runs, what fits ---------------------------------------------------------------------------------
    def _overview(self, *, measured: bool, as_json: bool) -> None:
        from inference.machine import measure, this_machine  # torch, not needed to verify files

        serving, machine = running(), this_machine()
        started = time.monotonic()
        rates = measure(machine) if measured else None
        seconds = time.monotonic() - started
        found = candidates(
            memory_bytes=machine.memory_bytes,
            on_processor=machine.device == "cpu",
            precision=machine.precision,
            rates=rates,
        )
        if as_json:
            report = {
                "running": asdict(serving) if serving else None,
                "machine": asdict(machine),
                "measured": asdict(rates) | {"seconds": seconds} if rates else None,
                "models": [candidate.as_dict() for candidate in found],
            }
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
            return
        self._tell_running(serving)
        values = {"name": machine.name, "total": _gb(machine.memory_bytes), "free": _gb(machine.free_bytes)}
        self.stdout.write(_("This machine: %(name)s, %(total)s GB, %(free)s GB free.") % values + "\n")
        self._tell_candidates(found, machine.precision)
        if rates:
            values = {"load": _number(machine.load, 1), "seconds": _number(seconds, 1)}
            self.stdout.write(METHOD % (values | {"threads": machine.threads, "cache": CACHED_TOKENS}) + "\n")
        command = fetch_command(EXAMPLE)
        self.stdout.write(FETCHING % {"command": command, "folder": folder_of(EXAMPLE)})

    def _tell_running(self, serving: Running | None) -> None:
        if serving is None:
            self.stdout.write(_("No model serves now (manage.py up starts it)."))
            return
        adapter = _("adapter %(name)s") % {"name": serving.adapter} if serving.adapter else _("no adapter")
        values = {
            "model": serving.base_model,
            "precision": serving.precision,
            "device": serving.device,
            "adapter": adapter + (_(", merged") if serving.merged else ""),
            "memory": _gb(serving.memory_bytes) if serving.memory_bytes else "—",
        }
        sentence = _("Running: %(model)s in %(precision)s on %(device)s, %(adapter)s; the process takes %(memory)s GB.")
        self.stdout.write(sentence % values)

    def _tell_candidates(self, found: tuple[Candidate, ...], precision: Precision) -> None:
        first = _("first token of %(tokens)s") % {"tokens": PROMPT_TOKENS}
        titles = "".join(f"{each:>11}{_('tokens/s'):>19}" for each in (precision, Precision.NF4))
        self.stdout.write(f"{_('model'):<38}{_('billions'):>9}{titles}  {first}")
        for candidate in found:
            self.stdout.write(_line(candidate))
        self.stdout.write("")

    # --- a folder ---------------------------------------------------------------------------------------------
    def _check(self, folder: Path, *, load: bool, as_json: bool) -> None:
        found = []
        for finding in check_model(folder, load=load):
            found.append(finding)
            if not as_json:
                self.stdout.write(f"{_MARKS[finding.verdict]} {finding.sentence}")
        good = all(finding.verdict is not Verdict.BAD for finding in found)
        if as_json:
            report = {"folder": str(folder), "ok": good, "findings": [asdict(finding) for finding in found]}
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        if not good:
            raise CommandError(_("This folder cannot serve."), returncode=2)
        if not as_json:
            self.stdout.write(_("It can serve: AION_BASE_MODEL=%(folder)s") % {"folder": folder.resolve()})

    def _convert(self, gguf: Path, folder: Path, *, as_json: bool) -> None:
        from inference.conversion import convert_gguf

        if not gguf.is_file():
            raise CommandError(_("There is no file %(name)s.") % {"name": gguf})
        if folder.exists():
            raise CommandError(_("%(folder)s exists already.") % {"folder": folder})
        try:
            convert_gguf(gguf, folder.absolute())
        except ModelNotFound as exc:
            raise CommandError(str(exc)) from exc
        report = {"folder": str(folder.absolute())}
        self.stdout.write(json.dumps(report) if as_json else _("Written: %(folder)s") % report)


def _line(candidate: Candidate) -> str:
    model = candidate.model
    name = f"{model.repository}{'*' if model.gated else ''}"
    fits = "".join(_fit_in_words(fit) for fit in candidate.fits)
    first = f"{_number(candidate.first_token_s, 1)} s" if candidate.first_token_s is not None else "—"
    size = _number(model.shape.parameters / GB, 2)
    return f"{name:<38}{size:>9}{fits}  {first:>7}  {model.licence}; {model.portuguese}"


def _fit_in_words(fit: Fit) -> str:
    answer = {"yes": _("fits"), "alone": _("tight"), "no": _("no")}[fit.fits]
    speed = _number(fit.tokens_s, 1) if fit.tokens_s is not None else "—"
    return f"{_gb(fit.serving_bytes):>8} GB {answer:<10}{speed:>8}"


def _gb(size: int) -> str:
    return _number(size / GB, 1)


def _number(value: float, places: int) -> str:
    return str(number_format(round(value, places), places))
