"""WSGI application of the site."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
application = get_wsgi_application()

from django.urls import resolve

from desk.web.middleware.failures import limit_statements
from workers import wiring
from workers.pipeline.celery import set_short_timeouts

limit_statements()
set_short_timeouts()
wiring.services().features_in_memory = 8  # Only workers compare many pictures.
resolve("/healthz")  # Loads all views now, not at the first request.
