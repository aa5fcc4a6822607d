"""Version mark of a picture's search: everything it depends on besides the picture and works registered later."""

import time
from functools import lru_cache

from django.db.models import Count, Exists, Max, OuterRef, QuerySet

from exhibit.types import Space
from indexer.picture.spaces import LOCAL, PIPELINE, ROOTSIFT
from registry.db.claimable import StepState
from registry.fingerprints import descriptors
from registry.fingerprints.fingerprints import space_id
from registry.fingerprints.models import FingerprintRow
from registry.pictures.models import Picture
from registry.works.models import WorkPicture

COUNTED_EVERY = 300
"""Seconds for which a process caches a count that takes time in proportion to the number of works."""


def search_mark() -> str:
    """Return the mark of a search that starts now.

    It contains the version of the comparison, the serving network, the number of works without local features (found by
    the network alone until these are measured), and the works whose search of pictures seen earlier has failed. A
    picture that is seen again under another mark is searched again.
    """
    choice = descriptors.choice_with()
    failed = WorkPicture.objects.filter(state=StepState.FAILED, work__removed_at=None).aggregate(Count("pk"), Max("pk"))
    unmeasured = _counted(int(time.monotonic() // COUNTED_EVERY))
    return " ".join(map(str, (PIPELINE, choice and choice.serving, unmeasured, *failed.values())))


def count_anew() -> None:
    """Discard the cached count because some works were measured."""
    _counted.cache_clear()


@lru_cache(maxsize=1)
def _counted(_period: int) -> int:
    """Count works without local features. The count only decreases, so an old one costs at most an extra search."""
    return works_without(ROOTSIFT, LOCAL).count()


def works_without(space: Space, part: str) -> QuerySet[Picture]:
    """Return pictures of works, neither removed nor only stated, that lack this fingerprint."""
    fingerprints = FingerprintRow.objects.filter(picture=OuterRef("pk"), space_id=space_id(space), part=part)
    living = WorkPicture.objects.filter(picture=OuterRef("pk"), work__removed_at=None, stated=None)
    return Picture.objects.filter(Exists(living), ~Exists(fingerprints)).order_by("pk")
