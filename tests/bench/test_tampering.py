"""A seeded sample of the ten thousand changes of the benchmark: each is found, and named by a check that it breaks."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from bench.deceivers import KINDS, made_world
from bench.tampering import NOTHING, Finding, find, judged
from evidence.verify.verifier import Verifier

CHANGES = 150


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return list(find(CHANGES, seed=20261120))


def test_every_change_is_found_and_named(findings: list[Finding]) -> None:
    missed = [one for one in findings if one.outcome == NOTHING or not one.named]
    assert missed == []


def test_every_kind_of_change_was_among_them(findings: list[Finding]) -> None:
    counted = Counter(one.kind for one in findings)
    assert set(counted) == set(KINDS)


def test_an_unchanged_bundle_counts_as_unnoticed(tmp_path: Path) -> None:
    with made_world(tmp_path) as world:
        original = Verifier(world.scene.trust).verify(world.folder / "bundle.zip")
        change = world.write(dict(world.files))
        assert judged("none", 0, change, Verifier(world.scene.trust).verify(change.path), original).outcome == NOTHING
        again = KINDS["a file changed, bag and ZIP made to fit"][1]
        assert again(world, Random("1")).path.read_bytes() == again(world, Random("1")).path.read_bytes()
