"""Version of a picture's search: everything it depends on besides the picture and works registered later."""

import time
from functools import lru_cache

from django.db.models import Count, Exists, Max, OuterRef, QuerySet

from exhibit.types import Space
from indexer.picture.spaces import LOCAL, PIPELINE, ROOTSIFT
from registry.db.claimable import StepState
from registry.fingerprints import descriptors
from registry.fingerprints.fingerprints import get_space_id
from registry.fingerprints.models import FingerprintRow
from registry.pictures.models import Picture
from registry.works.models import WorkPicture

COUNT_CACHE_SECONDS = 300
"""Seconds for which a process caches a count that takes time in proportion to the number of works."""


def compute_search_version() -> str:
    """Return the version of a search that starts now.

    It contains the version of the comparison, the model in use, the number of works without local features (matched by
    the model alone until these are measured), and the number of failed searches among pictures seen earlier, with the
    latest one. A picture that is seen again under another version is searched again.
    """
    descriptor_choice = descriptors.get_descriptor_choice()
    failed_searches = WorkPicture.objects.filter(state=StepState.FAILED, work__removed_at=None).aggregate(
        Count("pk"), Max("pk")
    )
    unmeasured_count = _count_unmeasured(int(time.monotonic() // COUNT_CACHE_SECONDS))
    return " ".join(
        map(
            str,
            (PIPELINE, descriptor_choice and descriptor_choice.serving, unmeasured_count, *failed_searches.values()),
        )
    )


def reset_count() -> None:
    """Discard the cached count because some works were measured."""
    _count_unmeasured.cache_clear()


@lru_cache(maxsize=1)
def _count_unmeasured(_period: int) -> int:
    """Count works without local features. The count only decreases, so an old one costs at most an extra search."""
    return list_unmeasured_pictures(ROOTSIFT, LOCAL).count()


def list_unmeasured_pictures(space: Space, part: str) -> QuerySet[Picture]:
    """Return registered pictures that lack this fingerprint, without removed works and stated pictures."""
    fingerprints = FingerprintRow.objects.filter(picture=OuterRef("pk"), space_id=get_space_id(space), part=part)
    active_pictures = WorkPicture.objects.filter(picture=OuterRef("pk"), work__removed_at=None, stated=None)
    return Picture.objects.filter(Exists(active_pictures), ~Exists(fingerprints)).order_by("pk")
