"""Leases that let one process at a time perform a task, across all machines, timed by the database's clock."""

import time

from django.db import connection

from exhibit.machine import get_process_identifier, has_process_ended
from registry.db.claimable import Lease

LEASE_SECONDS = 40.0
"""Seconds without renewal after which a lease expires; it ends sooner if its holder is known to have ended."""
RENEWAL_SECONDS = LEASE_SECONDS / 3

# A lease that was taken or renewed while the clock was ahead is treated as expired.
_TAKE_SQL = """
INSERT INTO registry_lease AS held (name, holder, epoch, expires_at)
VALUES (%(name)s, %(holder)s, 1, clock_timestamp() + interval '1 second' * %(lasts)s)
ON CONFLICT (name) DO UPDATE SET
    epoch = held.epoch + (held.holder <> excluded.holder)::int,
    holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder IN (excluded.holder, %(ended)s)
    OR held.expires_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 second' * %(lasts)s
RETURNING epoch
"""


class LeaseHolder:
    """One process's hold on a lease. If it is renewed too late, another process may have taken over.

    Work done under a lease must be harmless if a former holder, which has not yet noticed the loss, does it as well.
    """

    def __init__(self, name: str) -> None:
        self._name, self._requested_at, self.epoch = name, float("-inf"), 0

    def take_or_renew(self) -> bool:
        """Take or renew the lease; return True if this process holds it. A recent renewal needs no query."""
        if self.epoch and time.monotonic() - self._requested_at < RENEWAL_SECONDS:
            return True
        self._requested_at, self.epoch = time.monotonic(), 0
        self.epoch = self._take("") or self._take(self._find_ended_holder())
        return bool(self.epoch)

    def _take(self, ended_holder: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                _TAKE_SQL,
                {"name": self._name, "holder": get_process_identifier(), "lasts": LEASE_SECONDS, "ended": ended_holder},
            )
            row = cursor.fetchone()
        return 0 if row is None else int(row[0])

    def _find_ended_holder(self) -> str:
        """Return the name of the lease's holder if its process is known to have ended, else an empty string."""
        holder = Lease.objects.filter(name=self._name).values_list("holder", flat=True).first()
        return holder if holder and has_process_ended(holder) else ""
