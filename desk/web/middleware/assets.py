"""Styles and scripts: served from content-addressed URLs, compressed once, and cached by browsers indefinitely.

There is no build step: files are read from their folders at the first request.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, HttpResponseNotFound
from django.urls import get_script_prefix

from desk.web.middleware import GetResponse, middleware

START = "assets/"
CACHE_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_TAKES_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")


@dataclass(frozen=True, slots=True)
class Asset:
    """A style or script: the digest in its URL, its media type, and its bytes, plain and compressed."""

    digest: str
    media_type: str
    plain: bytes
    packed: bytes


class AssetStorage(StaticFilesStorage):
    """Storage that resolves ``{% static %}``."""

    def url(self, name: str | None) -> str:
        """Return the URL of an asset.

        Raises:
            KeyError: There is no asset with this name.
        """
        assert name is not None
        return f"{get_script_prefix()}{START}{_assets()[name].digest}/{name}"


@middleware
def assets(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Serve assets before the session is read."""
    requested_path = request.path_info.removeprefix("/")
    return (
        _serve(request, requested_path.removeprefix(START))
        if requested_path.startswith(START)
        else get_response(request)
    )


def asset(name: str) -> Asset:
    """Return an asset for a URL that does not change with its content.

    Raises:
        KeyError: There is no asset with this name.
    """
    return _assets()[name]


def _serve(request: HttpRequest, path: str) -> HttpResponse:
    digest, _, name = path.partition("/")
    asset = _assets().get(name)
    if asset is None:
        return HttpResponseNotFound(content_type="text/plain")
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    packed = _TAKES_GZIP.search(request.headers.get("Accept-Encoding", "")) is not None
    response = HttpResponse(asset.packed if packed else asset.plain, content_type=asset.media_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    # A page from before an update may request an asset that has changed since.
    response.headers["Cache-Control"] = CACHE_FOREVER if digest == asset.digest else "no-cache"
    return response


def _assets() -> Mapping[str, Asset]:
    return _read_assets() if settings.DEBUG else _cached_assets()


@cache
def _cached_assets() -> Mapping[str, Asset]:
    return _read_assets()


def _read_assets() -> Mapping[str, Asset]:
    """Read all assets by name. If two have the same name, Django's finder order decides."""
    by_name: dict[str, Asset] = {}
    for finder in finders.get_finders():
        for name, storage in finder.list(["*.md"]):
            if name not in by_name:
                with storage.open(name) as file:
                    by_name[name] = _asset(name, file.read())
    return by_name


def _asset(name: str, data: bytes) -> Asset:
    media_type = _TYPES.get(PurePosixPath(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(hashlib.sha256(data).hexdigest()[:16], media_type, data, gzip.compress(data, mtime=0))
