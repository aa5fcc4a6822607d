"""Test that a bundle is written with the same bytes each time, and that only the proofs around sealed files change."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.bundle.bag import Proofs, Withheld
from evidence.verdict.result import State
from evidence.verify.verifier import Verifier
from exhibit.errors import ExitCode, InvalidRequestError
from tests.assets.bundles import Scene
from tests.assets.forged_evidence import NOT_REMADE
from tests.assets.tampering import read_files
from tests.evidence.verify.test_verifier import get_states


def test_same_input_gives_same_bytes(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    assert scene.write(tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_proofs_are_added_to_a_bundle_without_changing_sealed_files(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    young = scene.write(tmp_path / "young.zip", Proofs())
    verdict = Verifier(scene.trust).verify(young)
    assert verdict.outcome is ExitCode.INCOMPLETE
    assert {name for name, state in get_states(verdict).items() if state is State.NOT_CHECKED} == {
        "entry",
        "inclusion",
        "checkpoint",
        "consistency",
        "time",
        *NOT_REMADE,
    }
    sealed_files, grown = read_files(young), read_files(bundle)
    assert {n: d for n, d in sealed_files.items() if n[:5] == "data/"} == {
        n: d for n, d in grown.items() if n[:5] == "data/"
    }


def test_bundle_can_be_written_after_the_development_chain_restarts(scene: Scene, tmp_path: Path) -> None:
    [blocks] = [anchored for anchored in scene.proofs.anchors if anchored.receipt.kind == "opentimestamps"]
    assert blocks.receipt.time is not None
    [(name, header)] = blocks.receipt.material
    younger = replace(
        blocks.receipt, service="anew", material=((name, header[::-1]),), time=blocks.receipt.time + timedelta(days=1)
    )
    proofs = replace(scene.proofs, anchors=(replace(blocks, receipt=younger), *scene.proofs.anchors))
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "anew.zip", proofs))
    assert not verdict.failures
    names = {check.name for check in verdict.checks}
    assert "anchor:checkpoint-test-chain.ots" in names
    assert "anchor:checkpoint-anew.ots" not in names


def test_facts_file_cannot_be_withheld_from_a_bundle(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="facts"):
        scene.write(tmp_path / "copy.zip", Proofs(withheld=Withheld(("data/facts.json",), "")))
