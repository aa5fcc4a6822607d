"""One shared rate limit per service for watches, cases and the website, across all processes and machines."""

from collections.abc import Callable

from django.db import connection, transaction

from exhibit.network.addresses import origin_of

_MAX_WAIT = 4_000
"""Seconds; a longer wait indicates that the clock has been set back, and is ignored."""


def make_turn_function(url: str) -> Callable[[float], float]:
    """Return a function that reserves the next request to a service and returns the seconds to wait for it.

    The function raises ``RuntimeError`` in a transaction, where it would block all other callers until the end.
    """
    service = origin_of(url)[:260]

    def turn(seconds: float) -> float:
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

    return turn
