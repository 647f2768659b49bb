"""`manage.py prepare`: everything between an empty database and a first answer. Running it again changes nothing."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from aion.roles import keep_roles
from aion.schedules import create_missing_schedules
from inference.external import external_url
from retrieval.models import Document

_NO_PROGRESS_BARS = {"TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}
DEMO_DOCUMENTS = Path("demo") / "documents"
DEMO_QUESTIONS = Path("demo") / "golden.jsonl"


class Command(BaseCommand):
    help = (
        "Make the installation ready: migrate the database, collect static files, create the schedules and roles, the "
        "first administrator (its password is printed once) and, in an empty installation, read the demo documents and "
        "questions; convert the base model. `up` calls it at each start; call it yourself where another tool starts "
        "AION's processes."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        self._collect_static_files()
        create_missing_schedules()
        keep_roles()
        self._create_first_administrator()
        self._convert_base_model()
        self._read_demo_documents()

    def _collect_static_files(self) -> None:
        """Only what changed; all of it if an earlier start was killed here: a torn copy looks newer than its source."""
        complete = settings.VAR_DIR / "static-files-complete"
        clear = not complete.exists()
        complete.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0, clear=clear)
        complete.touch()

    def _create_first_administrator(self) -> None:
        users = get_user_model()
        with transaction.atomic():
            if users.objects.filter(is_superuser=True).exists():
                return
            password = secrets.token_urlsafe(12)
            users.objects.create_superuser("admin", password=password)
            # Shown before it is committed: killed in between, the next start makes and shows another one.
            self.stdout.write(
                _("First administrator: user admin, password %(password)s (shown only this once).")
                % {"password": password}
            )
            self.stdout.flush()

    def _convert_base_model(self) -> None:
        """A failure is no reason not to start: the page, /health and the panel say what is wrong with the model."""
        if external_url() or settings.AION_ENGINE != settings.ENGINE_IN_PROCESS:
            return  # another server, or a developer's engine, has the model
        os.environ |= _NO_PROGRESS_BARS
        try:
            call_command("prepare_model", stdout=io.StringIO())
        except CommandError as failure:
            self.stderr.write(str(failure))

    def _read_demo_documents(self) -> None:
        """Once, into an installation without documents; a reading that was cut short is taken up again."""
        state = settings.VAR_DIR / "demo-documents"
        if not state.exists():
            state.write_text("done" if Document.objects.exists() else "started")
        if state.read_text() == "done":
            return
        self.stdout.write(_("Reading the demo documents…"))
        try:
            call_command("ingest", str(settings.BASE_DIR / DEMO_DOCUMENTS), stdout=self.stdout)
            call_command("import_golden", str(settings.BASE_DIR / DEMO_QUESTIONS), stdout=self.stdout)
        except CommandError as failure:
            self.stderr.write(str(failure))
        else:
            state.write_text("done")
