"""One pace a service, whoever asks it: watches, cases and the site, in all processes and on all machines."""

from collections.abc import Callable

from django.db import connection, transaction

from exhibit.network.addresses import origin_of

_LONGEST = 4_000
"""Seconds; a moment further ahead is of a clock that was set back since."""


def turn_of(url: str) -> Callable[[float], float]:
    """What takes the next turn to ask the service at an address; it says how many seconds that is ahead.

    Never inside a transaction, which would keep all others waiting until it ends: that raises ``RuntimeError``.
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
                {"service": service, "pause": seconds, "longest": _LONGEST},
            )
            return max(0.0, float(cursor.fetchone()[0]) - seconds)

    return turn
