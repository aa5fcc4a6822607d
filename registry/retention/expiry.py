"""Expiry of the bytes of unmatched images. Their digests, fingerprints and thumbnails are kept."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError, StorageError, UnreadablePictureError
from registry.cases.models import CaseSighting
from registry.crawls.models import Proposal, Sighting
from registry.db.claimable import StepState
from registry.matches.models import Match
from registry.pictures.models import BytesState, Picture
from registry.pictures.previews import make_preview
from registry.services.services import Services
from registry.works.models import WorkAttachment, WorkPicture

LOGGER = logging.getLogger(__name__)
DECISION_PERIOD = timedelta(days=90)
"""Time for which a proposed work is pending. If the image is seen again later, it is proposed again."""
MAX_SECONDS = 240.0
"""Time in seconds after which the remaining images are left to the next hour, so that other upkeep tasks can run."""
BATCH_SIZE = 32
"""Number of images whose bytes are read and removed together."""
_FINAL_STATES = [StepState.DONE, StepState.FAILED]


def expire_bytes(services: Services) -> int:
    """Remove the bytes of unmatched images that were last seen before the retention time.

    Digests, fingerprints, URLs and thumbnails are kept. Images of a work, match or case are not affected, nor are
    proposed works until they are decided or :data:`DECISION_PERIOD` has passed.

    Returns:
        The number of images whose bytes were removed.
    """
    expires_before = now() - timedelta(days=services.config.retention_days)
    proposed_works = Proposal.objects.filter(
        state=Proposal.State.OPEN, proposed_at__gte=min(expires_before, now() - DECISION_PERIOD)
    )
    is_protected = (
        Exists(WorkPicture.objects.filter(picture=OuterRef("pk")))
        | Exists(Match.objects.filter(found=OuterRef("pk")).exclude(decision="none"))
        | Exists(Sighting.objects.filter(picture=OuterRef("pk"), received_bytes=True, last_seen__gte=expires_before))
        | Exists(WorkAttachment.objects.filter(digest=OuterRef("digest")))
        | Exists(proposed_works.filter(picture=OuterRef("pk")))
        | Exists(CaseSighting.objects.filter(sighting__picture=OuterRef("pk")))
    )
    stored_pictures = Picture.objects.filter(bytes_state=BytesState.STORED, state__in=_FINAL_STATES)
    old_pictures = stored_pictures.filter(~is_protected, first_seen__lt=expires_before)
    total = remaining_count = last_pk = 0
    cause: Exception | None = None
    deadline = time.monotonic() + MAX_SECONDS
    while time.monotonic() < deadline and (
        batch := list(old_pictures.filter(pk__gt=last_pk).order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    ):
        last_pk = batch[-1]
        try:
            expired_count, errors = _expire_batch(services, old_pictures.filter(pk__in=batch))
        except ServiceMissingError as error:  # The bucket does not respond.
            expired_count, errors = 0, [error] * len(batch)
        total, remaining_count, cause = total + expired_count, remaining_count + len(errors), [cause, *errors][-1]
    if remaining_count:
        LOGGER.warning(
            "Expired bytes of %d pictures were not removed. Exhibit will try again. %s", remaining_count, cause
        )
    return total


def _expire_batch(services: Services, old_pictures: QuerySet[Picture]) -> tuple[int, list[Exception]]:
    """Store thumbnails of decodable images, then remove the bytes. An interrupted run can be continued.

    Returns:
        The number of images whose bytes were removed, and the errors that prevented others.
    """
    thumbnails: dict[int, bytes] = {}
    thumbnail_errors: list[Exception] = []
    with _lock_rows(old_pictures) as rows:
        read_blob = services.blobs.prefetch([row.digest for row in rows])
        for row in rows:
            try:
                thumbnails[row.pk] = _make_thumbnail(services, row, partial(read_blob, row.digest))
            except (OSError, MemoryError, ServiceMissingError) as error:
                thumbnail_errors.append(error)
        are_stored = _store_thumbnails(services, thumbnails)
    with _lock_rows(old_pictures.filter(pk__in=thumbnails)) as rows:  # Images seen again in the meantime are left out.
        removed_pictures, errors = _remove_bytes(services, rows)
        if not are_stored:  # The disk was too full for thumbnails; now it has space.
            _store_thumbnails(services, {row.pk: thumbnails[row.pk] for row in removed_pictures})
        Picture.objects.filter(pk__in=[row.pk for row in removed_pictures]).update(bytes_state=BytesState.EXPIRED)
    return len(removed_pictures), [*thumbnail_errors, *errors]


@contextmanager
def _lock_rows(old_pictures: QuerySet[Picture]) -> Iterator[list[Picture]]:
    """Lock the rows while the block runs, so that a crawl that finds one of the images again has to wait."""
    with transaction.atomic():
        yield list(old_pictures.select_for_update(skip_locked=True, no_key=True).order_by("digest"))


def _remove_bytes(services: Services, rows: list[Picture]) -> tuple[list[Picture], list[OSError]]:
    """Remove the bytes of images. Return the rows whose bytes were removed, and the errors that prevented others."""
    try:
        services.blobs.remove_all([row.digest for row in rows])
    except OSError:  # One failed removal must not prevent the others.
        removed_pictures, errors = [], []
        for row in rows:
            try:
                services.blobs.remove(row.digest)
                removed_pictures.append(row)
            except OSError as error:
                errors.append(error)
        return removed_pictures, errors
    return rows, []


def _store_thumbnails(services: Services, thumbnails: Mapping[int, bytes]) -> bool:
    """Store thumbnails and record them; return False if they do not fit on the disk."""
    try:
        services.blobs.put_all([data for data in thumbnails.values() if data])
    except (OSError, StorageError):
        return False
    for pk, data in thumbnails.items():
        if data:
            Picture.objects.filter(pk=pk).update(thumbnail=Digest.from_bytes(data))
    return True


def _make_thumbnail(services: Services, row: Picture, load: Callable[[], bytes]) -> bytes:
    """Return a thumbnail; empty for images that cannot be decoded."""
    if not row.refusal:
        with suppress(IntegrityError, NotFoundError, UnreadablePictureError):
            return make_preview(load(), services.limits)
    return b""
