"""Looking at the cases that a change of the licence ledger concerns."""

from collections.abc import Sequence

from exhibit.clock import now
from registry.cases.ledger import look_at_cases
from registry.db import steps
from registry.models import LedgerChange
from workers.services.wiring import Services

WORK_SECONDS = 5.0  # after so long a change is put off where it is, so that others have their turn


def look_at_ledger(services: Services, ids: Sequence[int]) -> None:
    """Look at the cases that each change concerns; one that takes long is gone on with in another message."""
    for pk in steps.claim(LedgerChange, ids, services.stale_after):
        if look_at_cases(LedgerChange.objects.get(pk=pk), WORK_SECONDS):
            steps.finish(LedgerChange, [pk])
        else:
            steps.wait(LedgerChange, pk, now())
            services.enqueue("ledger", [pk])
