"""Changing many works at once, portion by portion."""

from collections.abc import Sequence
from time import monotonic

from exhibit.clock import now
from registry.db import steps
from registry.models import BulkEdit
from workers.services.wiring import Services
from workers.works.bulk import change_portion

WORK_SECONDS = 5.0  # after so long one is put off where it is, so that others have their turn


def edit_works(services: Services, ids: Sequence[int]) -> None:
    """Work off bulk edits; one that takes long is gone on with in another message."""
    for pk in steps.claim(BulkEdit, ids, services.stale_after):
        with steps.ending(BulkEdit, [pk]):
            until = monotonic() + WORK_SECONDS
            while not (over := change_portion(pk)) and monotonic() < until:
                pass
            if over:
                steps.finish(BulkEdit, [pk])
            else:
                steps.wait(BulkEdit, pk, now())
                services.enqueue("bulk", [pk])
