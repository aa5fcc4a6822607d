"""Test what a new work searches past sightings with, and the order in which it examines the results."""

import numpy as np
import pytest
from PIL import Image

from demo.pictures import generate_textured
from exhibit.pictures.decode import Limits
from exhibit.types import Metric, Space
from indexer.layout.orientation import ORIENTATIONS
from indexer.picture.descriptor import BUILT_IN, MODEL, Descriptor
from indexer.picture.features import extract
from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink_for_hash
from indexer.picture.spaces import DESCRIPTOR, PHASH
from indexer.search.seen_pictures import WorkQueries, apply_orientation, create_work_queries, search_seen_pictures
from tests.assets.brute_force import BruteForceIndex
from tests.assets.rows import encode_jpeg
from tests.assets.textured import collage_with

ALIKE = 0.8
"""Cosine; with the upright image alone it is .76."""
GROUND = 0.35
"""1 − cosine; with the whole work, its centre and its quarters it is .5 or more."""
UNITS = Space("units", "1", Metric.COSINE, 4)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_picture_rotation_matches_hash_rotation(orientation: int) -> None:
    picture = generate_textured(3, (300, 200))
    turned = Image.fromarray(apply_orientation(np.asarray(picture), orientation)).convert("L")
    hashes = compute_orientation_hashes(shrink_for_hash(picture.convert("L")))
    distances = np.bitwise_count(hashes ^ compute_orientation_hashes(shrink_for_hash(turned))[0]).sum(1)
    assert distances.argmin() == orientation
    assert distances.min() <= 8


def test_search_for_a_new_work_uses_all_orientations_parts_and_rotated_views() -> None:
    data = encode_jpeg(collage_with(generate_textured(4, (320, 240)), 3))
    features = extract(data)
    assert features.panels
    queries = create_work_queries(data, features, BUILT_IN, Limits())
    assert np.array_equal(queries.hashes, features.hash_variants)
    assert len(queries.descriptors) == len(features.embeddings) + len(BUILT_IN.extra_orientations) + 5 + 3
    assert np.linalg.norm(queries.descriptors, axis=1) == pytest.approx(1, abs=1e-4)
    assert queries.descriptors[: len(features.embeddings)] == pytest.approx(np.stack([*features.embeddings.values()]))


@pytest.mark.parametrize("colour", ["white", "black", "gray"])
def test_small_work_on_plain_background_is_found_by_descriptor_of_whole_picture(colour: str) -> None:
    work, strangers = generate_textured(4, (320, 240)), [generate_textured(seed, (320, 240)) for seed in range(20, 28)]
    picture = Image.new("RGB", (800, 600), colour)
    picture.paste(work, (260, 190))
    index = BruteForceIndex(DESCRIPTOR)
    index.upsert(np.arange(9), np.stack([extract(encode_jpeg(image)).embedding for image in (picture, *strangers)]))
    data = encode_jpeg(work)
    queries = create_work_queries(data, extract(data), BUILT_IN, Limits())
    first = search_seen_pictures([queries], BruteForceIndex(PHASH), index)[0][0]
    assert (first.number, first.distance < GROUND) == (0, True)


def test_bundled_network_uses_few_rotated_views_and_custom_network_uses_all() -> None:
    photograph = np.asarray(generate_textured(9, (320, 240)))
    views = BUILT_IN.compute_vectors([apply_orientation(photograph, orientation) for orientation in ORIENTATIONS])
    expected = views[[0, *BUILT_IN.extra_orientations]]
    assert (views @ expected.T).max(axis=1).min() > ALIKE
    data = encode_jpeg(Image.fromarray(photograph))
    own = Descriptor(BUILT_IN.card, BUILT_IN.space, MODEL.read_bytes)
    queries = create_work_queries(data, extract(data), own, Limits())
    assert len(queries.descriptors) == 1 + 7 + 5 + 3


def row(*bits: int) -> np.ndarray:
    """Return one hash with these bits set."""
    square = np.zeros(256, np.uint8)
    square[list(bits)] = 1
    return np.packbits(square)[None]


def test_works_searched_together_get_separate_candidates_from_alternating_sources() -> None:
    hashes, descriptors = BruteForceIndex(PHASH), BruteForceIndex(UNITS)
    hashes.upsert(np.array([1, 2, 3]), np.concatenate([row(), row(0, 1), row(*range(100, 230))]))
    descriptors.upsert(np.array([7, 8]), np.array([[1, 0, 0, 0], [0, 0, 0, 1]], np.float32))
    queries = WorkQueries(np.concatenate([row(0), row(0, 1)]), np.array([[0.97, 0.1, 0, 0.2]], np.float32))
    other = WorkQueries(row(*range(100, 228)), np.array([[0, 0, 1, 0]], np.float32))
    first, second = search_seen_pictures([queries, other], hashes, descriptors)
    assert [(hit.space, hit.number) for hit in first] == [(PHASH.id, 2), (UNITS.id, 7), (PHASH.id, 1)]
    assert [(hit.number, hit.distance) for hit in second] == [(3, 2)]
    assert search_seen_pictures([], hashes, descriptors) == []
