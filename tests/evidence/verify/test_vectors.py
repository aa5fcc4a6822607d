"""Test that the vectors for verifiers in other languages match this verifier's results and the code that makes them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from tests.assets.forged_evidence import NOT_REMADE
from tests.assets.make_vectors import FOLDER, join_pieces, primitives, with_keys

BROKEN_VECTORS = json.loads((FOLDER / "broken.json").read_text("utf-8"))
VARIANTS = json.loads((FOLDER / "variants.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", BROKEN_VECTORS, ids=lambda vector: vector["name"])
def test_broken_bundle_has_the_result_stated_in_its_test_vector(vector: dict[str, object], tmp_path: Path) -> None:
    base = FOLDER / str(vector["base"])
    data = join_pieces(base.read_bytes(), vector["pieces"])  # type: ignore[arg-type]
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    path = tmp_path / "broken.zip"
    path.write_bytes(data)
    verdict = Verifier(load_trust(base.with_suffix(".trust.json"))).verify(path)
    assert int(verdict.outcome) == vector["exit_code"]
    assert {check.name: str(check.state) for check in verdict.checks if check.state != "passed"} == vector["not_passed"]
    assert vector["not_passed"]


@pytest.mark.parametrize("vector", VARIANTS, ids=lambda vector: vector["name"])
def test_unusual_bundle_has_the_result_stated_in_its_test_vector(vector: dict[str, Any], tmp_path: Path) -> None:
    data = join_pieces((FOLDER / vector["base"]).read_bytes(), vector["pieces"])
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    (tmp_path / "bundle.zip").write_bytes(data)
    trust = load_trust((FOLDER / vector["base"]).with_suffix(".trust.json"))
    verdict = Verifier(with_keys(trust, vector["keys"])).verify(tmp_path / "bundle.zip")
    assert int(verdict.outcome) == vector["exit_code"]
    assert {check.name: str(check.state) for check in verdict.checks if check.state != "passed"} == vector["not_passed"]


def test_unusual_bundles_have_expected_results() -> None:
    always = dict.fromkeys(NOT_REMADE - {"drawings"}, "not checked")
    verdicts = {
        vector["name"]: (
            vector["exit_code"],
            {name: state for name, state in vector["not_passed"].items() if name not in always},
        )
        for vector in VARIANTS
    }
    assert all(always.items() <= vector["not_passed"].items() for vector in VARIANTS)
    device = {"countersignature:03a107bff3ce10be": "not checked"}
    not_seen = ("file:data/work/01.jpg", "pictures", "match:01")
    assert verdicts == {
        "a sealed picture withheld": (4, dict.fromkeys(not_seen, "not checked")),
        "counter-signed": (0, {}),
        "counter-signed by a device whose key was revoked": (0, device),
        "a sealing key revoked after the log was timestamped": (0, {}),
        "a sealing key revoked before": (1, {"revoked": "failed"}),
        "renewed by a later checkpoint": (0, {}),
    }


def test_primitive_vectors_match_code() -> None:
    assert json.loads((FOLDER / "primitives.json").read_text("utf-8")) == primitives()


def test_test_vector_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < 200_000
