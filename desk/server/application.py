"""The site of this installation, for uvicorn: each of its processes loads this."""

import io
import json
import resource
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.template.loader import render_to_string
from django.utils import translation

from desk.doors import MAX_OF_NOBODY, door_of
from desk.server.limits import Limits
from desk.server.site import RETRY_SECONDS, Doors, Environ, Site
from desk.wsgi import application as wsgi
from exhibit.config.config import made_data_dir

API = "/api/"
SPOOL = "spool"
"""The folder, in the data folder, for what clients send until it is all there."""
_FILES_OF_A_CONNECTION, _FILES_OF_OURS = 3, 250


def most(environ: Environ) -> tuple[int, str]:
    """How many bytes a request may have, by its environment, and the name of its caller, if it is known."""
    request = _request(environ)
    sessions = import_module(settings.SESSION_ENGINE)
    request.session = sessions.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return door_of(request.path).most(request)


def _asked_anew(environ: Environ) -> tuple[int, str]:
    """The same outside of a request, before which Django looks at its connection to the database."""
    close_old_connections()
    return most(environ)


def _request(environ: Environ) -> WSGIRequest:
    """A request without its body."""
    return WSGIRequest({**environ, "wsgi.input": io.BytesIO()})


def health() -> tuple[bool, bytes]:
    """Whether all that is needed answers, and what is told of it."""
    from desk.web.public import views

    is_well, checks = views.look_at_health()
    return is_well, json.dumps(checks).encode()


def busy(environ: Environ) -> tuple[str, bytes]:
    """What is told to whoever comes while too many wait: a problem of the API, else a page."""
    if environ["PATH_INFO"].startswith(API):
        from desk.api.common import problems

        detail = f"Too many requests at this moment; try again in {RETRY_SECONDS} seconds."
        return problems.MEDIA_TYPE, bytes(problems.problem(503, detail).content)
    language = translation.get_language_from_request(_request(environ))
    return "text/html; charset=utf-8", _busy_page(language)


@cache
def _busy_page(language: str) -> bytes:
    with translation.override(language):
        return render_to_string("web/busy.html", {"seconds": RETRY_SECONDS}).encode()


def limits_here() -> Limits:
    """The limits, with as many connections as this process may have files."""
    usual = Limits()
    wanted = usual.connections * _FILES_OF_A_CONNECTION + _FILES_OF_OURS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return replace(
        usual, connections=min(usual.connections, max(50, (soft - _FILES_OF_OURS) // _FILES_OF_A_CONNECTION))
    )


def made_spool() -> Path:
    """The folder for what clients send, made when it isn't there: by the process that starts those that serve.

    These make none: the data folder may have been moved meanwhile, and isn't made again beside it.
    """
    folder = made_data_dir(settings.CONFIG) / SPOOL
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def make_site() -> Site:
    """The site, with limits that this process can keep; :func:`made_spool` has been called."""
    return Site(
        wsgi,
        Doors(MAX_OF_NOBODY, _asked_anew),
        health,
        busy,
        proxies=settings.CONFIG.proxies,
        folder=settings.CONFIG.data_dir / SPOOL,
        limits=limits_here(),
    )
