"""Test that both verifiers report lies sealed with the owner's key, without a traceback."""

from pathlib import Path

import pytest

from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from tests import ASSETS
from tests.assets.resealing import LIES, seal_lie, sign_files
from tests.assets.tampering import read_files, write_zip
from tests.assets.verifier_in_process import run_verifier

VECTORS = ASSETS / "vectors"
BUNDLE_FILES = read_files(VECTORS / "bundle.zip")
TRUST = load_trust(VECTORS / "bundle.trust.json")
INCLUDED_CHECKS = ("manifest", "files", "file:", "bag", "key", "probability", "registration")
UNCHECKED_LIES = {"a bound that is too small", "a field too many"}
"""Cases that verify.py says it does not compute or read."""


@pytest.mark.parametrize("name", LIES)
def test_both_verifiers_report_the_false_statement(tmp_path: Path, name: str) -> None:
    lie, expected = LIES[name]
    path = write_zip(tmp_path / "lie.zip", seal_lie(BUNDLE_FILES, lie))
    states = {check.name: str(check.state) for check in Verifier(TRUST).verify(path).checks}
    assert {check: states.get(check) for check in expected} == expected
    assert {states[check] for check in ("signature", "manifest", "files", "bag")} == {"passed"}
    code, text = run_verifier(path)
    failed = any(state == "failed" for check, state in states.items() if check.startswith(INCLUDED_CHECKS))
    if name not in UNCHECKED_LIES and "facts" not in expected:
        assert (code == 1) == failed, text


def test_empty_replacement_name_is_rejected(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "b.zip", sign_files(BUNDLE_FILES, lambda manifest: manifest["files"][0].update(stand_in=""))
    )
    assert {check.name for check in Verifier(TRUST).verify(path).failures} == {"manifest"}
