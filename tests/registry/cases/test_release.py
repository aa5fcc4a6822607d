"""Test the step that processes what a flood held back."""

import pytest

from registry.cases.flood_decisions import Answer, answer_flood
from registry.cases.release import release
from registry.models import Flood, Picture, Work
from tests.assets.flooded import found_on_sites, stranger, with_floor
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_only_what_waits_goes_through_its_step_again(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(with_floor(inline.services, 1), studio, photograph(1))
    found_on_sites(inline.services, studio, [stranger(number, photograph(1)) for number in range(3)])
    answer_flood(inline.services, Work.objects.get(), Answer.OPEN, by="Ann")
    (flood,) = Flood.objects.values_list("pk", flat=True)
    release(inline.services, [flood])
    assert Flood.objects.get().state == "done"
    assert Picture.objects.filter(state="todo").count() == 2
