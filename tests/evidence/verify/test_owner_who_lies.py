"""Test that an owner who holds keys, log and installation cannot lie: each lie fails, or is attributed in the verdict.

Each lie is sealed, logged and timestamped again so that everything is consistent.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evidence.facts.backing import WORDS, Standing
from evidence.facts.provenance import read_provenance
from evidence.formats.codec import from_plain, to_plain
from evidence.log.proofs import SightingRecord, SliceTree, record_leaf
from evidence.verdict.result import Verdict
from evidence.verify.checks.captures import FOUND
from evidence.verify.verifier import Verifier
from exhibit.clock import parse_rfc3339
from exhibit.comparison.calibration import Calibration, calibrated
from exhibit.comparison.similarity import dense_similarity
from exhibit.comparison.warp import overlaps
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.errors import ExitCode
from exhibit.pictures.decode import decode
from exhibit.types import Verification
from tests.assets.bundles import (
    CALIBRATION,
    CAPTURED,
    HALF_MIRRORED,
    OWNER,
    Scene,
    captured_page,
    encoded,
    found_bytes,
    logged,
    make_scene,
    registered_bytes,
    textured,
)
from tests.assets.c2pa_signed import with_manifest
from tests.assets.changes import Files
from tests.assets.corpus.deceit import Invention, Lie, forged
from tests.assets.corpus.inventing import S, V, fact, moved
from tests.assets.judged import NETWORK
from tests.assets.resealing import Facts
from tests.assets.tampering import files_of, packed

pytestmark = pytest.mark.timeout(300)
DAY = 24
FAR = ((0.05, 0.0, 150.0), (0.0, 0.05, 110.0), (0.0, 0.0, 1.0))
"""Maps the sighted image to a corner of the registered one, a few pixels large."""
Expected = dict[str, str]
"""Checks with their states; ``line:NAME`` for words in a line of the verdict."""


def shows(picture: bytes, transform: Any = HALF_MIRRORED, **changes: object) -> Lie:  # noqa: ANN401 - a matrix
    """Replace the sighted image in crawl, capture and comparison, with correct measurements and a false decision."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [sighting], [match] = facts["sightings"], facts["matches"]
        digest, size = Digest.of(picture), decode(picture).info
        files[sighting["picture"]["file"]] = picture
        sighting["picture"].update(digest=digest.hex, size=len(picture), width=size.width, height=size.height)
        record = from_plain(SightingRecord, {**sighting["slice"]["record"], "picture": digest.hex}, where="record")
        tree = SliceTree([record_leaf(record)])
        entry = logged(scene.log, EntryType.SLICE, tree.opening({"crawl": "9"}))
        sighting["slice"] = to_plain(tree.prove(0, record, entry))
        [capture] = sighting["captures"]
        files.update(captured_page(parse_rfc3339(capture["started"]), picture))
        capture["image"] = match["picture"] = digest.hex
        registered = decode(registered_bytes(1)).pixels
        seen = decode(picture).pixels
        dense = dense_similarity(seen, registered, transform)
        sizes = (size.width, size.height), (registered.shape[1], registered.shape[0])
        work, found = overlaps(np.asarray(transform), *sizes)
        one = from_plain(Verification, match["verification"], where="verification")
        areas: dict[str, Any] = {"overlap_work": work, "overlap_picture": found}
        mirrored = bool(np.linalg.det(np.asarray(transform)) < 0)
        one = replace(one, **areas, dense=dense, transform=transform, mirrored=mirrored, probability=None)
        one = calibrated(replace(one, calibration=None, **changes), CALIBRATION)  # type: ignore[arg-type]
        match["verification"] = to_plain(one)
        if one.probability is None:
            facts["calibrations"] = []
            del files["data/calibrations/01.json"]

    return lie


def visited(outcome: str, **changes: object) -> Lie:
    """Change the visit's outcome consistently in facts and network record."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [capture] = facts["sightings"][0]["captures"]
        capture.update(outcome=outcome, **changes)
        record = json.loads(files[NETWORK])
        record["outcome"] = outcome
        files[NETWORK] = json.dumps(record).encode()

    return lie


def image_changed(facts: Facts, files: Files, scene: Scene) -> None:
    [capture] = facts["sightings"][0]["captures"]
    other = encoded(textured(9), "JPEG")
    files.update(captured_page(parse_rfc3339(capture["started"]), other))
    visited("image-changed", image=Digest.of(other).hex)(facts, files, scene)


def page_gone(facts: Facts, files: Files, scene: Scene) -> None:
    [capture] = facts["sightings"][0]["captures"]
    kept = captured_page(parse_rfc3339(capture["started"]), files[CAPTURED[3]], status=410)
    files.update({path: kept[path] for path in CAPTURED[:2]})
    for path in CAPTURED[2:]:
        del files[path]
        capture["files"].remove(path)
    visited("page-gone", image=None)(facts, files, scene)


def calibrated_by(**changes: object) -> Lie:
    """Use an unknown but valid calibration, whose values the facts state."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [stated] = facts["calibrations"]
        data = canonical({**json.loads(files[stated["file"]]), **changes})
        one = Calibration.from_json(data)
        files[stated["file"]] = data
        told = {"name": one.name, "data": one.data, "photographs": one.photographs, "digest": one.digest.hex}
        facts["calibrations"] = [{**stated, **told}]
        facts["matches"][0]["verification"]["calibration"] = one.digest.hex

    return lie


def further(**says: object) -> Lie:
    """Add an entry about the registered image that contradicts the first."""

    def lie(facts: Facts, _files: Files, scene: Scene) -> None:
        about = {"owner": "ann", "owner_name": OWNER, "work": facts["work"]["number"]}
        opening = {**about, "picture": facts["work"]["pictures"][0]["digest"], **says}
        facts["work"]["further_registrations"] = [to_plain(logged(scene.log, EntryType.REGISTRATION, opening))]

    return lie


def stated_of_itself(**told: object) -> Lie:
    """Claim that the sighted image has a manifest or a label, which is not in its bytes."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        path = "data/sightings/01/c2pa.json"
        manifest = {"standing": "valid", "signer": "National Gallery", "signed_at": "2015-01-01", "generator": "Camera"}
        files[path] = b"{}"
        made = {**manifest, "title": "Mine", "problems": [], "file": path, "actions": []}
        facts["sightings"][0].update(told or {"provenance": made})
        if told:
            del files[path]

    return lie


def of_its_manifest(change: Callable[[Any], object]) -> Lie:
    """Add a manifest to the sighted image, and falsify the file read from it."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
        picture, path = with_manifest(found_bytes(1)), "data/sightings/01/c2pa.json"
        shows(picture)(facts, files, scene)
        found = read_provenance(picture, "JPEG")
        assert found is not None
        plain = json.loads(found[1])
        change(plain)
        files[path] = json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
        facts["sightings"][0]["provenance"] = {**to_plain(found[0]), "file": path}

    return lie


def active(plain: Any) -> Any:  # noqa: ANN401 - JSON
    return plain["manifests"][plain["active_manifest"]]


def witnessed(**changes: object) -> Lie:
    """State an old timestamp in the facts."""
    one = {"kind": "rfc3161", "name": "Qualified", "development": False, "state": "complete", "subject": "checkpoint"}
    return lambda facts, _files, _scene: facts.update(
        witnesses=[{**one, "time": "2015-01-01T00:00:00.000000Z", "qualified": "2015-01-01", **changes}]
    )


def decided(decision: str, **more: object) -> Invention:
    return fact(
        "decision.decision", decision, *(part for name, value in more.items() for part in (f"decision.{name}", value))
    )


STRANGER, UNLIKE = encoded(textured(9, (80, 60)), "JPEG"), encoded(textured(23, (80, 60)), "PNG")
LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "two unrelated pictures, certain": (shows(STRANGER), {"match:01": "failed"}),
    "two other ones, certain": (shows(encoded(textured(23, (80, 60)), "JPEG")), {"match:01": "failed"}),
    "unrelated ones put up for review": (shows(STRANGER, decision="review"), {"match:01": "not checked"}),
    "unrelated ones that resemble": (shows(STRANGER, decision="resembles"), {"match:01": "not checked"}),
    "unrelated ones with many details": (shows(STRANGER, inliers=9000, hamming=0), {"match:01": "failed"}),
    "unrelated ones by no version": (shows(STRANGER, pipeline="better-1"), {"match:01": "failed"}),
    "unrelated ones laid on a corner": (shows(STRANGER, FAR, decision="review"), {"match:01": "not checked"}),
    "unrelated ones laid on a corner, certain": (
        shows(STRANGER, FAR, pipeline="match-1"), {"match:01": "failed"}
    ),
    "an open case": (decided("open", at=None), {"confirmed": "not checked"}),
    "an open case that was decided": (decided("open"), {"confirmed": "failed"}),
    "a cleared case": (decided("cleared"), {"confirmed": "not checked"}),
    "a licensed case": (decided("licensed"), {"confirmed": "not checked"}),
    "a case that licences cover": (fact("licence_check.covered", True), {"confirmed": "not checked"}),  # noqa: FBT003
    "a case that a court decided": (decided("convicted"), {"confirmed": "failed"}),
    "a case confirmed at no time": (decided("confirmed", at=None), {"confirmed": "failed"}),
    "a visit at which the page had gone": (page_gone, {"captures": "not checked"}),
    "a visit that found another picture": (image_changed, {"captures": "not checked"}),
    "a visit at which the page didn't show it": (visited("not-shown"), {"captures": "not checked"}),
    "a visit that reached nobody": (visited("unreachable"), {"captures": "not checked"}),
    "a calibration of a national institute": (
        calibrated_by(name="national-institute", photographs=900_000_000),
        {"probability:01": "not checked", "line:calibration": "not part of this software"},
    ),
    "a calibration by the name of ours": (
        calibrated_by(name="default-2026-11i"), {"probability:01": "not checked"}
    ),
    "a manifest that no picture holds": (stated_of_itself(), {"credentials:01": "failed"}),
    "a label that no picture holds": (
        stated_of_itself(making={"source_type": "", "aigc": "Label: 1"}), {"credentials:01": "failed"}
    ),
    "a source type that no picture states": (
        stated_of_itself(making={"source_type": "trainedAlgorithmicMedia", "aigc": ""}), {"credentials:01": "failed"}
    ),
    "a manifest as it is": (of_its_manifest(lambda _: None), {"credentials:01": "passed"}),
    "a manifest with another signer": (
        of_its_manifest(lambda one: active(one)["signature_info"].update(issuer="National Gallery")),
        {"credentials:01": "failed"},
    ),
    "a manifest with an author": (
        of_its_manifest(lambda one: active(one)["assertions"][0]["data"].update(author="Ann")),
        {"credentials:01": "failed"},
    ),
    "a manifest with an assertion": (
        of_its_manifest(lambda one: active(one)["assertions"].append({"label": "made.by", "data": {"name": "Ann"}})),
        {"credentials:01": "failed"},
    ),
    "a manifest as another version reads it": (
        of_its_manifest(lambda one: active(one).update(read_later=9)), {"credentials:01": "not checked"}
    ),
    "decided a day before it was seen": (
        fact("decision.at", moved(-DAY), "opened_at", moved(-2 * DAY)), {"order": "failed"}
    ),
    "decided a year before it was seen": (
        fact("decision.at", moved(-365 * DAY), "opened_at", moved(-366 * DAY)), {"order": "failed"}
    ),
    "licences searched before it was seen": (fact("licence_check.checked_at", moved(-DAY)), {"order": "failed"}),
    "licences searched after it was written": (fact("licence_check.checked_at", moved(0.5 * DAY)), {"order": "failed"}),
    "a witness of 2015 without a receipt": (witnessed(), {"witnesses": "not checked"}),
    "a witness of the bundle's own log": (witnessed(kind="cosignature"), {"witnesses": "not checked"}),
    "another author in a further entry": (further(author="Ben"), {"registration:01-2": "failed"}),
    "another holder in a further entry": (further(holder="Ben"), {"registration:01-2": "failed"}),
    "another credit in a further entry": (further(credit="Ben"), {"registration:01-2": "failed"}),
    "another year in a further entry": (further(created="1931"), {"registration:01-2": "failed"}),
    "another owner in a further entry": (further(owner_name="Ben"), {"registration:01-2": "failed"}),
    "another title in a further entry": (further(title="Ours"), {"registration:01-2": "failed"}),
    "no owner in a further entry": (further(owner_name=None), {"registration:01-2": "failed"}),
    "a party whom nobody saw": (fact("party.name", "saint.example"), {"party": "failed"}),
    "a part of the party's name": (fact("party.name", "ies.example"), {"party": "failed"}),
    "a party below the host": (fact("party.name", "shop.copies.example"), {"party": "failed"}),
    "a party that is a whole suffix": (fact("party.name", "example"), {"party": "failed"}),
    "a party that is everybody's": (
        fact("party.name", "co.uk", S + "page_url", "https://copies.co.uk/"), {"party": "failed"}
    ),
    "a party that is a company's customers": (
        fact("party.name", "github.io", S + "page_url", "https://copies.github.io/"), {"party": "not checked"}
    ),
    "a party with a user": (fact("party.name", "saint.example@copies.example"), {"party": "failed"}),
    "a case about nobody": (fact("party.kind", "none"), {"party": "failed"}),
    "an account of somebody": (
        fact("party.kind", "account", "party.name", "@saint"), {"party": "not checked", "line:party": "recorded"}
    ),
    "a judge who decided": (
        fact("decision.by", "token of the District Court"), {"line:decision": "declared"}
    ),
    "a picture said to lie elsewhere": (fact(S + "final_url", "https://x.example/"), {"slice:01": "failed"}),
    "weights of one's own": (fact(V + "related", 30.0, V + "exposure", 30.0), {"odds:01": "not checked"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("own"))


def verified(scene: Scene, whole: Files, lie: Invention | Lie, path: Path) -> Verdict:
    invention = lie if isinstance(lie, Invention) else Invention(facts=lie)
    files, trust = forged(scene, whole, invention)
    return Verifier(trust).verify(packed(path, files))


@pytest.mark.parametrize("name", LIES)
def test_each_lie_fails_or_is_told_as_a_word(own: Scene, tmp_path: Path, name: str) -> None:
    lie, expected = LIES[name]
    verdict = verified(own, files_of(own.write(tmp_path / "whole.zip")), lie, tmp_path / "lie.zip")
    states = {check.name: str(check.state) for check in verdict.checks}
    lines = {f"line:{line.of}": line.by for line in verdict.lines}
    for check, state in expected.items():
        assert state in lines[check] if check in lines else states.get(check) == state, (check, verdict.failures)
    wanted = set(expected.values())
    if "failed" in wanted:
        assert verdict.outcome is ExitCode.CHECK_FAILED
    elif {"match:01", "confirmed", "captures"} & set(expected):
        assert verdict.outcome is ExitCode.INCOMPLETE, verdict.sentence


def test_the_truth_is_complete_and_begins_with_what_was_decided(own: Scene, tmp_path: Path) -> None:
    verdict = verified(own, files_of(own.write(tmp_path / "whole.zip")), Invention(), tmp_path / "truth.zip")
    assert verdict.outcome is ExitCode.DONE
    told = {line.of: (line.value, line.by) for line in verdict.lines}
    assert told["decision"][0].startswith("confirmed by 'Ann'")
    assert told["party"] == ("copies.example", f"{WORDS[Standing.RECORDED]}; not contradicted by party")
    assert told["host"][0] == "copies.example"
    assert told["similarity"] == ("1.000, recomputed", "checked by match")
    assert told["capture"][0].startswith(f"{FOUND}; ")
