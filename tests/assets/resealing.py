"""Forgeries by an owner: any content, sealed with a key of his own, so that all digests and lists are consistent."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle.bag import create_key_files
from evidence.bundle.manifest import Manifest
from evidence.keys.ed25519 import KeySigner
from evidence.log.notes import sign_note
from evidence.verify.checks.captures import FILE_NAMES
from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType, compute_commitment, encode_canonical
from tests.assets.bundle_changes import Files
from tests.assets.tampering import update_bag

FACTS, MANIFEST = "data/facts.json", "data/manifest.json"
ROLES = {name: role for role, name in FILE_NAMES.items()}
IMAGE = re.compile(r"data/sightings/\d+/capture-\d+/image\.\w+")
Facts = dict[str, Any]
Lie = Callable[[Facts, Files], None]
"""A function that changes the facts and the files beside them. Files that repeat the facts are rewritten afterwards."""


def seal_lie(files: Files, lie: Lie) -> Files:
    """Return the bundle with a lie, sealed again with a stranger's key, without log and timestamps."""
    new = {name: data for name, data in files.items() if not name.startswith("proofs/")}
    facts = json.loads(new[FACTS])
    lie(facts, new)
    if new[FACTS] == files[FACTS]:
        new[FACTS] = encode_canonical(facts)
        rewrite_repeated_facts(facts, new)
    return sign_files(new)


def sign_files(files: Files, change: Callable[[Facts], None] = lambda _: None) -> Files:
    """Return the files with a manifest that matches them, after a change of it, and a signature."""
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    manifest = json.loads(files[MANIFEST])
    known_entries = {entry["path"]: entry for entry in manifest["files"]}
    names = sorted(name for name in files if name.startswith("data/") and name != MANIFEST)
    manifest["files"] = [manifest_entry(name, files[name], known_entries.get(name, {})) for name in names]
    manifest["key"]["public"] = signer.public_key.hex()
    keys = create_key_files(Manifest.from_json(encode_canonical(manifest)))
    change(manifest)
    data = encode_canonical(manifest)
    return update_bag({**files, MANIFEST: data, "proofs/signature": signer.sign(data), **keys})


def log_with_unpinned_key(kind: EntryType, opening: dict[str, object], time: str) -> Facts:
    """Return a proof of a log with a single entry and an unknown key, in the form used in facts."""
    commitment, salt = compute_commitment(opening)
    entry = Entry(kind, parse_rfc3339(time), commitment)
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
    note = sign_note("log.stranger.example", 1, entry.leaf_hash, signer).note
    return {
        "sequence": 0, "type": str(kind), "time": time, "commitment": commitment.hex(), "salt": salt.hex(),
        "opening": opening, "size": 1, "path": [], "checkpoint": note,
    }  # fmt: skip


def rewrite_repeated_facts(facts: Facts, files: Files) -> None:
    """Rewrite the files that repeat the facts."""
    for match in facts["matches"]:
        files[f"data/matches/{match['number']:02d}/alignment.json"] = encode_canonical(match)
    for sighting in facts["sightings"]:
        if sighting["slice"] is not None:
            files[f"data/sightings/{sighting['number']:02d}/slice.json"] = encode_canonical(sighting["slice"])
    if facts["work"]["registration"] is not None:
        files["data/work/registration.json"] = encode_canonical(facts["work"]["registration"])


def manifest_entry(name: str, data: bytes, known_fields: Facts) -> Facts:
    """Return a file's entry in the manifest."""
    digests = {"sha256": Digest.from_bytes(data).hex, "sha512": hashlib.sha512(data).hexdigest()}
    other = {
        "role": "captured-image" if IMAGE.fullmatch(name) else ROLES.get(name.rpartition("/")[2], "other"),
        "media_type": "application/octet-stream",
        "stand_in": None,
    }
    return {**other, **known_fields, "path": name, "size": len(data), **digests}


def _change_figures(**changes: object) -> Lie:
    return lambda facts, _: facts["matches"][0]["verification"].update(changes)


def _change_registration(**changes: object) -> Lie:
    """Put the registration into an unknown log, with these fields of its opening changed."""

    def lie(facts: Facts, _: Files) -> None:
        registration = facts["work"]["registration"]
        opening = {**registration["opening"], **changes}
        facts["work"]["registration"] = log_with_unpinned_key(EntryType.REGISTRATION, opening, registration["time"])

    return lie


def _declare(*lies: Lie, **work_fields: str) -> Lie:
    """State these values of the work in the facts, then apply other lies."""

    def lie(facts: Facts, files: Files) -> None:
        facts["work"].update(work_fields)
        for other_lie in lies:
            other_lie(facts, files)

    return lie


def _change_slice(change: Callable[[Facts], Facts]) -> Lie:
    """Put the slice into an unknown log, with another opening."""

    def lie(facts: Facts, _: Files) -> None:
        slice_facts = facts["sightings"][0]["slice"]
        slice_facts["log"] = log_with_unpinned_key(
            EntryType.SLICE, change(slice_facts["log"]["opening"]), slice_facts["log"]["time"]
        )

    return lie


def _change_calibration(**changes: object) -> Lie:
    """Replace the calibration, and update the facts that repeat it."""

    def lie(facts: Facts, files: Files) -> None:
        [calibration_facts] = facts["calibrations"]
        plain = {**json.loads(files[calibration_facts["file"]]), **changes}
        data = encode_canonical(plain)
        files[calibration_facts["file"]] = data
        bounds = plain["bounds"] if isinstance(plain["bounds"], dict) else {}
        calibration_facts.update(
            digest=Digest.from_bytes(data).hex,
            **{name: bounds[name] for name in ("certain", "review") if name in bounds},
        )
        facts["matches"][0]["verification"]["calibration"] = calibration_facts["digest"]

    return lie


def _hide_under_drawing(facts: Facts, files: Files) -> None:
    """Replace the registered image by a copy of the sighted one, and hide it under a drawing at the same path."""
    [picture], [sighting], [match] = facts["work"]["pictures"], facts["sightings"], facts["matches"]
    found_picture = sighting["picture"]
    files[picture["file"]] = files[found_picture["file"]]
    picture.update(width=found_picture["width"], height=found_picture["height"], size=found_picture["size"])
    match.update(overlay=picture["file"])
    match["verification"].update(
        transform=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], dense=1, overlap_work=1, overlap_picture=1
    )


def _add_spaces(facts: Facts, files: Files) -> None:
    files[FACTS] = json.dumps(facts, sort_keys=True).encode()


def _add_provenance(facts: Facts, _: Files) -> None:
    texts = dict.fromkeys(("standing", "signer", "signed_at", "generator", "title"), "")
    facts["sightings"][0]["provenance"] = {**texts, "problems": [], "file": "data/sightings/01/nothing.json"}


LIES: dict[str, tuple[Lie, dict[str, str]]] = {
    "nothing": (lambda *_: None, {"probability:01": "not checked", "match:01": "passed", "registration": "passed"}),
    "a registered picture that isn't the one": (_hide_under_drawing, {"facts": "failed"}),
    "another size": (lambda facts, _: facts["work"]["pictures"][0].update(size=7), {"facts": "failed"}),
    "facts that are written otherwise": (_add_spaces, {"facts": "failed"}),
    "a day that isn't": (lambda facts, _: facts.update(opened_at="2026-02-30T00:00:00.000000Z"), {"facts": "failed"}),
    "a year before all": (lambda facts, _: facts.update(opened_at="0001-01-01T00:00:00.000000Z"), {"facts": "failed"}),
    "a number beyond all": (lambda facts, _: facts.update(bundle=1e21), {"facts": "failed"}),
    "a record that isn't there": (_add_provenance, {"facts": "failed"}),
    "a short hash": (lambda facts, _: facts["work"]["registration"]["path"].insert(0, "00"), {"facts": "failed"}),
    "a short salt": (lambda facts, _: facts["work"]["registration"].update(salt="00"), {"facts": "failed"}),
    "a log of its own": (_change_registration(), {"registration": "not checked"}),
    "a picture that is a list": (_change_registration(picture=[]), {"registration": "failed"}),
    "a number that is a list": (_change_registration(work=["W-1"]), {"registration": "failed"}),
    "a holder that the log doesn't name": (_declare(holder="Ben"), {"registration": "failed"}),
    "another credit than the log names": (
        _declare(_change_registration(credit="Ann"), credit="Ann / Field"), {"registration": "failed"}
    ),
    "a year that the log names": (
        _declare(_change_registration(created="2024"), created="2024"), {"registration": "not checked"}
    ),
    "a holder that the facts don't mention": (_change_registration(holder="Ben"), {"registration": "failed"}),
    "a stolen registration": (
        lambda facts, _: facts["owner"].update(name="Mallory"), {"facts": "failed"}
    ),
    "another owner in the entry": (_change_registration(owner_name="Mallory"), {"registration": "failed"}),
    "no owner in the entry": (_change_registration(owner_name=None), {"registration": "failed"}),
    "a slice of its own": (_change_slice(dict), {"slice:01": "not checked"}),
    "a count that is true": (_change_slice(lambda fields: {**fields, "count": True}), {"slice:01": "failed"}),
    "a root in capitals": (_change_slice(lambda fields: {**fields, "root": fields["root"].upper()}),
        {"slice:01": "failed"}),
    "a root with blanks": (_change_slice(lambda fields: {**fields, "root": f"{fields['root']} "}),
        {"slice:01": "failed"}),
    "fewer points than none": (_change_figures(inliers=-5), {"facts": "failed"}),
    "one point less than none": (_change_figures(inliers=-1), {"facts": "failed"}),
    "a figure beyond all": (_change_figures(dense=1.7e308), {"facts": "failed"}),
    "weights beyond all": (_change_calibration(weights=[1.7e308, 1.7e308, 1.7e308]), {"probability:01": "failed"}),
    "no bounds": (_change_calibration(bounds={}), {"probability:01": "failed"}),
    "half of the bounds": (
        _change_calibration(bounds={"certain": {"photographs": 400, "failed": 0, "at_most_in_a_million": 7462}}),
        {"probability:01": "failed"},
    ),
    "a bound that is too small": (
        _change_calibration(bounds={
            name: {"photographs": 400, "failed": 0, "at_most_in_a_million": 7461} for name in ("certain", "review")
        }),
        {"probability:01": "failed"},
    ),
    "knots that fall": (_change_calibration(knots=[[0, 0.9], [1, 0.1]]), {"probability:01": "failed"}),
    "no knots": (_change_calibration(knots=[]), {"probability:01": "failed"}),
    "another format of a "
    "calibration": (_change_calibration(format="exhibit-calibration/9"), {"probability:01": "failed"}),
    "a field too many": (_change_calibration(surprise=1), {"probability:01": "failed"}),
    "a network of one's own": (_change_calibration(network="ours@2"), {"probability:01": "not checked"}),
}  # fmt: skip
