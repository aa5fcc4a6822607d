from collections.abc import Callable
from pathlib import Path

import pytest

from exhibit.errors import IntegrityError
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import check_index, rebuild_index
from tests.assets.indexes import BITS, UNITS, filled, numbers, vectors


@pytest.mark.parametrize(
    ("pattern", "change"),
    [
        ("manifest.json", lambda data: data[:-9]),
        ("manifest.json", lambda data: data.replace(b"bits@1", b"bots@1")),
        ("segment-*.json", lambda data: data.replace(b'"count": 3', b'"count": 4')),
        ("segment-*.json", lambda data: data.replace(b'"highest": 3', b'"highest": 4')),
        ("segment-*.faiss", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        ("segment-*.faiss", lambda data: data[:20]),
        ("segment-*.npy", lambda data: data[:-8] + bytes(8)),
        ("segment-*.npy", lambda data: data[:40]),
    ],
)
def test_check_finds_each_damage_and_a_rebuild_mends_it(
    tmp_path: Path, pattern: str, change: Callable[[bytes], bytes]
) -> None:
    filled(tmp_path)
    assert check_index(BITS, tmp_path) == []
    (path,) = tmp_path.glob(pattern)
    path.write_bytes(change(path.read_bytes()))
    assert check_index(BITS, tmp_path)
    rebuild_index(BITS, tmp_path, [(numbers(1, 2), vectors(BITS, [5, 20])), (numbers(3), vectors(BITS, [30]))], 9)
    index = FaissIndex(BITS, tmp_path)
    assert (check_index(BITS, tmp_path), len(index), index.sequence) == ([], 3, 9)


def test_check_finds_a_file_that_has_gone(tmp_path: Path) -> None:
    filled(tmp_path)
    next(tmp_path.glob("segment-*.faiss")).unlink()
    assert check_index(BITS, tmp_path)
    with pytest.raises(IntegrityError):
        FaissIndex(BITS, tmp_path)


def test_an_index_of_another_space_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(IntegrityError):
        FaissIndex(UNITS, tmp_path)
