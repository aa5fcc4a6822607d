"""Test the loaded networks for image descriptors."""

import pytest

from indexer.picture.descriptor import BUILT_IN, Descriptor
from registry.matches.search_past import search_pictures
from registry.models import Picture, WorkPicture
from registry.services.services import Services
from tests.assets.damaged_search import inline, match_repeatedly, stage, waiting_pictures, works_and_pictures
from workers.operations.backlog import held_up
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "waiting_pictures", "works_and_pictures"]


def test_a_damaged_network_is_no_pictures_fault(
    inline: SyncRunner, waiting_pictures: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Descriptor(BUILT_IN.card, BUILT_IN.space, lambda: b"no network")
    monkeypatch.setattr("registry.fingerprints.loaded_networks.BUILT_IN", broken)
    services = Services(inline.services.config)
    match_repeatedly(services, waiting_pictures)
    search_pictures(services, list(WorkPicture.objects.values_list("pk", flat=True)))
    assert set(Picture.objects.filter(pk__in=waiting_pictures).values_list("state", flat=True)) == {"todo"}
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"todo"}
    assert all("can't be opened" in sentence for sentence in held_up().values())
    assert set(held_up()) == {"match", "search"}
