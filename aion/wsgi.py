"""WSGI entry point, served by gunicorn (see aion/gunicorn_conf.py)."""

import os

from django.core.wsgi import get_wsgi_application

from aion.chunks import measured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
application = measured(get_wsgi_application())
