"""Test that the checkpoints of a bundle are read for comparison with the log."""

from pathlib import Path

import pytest

from evidence.bundle.bag import CHECKPOINT_PATH
from evidence.verify.verifier import checkpoints_in
from exhibit.errors import IntegrityError
from tests.assets.renewed_bundles import RenewedBundle
from tests.assets.tampering import read_files, write_zip


@pytest.mark.long
def test_every_checkpoint_of_a_renewed_bundle_is_held_against_the_log(renewed: RenewedBundle, tmp_path: Path) -> None:
    checkpoints = checkpoints_in(renewed.write(tmp_path / "renewed.zip"))
    [renewal] = renewed.proofs.renewals
    assert renewal.checkpoint in checkpoints
    assert len(set(checkpoints)) == len(checkpoints) >= 2
    files = read_files(tmp_path / "renewed.zip")
    for name in (CHECKPOINT_PATH, f"proofs/log/checkpoint-{renewed.size}"):
        wrong = write_zip(tmp_path / "wrong.zip", files | {name: b"\xff"})
        with pytest.raises(IntegrityError, match=f"{name} is not a checkpoint"):
            checkpoints_in(wrong)
