"""Test that the product seals reduced images, and writes a copy without originals for the other side."""

from pathlib import Path

from evidence.verdict.result import State
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from registry.bundles.bundles import write_bundle_zip
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.tampering import read_files
from workers.tasks.sync_runner import SyncRunner


def test_redacted_copy_lacks_the_original_and_its_comparison_still_verifies(inline: SyncRunner, tmp_path: Path) -> None:
    bundle = create_sealed_bundle(inline)
    path = tmp_path / "copy.zip"
    with path.open("wb") as out:
        write_bundle_zip(inline.services, bundle, out, without_originals="The original is for the court.")
    files = read_files(path)
    checks = {check.name: check for check in Verifier(load_trust()).verify(path).checks}
    [withheld] = [name for name, check in checks.items() if "replaced by" in check.sentence]
    assert withheld.removeprefix("file:") not in files
    assert "data/work/01-reduced.jpg" in files
    assert b"The original is for the court." in files["proofs/withheld.json"]
    assert {check.state for name, check in checks.items() if name.startswith("match:")} == {State.PASSED}
    assert not [name for name, check in checks.items() if check.state is State.FAILED]
