"""The site as a WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
application = get_wsgi_application()

from django.urls import resolve

from desk.web.middleware.failures import limit_statements
from workers import wiring
from workers.pipeline.celery import give_up_soon

limit_statements()
give_up_soon()
wiring.services().features_in_memory = 8  # The site registers and draws single images; workers compare many.
resolve("/healthz")  # Loads all pages now, so that the first visitor does not wait for that.
