"""Node for the tests of what runs in a browser or comes from one; Debian's older ones have no `fetch`."""

from __future__ import annotations

import shutil
import subprocess

import pytest

NODE = shutil.which("node") or ""
OLDEST = 18


def _is_recent() -> bool:
    if not NODE:
        return False
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").split(".")[0]) >= OLDEST


needs_node = pytest.mark.skipif(not _is_recent(), reason=f"node {OLDEST} or newer is not installed")
