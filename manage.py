#!/usr/bin/env python
"""AION's command line: `manage.py up` starts everything, `manage.py help` lists the rest."""

import contextlib
import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
    from django.core.management import execute_from_command_line

    from aion.exceptions import CannotStart
    from aion.services import ensure_for_command

    try:
        with ensure_for_command(sys.argv, Path(__file__).resolve().parent):
            execute_from_command_line(sys.argv)
    except CannotStart as failure:
        import django

        with contextlib.suppress(CannotStart):
            django.setup()  # its message is translated
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
