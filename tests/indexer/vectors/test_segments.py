from pathlib import Path

import pytest

from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import rebuild_index
from tests.assets.indexes import BITS, numbers, vectors


def test_a_rebuild_splits_rows_over_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.vectors.segments.MAX_ROWS", 4)
    batches = [(numbers(*range(start, start + 3)), vectors(BITS, [start] * 3)) for start in range(1, 12, 3)]
    rebuild_index(BITS, tmp_path, batches, 12)
    assert len(list(tmp_path.glob("segment-*.faiss"))) == 3
    assert [hit.number for hit in FaissIndex(BITS, tmp_path).search(vectors(BITS, [7]), k=3)[0]] == [7, 8, 9]
