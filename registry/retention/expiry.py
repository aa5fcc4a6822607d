"""How long the bytes of what matched nothing are kept; their digests, fingerprints and small pictures stay."""

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
from registry.pictures.previews import preview
from registry.services.services import Services
from registry.works.models import WorkAttachment, WorkPicture

LOGGER = logging.getLogger(__name__)
TO_DECIDE = timedelta(days=90)
"""How long what is proposed as a work waits for a person; seen again later, it is proposed again."""
SECONDS = 240.0
"""After so long the rest waits for the next hour: other upkeep is behind it."""
TOGETHER = 32
"""Pictures whose bytes are read and removed at once."""
_ENDED = [StepState.DONE, StepState.FAILED]


def expire_bytes(services: Services) -> int:
    """Remove the bytes of pictures that matched nothing and last came longer ago than the retention time.

    Digest, fingerprints, addresses and a small picture stay. What belongs to a work, a match or a case is kept; what is
    proposed as a work, too, until somebody decides or has had :data:`TO_DECIDE`.
    """
    limit = now() - timedelta(days=services.config.retention_days)
    proposed = Proposal.objects.filter(state=Proposal.State.OPEN, proposed_at__gte=min(limit, now() - TO_DECIDE))
    kept = (
        Exists(WorkPicture.objects.filter(picture=OuterRef("pk")))
        | Exists(Match.objects.filter(found=OuterRef("pk")).exclude(decision="none"))
        | Exists(Sighting.objects.filter(picture=OuterRef("pk"), bytes_came=True, last_seen__gte=limit))
        | Exists(WorkAttachment.objects.filter(digest=OuterRef("digest")))
        | Exists(proposed.filter(picture=OuterRef("pk")))
        | Exists(CaseSighting.objects.filter(sighting__picture=OuterRef("pk")))
    )
    stored = Picture.objects.filter(bytes_state=BytesState.STORED, state__in=_ENDED)
    old = stored.filter(~kept, first_seen__lt=limit)
    total = left = last = 0
    cause: Exception | None = None
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and (
        batch := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:TOGETHER])
    ):
        last = batch[-1]
        try:
            expired, failed = _expire(services, old.filter(pk__in=batch))
        except ServiceMissingError as error:  # the bucket doesn't answer
            expired, failed = 0, [error] * len(batch)
        total, left, cause = total + expired, left + len(failed), [cause, *failed][-1]
    if left:
        LOGGER.warning("The bytes of %d pictures have expired and stay for another hour. %s", left, cause)
    return total


def _expire(services: Services, old: QuerySet[Picture]) -> tuple[int, list[Exception]]:
    """Keep small pictures of those that can be decoded, then remove pictures' bytes; killed in between, it goes on.

    Returns how many are gone, and what kept others here.
    """
    small: dict[int, bytes] = {}
    failed: list[Exception] = []
    with _locked(old) as rows:
        read = services.blobs.ahead([row.digest for row in rows])
        for row in rows:
            try:
                small[row.pk] = _small(services, row, partial(read, row.digest))
            except (OSError, MemoryError, ServiceMissingError) as error:
                failed.append(error)
        fit = _keep(services, small)
    with _locked(old.filter(pk__in=small)) as rows:  # without those that have come again meanwhile
        gone, stay = _remove(services, rows)
        if not fit:  # a disk so full that not even the small ones did: now there is room
            _keep(services, {row.pk: small[row.pk] for row in gone})
        Picture.objects.filter(pk__in=[row.pk for row in gone]).update(bytes_state=BytesState.EXPIRED)
    return len(gone), [*failed, *stay]


@contextmanager
def _locked(old: QuerySet[Picture]) -> Iterator[list[Picture]]:
    """The rows, while they are locked: a crawl that brings one of them again waits."""
    with transaction.atomic():
        yield list(old.select_for_update(skip_locked=True, no_key=True).order_by("digest"))


def _remove(services: Services, rows: list[Picture]) -> tuple[list[Picture], list[OSError]]:
    """Remove pictures' bytes; returns those that are gone, and what kept others here."""
    try:
        services.blobs.remove_all([row.digest for row in rows])
    except OSError:  # one that can't be removed keeps no other
        gone, stay = [], []
        for row in rows:
            try:
                services.blobs.remove(row.digest)
                gone.append(row)
            except OSError as error:
                stay.append(error)
        return gone, stay
    return rows, []


def _keep(services: Services, small: Mapping[int, bytes]) -> bool:
    """Keep small pictures and say so in the rows of these; false when they don't fit."""
    try:
        services.blobs.put_all([data for data in small.values() if data])
    except (OSError, StorageError):
        return False
    for pk, data in small.items():
        if data:
            Picture.objects.filter(pk=pk).update(thumbnail=Digest.of(data))
    return True


def _small(services: Services, row: Picture, read: Callable[[], bytes]) -> bytes:
    """What stays to be looked at; nothing of what can't be decoded."""
    if not row.refusal:
        with suppress(IntegrityError, NotFoundError, UnreadablePictureError):
            return preview(read(), services.limits)
    return b""
