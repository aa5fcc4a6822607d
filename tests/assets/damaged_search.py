"""Images that wait to be matched with works while a part of the search is damaged."""

from pathlib import Path

import pytest

from registry.db import steps
from registry.matches.match import match_pictures
from registry.models import Picture
from registry.services.services import Services
from tests.assets.module_scene import inline, stage
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]
WORKS = 3


@pytest.fixture(scope="module", autouse=True)
def works_and_pictures(stage: SyncRunner) -> None:
    """Register works, and add images that wait to be matched with them."""
    studio = owner("studio")
    for seed in range(WORKS):
        register(stage.services, studio, photograph(seed))
    record_sightings(stage.services, *claim_new_slice(studio), [recompress(photograph(seed)) for seed in range(WORKS)])


@pytest.fixture
def waiting_pictures(inline: SyncRunner) -> list[int]:
    """IDs of the images that wait to be matched."""
    return list(Picture.objects.filter(sightings__isnull=False).order_by("pk").values_list("pk", flat=True))


def truncate_files(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.write_bytes(path.read_bytes()[:40])


def match_repeatedly(services: Services, picture_ids: list[int]) -> None:
    """Run the matching step more often than an image is retried."""
    for _ in range(steps.MAX_ATTEMPTS + 2):
        Picture.objects.update(not_before=None)
        match_pictures(services, picture_ids)
