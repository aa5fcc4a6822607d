"""Looking after the local votes: works that were registered before there were any, and a codec of one's own."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet

from exhibit.errors import ExhibitError
from exhibit.files.locks import FileLock
from exhibit.types import Untyped
from indexer.picture.features import local_fingerprint
from indexer.picture.local_features import WIDTH
from indexer.picture.spaces import LOCAL, ROOTSIFT, WORK_PARTS
from indexer.votes.codec import FOR_EACH_LIST, codec_digest, lists_for, shipped_codec, train_codec
from indexer.votes.index import VoteIndex, check_votes
from indexer.votes.segments import Works
from registry.db.locks import Lock, hold
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.descriptors import members
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import VOTES_PAGE, held_against_rows, index_folder, make_index, sets_of
from registry.matches.registered_works import registered_features
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works import search_version
from registry.works.search_version import count_anew

BATCH, MAX_AT_ONCE = 20, 2_000
DAMAGED = "damaged"  # why a picture can't be read whose bytes aren't those that were stored
MAX_TOLD = 10  # problems of one kind that a check tells
MIN_FOR_A_CODEC = 2_000  # works from which an installation has a codec of its own


def votes_folder(services: Services) -> Path:
    """Where this machine has the index."""
    return index_folder(services.config, Collection.WORKS, ROOTSIFT)


def keep_up(services: Services) -> None:
    """Measure some of what is missing, and train a codec when the works have become many more; in the background.

    That may take hours for very many works. Whoever comes while another does it leaves it to that one.
    """
    lock = FileLock(services.config.data_dir / "votes.lock")
    if not lock.take():
        return
    try:
        measure_missing(services, MAX_AT_ONCE)
        if outgrown(services):
            rebuild(services)
    finally:
        lock.release()


def measure_missing(services: Services, most: int | None = None) -> int:
    """Keep the local features of registered pictures that have none yet, of so many at most; returns of how many.

    A picture that can't be read any more is left out from then on, with the reason.
    """
    waiting = list(unmeasured().filter(refusal="").values_list("pk", flat=True)[:most])
    return sum(_measure(services, waiting[start : start + BATCH]) for start in range(0, len(waiting), BATCH))


def unmeasured() -> QuerySet[Picture]:
    """Registered pictures whose local features aren't kept; those with a refusal can't be read."""
    return search_version.works_without(ROOTSIFT, LOCAL)


def try_unreadable_again() -> None:
    """Let pictures that couldn't be read be read once more: their bytes may have been brought back."""
    Picture.objects.filter(pk__in=unmeasured().exclude(refusal="").values("pk")).update(refusal="")


def rebuild(services: Services) -> None:
    """Make the index again from the rows, with the codec that suits its size."""
    last = vectors.last_change(Collection.WORKS, ROOTSIFT)
    make_index(services.config, Collection.WORKS, ROOTSIFT, _suitable_codec(services, last))


def outgrown(services: Services) -> bool:
    """Whether the works have become so many more that another codec suits them."""
    index = VoteIndex(votes_folder(services))
    lists = lists_for(len(index))
    return len(index) > MIN_FOR_A_CODEC and index.descriptors >= lists > index.codec.nlist


def problems(services: Services) -> Iterator[str]:
    """Everything that is wrong with the index, one sentence each."""
    folder = votes_folder(services)
    damaged = check_votes(folder)
    yield from damaged
    if not damaged:
        index = VoteIndex(folder)
        yield from held_against_rows(index, Collection.WORKS, ROOTSIFT, VOTES_PAGE)
        yield from islice(_with_other_counts(index), MAX_TOLD)


def _with_other_counts(index: VoteIndex) -> Iterator[str]:
    """Works of which the index holds more or fewer local features than the rows."""
    counts = index.counts()
    for number, descriptors in chain.from_iterable(_rows(index.sequence)):
        held = counts.get(number)
        if held is not None and held != len(descriptors):
            yield f"Of number {number} it holds {held} local features where the rows have {len(descriptors)}."


def _measure(services: Services, pictures: list[int]) -> int:
    made = []
    for picture in Picture.objects.filter(pk__in=pictures).order_by("pk"):
        try:
            made.append((picture.pk, local_fingerprint(picture.digest, registered_features(services, picture.digest))))
        except ExhibitError as error:
            if not error.retry:
                Picture.objects.filter(pk=picture.pk).update(refusal=getattr(error, "reason", DAMAGED))
    with transaction.atomic():
        vectors.keep_fingerprints([ROOTSIFT], made)
        hold(Lock.INDEX)  # so that a work that is being removed is seen either here or there
        living = members(Collection.WORKS, [picture for picture, _ in made])
        vectors.add_to(Collection.WORKS, living, WORK_PARTS)
    count_anew()
    return len(made)


def _rows(upto: int) -> Iterator[Works]:
    return (sets_of(batch) for batch in vectors.living(Collection.WORKS, ROOTSIFT, upto, VOTES_PAGE))


def _suitable_codec(services: Services, upto: int) -> Untyped:
    """The present codec where it suits the number of works, or one that is trained on a sample of them."""
    works = sum(len(batch) for batch in vectors.living(Collection.WORKS, ROOTSIFT, upto, VOTES_PAGE))
    lists = lists_for(works)
    if works <= MIN_FOR_A_CODEC:
        return shipped_codec()
    try:
        present = VoteIndex(votes_folder(services)).codec
    except ExhibitError:
        present = shipped_codec()
    if present.nlist == lists and codec_digest(present) != codec_digest(shipped_codec()):
        return present
    sample = _sample(upto, works, lists * FOR_EACH_LIST)
    return train_codec(sample, lists) if len(sample) >= lists else present


def _sample(upto: int, works: int, wanted: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """So many descriptors, evenly from all works; the same for the same rows."""
    each = max(1, wanted // works)
    sets = [descriptors[:each].copy() for batch in _rows(upto) for _, descriptors in batch]
    return np.concatenate([np.zeros((0, WIDTH), np.uint8), *sets])
