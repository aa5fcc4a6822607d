"""Rate limits: requests per minute, counted in Redis for all processes together.

A search for a picture costs as much as hundreds of other requests, so it has its own limits.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from http import HTTPStatus

import redis
from django.conf import settings
from django.http import HttpRequest

from desk.api.common.problems import Problem
from exhibit.sentences import Sentence
from registry.services.addresses import redis_url

WINDOW = 60
PATIENCE = 2.0
"""Seconds that a search waits for the one before it in this process."""
SEARCHING = threading.BoundedSemaphore(1)
"""Held by the search under way; other requests go on in other threads."""
FETCHING = threading.BoundedSemaphore(1)
"""Held by the fetch under way, which may take as long as a stranger's server likes: no search waits for it."""
ASKED = threading.BoundedSemaphore(1)
"""The same of strangers' searches."""


def one_search(user: int) -> AbstractContextManager[None]:
    """Let one search run at a time in this process, and so many a minute for each member; others are a problem."""
    _check_minute(f"identify:{user}")
    return _alone(SEARCHING)


def one_fetch(user: int) -> AbstractContextManager[None]:
    """Let one picture of the web at a time be fetched for members in this process, and as many a minute for each."""
    _check_minute(f"fetch:{user}")
    return _alone(FETCHING)


def one_asked() -> AbstractContextManager[None]:
    """Let one stranger at a time have a picture looked at in this process.

    They wait for each other, and members for none of them.
    """
    return _alone(ASKED)


def _check_minute(ident: str) -> None:
    used, seconds_left = _used(ident)
    if used > (limit := settings.CONFIG.identifications_a_minute):
        counts = {"limit": limit, "left": seconds_left}
        sentence = Sentence(
            "The limit is %(limit)s picture identifications per minute. Try again in %(left)s seconds.", **counts
        )
        raise _too_many(sentence, seconds_left)


@contextmanager
def _alone(searching: threading.BoundedSemaphore) -> Iterator[None]:
    if not searching.acquire(timeout=PATIENCE):
        raise _too_many(Sentence("Another picture is being identified. Try again in 5 seconds."), 5)
    try:
        yield
    finally:
        searching.release()


def count(request: HttpRequest, ident: str) -> None:
    """Count a request, and have its answer say how many are left.

    While Redis doesn't answer nothing is counted: the limit keeps order among callers, and protects no data.
    """
    limit: int = settings.CONFIG.api_requests_a_minute
    used, seconds_left = _used(ident)
    if not used:
        return
    headers = {
        "RateLimit-Policy": f'"caller";q={limit};w={WINDOW}',
        "RateLimit": f'"caller";r={max(limit - used, 0)};t={seconds_left}',
    }
    request.api_headers = headers  # type: ignore[attr-defined] # for the middleware, which sees every answer
    if used > limit:
        raise _too_many(f"You can send {limit} requests per minute. Try again in {seconds_left} seconds.", seconds_left)


def _used(ident: str) -> tuple[int, int]:
    """How often somebody has asked in this minute, this time included (0 when nothing counts), and its seconds left."""
    moment = int(time.time())
    key, seconds_left = f"exhibit:api:{ident}:{moment // WINDOW}", WINDOW - moment % WINDOW
    try:
        with _redis().pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, WINDOW)
            return int(pipeline.execute()[0]), seconds_left
    except redis.RedisError:
        return 0, seconds_left


def _too_many(sentence: str, seconds: int) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, sentence, {"Retry-After": str(seconds)})


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(redis_url(settings.CONFIG), socket_timeout=1, socket_connect_timeout=1)
