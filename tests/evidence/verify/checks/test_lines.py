"""Test that texts by an owner or operator are quoted, and that doubts appear in the first lines."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.documents.phrases import list_never_checked_sentences
from evidence.facts.case import CaseFacts
from evidence.verdict.result import State, Verdict
from evidence.verify.checks.case import MAX_NOT_CHECKED
from evidence.verify.verifier import Verifier
from exhibit.clock import format_rfc3339
from exhibit.entries import EntryType
from tests.assets.bundles import Scene, append_entry, encode_picture, found_bytes, reseal, textured_picture
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.forged_evidence import FORGED
from tests.assets.resealing import Facts, seal_lie
from tests.assets.tampering import read_files, write_zip

VerifyFacts = Callable[[CaseFacts], Verdict]


@pytest.fixture
def verify_facts(scene: Scene, tmp_path: Path) -> VerifyFacts:
    """A function that verifies the scene's case with other facts."""
    return lambda facts: Verifier(scene.trust).verify(reseal(scene, facts).write(tmp_path / "told.zip"))


def get_lines(verdict: Verdict) -> dict[str, str]:
    return {line.of: f"{line.value} [{line.by}]" for line in verdict.lines}


def find_state(verdict: Verdict, name: str) -> State:
    return next(check.state for check in verdict.checks if check.name == name)


def test_operator_text_is_quoted_but_software_text_is_not(scene: Scene, verify_facts: VerifyFacts) -> None:
    lie = "Nothing: a notary checked everything."
    verdict = verify_facts(
        replace(
            scene.facts,
            not_checked=(*list_never_checked_sentences("en"), *list_never_checked_sentences("zh-Hans"), lie),
        )
    )
    assert get_lines(verdict)["not checked"].startswith(f"{lie!r} [")
    assert "not checked" not in get_lines(
        verify_facts(replace(scene.facts, not_checked=list_never_checked_sentences("en")))
    )


def test_too_many_sentences_fail_quickly(scene: Scene, verify_facts: VerifyFacts) -> None:
    began = time.process_time()
    verdict = verify_facts(replace(scene.facts, not_checked=("Nothing was left out.",) * 60_000))
    assert find_state(verdict, "facts") is State.FAILED
    assert time.process_time() - began < 4
    assert (
        find_state(verify_facts(replace(scene.facts, not_checked=("A.",) * MAX_NOT_CHECKED)), "facts") is State.PASSED
    )


@pytest.mark.parametrize("name", ["\u3164", "\uffa0\u115f", " \u2800", "\u200b", "\u3164 (token x)"])
def test_name_without_visible_letter_is_rejected(scene: Scene, verify_facts: VerifyFacts, name: str) -> None:
    assert (
        find_state(verify_facts(replace(scene.facts, decision=replace(scene.facts.decision, by=name))), "confirmed")
        is State.FAILED
    )
    party = replace(scene.facts.party, kind="account", name=name.partition(" (")[0])
    assert find_state(verify_facts(replace(scene.facts, party=party)), "party") is State.FAILED
    work = replace(scene.facts.work, author=name.partition(" (")[0])
    assert "author not stated" in get_lines(verify_facts(replace(scene.facts, work=work)))["work"]


def test_registered_file_identical_to_match_is_reported(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    whole = read_files(bundle)
    verdict = Verifier(scene.trust).verify(bundle)
    assert "with a file that is byte-for-byte identical to a found file" not in get_lines(verdict)[
        "registered"
    ] + get_lines(verdict).get("pictures", "")
    name = next(name for name in FORGED if "same bytes" in name)
    same = Verifier(scene.trust).verify(write_zip(tmp_path / "same.zip", seal_lie(whole, FORGED[name][0])))
    assert "with a file that is byte-for-byte identical to a found file" in get_lines(same)["registered"]


@pytest.mark.parametrize("period", ["2016", "2016-01", "2016-01-11"])
def test_work_registered_after_match_is_reported(scene: Scene, bundle: Path, tmp_path: Path, period: str) -> None:
    def later(facts: Facts, _files: object, scene: Scene) -> None:
        at = scene.facts.work.registered_at + timedelta(days=1)
        facts["work"]["registered_at"] = format_rfc3339(at)

    def of_archive(facts: Facts, *_: object) -> None:
        facts["sightings"][0].update(first_seen=None, last_seen=None, period=period)

    for lie, words in (
        (later, "after a copy had been found, at "),
        (of_archive, f"after a copy had been found, in '{period}'"),
    ):
        files, trust = forge_bundle(scene, read_files(bundle), Invention(facts=lie))
        assert words in get_lines(Verifier(trust).verify(write_zip(tmp_path / "late.zip", files)))["registered"]


@pytest.mark.parametrize("seconds", [30, -30])
def test_picture_added_after_its_copy_was_seen_is_reported(
    scene: Scene, verify_facts: VerifyFacts, seconds: int
) -> None:
    [sighting], work = scene.facts.sightings, scene.facts.work
    assert sighting.first_seen is not None
    opening: dict[str, object] = {"owner_name": scene.facts.owner.name, "picture": work.pictures[0].digest.hex}
    added = append_entry(scene.log, EntryType.REGISTRATION, opening, sighting.first_seen + timedelta(seconds=seconds))
    early = sighting.first_seen - timedelta(days=900)
    work = replace(work, registered_at=early, registration=None, further_registrations=(added,))
    line = get_lines(verify_facts(replace(scene.facts, work=work)))["registered"]
    assert ("a copy" in line) is (seconds > 0)


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (b"", "with a file that is byte-for-byte identical to a found file"),
        (b"\0", "with a file that has the same pixels as a found file"),
        (None, ""),
    ],
)
def test_identical_or_nearly_identical_registered_file_is_reported(
    scene: Scene, verify_facts: VerifyFacts, added: bytes | None, words: str
) -> None:
    [sighting], [match], work = scene.facts.sightings, scene.facts.matches, scene.facts.work
    data = encode_picture(textured_picture(7, (80, 60)), "JPEG") if added is None else found_bytes(1) + added
    own = replace(sighting.picture, digest=scene.blobs.put(data), size=len(data), file=work.pictures[0].file)
    work = replace(work, pictures=(own,), registration=None)
    facts = replace(scene.facts, work=work, matches=(replace(match, work_picture=own.digest),))
    line = get_lines(verify_facts(facts))["registered"]
    assert words in line
    assert (
        "with a file that is byte-for-byte identical to a found file" in line,
        "with a file that has the same pixels as a found file" in line,
    ).count(True) == bool(words)
