"""Asking a witness over HTTP: one place for limits, and for what "it didn't answer" means."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.http import read_limited

MAX_ANSWER = 1 << 20


def ask(
    session: requests.Session,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    limit: int = MAX_ANSWER,
) -> tuple[int, bytes]:
    """Ask once: ``GET`` without a body, ``POST`` with one.

    Args:
        session: a guarded session.
        url: whom.
        body: what is posted, at most some kilobytes.
        headers: such as the media types.
        auth: user and password, for a node of one's own.
        limit: most bytes of an answer.

    Returns:
        The status and the answer.

    Raises:
        ServiceMissingError: no answer, or not in time, or too long.
        RefusedError: the guard doesn't let it through.
    """
    method = "GET" if body is None else "POST"
    try:
        response = session.request(method, url, data=body, headers=dict(headers or {}), auth=auth, stream=True)
        return response.status_code, read_limited(response, limit)
    except requests.RequestException as error:
        raise ServiceMissingError(f"{_place(url)} doesn't answer.") from error
    except RefusedError as error:
        if error.reason in {"too-slow", "too-many-bytes", "unresolvable"}:
            raise ServiceMissingError(f"{_place(url)} doesn't answer: {error.message}") from error
        raise


def _place(url: str) -> str:
    """Scheme and host of a URL: its path may hold a key that the operator got from a provider."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
