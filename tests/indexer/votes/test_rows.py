from pathlib import Path
from types import SimpleNamespace

import numpy as np

from indexer.picture.local_features import MIRROR, to_unit_rows
from indexer.votes.codec import create_empty_copy, faiss, load_shipped_codec
from indexer.votes.rows import BLOCK_CODES, PROBES, VoteRows, find_nearest_lists, pack_codes, unpack_codes
from tests.assets.local_feature_works import descriptors, filled_index, works


def test_codes_are_packed_as_in_faiss() -> None:
    index, rows = create_empty_copy(load_shipped_codec()), to_unit_rows(descriptors(1, 3_000))
    index.add_with_ids(rows, np.arange(len(rows)))
    lists, codes = index.quantizer.search(rows, 1)[1].ravel(), index.pq.compute_codes(rows)
    for number in np.flatnonzero(np.bincount(lists) > BLOCK_CODES // 2):
        actual = pack_codes(codes[lists == number])
        expected = faiss.rev_swig_ptr(index.invlists.get_codes(int(number)), actual.size)
        assert (actual.ravel() == expected).all()
        assert (unpack_codes(expected)[: (lists == number).sum()] == codes[lists == number]).all()


def test_processes_share_segment_lists(tmp_path: Path) -> None:
    index = filled_index(tmp_path, 1)
    (path,) = tmp_path.glob("segment-*.lists")
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(str(path))]
    assert index.votes(descriptors(1))
    assert [line.split()[1] for line in mapped] == ["r--s"]


def test_lists_and_neighbours_match_faiss() -> None:
    rows = VoteRows.in_memory(load_shipped_codec())
    rows.add(*works(*range(1, 9)))
    for vectors_given in (descriptors(4, 300), descriptors(9, 300)[:, MIRROR]):
        queries = to_unit_rows(vectors_given)
        probed = find_nearest_lists(rows.index, queries)
        assert (probed[1] == rows.index.quantizer.search(queries, PROBES)[1]).all()
        expected = rows.index.search(queries, 5, params=faiss.SearchParametersIVF(nprobe=PROBES))
        for actual, reference in zip(rows.search(queries, probed, 5), expected, strict=True):
            assert (actual == reference).all()


def test_nearest_lists_equal_those_of_faiss_for_nearly_equal_centres() -> None:
    centres = faiss.IndexFlatL2(128)
    centre = to_unit_rows(descriptors(1, 1))
    centres.add(centre + np.random.default_rng(2).normal(0, 1e-7, (64, 128)).astype(np.float32))
    queries = to_unit_rows(descriptors(3, 200))
    probed = find_nearest_lists(SimpleNamespace(quantizer=centres), queries)
    assert all(
        (actual == reference).all() for actual, reference in zip(probed, centres.search(queries, PROBES), strict=True)
    )
