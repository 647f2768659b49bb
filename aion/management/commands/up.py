"""`manage.py up`: the whole of AION in one terminal."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from aion.exceptions import CannotStart
from aion.supervisor import Supervisor, end_earlier_programs, own_programs, require_free_port, require_space
from aion.web_probe import is_ready, local_address


class Command(BaseCommand):
    help = (
        "Start AION: its database and queue (unless DATABASE_URL and REDIS_URL name others), migrations, the first "
        "administrator, the demo documents, the web server with the model, the worker and the scheduler. What crashes "
        "is started again. Ctrl-C or SIGTERM stops everything. Logs are in var/log."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(
            settings.VAR_DIR,
            prepare=(
                sys.executable,
                str(settings.BASE_DIR / "manage.py"),
                "prepare",
                "--skip-checks",
            ),  # passed already
            programs=own_programs(),
            is_ready=lambda: is_ready(settings.AION_HOST, settings.AION_PORT),
            on_ready=self._announce,
            say=self._say,
        )
        try:
            require_space(settings.VAR_DIR)
            end_earlier_programs(settings.VAR_DIR)
            require_free_port(settings.AION_HOST, settings.AION_PORT)
            supervisor.run()
        except CannotStart as failure:
            raise CommandError(str(failure)) from failure

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _announce(self) -> None:
        address = local_address(settings.AION_HOST, settings.AION_PORT)
        self._say(
            _(
                "AION is ready.\n"
                "  Questions      %(address)s/\n"
                "  Control panel  %(address)s/admin/\n"
                "  API            %(address)s/api/docs\n"
                "Sign in as the administrator (forgotten password: .venv/bin/python manage.py changepassword admin). "
                "Ctrl-C stops everything."
            )
            % {"address": address}
        )
