"""Test pairs filed by people: stored by digest with the latest judgement, and deleted with an image."""

from pathlib import Path

import pytest

from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.types import Decision
from indexer.calibration.filed_pairs import FOLDER, FiledPairs, Judgement
from indexer.compare.decision import verify
from indexer.search.explanation import Explanation, Gate
from tests.assets.edited_pictures import PICTURE, cached_features, jpeg

ORIGINAL, COPY, OTHER = b"the original", b"a copy", b"another one"
SAMPLE_EXPLANATION: Explanation[int] = Explanation(
    Decision.NONE, (Gate("reading"),), 0, verify(cached_features(jpeg(PICTURE)), cached_features(jpeg(PICTURE)))
)


def store_pair(folder: Path, copy: bytes, label: Judgement, about: str = "ours / theirs") -> FiledPairs:
    pairs = FiledPairs(folder)
    pairs.add(ORIGINAL, copy, label, SAMPLE_EXPLANATION, picture_names=about, by="Ann")
    return pairs


def test_pair_is_stored_with_bytes_and_verdict(tmp_path: Path) -> None:
    pairs = store_pair(tmp_path, COPY, Judgement.COPY, "ours.jpg,\n/ the\u202e irs.jpg")
    (pair,) = FiledPairs(tmp_path).load_pairs()
    assert (pair.said, pair.decision, pair.by) == ("copy", "none", "Ann")
    assert (pair.original, pair.copy) == (Digest.from_bytes(ORIGINAL).hex, Digest.from_bytes(COPY).hex)
    assert pair.about == "ours.jpg, / the irs.jpg"
    assert pairs.read_files(pair) == (ORIGINAL, COPY)


def test_latest_verdict_on_a_pair_is_used(tmp_path: Path) -> None:
    for label in (Judgement.COPY, Judgement.DIFFERENT):
        pairs = store_pair(tmp_path, COPY, label)
    store_pair(tmp_path, OTHER, Judgement.COPY)
    assert [pair.said for pair in pairs.load_pairs()] == ["different", "copy"]


def test_purge_removes_stored_pairs(tmp_path: Path) -> None:
    pairs = store_pair(tmp_path, COPY, Judgement.COPY)
    store_pair(tmp_path, OTHER, Judgement.COPY)
    pairs.remove_picture(Digest.from_bytes(COPY))
    (pair,) = pairs.load_pairs()
    assert pairs.read_files(pair) == (ORIGINAL, OTHER)
    assert not [path for path in tmp_path.rglob("*") if path.name == Digest.from_bytes(COPY).hex]
    assert Digest.from_bytes(COPY).hex not in (tmp_path / FOLDER / "pairs.csv").read_text()


def test_nothing_is_created_without_stored_pairs(tmp_path: Path) -> None:
    assert FiledPairs(tmp_path).load_pairs() == []
    FiledPairs(tmp_path).remove_picture(Digest.from_bytes(COPY))
    assert not list(tmp_path.iterdir())


def test_unreadable_pair_is_not_stored(tmp_path: Path) -> None:
    unread: Explanation[int] = Explanation(Decision.NONE, (Gate("reading", passed=False),), 0)
    with pytest.raises(RefusedError, match="readable pictures"):
        FiledPairs(tmp_path).add(ORIGINAL, COPY, Judgement.COPY, unread, picture_names="", by="Ann")
    assert not list(tmp_path.iterdir())
