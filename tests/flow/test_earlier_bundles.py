"""Bundles that earlier versions sealed, kept as they were written."""

from pathlib import Path

import pytest

from evidence.facts import CaseFacts
from evidence.trust import load_trust
from evidence.verdict import State
from evidence.verify import verify
from exhibit.errors import ExitCode
from tests.assets.tampering import files_of

VECTORS = Path(__file__).parents[1] / "assets" / "vectors"


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.zip")))
def test_a_bundle_of_an_earlier_version_is_complete(name: str) -> None:
    verdict = verify(VECTORS / f"{name}.zip", load_trust(VECTORS / f"{name}.trust.json"))
    assert verdict.outcome == ExitCode.DONE
    assert {check.name for check in verdict.checks if check.state is not State.PASSED} == set()


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.zip")))
def test_its_facts_are_written_again_as_they_were_sealed(name: str) -> None:
    data = files_of(VECTORS / f"{name}.zip")["data/facts.json"]
    assert CaseFacts.from_json(data).to_json() == data
