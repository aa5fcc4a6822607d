"""Test the step that processes pictures of a work that was on hold."""

import pytest

from registry.cases.flood_decisions import FloodAction, decide_flood
from registry.cases.release import release_floods
from registry.models import Flood, Picture, Work
from tests.assets.flood_pictures import find_on_sites, picture_with_mark, set_flood_floor
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_releasing_a_work_on_hold_processes_only_pending_pictures(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(set_flood_floor(inline.services, 1), studio, photograph(1))
    find_on_sites(inline.services, studio, [picture_with_mark(number, photograph(1)) for number in range(3)])
    decide_flood(inline.services, Work.objects.get(), FloodAction.OPEN, by="Ann")
    (flood,) = Flood.objects.values_list("pk", flat=True)
    release_floods(inline.services, [flood])
    assert Flood.objects.get().state == "done"
    assert Picture.objects.filter(state="queued").count() == 2
