"""WSGI entry point, served by gunicorn (see aion/gunicorn_conf.py)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
application = get_wsgi_application()
