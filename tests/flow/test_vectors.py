"""The vectors for verifiers in other languages say what this verifier says, and are those that the code gives."""

import hashlib
import json
from pathlib import Path

import pytest

from evidence.trust import load_trust
from evidence.verify import verify
from tests.assets.broken_vectors import FOLDER, joined, primitives

BROKEN = json.loads((FOLDER / "broken.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", BROKEN, ids=lambda vector: vector["name"])
def test_a_broken_bundle_is_told_as_the_vector_says(vector: dict[str, object], tmp_path: Path) -> None:
    base = FOLDER / str(vector["base"])
    data = joined(base.read_bytes(), vector["pieces"])  # type: ignore[arg-type]
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    path = tmp_path / "broken.zip"
    path.write_bytes(data)
    verdict = verify(path, load_trust(base.with_suffix(".trust.json")))
    assert int(verdict.outcome) == vector["exit_code"]
    assert {one.name: str(one.state) for one in verdict.checks if one.state != "passed"} == vector["not_passed"]
    assert vector["not_passed"]


def test_the_examples_of_building_blocks_are_those_that_the_code_gives() -> None:
    assert json.loads((FOLDER / "primitives.json").read_text("utf-8")) == primitives()


def test_the_vectors_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < 200_000
