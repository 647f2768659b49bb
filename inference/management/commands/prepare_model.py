"""`manage.py prepare_model`: make the base model ready, so that the first start does not have to."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inference.base_models import base_model_path, base_sha256
from inference.exceptions import ModelNotFound


class Command(BaseCommand):
    help = (
        "Make the base model (AION_BASE_MODEL, else the bundled one) ready to serve: convert or fetch it once, verify "
        "it, and print its folder and the SHA-256 that identifies it. Running it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            folder = base_model_path()
            sha256 = base_sha256(folder)
        except ModelNotFound as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.stdout.write(json.dumps({"folder": str(folder), "sha256": sha256}))
        else:
            self.stdout.write(f"{folder}\nSHA-256 {sha256}")
