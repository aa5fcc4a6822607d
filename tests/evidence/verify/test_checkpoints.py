"""Test that the checkpoints of a bundle are read for comparison with the log."""

from pathlib import Path

import pytest

from evidence.bundle.bag import CHECKPOINT_PATH
from evidence.verify.verifier import list_checkpoints
from exhibit.errors import IntegrityError
from tests.assets.renewed_bundles import RenewedBundle
from tests.assets.tampering import read_files, write_zip


@pytest.mark.long
def test_checkpoints_of_renewed_bundle_are_listed(renewed_bundle: RenewedBundle, tmp_path: Path) -> None:
    checkpoints = list_checkpoints(renewed_bundle.write(tmp_path / "renewed.zip"))
    [renewal] = renewed_bundle.proofs.renewals
    assert renewal.checkpoint in checkpoints
    assert len(set(checkpoints)) == len(checkpoints) >= 2
    files = read_files(tmp_path / "renewed.zip")
    for name in (CHECKPOINT_PATH, f"proofs/log/checkpoint-{renewed_bundle.size}"):
        wrong = write_zip(tmp_path / "wrong.zip", files | {name: b"\xff"})
        with pytest.raises(IntegrityError, match=f"{name} is not a checkpoint"):
            list_checkpoints(wrong)
