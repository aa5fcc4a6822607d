"""Packs written anew: small ones gathered to large ones, and those from which bytes were removed without these."""

import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import accumulate

from django.db import connection, transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from exhibit.clock import now
from registry.models import BlockedDigest, Pack, PackedBytes, PackGap, WithheldFile
from workers.services.packs import PackedBlobStore, Place, add_gaps, in_order, key_of, new_name
from workers.services.wiring import Services

SMALL, LARGE = 256 << 20, 1 << 30
"""Bytes of a pack: below the first they are gathered, beyond the second no more are added."""
LATEST = timedelta(days=7)
"""After so long removed bytes are gone, however few they are."""
SECONDS = 2400.0
"""So long an hour packs are begun to be written anew; those of purged bytes come first."""
_MOVE = """
UPDATE registry_packedbytes AS packed SET pack_id = %s, start = moved.start
FROM unnest(%s::bytea[], %s::bigint[]) AS moved (digest, start) WHERE packed.digest = moved.digest
"""


def keep_packs(services: Services, seconds: float = SECONDS) -> None:
    """Write packs anew that are due; a folder has none. What is broken off is begun again by the next call."""
    blobs, until = services.blobs, time.monotonic() + seconds
    if not isinstance(blobs, PackedBlobStore):
        return
    seen: set[int] = set()
    while time.monotonic() < until and (due := _due(seen)):
        seen.update(due)
        write_anew(blobs, due)


def write_anew(blobs: PackedBlobStore, keys: Collection[int]) -> None:
    """Write what is left in packs into a new one, then remove them; those that another machine has at work stay.

    Rows change when the new pack is written and read again. Whoever has looked bytes up just before looks again.
    """
    with transaction.atomic():
        rows = Pack.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=keys)
        lie = {pack: blobs.places(pack) for pack in rows.order_by("pk")}
        # which bytes of one that has gone are missing is told as damage
        old = [pack for pack, places in lie.items() if not places or blobs.has(pack.name)]
        places = in_order(place for pack in old for place in lie[pack])
        if places:
            new = Pack.objects.create(name=new_name(), size=sum(place.size for place in places))
            blobs.write(new.name, (data for _, data in blobs.stream(places)))
            _take_over(old, new, places)
        Pack.objects.filter(pk__in=[pack.pk for pack in old]).delete()
    if old:
        blobs.bucket.remove([key_of(pack.name) for pack in old])


def _due(seen: Collection[int]) -> list[int]:
    """Packs for one new one, of those that weren't taken yet: first those with purged bytes, then the oldest."""
    named = [Q(digest__in=rows.objects.values("digest")) for rows in (BlockedDigest, WithheldFile)]
    purged = PackGap.objects.filter(named[0] | named[1])
    stale = PackGap.objects.filter(since__lt=now() - LATEST)
    packs = Pack.objects.exclude(pk__in=seen).annotate(
        left=F("size") - Coalesce(Sum("gaps__size"), 0), purged=Q(pk__in=purged.values("pack"))
    )
    due = Q(purged=True) | Q(pk__in=stale.values("pack")) | Q(left__lte=F("size") / 2)
    if sum(packs.filter(left__lt=SMALL).values_list("left", flat=True)) >= SMALL:
        due |= Q(left__lt=SMALL)
    keys: list[int] = []
    size = 0
    for pack, left in packs.filter(due).order_by("-purged", "pk").values_list("pk", "left"):
        if keys and size + left > LARGE:
            break
        keys.append(pack)
        size += left
    return keys


def _take_over(old: Sequence[Pack], new: Pack, places: Sequence[Place]) -> None:
    """Have rows name the new pack; what was removed while it was written is a gap in it."""
    ends = accumulate(place.size for place in places)
    starts = {place.digest: end - place.size for place, end in zip(places, ends, strict=True)}
    rows = PackedBytes.objects.select_for_update().filter(pack__in=old).order_by("digest")
    there = list(rows.values_list("digest", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [new.pk, [digest.raw for digest in there], [starts[digest] for digest in there]])
    gone = starts.keys() - set(there)
    add_gaps(new, {place.digest: place.size for place in places if place.digest in gone})
