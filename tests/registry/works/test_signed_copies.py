"""Test the maximum distance of Content-Codes: at the limit, beyond it, and best first."""

import pytest

from exhibit.clock import now
from registry.models import SignedCopy, Work
from registry.works.signed_copies import MAX_APART, Found, found_by
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

NOTHING = bytes(32)


def apart(bits: int) -> bytes:
    return ((1 << bits) - 1).to_bytes(32)


@pytest.fixture
def copies(inline: SyncRunner) -> list[Work]:
    """Works whose Content-Codes differ from zero in 0, 10, 25 and 26 bits."""
    studio, works = owner("studio"), []
    for n, bits in enumerate((10, 0, MAX_APART, MAX_APART + 1)):
        work = register(inline.services, studio, photograph(n + 1)).work
        Work.objects.filter(pk=work.pk).update(opened_at=now(), low_information=[])
        codes = {"content": apart(bits), "data": bytes([n]) * 32, "instance": bytes([n + 100]) * 32}
        SignedCopy.objects.create(
            work_picture=work.work_pictures.get(), manifest=f"{bits}", store=b"a", signed_at=now(), **codes
        )
        works.append(work)
    return works


def test_the_nearest_come_first_and_none_that_is_too_far(copies: list[Work]) -> None:
    assert found_by({"content": NOTHING}, 10) == [Found("0", 100), Found("10", 96), Found("25", 90)]
    assert found_by({"content": NOTHING}, 2) == [Found("0", 100), Found("10", 96)]


def test_the_same_bytes_come_before_what_is_like_them(copies: list[Work]) -> None:
    asked = {"content": NOTHING, "instance": bytes([103]) * 32}
    assert found_by(asked, 2) == [Found("26", 100), Found("0", 100)]
    assert found_by({"data": bytes([2]) * 32}, 10) == [Found("25", 100)]
    assert found_by({"instance": NOTHING}, 10) == []
