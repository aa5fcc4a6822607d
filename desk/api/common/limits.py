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
from registry.services.addresses import get_redis_url

WINDOW_SECONDS = 60
SLOT_WAIT_SECONDS = 2.0
"""Maximum time in seconds that a search waits for the previous search in this process."""
SEARCH_SLOT = threading.BoundedSemaphore(1)
"""Held by the search in progress; other requests continue in other threads."""
FETCH_SLOT = threading.BoundedSemaphore(1)
"""Held by the fetch in progress. Searches do not wait for it, because the remote server may be slow."""
PUBLIC_SEARCH_SLOT = threading.BoundedSemaphore(1)
"""Held by the public search in progress."""


def limit_member_searches(user: int) -> AbstractContextManager[None]:
    """Return a context manager that runs members' searches one at a time in this process.

    Raises:
        Problem: The member exceeds the rate limit, or another search does not finish in time (429).
    """
    _check_identification_rate(f"identify:{user}")
    return _hold_slot(SEARCH_SLOT)


def limit_member_fetches(user: int) -> AbstractContextManager[None]:
    """Return a context manager that runs members' fetches from the web one at a time in this process.

    Raises:
        Problem: The member exceeds the rate limit, or another fetch does not finish in time (429).
    """
    _check_identification_rate(f"fetch:{user}")
    return _hold_slot(FETCH_SLOT)


def limit_public_searches() -> AbstractContextManager[None]:
    """Return a context manager that runs public searches one at a time in this process.

    Public searches wait for each other. Searches of members do not wait for them.

    Raises:
        Problem: Another public search does not finish in time (429).
    """
    return _hold_slot(PUBLIC_SEARCH_SLOT)


def _check_identification_rate(caller_id: str) -> None:
    request_count, seconds_left = _increment_request_count(caller_id)
    if request_count > (limit := settings.CONFIG.identifications_a_minute):
        counts = {"limit": limit, "left": seconds_left}
        sentence = Sentence(
            "The limit is %(limit)s picture identifications per minute. Try again in %(left)s seconds.", **counts
        )
        raise _build_rate_limit_problem(sentence, seconds_left)


@contextmanager
def _hold_slot(slot: threading.BoundedSemaphore) -> Iterator[None]:
    if not slot.acquire(timeout=SLOT_WAIT_SECONDS):
        raise _build_rate_limit_problem(Sentence("Another picture is being identified. Try again in 5 seconds."), 5)
    try:
        yield
    finally:
        slot.release()


def count_request(request: HttpRequest, caller_id: str) -> None:
    """Count a request, and set the rate limit headers of its response.

    Requests are not counted while Redis does not respond, because the limit only ensures fair use. It protects no data.

    Raises:
        Problem: The caller exceeds the rate limit (429).
    """
    limit: int = settings.CONFIG.api_requests_a_minute
    request_count, seconds_left = _increment_request_count(caller_id)
    if not request_count:
        return
    headers = {
        "RateLimit-Policy": f'"caller";q={limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"caller";r={max(limit - request_count, 0)};t={seconds_left}',
    }
    request.api_headers = headers  # type: ignore[attr-defined] # The middleware adds them to every response.
    if request_count > limit:
        raise _build_rate_limit_problem(
            f"You can send {limit} requests per minute. Try again in {seconds_left} seconds.", seconds_left
        )


def _increment_request_count(caller_id: str) -> tuple[int, int]:
    """Count a request, and return the caller's requests in this minute and the seconds left in it.

    The number of requests includes this one. It is 0 if Redis does not respond.
    """
    now = int(time.time())
    key, seconds_left = f"exhibit:api:{caller_id}:{now // WINDOW_SECONDS}", WINDOW_SECONDS - now % WINDOW_SECONDS
    try:
        with _get_redis().pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, WINDOW_SECONDS)
            return int(pipeline.execute()[0]), seconds_left
    except redis.RedisError:
        return 0, seconds_left


def _build_rate_limit_problem(sentence: str, seconds: int) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, sentence, {"Retry-After": str(seconds)})


@cache
def _get_redis() -> redis.Redis:
    return redis.Redis.from_url(get_redis_url(settings.CONFIG), socket_timeout=1, socket_connect_timeout=1)
