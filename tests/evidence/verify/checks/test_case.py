"""Test that a lie in a sealed case fails the check that it violates."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.facts.case import CaseFacts
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.verdict.result import UNLISTED, State, raise_first_failure
from evidence.verify.verifier import Verifier
from exhibit.comparison.calibration import add_probability
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError
from tests.assets.animated_copies import animated_copy, exif_rotated_copy
from tests.assets.bundles import CALIBRATION, Scene, append_entry, make_scene, reseal
from tests.assets.folder_log import FolderLogStore
from tests.evidence.verify.test_tampering import list_failures


def _change_dense_score(facts: CaseFacts) -> CaseFacts:
    [match] = facts.matches
    lying = add_probability(replace(match.verification, dense=0.4), CALIBRATION)
    return replace(facts, matches=(replace(match, verification=lying),))


def _change_transform(facts: CaseFacts) -> CaseFacts:
    [match] = facts.matches
    straight = ((2.0, 0.0, 0.5), (0.0, 2.0, 0.5), (0.0, 0.0, 1.0))
    return replace(facts, matches=(replace(match, verification=replace(match.verification, transform=straight)),))


RELATED_CHECKS = {"capture:01-1", "party", "order"}
"""Checks that fail as well: a visit of another page belongs to another party; a sighting dated after the decision."""


def _change_page_url(facts: CaseFacts) -> CaseFacts:
    [sighting] = facts.sightings
    return replace(facts, sightings=(replace(sighting, page_url="https://rival.example/"),))


def _change_site(facts: CaseFacts) -> CaseFacts:
    """Attribute the page to another site."""
    return replace(facts, party=replace(facts.party, name="saint.example"))


def _disguise_host(facts: CaseFacts) -> CaseFacts:
    [sighting] = facts.sightings
    page_url = sighting.page_url.replace("https://", "https://saint.example@").replace(
        "http://", "http://saint.example@"
    )
    facts = replace(facts, sightings=(replace(sighting, page_url=page_url),))
    return _change_site(facts)


def _change_first_seen(facts: CaseFacts) -> CaseFacts:
    [sighting] = facts.sightings
    return replace(facts, sightings=(replace(sighting, first_seen=sighting.last_seen),))


def _remove_times(facts: CaseFacts) -> CaseFacts:
    """Omit a time that the crawl recorded."""
    [sighting] = facts.sightings
    return replace(facts, sightings=(replace(sighting, first_seen=None, last_seen=None),))


def _add_period(facts: CaseFacts) -> CaseFacts:
    """State a period that the crawl did not record."""
    [sighting] = facts.sightings
    return replace(facts, sightings=(replace(sighting, period="2016-01"),))


def _change_slice(facts: CaseFacts) -> CaseFacts:
    [sighting] = facts.sightings
    assert sighting.slice is not None
    return replace(facts, sightings=(replace(sighting, slice=replace(sighting.slice, index=1)),))


def _change_title(facts: CaseFacts) -> CaseFacts:
    return replace(facts, work=replace(facts.work, title="Another field"))


def _change_overlap(facts: CaseFacts) -> CaseFacts:
    [match] = facts.matches
    return replace(facts, matches=(replace(match, verification=replace(match.verification, overlap_work=0.9)),))


def _change_size(facts: CaseFacts) -> CaseFacts:
    [picture] = facts.work.pictures
    return replace(facts, work=replace(facts.work, pictures=(replace(picture, width=picture.width + 1),)))


def _change_opening(facts: CaseFacts) -> CaseFacts:
    assert facts.work.registration is not None
    registration = replace(facts.work.registration, opening={"picture": "another"})
    return replace(facts, work=replace(facts.work, registration=registration))


def test_user_name_in_a_url_is_not_mistaken_for_the_site(scene: Scene, tmp_path: Path) -> None:
    verdict = Verifier(scene.trust).verify(reseal(scene, _disguise_host(scene.facts)).write(tmp_path / "lie.zip"))
    assert "party" in list_failures(verdict)


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_change_dense_score, "match:01"),
        (_change_transform, "match:01"),
        (_change_page_url, "slice:01"),
        (_change_site, "party"),
        (_change_first_seen, "slice:01"),
        (_remove_times, "slice:01"),
        (_add_period, "slice:01"),
        (_change_slice, "slice:01"),
        (_change_opening, "registration"),
        (_change_title, "registration"),
        (_change_overlap, "match:01"),
        (_change_size, "pictures"),
    ],
)
def test_each_sealed_false_statement_is_detected(
    scene: Scene, tmp_path: Path, lie: Callable[[CaseFacts], CaseFacts], check: str
) -> None:
    verdict = Verifier(scene.trust).verify(reseal(scene, lie(scene.facts)).write(tmp_path / "lie.zip"))
    assert {check} <= list_failures(verdict) - {"registration:01"} <= {check, *RELATED_CHECKS}
    with pytest.raises(IntegrityError, match="|".join([check, *RELATED_CHECKS])):
        raise_first_failure(verdict)


def test_survival_map_is_recomputed(scene: Scene, tmp_path: Path) -> None:
    [match] = scene.facts.matches
    width, height = (getattr(scene.facts.work.pictures[0], side) for side in ("width", "height"))
    down, across = (round(12 * side / max(width, height)) for side in (height, width))
    for number, sign in enumerate("20"):  # fully present (true), then absent (false)
        mapped = replace(match.verification, survival=(sign * across,) * down)
        facts = replace(scene.facts, matches=(replace(match, verification=mapped),))
        verdict = Verifier(scene.trust).verify(reseal(scene, facts).write(tmp_path / f"{number}.zip"))
        assert ("match:01" in list_failures(verdict)) == (sign == "0"), sign


@pytest.mark.parametrize("numbers", [(1, 2), ()])
def test_dangling_references_fail(scene: Scene, tmp_path: Path, numbers: tuple[int, ...]) -> None:
    [match] = scene.facts.matches
    facts = replace(scene.facts, matches=(replace(match, sightings=numbers),))
    assert list_failures(Verifier(scene.trust).verify(reseal(scene, facts).write(tmp_path / "lie.zip"))) == {"facts"}


def test_registration_of_other_picture_is_detected(scene: Scene, tmp_path: Path) -> None:
    other = append_entry(scene.log, EntryType.REGISTRATION, {"picture": scene.sealed_case.seal_digest.hex})
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=other))
    lie = reseal(scene, facts).write(tmp_path / "lie.zip")
    assert list_failures(Verifier(scene.trust).verify(lie)) == {"registration"}


def test_checkpoint_of_unpinned_log_does_not_prove_registration(scene: Scene, tmp_path: Path) -> None:
    log = Log(FolderLogStore(tmp_path / "log"), KeySigner(Ed25519PrivateKey.generate()), "log.made-up.example")
    assert scene.facts.work.registration is not None
    forged = append_entry(log, EntryType.REGISTRATION, scene.facts.work.registration.opening)
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=forged))
    verdict = Verifier(scene.trust).verify(reseal(scene, facts).write(tmp_path / "lie.zip"))
    [check] = [check for check in verdict.checks if check.name == "registration"]
    assert check.state is State.NOT_CHECKED
    assert check.sentence.startswith(UNLISTED)


@pytest.mark.long
@pytest.mark.parametrize("copy", [animated_copy, exif_rotated_copy], ids=["animation", "WebP with an orientation"])
def test_pictures_are_compared_as_browsers_render_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy: Callable[[int], bytes]
) -> None:
    monkeypatch.setattr("tests.assets.bundles.found_bytes", copy)
    scene = make_scene(tmp_path)
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "bundle.zip"))
    states = {check.name: check.state for check in verdict.checks}
    assert (states["pictures"], states["match:01"]) == (State.PASSED, State.PASSED)
