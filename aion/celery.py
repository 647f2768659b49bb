"""The Celery application: background work of every room, found in its `tasks.py`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
app = Celery("aion")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
