"""Test pairs filed by people: stored by digest with the latest judgement, and deleted with an image."""

from pathlib import Path

import pytest

from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.types import Decision
from indexer.calibration.kept import FOLDER, KeptPairs, Said
from indexer.compare.decision import verify
from indexer.search.why import Explanation, Gate
from tests.assets.edited import PICTURE, jpeg, measured

ORIGINAL, COPY, OTHER = b"the original", b"a copy", b"another one"
SEEN: Explanation[int] = Explanation(
    Decision.NONE, (Gate("reading"),), 0, verify(measured(jpeg(PICTURE)), measured(jpeg(PICTURE)))
)


def file(folder: Path, copy: bytes, said: Said, about: str = "ours / theirs") -> KeptPairs:
    kept = KeptPairs(folder)
    kept.keep(ORIGINAL, copy, said, SEEN, about=about, by="Ann")
    return kept


def test_a_pair_is_kept_with_its_bytes_and_what_is_said_of_it(tmp_path: Path) -> None:
    kept = file(tmp_path, COPY, Said.COPY, "ours.jpg,\n/ the\u202e irs.jpg")
    (pair,) = KeptPairs(tmp_path).pairs()
    assert (pair.said, pair.decision, pair.by) == ("copy", "none", "Ann")
    assert (pair.original, pair.copy) == (Digest.of(ORIGINAL).hex, Digest.of(COPY).hex)
    assert pair.about == "ours.jpg, / the irs.jpg"
    assert kept.files_of(pair) == (ORIGINAL, COPY)


def test_the_newest_word_on_a_pair_counts(tmp_path: Path) -> None:
    for said in (Said.COPY, Said.DIFFERENT):
        kept = file(tmp_path, COPY, said)
    file(tmp_path, OTHER, Said.COPY)
    assert [pair.said for pair in kept.pairs()] == ["different", "copy"]


def test_what_is_purged_takes_its_pairs_along(tmp_path: Path) -> None:
    kept = file(tmp_path, COPY, Said.COPY)
    file(tmp_path, OTHER, Said.COPY)
    kept.forget(Digest.of(COPY))
    (left,) = kept.pairs()
    assert kept.files_of(left) == (ORIGINAL, OTHER)
    assert not [path for path in tmp_path.rglob("*") if path.name == Digest.of(COPY).hex]
    assert Digest.of(COPY).hex not in (tmp_path / FOLDER / "pairs.csv").read_text()


def test_nothing_is_made_where_nothing_was_kept(tmp_path: Path) -> None:
    assert KeptPairs(tmp_path).pairs() == []
    KeptPairs(tmp_path).forget(Digest.of(COPY))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read_is_not_kept(tmp_path: Path) -> None:
    unread: Explanation[int] = Explanation(Decision.NONE, (Gate("reading", passed=False),), 0)
    with pytest.raises(RefusedError, match="can be read"):
        KeptPairs(tmp_path).keep(ORIGINAL, COPY, Said.COPY, unread, about="", by="Ann")
    assert not list(tmp_path.iterdir())
