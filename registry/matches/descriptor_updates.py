"""Background computation of descriptors with a new network, while the current one stays active."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ExhibitError
from exhibit.machine import machine_fault
from exhibit.types import Fingerprint
from indexer.picture.descriptor import Descriptor
from indexer.picture.features import compute_fingerprints, extract
from indexer.picture.spaces import PICTURE_PARTS, WORK_PARTS
from registry.db import steps
from registry.db.locks import Lock, hold, share
from registry.fingerprints import descriptors, fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.models import DescriptorModel
from registry.fingerprints.ports import get_descriptors, get_features_of
from registry.matches import match_storage
from registry.pictures.models import Picture
from registry.services.services import Services

BATCH = 16
MAX_STEP_SECONDS = 20.0  # how long a step runs before other work gets its turn


def compute_descriptors(services: Services, ids: Sequence[int]) -> None:
    """Continue to compute descriptors with a network that is being activated: works first, then all stored pictures.

    Results are stored in batches, so an interruption costs one batch at most. When all are complete, one row is changed
    to activate the network.
    """
    for pk in steps.claim(DescriptorModel, ids, services.stale_after):
        with steps.processing(DescriptorModel, [pk]):
            _continue(services, DescriptorModel.objects.select_related("space").get(pk=pk))


def _continue(services: Services, row: DescriptorModel) -> None:
    get_descriptors(services).refresh()
    descriptor, deadline = get_descriptors(services).of(row), time.monotonic() + MAX_STEP_SECONDS
    descriptor.vectors([np.zeros((64, 64, 3), np.uint8)])  # a damaged file is no picture's fault
    while time.monotonic() < deadline:
        batch, cursor = descriptors.find_undescribed(row, BATCH)
        if batch:
            is_unfinished = _compute_batch(services, row, batch, cursor)
        else:
            is_unfinished = not descriptors.try_switch(row) and descriptors.is_built(row.pk)
        if not is_unfinished:
            steps.finish(DescriptorModel, [row.pk])
            get_descriptors(services).refresh()
            return
    steps.wait(DescriptorModel, row.pk, now())
    services.enqueue(DescriptorModel, [row.pk])


def _compute_batch(services: Services, row: DescriptorModel, batch: Sequence[int], cursor: int) -> bool:
    """Compute descriptors of some pictures; return False if the network is no longer to be activated."""
    descriptor = get_descriptors(services).of(row)
    new_fingerprints: list[tuple[int, Fingerprint]] = []
    gaps = []
    for picture in Picture.objects.filter(pk__in=batch).order_by("pk"):
        try:
            picture_vectors = _compute_fingerprints(services, picture, descriptor)
            new_fingerprints += [(picture.pk, row) for row in picture_vectors]
            gaps += [] if picture_vectors else [(picture.pk, descriptors.NOTHING_TO_DESCRIBE)]
        except ExhibitError as error:
            if error.retry or machine_fault(error):
                raise
            gaps.append((picture.pk, str(error)))
    with transaction.atomic():
        match_storage.lock_pictures(batch)
        if not descriptors.is_built(row.pk):
            return False
        vectors.store_fingerprints([descriptor.space], new_fingerprints)
        descriptors.record_gaps(row, gaps)
        hold(Lock.INDEX)  # a concurrent removal of a work is seen by one side
        share(Lock.PICTURES)  # as is the removal of a picture
        for collection, parts in ((Collection.WORKS, WORK_PARTS), (Collection.PICTURES, PICTURE_PARTS)):
            vectors.add_to(collection, descriptors.find_members(collection, batch), parts)
        descriptors.move_cursor(row, cursor)
    return True


def _compute_fingerprints(services: Services, picture: Picture, descriptor: Descriptor) -> list[Fingerprint]:
    load = partial(services.blobs.get, picture.digest)
    if picture.work_pictures.exists():
        features = get_features_of(services, descriptor).get(picture.digest, load)
    else:
        features = extract(load(), services.limits, descriptor=descriptor)
    all_fingerprints = compute_fingerprints(picture.digest, features)
    return [fingerprint for fingerprint in all_fingerprints if fingerprint.space == descriptor.space.id]
