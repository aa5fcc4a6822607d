"""Test fingerprint files: what they contain, and every kind of invalid statement."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from exhibit.errors import RefusedError
from exhibit.types import Decision, Json
from indexer.layout.orientation import ORIENTATIONS
from indexer.picture.features import extract
from indexer.picture.perceptual_hash import compute_orientation_hashes, estimate_orientation_hashes, shrink_for_hash
from indexer.search.fingerprint_file import (
    FINGERPRINT_PIPELINE,
    MAX_FILE_BYTES,
    MAX_WORKS,
    StatedFile,
    StatedPicture,
    match_fingerprints,
    parse_fingerprint_file,
)
from tests.assets.rows import encode_jpeg, photograph

DATA = photograph(1)


def stated_picture() -> StatedPicture:
    return StatedPicture.from_features("harbour.jpg", len(DATA), extract(DATA))


def file_with(**changes: Json) -> bytes:
    """Return a file of one image, with some of its values changed."""
    plain = json.loads(StatedFile(works=(stated_picture(),)).model_dump_json())
    plain["works"][0] |= changes
    return json.dumps(plain).encode()


def test_fingerprint_file_round_trips() -> None:
    assert parse_fingerprint_file(file_with()) == (stated_picture(),)
    features = extract(DATA)
    assert stated_picture().whole == features.hashes["whole"].hex()
    vectors = {
        (fingerprint.space, fingerprint.part): fingerprint.vector
        for fingerprint in stated_picture().to_fingerprints(features.digest)
    }
    assert np.allclose(np.frombuffer(vectors["descriptor@1", "whole"], "<f4"), features.embeddings["whole"])


def floats(values: object) -> str:
    return np.asarray(values, "<f4").tobytes().hex()


UNIT = np.zeros(256)
UNIT[0] = 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"whole": "00" * 32},
        {"whole": "ff" * 32},
        {"whole": "ff" * 13 + "00" * 19},  # 104 bits, as of a flat image
        {"whole": "ff" * 17 + "00" * 15},  # 136
        {"whole": "ff" * 15 + "00" * 16},  # too short
        {"trimmed": "00" * 32},
        {"descriptor": floats(UNIT * 0)},
        {"descriptor": floats(UNIT * 1.01)},
        {"descriptor": floats([np.nan, *UNIT[1:]])},
        {"descriptor": floats([np.inf, *UNIT[1:]])},
        {"descriptor": floats(UNIT[:255])},
        {"descriptor": floats([*UNIT, 0])},
        {"descriptor": floats([3e38] * 256)},
        {"digest": "AB" * 32},
        {"digest": "ab" * 31},
        {"bytes": 0},
        {"bytes": -1},
        {"bytes": 1 << 41},
        {"bytes": True},
        {"width": 0},
        {"height": 1 << 30},
        {"type": "<b>"},
        {"file": "n" * 301},
        {"pixels": "AAAA"},
    ],
    ids=lambda wrong: f"{next(iter(wrong))}-{str(next(iter(wrong.values())))[:8]}",
)
def test_malformed_fingerprint_file_is_refused_with_next_step(wrong: dict[str, Json]) -> None:
    with pytest.raises(RefusedError, match=f"{next(iter(wrong))}") as refused:
        parse_fingerprint_file(file_with(**wrong))
    assert refused.value.reason == "fingerprints"
    assert "exhibit fingerprint" in str(refused.value.hint)


def test_vectors_with_balanced_bits_and_unit_length_are_accepted() -> None:
    assert parse_fingerprint_file(file_with(whole="ff" * 16 + "00" * 16, descriptor=floats(UNIT)))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"works": []}', b"[" * 100_000, DATA])
def test_non_fingerprint_file_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError, match="fingerprints cannot be used") as refused:
        parse_fingerprint_file(data)
    assert refused.value.reason == "fingerprints"


def test_unknown_version_is_refused_with_next_step() -> None:
    other = file_with().replace(FINGERPRINT_PIPELINE.encode(), b"prints-0")
    with pytest.raises(RefusedError, match=r"prints-0.*prints-1") as refused:
        parse_fingerprint_file(other)
    assert "exhibit fingerprint" in str(refused.value.hint)


def test_fingerprint_file_size_and_works_are_limited() -> None:
    with pytest.raises(RefusedError, match=f"{MAX_FILE_BYTES:,} bytes") as refused:
        parse_fingerprint_file(b" " * (MAX_FILE_BYTES + 1))
    assert refused.value.reason == "too-many-bytes"
    plain = json.loads(file_with())
    plain["works"] *= MAX_WORKS + 1
    with pytest.raises(RefusedError, match=r"works: .* at most"):
        parse_fingerprint_file(json.dumps(plain).encode())


@pytest.mark.parametrize(
    "picture", [Image.new("RGB", (320, 240), (90, 90, 90)), Image.linear_gradient("L"), Image.new("RGB", (30, 30))]
)
def test_picture_with_too_little_information_is_refused(picture: Image.Image) -> None:
    data = encode_jpeg(picture.convert("RGB"))
    with pytest.raises(RefusedError) as refused:
        StatedPicture.from_features("flat.jpg", len(data), extract(data))
    assert refused.value.reason == "low-information"
    assert refused.value.hint


def test_rotated_hashes_approximate_hashes_of_rotated_pictures() -> None:
    for seed in range(3):
        own = compute_orientation_hashes(shrink_for_hash(Image.open(io.BytesIO(photograph(seed))).convert("L")))
        apart = np.unpackbits(estimate_orientation_hashes(own[0]) ^ own, axis=1).sum(axis=1)
        assert len(apart) == len(ORIENTATIONS)
        assert apart.max() <= 24
        assert np.unpackbits(own[0] ^ own[1]).sum() > 60  # and they differ from the upright one


def test_fingerprint_matches_need_review_and_have_no_probability() -> None:
    results = match_fingerprints({7: 12}, [8, 7], identical_number=8)
    assert {other: (verification.hamming, verification.reasons) for other, verification in results.items()} == {
        7: (12, ("prints",)),
        8: (256, ("prints", "same-bytes")),
    }
    assert {
        (verification.decision, verification.probability, verification.pipeline) for verification in results.values()
    } == {(Decision.REVIEW, None, FINGERPRINT_PIPELINE)}
