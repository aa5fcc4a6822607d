from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from indexer.picture.features import extract
from indexer.picture.features_file import features_from_bytes
from indexer.search.cache import FeatureCache
from tests.assets.textured import encoded, textured

DATA = encoded(textured(1))


class TestFeatureCache:
    def test_picture_is_measured_once(self, tmp_path: Path) -> None:
        loads: list[int] = []

        def load() -> bytes:
            loads.append(1)
            return DATA

        digest, folder = Digest.from_bytes(DATA), tmp_path / "features"  # does not exist yet
        first = FeatureCache(folder).get(digest, load)
        second = FeatureCache(folder).get(digest, load)
        assert len(loads) == 1
        assert first.hashes == second.hashes

    @pytest.mark.parametrize("damage", [lambda data: data[:500], lambda _: b"", lambda data: b"x" * len(data)])
    def test_damaged_file_is_measured_again(self, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
        FeatureCache(tmp_path).get(Digest.from_bytes(DATA), lambda: DATA)
        (stored,) = tmp_path.rglob("*.npz")
        stored.write_bytes(damage(stored.read_bytes()))
        assert FeatureCache(tmp_path).get(Digest.from_bytes(DATA), lambda: DATA).info.width == 480
        assert features_from_bytes(stored.read_bytes(), partial(extract, DATA)).digest == Digest.from_bytes(DATA)

    def test_number_of_features_in_memory_is_limited(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, capacity_in_memory=1)
        first, other = (encoded(textured(seed, (160, 120))) for seed in (1, 2))
        cache.get(Digest.from_bytes(first), lambda: first)
        cache.get(Digest.from_bytes(other), lambda: other)
        assert list(cache._recent) == [Digest.from_bytes(other)]

    def test_bytes_of_other_picture_are_rejected(self, tmp_path: Path) -> None:
        with pytest.raises(IntegrityError):
            FeatureCache(tmp_path).get(Digest.from_bytes(b"another"), lambda: DATA)

    def test_no_temporary_file_remains(self, tmp_path: Path) -> None:
        FeatureCache(tmp_path).get(Digest.from_bytes(DATA), lambda: DATA)
        assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".npz"]
