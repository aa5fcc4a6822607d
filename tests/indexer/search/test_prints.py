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
from indexer.picture.perceptual_hash import orientation_hashes, shrink, turned_hashes
from indexer.search.prints import MAX_FILE, MAX_WORKS, PRINTS, StatedFile, StatedPicture, read_prints, resembling
from tests.assets.rows import jpeg, photograph

DATA = photograph(1)


def told() -> StatedPicture:
    return StatedPicture.of("harbour.jpg", len(DATA), extract(DATA))


def written(**changes: Json) -> bytes:
    """Return a file of one image, with some of its values changed."""
    plain = json.loads(StatedFile(works=(told(),)).model_dump_json())
    plain["works"][0] |= changes
    return json.dumps(plain).encode()


def test_a_file_that_was_written_is_read_as_it_was_told() -> None:
    assert read_prints(written()) == (told(),)
    features = extract(DATA)
    assert told().whole == features.hashes["whole"].hex()
    vectors = {(one.space, one.part): one.vector for one in told().fingerprints(features.digest)}
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
def test_nonsense_is_refused_with_what_to_do(wrong: dict[str, Json]) -> None:
    with pytest.raises(RefusedError, match=f"{next(iter(wrong))}") as refused:
        read_prints(written(**wrong))
    assert refused.value.reason == "fingerprints"
    assert "exhibit fingerprint" in str(refused.value.hint)


def test_what_half_the_bits_and_length_one_make_is_taken() -> None:
    assert read_prints(written(whole="ff" * 16 + "00" * 16, descriptor=floats(UNIT)))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"works": []}', b"[" * 100_000, DATA])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError, match="aren't fingerprints"):
        read_prints(data)


def test_another_version_is_refused_with_what_to_do() -> None:
    other = written().replace(PRINTS.encode(), b"prints-0")
    with pytest.raises(RefusedError, match=r"prints-0.*prints-1") as refused:
        read_prints(other)
    assert "exhibit fingerprint" in str(refused.value.hint)


def test_a_file_has_so_many_bytes_and_works_at_most() -> None:
    with pytest.raises(RefusedError, match="more than") as refused:
        read_prints(b" " * (MAX_FILE + 1))
    assert refused.value.reason == "too-many-bytes"
    plain = json.loads(written())
    plain["works"] *= MAX_WORKS + 1
    with pytest.raises(RefusedError, match=r"works: .* at most"):
        read_prints(json.dumps(plain).encode())


@pytest.mark.parametrize(
    "picture", [Image.new("RGB", (320, 240), (90, 90, 90)), Image.linear_gradient("L"), Image.new("RGB", (30, 30))]
)
def test_a_picture_that_many_look_like_isnt_told(picture: Image.Image) -> None:
    data = jpeg(picture.convert("RGB"))
    with pytest.raises(RefusedError) as refused:
        StatedPicture.of("flat.jpg", len(data), extract(data))
    assert refused.value.reason == "low-information"
    assert refused.value.hint


def test_turned_hashes_are_nearly_those_of_turned_pictures() -> None:
    for seed in range(3):
        own = orientation_hashes(shrink(Image.open(io.BytesIO(photograph(seed))).convert("L")))
        apart = np.unpackbits(turned_hashes(own[0]) ^ own, axis=1).sum(axis=1)
        assert len(apart) == len(ORIENTATIONS)
        assert apart.max() <= 24
        assert np.unpackbits(own[0] ^ own[1]).sum() > 60  # and they differ from the upright one


def test_what_fingerprints_say_is_for_review_without_a_probability() -> None:
    said = resembling({7: 12}, [8, 7], same=8)
    assert {other: (one.hamming, one.reasons) for other, one in said.items()} == {
        7: (12, ("prints",)),
        8: (256, ("prints", "same-bytes")),
    }
    assert {(one.decision, one.probability, one.pipeline) for one in said.values()} == {(Decision.REVIEW, None, PRINTS)}
