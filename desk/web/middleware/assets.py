"""Style sheets and scripts: served from content-addressed URLs, compressed once, and cached by browsers for a year.

There is no build step: the files are read at the first request.
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

URL_PREFIX = "assets/"
CACHE_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_ACCEPTS_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")


@dataclass(frozen=True, slots=True)
class Asset:
    """Style sheet or script: the digest in its URL, its media type, and its content, plain and compressed with gzip."""

    digest: str
    media_type: str
    content: bytes
    gzipped_content: bytes


class AssetStorage(StaticFilesStorage):
    """Storage that resolves ``{% static %}``."""

    def url(self, name: str | None) -> str:
        """Return the URL of an asset.

        Raises:
            KeyError: There is no asset with this name.
        """
        assert name is not None
        return f"{get_script_prefix()}{URL_PREFIX}{_load_assets()[name].digest}/{name}"


@middleware
def serve_assets(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Serve assets without reading the session."""
    requested_path = request.path_info.removeprefix("/")
    return (
        _serve(request, requested_path.removeprefix(URL_PREFIX))
        if requested_path.startswith(URL_PREFIX)
        else get_response(request)
    )


def get_asset(name: str) -> Asset:
    """Return an asset for a URL that does not change with its content.

    Raises:
        KeyError: There is no asset with this name.
    """
    return _load_assets()[name]


def _serve(request: HttpRequest, path: str) -> HttpResponse:
    digest, _, name = path.partition("/")
    asset = _load_assets().get(name)
    if asset is None:
        return HttpResponseNotFound(content_type="text/plain")
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    accepts_gzip = _ACCEPTS_GZIP.search(request.headers.get("Accept-Encoding", "")) is not None
    response = HttpResponse(asset.gzipped_content if accepts_gzip else asset.content, content_type=asset.media_type)
    if accepts_gzip:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    # A page that was loaded before an update may request an older version of the asset.
    response.headers["Cache-Control"] = CACHE_FOREVER if digest == asset.digest else "no-cache"
    return response


def _load_assets() -> Mapping[str, Asset]:
    return _read_assets() if settings.DEBUG else _load_cached_assets()


@cache
def _load_cached_assets() -> Mapping[str, Asset]:
    return _read_assets()


def _read_assets() -> Mapping[str, Asset]:
    """Read all assets by name. If several have the same name, the first one in Django's finder order is used."""
    by_name: dict[str, Asset] = {}
    for finder in finders.get_finders():
        for name, storage in finder.list(["*.md"]):
            if name not in by_name:
                with storage.open(name) as file:
                    by_name[name] = _build_asset(name, file.read())
    return by_name


def _build_asset(name: str, data: bytes) -> Asset:
    media_type = _TYPES.get(PurePosixPath(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(hashlib.sha256(data).hexdigest()[:16], media_type, data, gzip.compress(data, mtime=0))
