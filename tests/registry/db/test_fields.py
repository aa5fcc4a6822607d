"""Test digests as columns."""

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from registry.db.fields import DigestField
from registry.models import Picture

DIGEST = Digest.from_bytes(b"a")


def test_digest_field_accepts_digest_raw_and_hex_only() -> None:
    field = DigestField()
    for form in (DIGEST, DIGEST.raw, DIGEST.hex, memoryview(DIGEST.raw)):
        assert field.to_python(form) == DIGEST
    assert (field.to_python(None), field.get_prep_value(None), field.from_db_value(None)) == (None, None, None)
    for wrong in (b"short", "00", "x" * 64):
        with pytest.raises(ValueError, match=r".+"):
            field.to_python(wrong)


def test_rows_are_found_by_digest(db: None) -> None:
    Picture.objects.create(digest=DIGEST, size=1, first_seen=now())
    assert Picture.objects.get(digest=DIGEST).digest == DIGEST
    assert Picture.objects.get(digest__in=[DIGEST, Digest.from_bytes(b"b")]).digest == DIGEST
    assert list(Picture.objects.values_list("digest", flat=True)) == [DIGEST]
