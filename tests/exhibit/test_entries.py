import hashlib
import json

import pytest

from exhibit.clock import parse_rfc3339
from exhibit.entries import Entry, EntryType, compute_commitment, encode_canonical

ENTRY = Entry(EntryType.SEAL, parse_rfc3339("2026-11-20T17:30:00+08:00"), bytes(31) + b"\x07")


def test_leaf_hash_is_sha256_of_zero_byte_and_canonical_json() -> None:
    plain = json.loads(ENTRY.leaf_bytes)
    assert plain == {"commitment": "00" * 31 + "07", "time": "2026-11-20T09:30:00.000000Z", "type": "seal"}
    assert ENTRY.leaf_bytes == json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    assert ENTRY.leaf_hash == hashlib.sha256(b"\0" + ENTRY.leaf_bytes).digest()


def test_each_opening_has_its_own_salt() -> None:
    opening = {"b": "ü", "a": [1, 2.5, None]}
    commitment, salt = compute_commitment(opening)
    assert len(salt) == 32
    assert commitment == hashlib.sha256(salt + '{"a":[1,2.5,null],"b":"ü"}'.encode()).digest()
    assert compute_commitment(opening, salt) == (commitment, salt)
    assert compute_commitment(dict(reversed(opening.items())), salt)[0] == commitment
    assert compute_commitment({**opening, "b": "u"}, salt)[0] != commitment
    assert compute_commitment(opening)[0] != commitment


@pytest.mark.parametrize("value", [2**53, float("nan"), float("inf"), "\ud800"])
def test_value_without_exact_json_representation_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode_canonical(value)
