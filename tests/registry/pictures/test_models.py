"""Test images: one row per content, which waits for its step by default."""

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import BlockedDigest, BytesState, Picture, WithheldFile


def test_the_same_bytes_are_one_picture_and_a_new_one_waits(db: None) -> None:
    digest = Digest.of(b"a")
    picture = Picture.objects.create(digest=digest, size=1, first_seen=now())
    picture.refresh_from_db()
    assert (picture.state, picture.bytes_state, picture.refusal) == ("todo", BytesState.STORED, "")
    assert picture.waits_since <= now()
    with pytest.raises(IntegrityError), transaction.atomic():
        Picture.objects.create(digest=digest, size=2, first_seen=now())


def test_bytes_are_blocked_once_and_files_withheld_once(db: None) -> None:
    digest = Digest.of(b"a")
    BlockedDigest.objects.create(digest=digest)
    WithheldFile.objects.create(digest=digest, because=digest, kept=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        BlockedDigest.objects.create(digest=digest)
    with pytest.raises(IntegrityError), transaction.atomic():
        WithheldFile.objects.create(digest=digest, because=Digest.of(b"b"), kept=False)
