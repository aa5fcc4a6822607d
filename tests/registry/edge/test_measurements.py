"""Test the measurements of an image that are transmitted, and when two machines' measurements agree."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.pictures.decode import Limits
from indexer.picture.features import compute_fingerprints, extract
from registry.edge.measurements import SPACE, Measurements
from tests.assets.rows import photograph


def measure_picture(data: bytes) -> Measurements:
    return Measurements.from_features(extract(data, Limits()))


def test_transmitted_fingerprints_equal_local_fingerprints() -> None:
    features = extract(photograph(1), Limits())
    name = Digest.from_bytes(b"x")
    received = Measurements.from_bytes(*Measurements.from_features(features).packed_bytes)
    assert list(received.iterate_fingerprints(name)) == compute_fingerprints(name, features)


def save_as_png(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as picture, BytesIO() as file:
        picture.save(file, "png")
        return file.getvalue()


def test_contributor_measurements_may_differ_only_by_library_rounding() -> None:
    first = measure_picture(photograph(1))
    bits = first.hashes.copy()
    bits[:, 0] ^= 0b111
    assert first.agrees_with(Measurements(bits, first.vectors))
    assert first.agrees_with(measure_picture(save_as_png(photograph(1))))
    assert not first.agrees_with(measure_picture(photograph(2)))
    assert not first.agrees_with(Measurements(first.hashes, first.vectors[:0]))
    assert not first.agrees_with(Measurements(first.hashes, -first.vectors))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 3e38, 2.0])
def test_invalid_descriptor_is_rejected(wrong: float) -> None:
    hashes, _ = measure_picture(photograph(1)).packed_bytes
    vector = np.zeros((1, SPACE.width), "<f4")
    vector[0, 3] = wrong
    with pytest.raises(InvalidRequestError):
        Measurements.from_bytes(hashes, vector.tobytes())


@pytest.mark.parametrize(("hashes", "vectors"), [(0, 0), (255, 0), (256 * 12, 0), (256, 1), (256, 1024 * 12)])
def test_impossible_measurement_sizes_are_rejected(hashes: int, vectors: int) -> None:
    with pytest.raises(InvalidRequestError):
        Measurements.from_bytes(bytes(hashes), bytes(vectors))
