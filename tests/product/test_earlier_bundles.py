"""Bundles that earlier versions sealed, kept as they were written."""

from dataclasses import replace

import pytest

from evidence.facts.case import CaseFacts
from evidence.verdict.result import State
from evidence.verdict.trust import Requirements, load_trust
from evidence.verify.verifier import Verifier
from exhibit.errors import ExitCode
from registry.bundles.remaking import MAKERS
from tests import ASSETS
from tests.assets.judged import NOT_MADE, UNPINNED
from tests.assets.tampering import files_of

VECTORS = ASSETS / "vectors"


NAMES_NO_OWNER = {"bundle-facts-1", "bundle-facts-2"}


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.zip")))
def test_a_bundle_of_an_earlier_version_passes_but_for_what_it_did_not_say_yet(name: str) -> None:
    trust = load_trust(VECTORS / f"{name}.trust.json")
    lacking = {"registration", "registration:01"} if name in NAMES_NO_OWNER else set()
    for makers in (None, MAKERS):
        verdict = Verifier(trust, makers).verify(VECTORS / f"{name}.zip")
        left = {check.name for check in verdict.checks if check.state is not State.PASSED}
        uncalibrated = {UNPINNED} if name == "bundle-facts-1" else set()
        assert left == {"capture:01-1", *NOT_MADE, *lacking} - uncalibrated
        assert verdict.outcome is (ExitCode.INCOMPLETE if lacking else ExitCode.DONE)
        assert "captures, drawings and the sheet weren't made to be held against the rest" in verdict.sentence
    unasked = Verifier(replace(trust, requires=Requirements(1, ("capture",)))).verify(VECTORS / f"{name}.zip")
    assert unasked.outcome is ExitCode.DONE
    assert ("not asked for: match" in unasked.sentence) is bool(lacking)
    assert "not asked for: " in unasked.sentence
    looked_at = Verifier(replace(trust, requires=Requirements(1, ("sheet",))), MAKERS).verify(VECTORS / f"{name}.zip")
    assert looked_at.outcome is ExitCode.INCOMPLETE
    assert looked_at.sentence.startswith("Incomplete: nothing failed; not shown: sheet.")


def test_a_bundle_passes_for_an_earlier_version_only_where_a_witness_shows_that_it_is_one() -> None:
    trust = load_trust(VECTORS / "bundle-owner.trust.json")
    without = replace(trust, authorities=(), ledgers=())  # leaves a block, whose time may be two hours later
    for left in (without, replace(without, chains=())):
        verdict = Verifier(left).verify(VECTORS / "bundle-owner.zip")
        assert {check.name: check.state for check in verdict.checks}["version"] is State.NOT_CHECKED
        assert verdict.outcome is ExitCode.INCOMPLETE
        assert "not shown: time" in verdict.sentence


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.zip")))
def test_its_facts_are_written_again_as_they_were_sealed(name: str) -> None:
    data = files_of(VECTORS / f"{name}.zip")["data/facts.json"]
    assert CaseFacts.from_json(data).to_json() == data
