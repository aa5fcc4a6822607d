"""Test that the checkpoints of a bundle are read for comparison with the log."""

from pathlib import Path

import pytest

from evidence.bundle.bag import CHECKPOINT_PATH
from evidence.verify.verifier import checkpoints_in
from exhibit.errors import IntegrityError
from tests.assets.renewals import Renewed
from tests.assets.tampering import files_of, packed


@pytest.mark.long
def test_every_checkpoint_of_a_renewed_bundle_is_held_against_the_log(renewed: Renewed, tmp_path: Path) -> None:
    seen = checkpoints_in(renewed.write(tmp_path / "renewed.zip"))
    [renewal] = renewed.proofs.renewals
    assert renewal.checkpoint in seen
    assert len(set(seen)) == len(seen) >= 2
    files = files_of(tmp_path / "renewed.zip")
    for name in (CHECKPOINT_PATH, f"proofs/log/checkpoint-{renewed.size}"):
        wrong = packed(tmp_path / "wrong.zip", files | {name: b"\xff"})
        with pytest.raises(IntegrityError, match=f"{name} isn't a signed note"):
            checkpoints_in(wrong)
