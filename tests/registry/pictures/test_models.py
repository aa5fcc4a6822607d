"""Test the database rows of images: one per content, pending by default."""

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import BlockedDigest, BytesState, Picture, WithheldFile


def test_new_picture_is_pending_and_its_digest_is_unique(db: None) -> None:
    digest = Digest.from_bytes(b"a")
    picture = Picture.objects.create(digest=digest, size=1, first_seen=now())
    picture.refresh_from_db()
    assert (picture.state, picture.bytes_state, picture.refusal) == ("queued", BytesState.STORED, "")
    assert picture.waits_since <= now()
    with pytest.raises(IntegrityError), transaction.atomic():
        Picture.objects.create(digest=digest, size=2, first_seen=now())


def test_blocked_and_withheld_digests_are_unique(db: None) -> None:
    digest = Digest.from_bytes(b"a")
    BlockedDigest.objects.create(digest=digest)
    WithheldFile.objects.create(digest=digest, because=digest, kept=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        BlockedDigest.objects.create(digest=digest)
    with pytest.raises(IntegrityError), transaction.atomic():
        WithheldFile.objects.create(digest=digest, because=Digest.from_bytes(b"b"), kept=False)
