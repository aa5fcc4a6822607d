"""What one process does at a time, on whichever machine: it holds a row for some seconds, by the database's clock."""

import time

from django.db import connection

from exhibit.machine import has_ended, this_process
from registry.db.claimable import Lease

LASTS = 40.0
"""So many seconds after its last word a holder counts as gone; sooner where it is seen to have ended."""
RENEWED = LASTS / 3

# one that a clock that was ahead has dated counts as over
_TAKE = """
INSERT INTO registry_lease AS held (name, holder, epoch, expires_at)
VALUES (%(name)s, %(holder)s, 1, clock_timestamp() + interval '1 second' * %(lasts)s)
ON CONFLICT (name) DO UPDATE SET
    epoch = held.epoch + (held.holder <> excluded.holder)::int,
    holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder IN (excluded.holder, %(ended)s)
    OR held.expires_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 second' * %(lasts)s
RETURNING epoch
"""


class Turn:
    """Whether it is this process's turn; a holder that is late finds that another one has taken its place.

    What is done within a turn has to be harmless when the former holder, who doesn't know it yet, does it too.
    """

    def __init__(self, name: str) -> None:
        self._name, self._asked, self.epoch = name, float("-inf"), 0

    def is_ours(self) -> bool:
        """Take or renew it; while it is fresh nothing is asked."""
        if self.epoch and time.monotonic() - self._asked < RENEWED:
            return True
        self._asked, self.epoch = time.monotonic(), 0
        self.epoch = self._take("") or self._take(self._ended())
        return bool(self.epoch)

    def _take(self, ended: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"name": self._name, "holder": this_process(), "lasts": LASTS, "ended": ended})
            row = cursor.fetchone()
        return 0 if row is None else int(row[0])

    def _ended(self) -> str:
        """The holder, if it is seen from here that it has ended."""
        holder = Lease.objects.filter(name=self._name).values_list("holder", flat=True).first()
        return holder if holder and has_ended(holder) else ""
