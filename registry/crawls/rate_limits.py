"""One shared rate limit per service for watches, cases and the website, across all processes and machines."""

from collections.abc import Callable

from django.db import connection, transaction

from exhibit.network.addresses import get_url_origin

_MAX_WAIT = 4_000
"""Maximum wait in seconds; a longer wait indicates that the clock was set back, and is ignored."""


def make_turn_function(url: str) -> Callable[[float], float]:
    """Return a function that reserves the next request to a service and returns the seconds to wait before it.

    The function raises ``RuntimeError`` in a transaction, where it would block all other callers.
    """
    service = get_url_origin(url)[:260]

    def reserve_turn(seconds: float) -> float:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO registry_pace AS pace (service, free_at)
                VALUES (%(service)s, clock_timestamp() + %(pause)s * interval '1 second')
                ON CONFLICT (service) DO UPDATE SET free_at = %(pause)s * interval '1 second' + CASE
                    WHEN EXTRACT(epoch FROM pace.free_at - clock_timestamp()) BETWEEN 0 AND %(longest)s
                    THEN pace.free_at ELSE clock_timestamp() END
                RETURNING EXTRACT(epoch FROM free_at - clock_timestamp())
                """,
                {"service": service, "pause": seconds, "longest": _MAX_WAIT},
            )
            return max(0.0, float(cursor.fetchone()[0]) - seconds)

    return reserve_turn
