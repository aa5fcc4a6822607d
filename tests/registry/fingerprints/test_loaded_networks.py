"""Test the loaded networks for image descriptors."""

import pytest

from indexer.picture.descriptor import BUILT_IN, Descriptor
from registry.matches.search_past import search_pictures
from registry.models import Picture, WorkPicture
from registry.services.services import Services
from tests.assets.damaged import inline, matched_again_and_again, stage, waiting, works_and_pictures
from workers.operations.backlog import held_up
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "waiting", "works_and_pictures"]


def test_a_damaged_network_is_no_pictures_fault(
    inline: SyncRunner, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Descriptor(BUILT_IN.card, BUILT_IN.space, lambda: b"no network")
    monkeypatch.setattr("registry.fingerprints.loaded_networks.BUILT_IN", broken)
    services = Services(inline.services.config)
    matched_again_and_again(services, waiting)
    search_pictures(services, list(WorkPicture.objects.values_list("pk", flat=True)))
    assert set(Picture.objects.filter(pk__in=waiting).values_list("state", flat=True)) == {"todo"}
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"todo"}
    assert all("can't be opened" in sentence for sentence in held_up().values())
    assert set(held_up()) == {"match", "search"}
