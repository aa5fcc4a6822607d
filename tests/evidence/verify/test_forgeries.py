"""Test that an owner's forgeries with a pinned key in a pinned log are each reported, and none is complete."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.facts.case import CaseFacts, OwnerFacts, PictureFacts
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.log.proofs import LogProof
from evidence.verdict.result import Verdict
from evidence.verdict.trust import TrustedKey
from evidence.verify.verifier import Verifier
from exhibit.clock import format_rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ExitCode
from tests.assets.bundles import (
    OWNER,
    Scene,
    append_entry,
    encode_picture,
    registration_opening,
    reseal,
    textured_picture,
)
from tests.assets.folder_log import FolderLogStore
from tests.assets.timestamp_services import LABEL

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MALLORY = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
Forge = Callable[[Scene], Scene]


def assign_to_mallory(scene: Scene, name: str = "Mallory") -> Scene:
    """Return the scene with another owner, whose key is pinned as his."""
    key = TrustedKey("Mallory", MALLORY.public_key, development=True, label=LABEL)
    facts = replace(scene.facts, owner=OwnerFacts(name, "declared"))
    return replace(scene, owner_key=MALLORY, facts=facts, trust=replace(scene.trust, keys=(*scene.trust.keys, key)))


def append_false_registration(scene: Scene, time: datetime | None = None, **changes: Any) -> LogProof:  # noqa: ANN401 - any fields
    """Register the work in the scene's log with other fields than the facts."""
    opening = registration_opening(scene.facts.work, scene.facts.work.pictures[0]) | changes
    fields = {name: value for name, value in opening.items() if value is not Ellipsis}
    return append_entry(scene.log, EntryType.REGISTRATION, fields, time)


def change_work(facts: CaseFacts, **changes: Any) -> CaseFacts:  # noqa: ANN401 - any fields
    return replace(facts, work=replace(facts.work, **changes))


def change_registration_entry(work_field: str = "registration", **changes: Any) -> Forge:  # noqa: ANN401 - any fields
    """Put a registration with other values into the facts."""
    return lambda scene: reseal(
        scene, change_work(scene.facts, **{work_field: append_false_registration(scene, **changes)})
    )


def claim_work_of(name: str = "Mallory") -> Forge:
    def forge(scene: Scene) -> Scene:
        other = assign_to_mallory(scene, name)
        return reseal(other, other.facts)

    return forge


def claim_further_registration(scene: Scene) -> Scene:
    other = assign_to_mallory(scene)
    registration = scene.facts.work.registration
    assert registration is not None
    return reseal(other, change_work(other.facts, registration=None, further_registrations=(registration,)))


def claim_without_owner(scene: Scene) -> Scene:
    other = assign_to_mallory(scene)
    return reseal(other, change_work(other.facts, registration=append_false_registration(scene, owner_name=...)))


def list_derived_picture(scene: Scene) -> CaseFacts:
    """List the sighted image, re-encoded, as another image of the work, and match it."""
    data = encode_picture(textured_picture(1, (80, 60)), "PNG")
    scene.blobs.put(data)
    picture = PictureFacts(Digest.from_bytes(data), len(data), "PNG", 80, 60, "data/work/02.png")
    [match] = scene.facts.matches
    facts = change_work(scene.facts, pictures=(*scene.facts.work.pictures, picture))
    derived_match = replace(
        match, work_picture=picture.digest, verification=replace(match.verification, transform=None)
    )
    return replace(facts, matches=(derived_match,))


def add_derived_picture(**changes: Any) -> Forge:  # noqa: ANN401 - any fields
    """Add the derived image with its own log entry, which has these values."""

    def forge(scene: Scene) -> Scene:
        facts = list_derived_picture(scene)
        opening = {"owner": "ann", "owner_name": OWNER, "picture": facts.work.pictures[1].digest.hex, "work": "W-1"}
        fields = {name: value for name, value in (opening | changes).items() if value is not Ellipsis}
        proof = append_entry(scene.log, EntryType.REGISTRATION, fields)
        return reseal(scene, change_work(facts, further_registrations=(proof,)))

    return forge


def use_slice_as_registration(scene: Scene) -> Scene:
    facts = list_derived_picture(scene)
    opening = registration_opening(facts.work, facts.work.pictures[1])
    proof = append_entry(scene.log, EntryType.SLICE, opening)
    return reseal(scene, change_work(facts, further_registrations=(proof,)))


def change_opening(scene: Scene) -> Scene:
    proof = scene.facts.work.registration
    assert proof is not None
    return reseal(scene, change_work(scene.facts, registration=replace(proof, opening=proof.opening | {"title": "X"})))


def use_unknown_log(scene: Scene) -> Scene:
    log = Log(FolderLogStore(scene.folder / "unknown"), MALLORY, "log.unknown.example")
    return reseal(replace(scene, log=log), scene.facts)


def seal_changed_facts(change: Callable[[CaseFacts], CaseFacts], **times: timedelta) -> Forge:
    """Change the facts, or the date of the seal or its entry."""

    def forge(scene: Scene) -> Scene:
        at = {name: scene.facts.written_at + shift for name, shift in times.items()}
        return reseal(scene, change(scene.facts), **at)

    return forge


def change_sighting(**changes: Any) -> Forge:  # noqa: ANN401 - any fields
    return seal_changed_facts(lambda facts: replace(facts, sightings=(replace(facts.sightings[0], **changes),)))


def date_slice(shift: timedelta) -> Forge:
    def forge(scene: Scene) -> Scene:
        [first_sighting] = scene.facts.sightings
        assert first_sighting.slice is not None
        assert first_sighting.slice.record.seen is not None
        log = append_entry(
            scene.log, EntryType.SLICE, first_sighting.slice.log.opening, first_sighting.slice.record.seen + shift
        )
        changed = replace(first_sighting, slice=replace(first_sighting.slice, log=log))
        return reseal(scene, replace(scene.facts, sightings=(changed,)))

    return forge


def date_registration(shift: timedelta) -> Forge:
    """Have a colluding log date the registration otherwise, in the entry and in its opening."""

    def forge(scene: Scene) -> Scene:
        time = scene.facts.work.registered_at + shift
        facts = change_work(scene.facts, registered_at=time)
        proof = append_false_registration(scene, time, registered_at=format_rfc3339(time))
        return reseal(scene, change_work(facts, registration=proof))

    return forge


def date_capture(start: timedelta, end: timedelta) -> Forge:
    def forge(scene: Scene) -> Scene:
        [first_sighting] = scene.facts.sightings
        [capture] = first_sighting.captures
        visit = replace(capture, started=capture.started + start, finished=capture.finished + end)
        return reseal(scene, replace(scene.facts, sightings=(replace(first_sighting, captures=(visit,)),)))

    return forge


def reverse_log_times(scene: Scene) -> Scene:
    """Date later log entries two hours before earlier ones, and make everything else consistent."""
    late = scene.facts.written_at + 2 * HOUR
    facts = change_work(scene.facts, registered_at=late)
    proof = append_false_registration(replace(scene, facts=facts), late, registered_at=format_rfc3339(late))
    return reseal(scene, change_work(facts, registration=proof))


FORGERIES: dict[str, tuple[Forge, dict[str, str]]] = {
    "a stolen registration": (claim_work_of(), {"registration": "failed", "registration:01": "failed"}),
    "a stolen registration as a further one": (claim_further_registration, {"registration:01": "failed"}),
    "a stolen registration that names no owner": (claim_without_owner, {"registration": "failed"}),
    "the owner's own name over another's key": (claim_work_of(OWNER), {"key": "failed"}),
    "a name with a blank at its end": (claim_work_of(f"{OWNER} "), {"registration": "failed"}),
    "a name that looks the same": (claim_work_of(OWNER.replace("A", "\u0410")), {"registration": "failed"}),
    "an owner that is a list": (change_registration_entry(owner_name=[OWNER]), {"registration": "failed"}),
    "an owner that is nothing": (change_registration_entry(owner_name=None), {"registration": "failed"}),
    "an owner in other letters": (change_registration_entry(owner_name=OWNER.upper()), {"registration": "failed"}),
    "a holder that the facts hide": (change_registration_entry(holder="Ben"), {"registration": "failed"}),
    "a year of creation that the facts hide": (change_registration_entry(created="1931"), {"registration": "failed"}),
    "a credit that the facts hide": (change_registration_entry(credit="Ben / Field"), {"registration": "failed"}),
    "an entry that states no author": (change_registration_entry(author=...), {"registration": "failed"}),
    "an entry that states no work": (change_registration_entry(work=...), {"registration": "failed"}),
    "another work's entry": (change_registration_entry(work="W-2"), {"registration": "failed"}),
    "another day of registration": (
        change_registration_entry(registered_at="2015-01-01T00:00:00.000000Z"), {"registration": "failed"}
    ),
    "a removal as registration": (change_registration_entry(picture=..., removed=True), {"registration": "failed"}),
    "a registration opened otherwise": (change_opening, {"registration": "failed"}),
    "a picture added without an entry": (
        lambda scene: reseal(scene, list_derived_picture(scene)),
        {"registration": "passed", "registration:02": "not checked", "match:01": "failed"},
    ),
    "a picture added by another owner": (add_derived_picture(owner_name="Mallory"), {"registration:02": "failed"}),
    "a picture added to another work": (add_derived_picture(work="W-2"), {"registration:02": "failed"}),
    "a picture added to no work": (add_derived_picture(work=...), {"registration:02": "failed"}),
    "a picture added by nobody": (add_derived_picture(owner_name=...), {"registration:02": "failed",
        "match:01": "failed"}),
    "an entry of a picture that isn't there": (
        add_derived_picture(picture="0" * 64), {"registration": "failed", "registration:02": "not checked"}
    ),
    "a slice as registration": (use_slice_as_registration, {"registration:02": "failed"}),
    "a seal in a log that nobody knows": (use_unknown_log, {"checkpoint": "not checked", "consistency": "failed"}),
    "an entry before it was seen": (date_slice(-2 * HOUR), {"order": "failed"}),
    "an entry after the seal": (date_slice(DAY), {"order": "failed"}),
    "a registration after the seal": (date_registration(DAY), {"order": "failed"}),
    "sealed after its entry": (seal_changed_facts(lambda one: one, sealed_at=DAY,
    entered_at=timedelta()), {"order": "failed"}),
    "written after the seal": (
        seal_changed_facts(lambda one: replace(one, written_at=one.written_at + DAY)), {"order": "failed"}
    ),
    "decided before it was opened": (
        seal_changed_facts(lambda one: replace(one, decision=replace(one.decision, at=one.opened_at - DAY))),
        {"order": "failed"},
    ),
    "decided after it was written": (
        seal_changed_facts(lambda one: replace(one, decision=replace(one.decision, at=one.opened_at + DAY))),
        {"order": "failed"},
    ),
    "last seen after the seal": (
        change_sighting(last_seen=datetime(2100, 1, 1, tzinfo=UTC)), {"order": "failed"}
    ),
    "a visit that ends before it begins": (date_capture(timedelta(), -DAY), {"order": "failed"}),
    "a visit after the seal": (date_capture(DAY, DAY), {"order": "failed"}),
    "a log that runs back": (reverse_log_times, {"order": "failed"}),
    "a case without any match": (seal_changed_facts(lambda one: replace(one, matches=())), {"slice:00": "not checked"}),
    "a case without any sighting": (
        seal_changed_facts(lambda one: replace(one, matches=(), sightings=())), {"slice:00": "not checked"}
    ),
}  # fmt: skip


def get_states(verdict: Verdict) -> dict[str, str]:
    return {check.name: str(check.state) for check in verdict.checks}


@pytest.mark.parametrize("name", FORGERIES)
def test_each_forgery_is_detected(scene: Scene, tmp_path: Path, name: str) -> None:
    forge, expected = FORGERIES[name]
    other = forge(scene)
    verdict = Verifier(other.trust).verify(other.write(tmp_path / "forged.zip"))
    actual = get_states(verdict)
    assert {check: actual.get(check) for check in expected} == expected
    assert verdict.outcome is (ExitCode.CHECK_FAILED if "failed" in expected.values() else ExitCode.INCOMPLETE)


def test_picture_added_with_own_entry_is_registered_later(scene: Scene, tmp_path: Path) -> None:
    verdict = Verifier(scene.trust).verify(add_derived_picture()(scene).write(tmp_path / "b.zip"))
    [check] = [item for item in verdict.checks if item.name == "registration:02"]
    assert check.state == "passed"
    assert "A copy had" in check.sentence


def test_false_date_confirmed_by_the_log_is_attributed_to_the_log(scene: Scene, tmp_path: Path) -> None:
    log = Log(FolderLogStore(tmp_path / "log"), scene.log_key, scene.log.origin)
    other = date_registration(-3650 * DAY)(date_slice(HOUR / 2)(replace(scene, log=log)))
    # Logged later
    assert get_states(Verifier(scene.trust).verify(other.write(tmp_path / "late.zip")))["order"] == "failed"
    log = Log(FolderLogStore(tmp_path / "first"), scene.log_key, scene.log.origin)
    other = date_slice(HOUR / 2)(date_registration(-3650 * DAY)(replace(scene, log=log)))
    verdict = Verifier(scene.trust).verify(other.write(tmp_path / "b.zip"))
    [time] = [time_row for time_row in verdict.to_plain()["times"] if time_row["of"] == "registration"]
    assert (time["rests_on"], time["time"][:3]) == ("log", "201")
    [order] = [check for check in verdict.checks if check.name == "order"]
    assert order.state == "passed"
    assert "registration 201" in order.sentence
