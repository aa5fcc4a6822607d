"""What a crawl slice commits to: each sighting can be shown without the others, at its own place only."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.log import merkle
from evidence.log.proofs import LogProof, SightingRecord
from evidence.log.slices import SliceTree, record_leaf
from exhibit.digests import Digest
from exhibit.entries import EntryType

LOG = LogProof(0, EntryType.SLICE, datetime(2026, 11, 20, tzinfo=UTC), bytes(32), bytes(32), {}, 1, (), "")
RECORDS = [
    SightingRecord(
        f"https://shop.example/{number}",
        "https://shop.example/a.jpg",
        "https://cdn.example/a.jpg",
        Digest.of(bytes([number])),
        200,
        (("Content-Type", "image/jpeg"),),
        "203.0.113.9",
        datetime(2026, 11, 20, 9, number, tzinfo=UTC),
    )
    for number in range(7)
]


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_each_record_is_proven_at_its_own_place_only(count: int) -> None:
    tree = SliceTree([record_leaf(one) for one in RECORDS[:count]])
    opening = tree.opening({"crawl": "7"})
    assert opening == {"crawl": "7", "root": tree.root.hex(), "count": count}
    for index, record in enumerate(RECORDS[:count]):
        proof = tree.prove(index, record, LOG)
        assert (proof.index, proof.count, proof.record) == (index, count, record)
        for other in range(count):
            assert merkle.verify_inclusion(record_leaf(record), other, count, proof.path, tree.root) is (other == index)


def test_every_field_of_a_record_counts() -> None:
    record = RECORDS[0]
    changes: list[dict[str, Any]] = [
        {"page_url": ""},
        {"image_url": ""},
        {"final_url": ""},
        {"picture": Digest.of(b"x")},
        {"status": 404},
        {"headers": ()},
        {"peer": ""},
        {"seen": datetime(2026, 11, 21, tzinfo=UTC)},
    ]
    leaves = {record_leaf(replace(record, **change)) for change in changes}
    assert len(leaves | {record_leaf(record)}) == len(changes) + 1
