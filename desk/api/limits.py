"""How often each caller may ask: so many requests a minute, counted in Redis for all processes together."""

import time
from functools import cache
from http import HTTPStatus

import redis
from django.conf import settings
from django.http import HttpRequest

from desk.api.problems import Problem
from workers.addresses import redis_url

WINDOW = 60


def count(request: HttpRequest, ident: str) -> None:
    """Count a request, and have its answer say how many are left.

    While Redis doesn't answer nothing is counted: the limit keeps order among callers, and protects no data.

    Raises:
        Problem: there were too many in this minute.
    """
    limit: int = settings.CONFIG.api_requests_a_minute
    moment = int(time.time())
    key, left = f"exhibit:api:{ident}:{moment // WINDOW}", WINDOW - moment % WINDOW
    try:
        with _redis().pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, WINDOW)
            used = int(pipeline.execute()[0])
    except redis.RedisError:
        return
    headers = {
        "RateLimit-Policy": f'"caller";q={limit};w={WINDOW}',
        "RateLimit": f'"caller";r={max(limit - used, 0)};t={left}',
    }
    request.api_headers = headers  # type: ignore[attr-defined] # for the middleware, which sees every answer
    if used > limit:
        sentence = f"At most {limit} requests a minute; go on in {left} seconds."
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, sentence, {"Retry-After": str(left)})


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(redis_url(settings.CONFIG), socket_timeout=1, socket_connect_timeout=1)
