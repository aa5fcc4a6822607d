"""Milliseconds a picture on one core: Exhibit's hash and its full features beside imagehash and pdqhash."""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import imagehash
import numpy as np
import pdqhash
from PIL import Image

from bench.common import Row
from indexer.picture.features import extract

WARM_UP = 10


def measure(photos: Sequence[Path]) -> list[Row]:
    """Time each on the same bytes, already in memory; one thread; decoding included."""
    data = [path.read_bytes() for path in photos]
    ways: dict[str, Callable[[bytes], object]] = {
        "imagehash phash, 64 bits": lambda one: imagehash.phash(_open(one)),
        "imagehash phash, 256 bits": lambda one: imagehash.phash(_open(one), hash_size=16),
        "pdqhash, 256 bits": lambda one: pdqhash.compute(np.asarray(_open(one).convert("RGB"))),
        "pdqhash, 8 orientations": lambda one: pdqhash.compute_dihedral(np.asarray(_open(one).convert("RGB"))),
        "exhibit hash, 8 orientations, untrimmed and trimmed": lambda one: extract(one).hashes,
        "exhibit hash and descriptor": lambda one: extract(one).embeddings,
        "exhibit all, with local features": _everything,
    }
    return [{"what": name, "ms a picture": _time(way, data), "pictures": len(data)} for name, way in ways.items()]


def _open(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _everything(data: bytes) -> object:
    features = extract(data)
    return features.hashes, features.embeddings, features.local


def _time(way: Callable[[bytes], object], data: Sequence[bytes]) -> float:
    for one in data[:WARM_UP]:
        way(one)
    started = time.process_time()
    for one in data:
        way(one)
    return (time.process_time() - started) / len(data) * 1000
