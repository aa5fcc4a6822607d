"""Background computation of descriptors with a new model, while the current model stays active."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ExhibitError
from exhibit.machine import describe_machine_fault
from exhibit.types import Fingerprint
from indexer.picture.descriptor import Descriptor
from indexer.picture.features import compute_fingerprints, extract
from indexer.picture.spaces import PICTURE_PARTS, WORK_PARTS
from registry.db import steps
from registry.db.locks import Lock, hold, share
from registry.fingerprints import descriptors, fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.models import DescriptorModel
from registry.fingerprints.ports import get_descriptor_features, get_descriptors
from registry.matches import match_storage
from registry.pictures.models import Picture
from registry.services.services import Services

BATCH = 16
MAX_STEP_SECONDS = 20.0  # maximum duration of a step, after which other work is processed


def compute_descriptors(services: Services, ids: Sequence[int]) -> None:
    """Continue to compute descriptors with a model that is being activated: works first, then all stored pictures.

    Results are stored in batches, so an interruption costs one batch at most. When all are complete, one row is changed
    to activate the model.
    """
    for pk in steps.claim(DescriptorModel, ids, services.stale_after):
        with steps.guard_processing(DescriptorModel, [pk]):
            _continue_computation(services, DescriptorModel.objects.select_related("space").get(pk=pk))


def _continue_computation(services: Services, row: DescriptorModel) -> None:
    get_descriptors(services).refresh()
    descriptor, deadline = get_descriptors(services).get_descriptor(row), time.monotonic() + MAX_STEP_SECONDS
    descriptor.compute_vectors([np.zeros((64, 64, 3), np.uint8)])  # fails here if the model file is damaged
    while time.monotonic() < deadline:
        batch, cursor = descriptors.find_undescribed(row, BATCH)
        if batch:
            is_unfinished = _compute_batch(services, row, batch, cursor)
        else:
            is_unfinished = not descriptors.activate_if_complete(row) and descriptors.is_being_built(row.pk)
        if not is_unfinished:
            steps.finish(DescriptorModel, [row.pk])
            get_descriptors(services).refresh()
            return
    steps.postpone_by_id(DescriptorModel, row.pk, now())
    services.enqueue(DescriptorModel, [row.pk])


def _compute_batch(services: Services, row: DescriptorModel, batch: Sequence[int], cursor: int) -> bool:
    """Compute descriptors of some pictures; return False if the activation of the model was cancelled."""
    descriptor = get_descriptors(services).get_descriptor(row)
    new_fingerprints: list[tuple[int, Fingerprint]] = []
    gaps = []
    for picture in Picture.objects.filter(pk__in=batch).order_by("pk"):
        try:
            picture_vectors = _compute_fingerprints(services, picture, descriptor)
            new_fingerprints += [(picture.pk, fingerprint) for fingerprint in picture_vectors]
            gaps += [] if picture_vectors else [(picture.pk, descriptors.NOTHING_TO_DESCRIBE)]
        except ExhibitError as error:
            if error.retry or describe_machine_fault(error):
                raise
            gaps.append((picture.pk, str(error)))
    with transaction.atomic():
        match_storage.lock_pictures(batch)
        if not descriptors.is_being_built(row.pk):
            return False
        vectors.store_fingerprints([descriptor.space], new_fingerprints)
        descriptors.record_gaps(row, gaps)
        hold(Lock.INDEX)  # so that either this transaction or a concurrent removal of a work sees the other
        share(Lock.PICTURES)  # likewise for the removal of a picture
        for collection, parts in ((Collection.WORKS, WORK_PARTS), (Collection.PICTURES, PICTURE_PARTS)):
            vectors.add_to_collection(collection, descriptors.find_members(collection, batch), parts)
        descriptors.move_cursor(row, cursor)
    return True


def _compute_fingerprints(services: Services, picture: Picture, descriptor: Descriptor) -> list[Fingerprint]:
    load = partial(services.blobs.get, picture.digest)
    if picture.work_pictures.exists():
        features = get_descriptor_features(services, descriptor).get(picture.digest, load)
    else:
        features = extract(load(), services.limits, descriptor=descriptor)
    all_fingerprints = compute_fingerprints(picture.digest, features)
    return [fingerprint for fingerprint in all_fingerprints if fingerprint.space == descriptor.space.id]
