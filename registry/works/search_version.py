"""What the search that a picture is done with depends on, beside the picture and works that come later."""

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
"""Seconds for which a process believes a count of works that takes as long as there are works."""


def search_mark() -> str:
    """The mark of a search that begins now.

    It holds the version of the comparison, the network that serves, how many works are found by these two alone because
    their local features are still to be measured, and which works know nothing of what was seen before them because
    their search of the past has failed. A picture that is seen again and has another mark is searched for again.
    """
    choice = descriptors.choice_with()
    failed = WorkPicture.objects.filter(state=StepState.FAILED, work__removed_at=None).aggregate(Count("pk"), Max("pk"))
    unmeasured = _counted(int(time.monotonic() // COUNTED_EVERY))
    return " ".join(map(str, (PIPELINE, choice and choice.serving, unmeasured, *failed.values())))


def count_anew() -> None:
    """Count when next asked, because some were measured."""
    _counted.cache_clear()


@lru_cache(maxsize=1)
def _counted(_period: int) -> int:
    """Works without local features: they only get fewer, so an old count costs a search too many at most."""
    return works_without(ROOTSIFT, LOCAL).count()


def works_without(space: Space, part: str) -> QuerySet[Picture]:
    """Pictures of works that have no such fingerprint, as far as they weren't removed and were ever held."""
    there = FingerprintRow.objects.filter(picture=OuterRef("pk"), space_id=space_id(space), part=part)
    living = WorkPicture.objects.filter(picture=OuterRef("pk"), work__removed_at=None, stated=None)
    return Picture.objects.filter(Exists(living), ~Exists(there)).order_by("pk")
