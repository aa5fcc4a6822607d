"""Test the loaded descriptor models."""

import pytest

from indexer.picture.descriptor import BUILT_IN, Descriptor
from registry.matches.search_past import search_pictures
from registry.models import Picture, WorkPicture
from registry.services.services import Services
from tests.assets.damaged_search import inline, match_repeatedly, stage, waiting_pictures, works_and_pictures
from workers.operations.backlog import find_held_up_reasons
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "waiting_pictures", "works_and_pictures"]


def test_damaged_model_does_not_fail_pictures(
    inline: SyncRunner, waiting_pictures: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Descriptor(BUILT_IN.card, BUILT_IN.space, lambda: b"no network")
    monkeypatch.setattr("registry.fingerprints.loaded_models.BUILT_IN", broken)
    services = Services(inline.services.config)
    match_repeatedly(services, waiting_pictures)
    search_pictures(services, list(WorkPicture.objects.values_list("pk", flat=True)))
    assert set(Picture.objects.filter(pk__in=waiting_pictures).values_list("state", flat=True)) == {"queued"}
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"queued"}
    assert all("cannot be opened" in sentence for sentence in find_held_up_reasons().values())
    assert set(find_held_up_reasons()) == {"match", "search"}
