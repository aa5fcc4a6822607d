"""A seeded sample of the ten thousand changes of the benchmark: each is found, and named by a check that it breaks."""

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from bench.deceivers import KINDS, World, made_world
from bench.tampering import NOTHING, Finding, find_in, judged
from evidence.verify.verifier import Verifier


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with made_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(scope="module", params=[30, pytest.param(150, marks=pytest.mark.long)])
def findings(world: World, request: pytest.FixtureRequest) -> list[Finding]:
    return find_in(world, request.param, seed=20261120)


def test_every_change_is_found_and_named(findings: list[Finding]) -> None:
    missed = [one for one in findings if one.outcome == NOTHING or not one.named]
    assert missed == []


def test_every_kind_of_change_was_among_them(findings: list[Finding]) -> None:
    counted = Counter(one.kind for one in findings)
    assert set(counted) == set(KINDS)


def test_an_unchanged_bundle_counts_as_unnoticed(world: World) -> None:
    original = Verifier(world.scene.trust).verify(world.folder / "bundle.zip")
    change = world.write(dict(world.files))
    assert judged("none", 0, change, Verifier(world.scene.trust).verify(change.path), original).outcome == NOTHING
    again = KINDS["a file changed, bag and ZIP made to fit"][1]
    assert again(world, Random("1")).path.read_bytes() == again(world, Random("1")).path.read_bytes()
