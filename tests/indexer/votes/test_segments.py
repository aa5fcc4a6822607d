import json
from pathlib import Path

import numpy as np
import pytest

from exhibit.errors import IntegrityError
from indexer.votes.codec import train_codec
from indexer.votes.index import VoteIndex, rebuild_votes
from tests.assets.voters import descriptors, filled


def test_a_damaged_segment_says_what_to_do(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    (path,) = tmp_path.glob("segment-*.faiss")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(IntegrityError, match=r"damaged\. Run the rebuild"):
        VoteIndex(tmp_path)
    path.unlink()
    with pytest.raises(IntegrityError, match="has gone"):
        VoteIndex(tmp_path)


def test_segments_with_different_codecs_are_refused(tmp_path: Path) -> None:
    codec = train_codec(np.concatenate([descriptors(seed, 200) for seed in range(4)]), 16)
    rebuild_votes(tmp_path, [[(seed, descriptors(seed)) for seed in range(1, 40)]], 39, codec)
    other = tmp_path / "other"
    filled(other, 1)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for path in other.glob("segment-*"):
        path.rename(tmp_path / path.name.replace("00000001", "00000002"))
    manifest["segments"].append({"name": "segment-00000002-0000", "gone": None})
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError, match="different codecs"):
        VoteIndex(tmp_path)
