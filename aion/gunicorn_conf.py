"""How gunicorn serves AION: one worker, since the model lives in it, with threads for every caller."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings

from aion.observing.logs import for_gunicorn

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' progress bars, which would stand among the lines of the log

# Callers who wait for the model (its queue), who read a stream, and 16 more so that /health always answers.
_QUEUED, _STREAMING, _SPARE = 16, 16, 16

_host = f"[{settings.AION_HOST}]" if ":" in settings.AION_HOST else settings.AION_HOST

bind = f"{_host}:{settings.AION_PORT}"
workers = 1
worker_class = "aion.gunicorn_worker.PatientWorker"
worker_connections = 700  # MOST_WAITING, and those that have a thread or wait for one
sendfile = False  # it knows no deadline
threads = _QUEUED + _STREAMING + _SPARE
timeout = 120
graceful_timeout = 15
preload_app = False
max_requests = 0
control_socket_disable = True
forwarded_allow_ips = "127.0.0.1,::1"
logconfig_dict = for_gunicorn(settings.AION_LOG_FORMAT)


def post_worker_init(worker: Any) -> None:
    """Load the model in the process that serves it, never in one that is forked later."""
    from inference import serving

    serving.start()
