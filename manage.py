#!/usr/bin/env python
"""AION's command line: `manage.py up` starts everything, `manage.py help` lists the rest."""

import contextlib
import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
    from django.core.management import execute_from_command_line

    from aion import head_start
    from aion.exceptions import CannotStart
    from aion.services import ensure_for_command
    from telemetry.audit.acting import from_command_line

    from_command_line(sys.argv)
    folder = Path(__file__).resolve().parent
    try:
        with ensure_for_command(sys.argv, folder) as var:
            if sys.argv[1:] == ["up"]:
                head_start.begin(var, folder)
            execute_from_command_line(sys.argv)
    except CannotStart as failure:
        import django

        with contextlib.suppress(CannotStart):
            django.setup()  # its message is translated
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
