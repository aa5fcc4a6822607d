"""Test the oblivious pseudorandom function: standard vectors, equal outputs, and unlinkable queries."""

import pytest

from evidence.keys.oprf import OprfClient, OprfServer, hash_to_curve
from exhibit.errors import InvalidRequestError

SUITE = b"QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_"
POINTS = {  # RFC 9380, J.1.1
    b"": (
        "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4",
        "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415",
    ),
    b"abc": (
        "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f",
        "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e",
    ),
}


@pytest.mark.parametrize("message", POINTS, ids=repr)
def test_points_match_standard_vectors(message: bytes) -> None:
    assert tuple(f"{part:064x}" for part in hash_to_curve(message, SUITE)) == POINTS[message]


def test_both_parties_compute_the_same_value_and_queries_are_unlinkable() -> None:
    b = OprfServer(b"k" * 48)
    first, second = OprfClient(b"work"), OprfClient(b"work")
    assert first.blind() != second.blind()
    assert (
        first.compute_output(b.evaluate(first.blind()))
        == second.compute_output(b.evaluate(second.blind()))
        == b.compute_output(b"work")
    )
    assert b.compute_output(b"other") != b.compute_output(b"work") != OprfServer(b"l" * 48).compute_output(b"work")


@pytest.mark.parametrize("x", [b"", b"\0", b"\xff" * 32, b"\0" * 31 + b"\1"], ids=repr)
def test_invalid_point_is_rejected(x: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        OprfServer(b"k" * 48).evaluate(x)
