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

from evidence.facts.field_origins import ORIGIN_LABELS, FieldOrigin
from evidence.facts.provenance import read_provenance
from evidence.formats.codec import from_plain, to_plain
from evidence.log.proofs import SightingRecord, SliceTree, compute_record_leaf
from evidence.verdict.result import Verdict
from evidence.verify.checks.captures import FOUND_OUTCOME
from evidence.verify.verifier import Verifier
from exhibit.clock import parse_rfc3339
from exhibit.comparison.calibration import Calibration, add_probability
from exhibit.comparison.similarity import compute_dense_similarity
from exhibit.comparison.warp import compute_overlaps
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import ExitCode
from exhibit.pictures.decode import decode
from exhibit.types import Verification
from tests.assets.bundle_changes import Files
from tests.assets.bundles import (
    CALIBRATION,
    CAPTURED,
    HALF_MIRRORED,
    OWNER,
    Scene,
    append_entry,
    captured_page_files,
    encode_picture,
    found_bytes,
    make_scene,
    registered_bytes,
    textured_picture,
)
from tests.assets.c2pa_signed import embed_manifest
from tests.assets.corpus.deceit import Invention, Lie, forge_bundle
from tests.assets.corpus.inventing import S, V, change_facts, shift_time
from tests.assets.forged_evidence import NETWORK
from tests.assets.resealing import Facts
from tests.assets.tampering import read_files, write_zip

pytestmark = pytest.mark.timeout(300)
DAY = 24
OFFSET_TRANSFORM = ((0.05, 0.0, 150.0), (0.0, 0.05, 110.0), (0.0, 0.0, 1.0))
"""Maps the sighted image to a corner of the registered one, a few pixels large."""
Expected = dict[str, str]
"""Checks with their states; ``line:NAME`` for words in a line of the verdict."""


def replace_picture(picture: bytes, transform: Any = HALF_MIRRORED, **changes: object) -> Lie:  # noqa: ANN401 - a matrix
    """Replace the sighted image in crawl, capture and comparison, with correct measurements and a false decision."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [sighting], [match] = facts["sightings"], facts["matches"]
        digest, size = Digest.from_bytes(picture), decode(picture).info
        files[sighting["picture"]["file"]] = picture
        sighting["picture"].update(digest=digest.hex, size=len(picture), width=size.width, height=size.height)
        record = from_plain(SightingRecord, {**sighting["slice"]["record"], "picture": digest.hex}, location="record")
        tree = SliceTree([compute_record_leaf(record)])
        entry = append_entry(scene.log, EntryType.SLICE, tree.build_opening({"crawl": "9"}))
        sighting["slice"] = to_plain(tree.prove(0, record, entry))
        [capture] = sighting["captures"]
        files.update(captured_page_files(parse_rfc3339(capture["started"]), picture))
        capture["image"] = match["picture"] = digest.hex
        registered = decode(registered_bytes(1)).pixels
        picture_pixels = decode(picture).pixels
        dense = compute_dense_similarity(picture_pixels, registered, transform)
        sizes = (size.width, size.height), (registered.shape[1], registered.shape[0])
        work, overlap = compute_overlaps(np.asarray(transform), *sizes)
        verification = from_plain(Verification, match["verification"], location="verification")
        areas: dict[str, Any] = {"overlap_work": work, "overlap_picture": overlap}
        mirrored = bool(np.linalg.det(np.asarray(transform)) < 0)
        verification = replace(
            verification, **areas, dense=dense, transform=transform, mirrored=mirrored, probability=None
        )
        verification = add_probability(replace(verification, calibration=None, **changes), CALIBRATION)  # type: ignore[arg-type]
        match["verification"] = to_plain(verification)
        if verification.probability is None:
            facts["calibrations"] = []
            del files["data/calibrations/01.json"]

    return lie


def change_outcome(outcome: str, **changes: object) -> Lie:
    """Change the visit's outcome consistently in facts and network record."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [capture] = facts["sightings"][0]["captures"]
        capture.update(outcome=outcome, **changes)
        record = json.loads(files[NETWORK])
        record["outcome"] = outcome
        files[NETWORK] = json.dumps(record).encode()

    return lie


def change_image(facts: Facts, files: Files, scene: Scene) -> None:
    [capture] = facts["sightings"][0]["captures"]
    other = encode_picture(textured_picture(9), "JPEG")
    files.update(captured_page_files(parse_rfc3339(capture["started"]), other))
    change_outcome("image-changed", image=Digest.from_bytes(other).hex)(facts, files, scene)


def remove_page(facts: Facts, files: Files, scene: Scene) -> None:
    [capture] = facts["sightings"][0]["captures"]
    visit_record = captured_page_files(parse_rfc3339(capture["started"]), files[CAPTURED[3]], status=410)
    files.update({path: visit_record[path] for path in CAPTURED[:2]})
    for path in CAPTURED[2:]:
        del files[path]
        capture["files"].remove(path)
    change_outcome("page-gone", image=None)(facts, files, scene)


def replace_calibration(**changes: object) -> Lie:
    """Use an unknown but valid calibration, whose values the facts state."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [calibration_facts] = facts["calibrations"]
        data = encode_canonical({**json.loads(files[calibration_facts["file"]]), **changes})
        calibration = Calibration.from_json(data)
        files[calibration_facts["file"]] = data
        calibration_changes = {
            "name": calibration.name,
            "data": calibration.data,
            "photographs": calibration.photographs,
            "digest": calibration.digest.hex,
        }
        facts["calibrations"] = [{**calibration_facts, **calibration_changes}]
        facts["matches"][0]["verification"]["calibration"] = calibration.digest.hex

    return lie


def add_registration_entry(**says: object) -> Lie:
    """Add an entry about the registered image that contradicts the first."""

    def lie(facts: Facts, _files: Files, scene: Scene) -> None:
        about = {"owner": "ann", "owner_name": OWNER, "work": facts["work"]["number"]}
        opening = {**about, "picture": facts["work"]["pictures"][0]["digest"], **says}
        facts["work"]["further_registrations"] = [to_plain(append_entry(scene.log, EntryType.REGISTRATION, opening))]

    return lie


def claim_manifest(**statements: object) -> Lie:
    """Claim that the sighted image has a manifest or a label, which is not in its bytes."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        path = "data/sightings/01/c2pa.json"
        manifest = {"standing": "valid", "signer": "National Gallery", "signed_at": "2015-01-01", "generator": "Camera"}
        files[path] = b"{}"
        generated = {**manifest, "title": "Mine", "problems": [], "file": path, "actions": []}
        facts["sightings"][0].update(statements or {"provenance": generated})
        if statements:
            del files[path]

    return lie


def add_altered_manifest(change: Callable[[Any], object]) -> Lie:
    """Add a manifest to the sighted image, and falsify the file read from it."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
        picture, path = embed_manifest(found_bytes(1)), "data/sightings/01/c2pa.json"
        replace_picture(picture)(facts, files, scene)
        provenance = read_provenance(picture, "JPEG")
        assert provenance is not None
        plain = json.loads(provenance[1])
        change(plain)
        files[path] = json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
        facts["sightings"][0]["provenance"] = {**to_plain(provenance[0]), "file": path}

    return lie


def get_active_manifest(plain: Any) -> Any:  # noqa: ANN401 - JSON
    return plain["manifests"][plain["active_manifest"]]


def add_timestamp(**changes: object) -> Lie:
    """State an old timestamp in the facts."""
    row = {"kind": "rfc3161", "name": "Qualified", "development": False, "state": "complete", "subject": "checkpoint"}
    return lambda facts, _files, _scene: facts.update(
        timestamps=[{**row, "time": "2015-01-01T00:00:00.000000Z", "qualified": "2015-01-01", **changes}]
    )


def change_decision(decision: str, **more: object) -> Invention:
    return change_facts(
        "decision.decision", decision, *(part for name, value in more.items() for part in (f"decision.{name}", value))
    )


UNRELATED_PICTURE, DISSIMILAR_PICTURE = (
    encode_picture(textured_picture(9, (80, 60)), "JPEG"),
    encode_picture(textured_picture(23, (80, 60)), "PNG"),
)
LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "two unrelated pictures, certain": (replace_picture(UNRELATED_PICTURE), {"match:01": "failed"}),
    "two other ones, certain": (replace_picture(encode_picture(textured_picture(23, (80, 60)), "JPEG")),
    {"match:01": "failed"}),
    "unrelated ones put up "
    "for review": (replace_picture(UNRELATED_PICTURE, decision="review"), {"match:01": "not checked"}),
    "unrelated ones that resemble": (replace_picture(UNRELATED_PICTURE, decision="related"),
        {"match:01": "not checked"}),
    "unrelated ones with many "
    "details": (replace_picture(UNRELATED_PICTURE, inliers=9000, hamming=0), {"match:01": "failed"}),
    "unrelated ones by no version": (replace_picture(UNRELATED_PICTURE, pipeline="better-1"), {"match:01": "failed"}),
    "unrelated ones laid on "
    "a corner": (replace_picture(UNRELATED_PICTURE, OFFSET_TRANSFORM, decision="review"), {"match:01": "not checked"}),
    "unrelated ones laid on a corner, certain": (
        replace_picture(UNRELATED_PICTURE, OFFSET_TRANSFORM, pipeline="match-1"), {"match:01": "failed"}
    ),
    "an open case": (change_decision("open", at=None), {"confirmed": "not checked"}),
    "an open case that was decided": (change_decision("open"), {"confirmed": "failed"}),
    "a dismissed case": (change_decision("dismissed"), {"confirmed": "not checked"}),
    "a licensed case": (change_decision("licensed"), {"confirmed": "not checked"}),
    "a case that licences cover": (change_facts("licence_check.covered", True), {"confirmed": "not checked"}),  # noqa: FBT003
    "a case that a court decided": (change_decision("convicted"), {"confirmed": "failed"}),
    "a case confirmed at no time": (change_decision("confirmed", at=None), {"confirmed": "failed"}),
    "a visit at which the page had gone": (remove_page, {"captures": "not checked"}),
    "a visit that found another picture": (change_image, {"captures": "not checked"}),
    "a visit at which the page didn't show it": (change_outcome("not-shown"), {"captures": "not checked"}),
    "a visit that reached nobody": (change_outcome("unreachable"), {"captures": "not checked"}),
    "a calibration of a national institute": (
        replace_calibration(name="national-institute", photographs=900_000_000),
        {"probability:01": "not checked", "line:calibration": "not part of this software"},
    ),
    "a calibration by the name of ours": (
        replace_calibration(name="default-2026-12"), {"probability:01": "not checked"}
    ),
    "a manifest that no picture holds": (claim_manifest(), {"credentials:01": "failed"}),
    "a label that no picture holds": (
        claim_manifest(making={"source_type": "", "aigc": "Label: 1"}), {"credentials:01": "failed"}
    ),
    "a source type that no picture states": (
        claim_manifest(making={"source_type": "trainedAlgorithmicMedia", "aigc": ""}), {"credentials:01": "failed"}
    ),
    "a manifest as it is": (add_altered_manifest(lambda _: None), {"credentials:01": "passed"}),
    "a manifest with another signer": (
        add_altered_manifest(lambda one: get_active_manifest(one)["signature_info"].update(issuer="National Gallery")),
        {"credentials:01": "failed"},
    ),
    "a manifest with an author": (
        add_altered_manifest(lambda one: get_active_manifest(one)["assertions"][0]["data"].update(author="Ann")),
        {"credentials:01": "failed"},
    ),
    "a manifest with an assertion": (
        add_altered_manifest(lambda one: get_active_manifest(one)["assertions"].append({"label": "made.by",
            "data": {"name": "Ann"}})),
        {"credentials:01": "failed"},
    ),
    "a manifest as another version reads it": (
        add_altered_manifest(lambda one: get_active_manifest(one).update(read_later=9)),
            {"credentials:01": "not checked"}
    ),
    "decided a day before it was seen": (
        change_facts("decision.at", shift_time(-DAY), "opened_at", shift_time(-2 * DAY)), {"order": "failed"}
    ),
    "decided a year before it was seen": (
        change_facts("decision.at", shift_time(-365 * DAY), "opened_at", shift_time(-366 * DAY)), {"order": "failed"}
    ),
    "licences searched before it "
    "was seen": (change_facts("licence_check.checked_at", shift_time(-DAY)), {"order": "failed"}),
    "licences searched after it was "
    "written": (change_facts("licence_check.checked_at", shift_time(0.5 * DAY)), {"order": "failed"}),
    "a witness of 2015 without a receipt": (add_timestamp(), {"timestamps": "not checked"}),
    "a witness of the bundle's own log": (add_timestamp(kind="cosignature"), {"timestamps": "not checked"}),
    "another author in a further entry": (add_registration_entry(author="Ben"), {"registration:01-2": "failed"}),
    "another holder in a further entry": (add_registration_entry(holder="Ben"), {"registration:01-2": "failed"}),
    "another credit in a further entry": (add_registration_entry(credit="Ben"), {"registration:01-2": "failed"}),
    "another year in a further entry": (add_registration_entry(created="1931"), {"registration:01-2": "failed"}),
    "another owner in a further entry": (add_registration_entry(owner_name="Ben"), {"registration:01-2": "failed"}),
    "another title in a further entry": (add_registration_entry(title="Ours"), {"registration:01-2": "failed"}),
    "no owner in a further entry": (add_registration_entry(owner_name=None), {"registration:01-2": "failed"}),
    "a party that nobody saw": (change_facts("party.name", "saint.example"), {"party": "failed"}),
    "a part of the party's name": (change_facts("party.name", "ies.example"), {"party": "failed"}),
    "a party below the host": (change_facts("party.name", "shop.copies.example"), {"party": "failed"}),
    "a party that is a whole suffix": (change_facts("party.name", "example"), {"party": "failed"}),
    "a party that is everybody's": (
        change_facts("party.name", "co.uk", S + "page_url", "https://copies.co.uk/"), {"party": "failed"}
    ),
    "a party that is a company's customers": (
        change_facts("party.name", "github.io", S + "page_url", "https://copies.github.io/"), {"party": "not checked"}
    ),
    "a party with a user": (change_facts("party.name", "saint.example@copies.example"), {"party": "failed"}),
    "a case about nobody": (change_facts("party.kind", "none"), {"party": "failed"}),
    "an account of somebody": (
        change_facts("party.kind", "account", "party.name", "@saint"), {"party": "not checked",
        "line:party": "recorded"}
    ),
    "a judge who decided": (
        change_facts("decision.by", "token of the District Court"), {"line:decision": "declared"}
    ),
    "a picture said to lie elsewhere": (change_facts(S + "final_url", "https://x.example/"), {"slice:01": "failed"}),
    "weights of one's own": (change_facts(V + "related", 30.0, V + "exposure", 30.0), {"odds:01": "not checked"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def owner_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("own"))


def verify_lie(scene: Scene, whole: Files, lie: Invention | Lie, path: Path) -> Verdict:
    invention = lie if isinstance(lie, Invention) else Invention(facts=lie)
    files, trust = forge_bundle(scene, whole, invention)
    return Verifier(trust).verify(write_zip(path, files))


@pytest.mark.parametrize("name", LIES)
def test_each_false_statement_of_owner_fails_or_is_attributed_to_its_source(
    owner_scene: Scene, tmp_path: Path, name: str
) -> None:
    lie, expected = LIES[name]
    verdict = verify_lie(owner_scene, read_files(owner_scene.write(tmp_path / "whole.zip")), lie, tmp_path / "lie.zip")
    states = {check.name: str(check.state) for check in verdict.checks}
    lines = {f"line:{line.of}": line.by for line in verdict.lines}
    for check, state in expected.items():
        assert state in lines[check] if check in lines else states.get(check) == state, (check, verdict.failures)
    expected_states = set(expected.values())
    if "failed" in expected_states:
        assert verdict.outcome is ExitCode.CHECK_FAILED
    elif {"match:01", "confirmed", "captures"} & set(expected):
        assert verdict.outcome is ExitCode.INCOMPLETE, verdict.sentence


def test_honest_case_is_complete_and_starts_with_decision(owner_scene: Scene, tmp_path: Path) -> None:
    verdict = verify_lie(
        owner_scene, read_files(owner_scene.write(tmp_path / "whole.zip")), Invention(), tmp_path / "truth.zip"
    )
    assert verdict.outcome is ExitCode.DONE
    lines = {line.of: (line.value, line.by) for line in verdict.lines}
    assert lines["decision"][0].startswith("confirmed by 'Ann'")
    assert lines["party"] == ("copies.example", f"{ORIGIN_LABELS[FieldOrigin.RECORDED]}; not contradicted by party")
    assert lines["host"][0] == "copies.example"
    assert lines["similarity"] == ("1.000, recomputed", "checked by match")
    assert lines["capture"][0].startswith(f"{FOUND_OUTCOME}; ")
