"""Test that an owner's or operator's words are quoted as theirs, and that doubts appear in the first lines."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.documents.phrases import standing_unchecked
from evidence.facts.case import CaseFacts
from evidence.verdict.result import State, Verdict
from evidence.verify.checks.case import MAX_NOT_CHECKED
from evidence.verify.verifier import Verifier
from exhibit.clock import rfc3339
from exhibit.entries import EntryType
from tests.assets.bundles import Scene, encoded, found_bytes, logged, resealed, textured
from tests.assets.corpus.deceit import Invention, forged
from tests.assets.judged import FORGED
from tests.assets.resealing import Facts, sealed_lie
from tests.assets.tampering import files_of, packed

Told = Callable[[CaseFacts], Verdict]


@pytest.fixture
def told(scene: Scene, tmp_path: Path) -> Told:
    """A function that verifies the scene's case with other facts."""
    return lambda facts: Verifier(scene.trust).verify(resealed(scene, facts).write(tmp_path / "told.zip"))


def lines(verdict: Verdict) -> dict[str, str]:
    return {line.of: f"{line.value} [{line.by}]" for line in verdict.lines}


def state(verdict: Verdict, name: str) -> State:
    return next(check.state for check in verdict.checks if check.name == name)


def test_what_an_operator_wrote_is_quoted_and_what_the_software_writes_is_not(scene: Scene, told: Told) -> None:
    lie = "Nothing: a notary checked everything."
    verdict = told(replace(scene.facts, not_checked=(*standing_unchecked("en"), *standing_unchecked("zh-Hans"), lie)))
    assert lines(verdict)["not checked"].startswith(f"{lie!r} [")
    assert "not checked" not in lines(told(replace(scene.facts, not_checked=standing_unchecked("en"))))


def test_so_many_sentences_fail_at_once(scene: Scene, told: Told) -> None:
    began = time.process_time()
    verdict = told(replace(scene.facts, not_checked=("Nothing was left out.",) * 60_000))
    assert state(verdict, "facts") is State.FAILED
    assert time.process_time() - began < 4
    assert state(told(replace(scene.facts, not_checked=("A.",) * MAX_NOT_CHECKED)), "facts") is State.PASSED


@pytest.mark.parametrize("name", ["\u3164", "\uffa0\u115f", " \u2800", "\u200b", "\u3164 (token x)"])
def test_a_name_without_a_letter_that_is_seen_is_nobodys(scene: Scene, told: Told, name: str) -> None:
    assert (
        state(told(replace(scene.facts, decision=replace(scene.facts.decision, by=name))), "confirmed") is State.FAILED
    )
    party = replace(scene.facts.party, kind="account", name=name.partition(" (")[0])
    assert state(told(replace(scene.facts, party=party)), "party") is State.FAILED
    work = replace(scene.facts.work, author=name.partition(" (")[0])
    assert "no author named" in lines(told(replace(scene.facts, work=work)))["work"]


def test_a_registered_file_that_is_the_found_one_is_stated(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    whole = files_of(bundle)
    verdict = Verifier(scene.trust).verify(bundle)
    assert "with a file that is byte-for-byte identical to a found file" not in lines(verdict)["registered"] + lines(
        verdict
    ).get("pictures", "")
    name = next(name for name in FORGED if "same bytes" in name)
    same = Verifier(scene.trust).verify(packed(tmp_path / "same.zip", sealed_lie(whole, FORGED[name][0])))
    assert "with a file that is byte-for-byte identical to a found file" in lines(same)["registered"]


@pytest.mark.parametrize("period", ["2016", "2016-01", "2016-01-11"])
def test_a_work_registered_after_the_find_is_stated(scene: Scene, bundle: Path, tmp_path: Path, period: str) -> None:
    def later(facts: Facts, _files: object, scene: Scene) -> None:
        at = scene.facts.work.registered_at + timedelta(days=1)
        facts["work"]["registered_at"] = rfc3339(at)

    def of_archive(facts: Facts, *_: object) -> None:
        facts["sightings"][0].update(first_seen=None, last_seen=None, period=period)

    for lie, words in (
        (later, "after a copy had been found, at "),
        (of_archive, f"after a copy had been found, in '{period}'"),
    ):
        files, trust = forged(scene, files_of(bundle), Invention(facts=lie))
        assert words in lines(Verifier(trust).verify(packed(tmp_path / "late.zip", files)))["registered"]


@pytest.mark.parametrize("seconds", [30, -30])
def test_a_picture_that_was_added_after_its_copy_had_been_seen_is_told(scene: Scene, told: Told, seconds: int) -> None:
    [seen], work = scene.facts.sightings, scene.facts.work
    assert seen.first_seen is not None
    opening: dict[str, object] = {"owner_name": scene.facts.owner.name, "picture": work.pictures[0].digest.hex}
    added = logged(scene.log, EntryType.REGISTRATION, opening, seen.first_seen + timedelta(seconds=seconds))
    early = seen.first_seen - timedelta(days=900)
    work = replace(work, registered_at=early, registration=None, further_registrations=(added,))
    line = lines(told(replace(scene.facts, work=work)))["registered"]
    assert ("a copy" in line) is (seconds > 0)


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (b"", "with a file that is byte-for-byte identical to a found file"),
        (b"\0", "with a file that has the same pixels as a found file"),
        (None, ""),
    ],
)
def test_a_registered_file_that_is_the_found_one_is_told(
    scene: Scene, told: Told, added: bytes | None, words: str
) -> None:
    [seen], [match], work = scene.facts.sightings, scene.facts.matches, scene.facts.work
    data = encoded(textured(7, (80, 60)), "JPEG") if added is None else found_bytes(1) + added
    own = replace(seen.picture, digest=scene.blobs.put(data), size=len(data), file=work.pictures[0].file)
    work = replace(work, pictures=(own,), registration=None)
    facts = replace(scene.facts, work=work, matches=(replace(match, work_picture=own.digest),))
    line = lines(told(facts))["registered"]
    assert words in line
    assert (
        "with a file that is byte-for-byte identical to a found file" in line,
        "with a file that has the same pixels as a found file" in line,
    ).count(True) == bool(words)
