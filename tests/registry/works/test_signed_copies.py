"""Test the maximum distance of Content-Codes: at the limit, beyond it, and best first."""

import pytest

from exhibit.clock import now
from registry.models import SignedCopy, Work
from registry.works.signed_copies import MAX_DISTANCE, ManifestMatch, find_manifests
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

ZERO_CODE = bytes(32)


def flip_bits(bits: int) -> bytes:
    return ((1 << bits) - 1).to_bytes(32)


@pytest.fixture
def copies(inline: SyncRunner) -> list[Work]:
    """Works whose Content-Codes differ from zero in 0, 10, 25 and 26 bits."""
    studio, works = owner("studio"), []
    for n, bits in enumerate((10, 0, MAX_DISTANCE, MAX_DISTANCE + 1)):
        work = register(inline.services, studio, photograph(n + 1)).work
        Work.objects.filter(pk=work.pk).update(opened_at=now(), low_information=[])
        codes = {"content": flip_bits(bits), "data": bytes([n]) * 32, "instance": bytes([n + 100]) * 32}
        SignedCopy.objects.create(
            work_picture=work.work_pictures.get(), manifest=f"{bits}", store=b"a", signed_at=now(), **codes
        )
        works.append(work)
    return works


def test_nearest_manifests_are_listed_first_up_to_max_distance(copies: list[Work]) -> None:
    assert find_manifests({"content": ZERO_CODE}, 10) == [
        ManifestMatch("0", 100),
        ManifestMatch("10", 96),
        ManifestMatch("25", 90),
    ]
    assert find_manifests({"content": ZERO_CODE}, 2) == [ManifestMatch("0", 100), ManifestMatch("10", 96)]


def test_identical_bytes_precede_similar_content(copies: list[Work]) -> None:
    query = {"content": ZERO_CODE, "instance": bytes([103]) * 32}
    assert find_manifests(query, 2) == [ManifestMatch("26", 100), ManifestMatch("0", 100)]
    assert find_manifests({"data": bytes([2]) * 32}, 10) == [ManifestMatch("25", 100)]
    assert find_manifests({"instance": ZERO_CODE}, 10) == []
