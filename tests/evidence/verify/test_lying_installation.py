"""Test that an installation's lies about times, log, measurements, network and timestamps fail, or are attributed.

The liar holds the owner's key, the log's key and the authority, and rewrites everything consistently.
"""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

from evidence.bundle.bag import compute_checkpoint_digest
from evidence.capture.network_record import build_record
from evidence.capture.visitor import Visit, VisitStep
from evidence.capture.wire import Exchange, encode_warc
from evidence.facts.passkey import ASSERTION_PATH
from evidence.formats.codec import from_plain, to_plain
from evidence.keys.ed25519 import KeySigner
from evidence.log.notes import parse_note, sign_note
from evidence.log.proofs import SightingRecord, SliceTree, compute_record_leaf
from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from exhibit.clock import format_rfc3339, now, parse_rfc3339
from exhibit.comparison.calibration import Calibration, add_probability
from exhibit.comparison.similarity import compute_dense_similarity
from exhibit.comparison.warp import compute_overlaps
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import ExitCode
from exhibit.network.http import ConnectionFacts
from exhibit.pictures.decode import decode
from exhibit.types import Piece, Verification
from indexer.calibration.shipped import shipped_calibration
from tests.assets.bundle_changes import Files
from tests.assets.bundles import (
    CALIBRATION,
    CAPTURED,
    HALF_MIRRORED,
    PAGE,
    Scene,
    append_entry,
    captured_page_files,
    encode_picture,
    found_bytes,
    make_scene,
    registered_bytes,
    textured_picture,
)
from tests.assets.complete_case import FIGURES, WEIGHING
from tests.assets.corpus.deceit import LOG, Invention, Lie, forge_bundle, forge_timestamp
from tests.assets.corpus.inventing import (
    HEX,
    LATE,
    MOMENT,
    NETWORK,
    S,
    W,
    change_both,
    change_facts,
    change_manifest,
    change_record,
    relog,
    set_values,
    shift_time,
)
from tests.assets.passkeys import KEY, decision_statement
from tests.assets.resealing import Facts
from tests.assets.tampering import read_files, write_zip
from tests.assets.timestamp_kinds import ANCHORS_PATH

pytestmark = pytest.mark.timeout(300)
YEAR, HOST, PEER = 365 * 24, "copies.example", "203.0.113.9"
MALLORY = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
Expected = dict[str, str]
"""Checks with their states; for ``line:NAME`` and ``sentence``, words in them."""
CALIBRATION_FILE, WEIGHING_FILE = "data/calibrations/01.json", "data/weighings/01.json"


def apply_lies(*every: Invention | Lie) -> Lie:
    """Apply one lie after the other."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        for part in every:
            tell = part if not isinstance(part, Invention) else part.facts
            assert tell is not None
            tell(facts, files, scene)

    return lie


def set_first_seen(time: str | None, **record: object) -> Invention:
    """Set the time of the first sighting in record and facts, and these fields of the record."""
    record_changes = [part for name, value in record.items() for part in (name, value)]
    fact_paths = [S + name for name in record if name != "seen"]
    fact_changes = [part for name, value in zip(fact_paths, record.values(), strict=True) for part in (name, value)]
    return change_record(
        "seen", time, *record_changes, facts=(S + "first_seen", time, S + "last_seen", time, *fact_changes)
    )


def backdate_sighting(**record: object) -> Invention:
    return change_record("seen", MOMENT, *(part for pair in record.items() for part in pair), facts=(
        S + "first_seen", MOMENT, *(part for name, value in record.items() for part in (S + name, value)),
    ))  # fmt: skip


def decide_before_registration(facts: Facts, files: Files, scene: Scene) -> None:
    """Date the sighting and the decision three hours ago, although the work was registered just now."""
    earlier = shift_time(-3)(facts["written_at"])
    change_record("seen", earlier, facts=(S + "first_seen", earlier)).facts(facts, files, scene)  # type: ignore[misc]
    relog("sightings.0.slice.log", time=earlier).facts(facts, files, scene)  # type: ignore[misc]
    facts.update(opened_at=earlier)
    facts["decision"]["at"] = facts["licence_check"]["checked_at"] = earlier
    later = format_rfc3339(now())
    facts["work"]["registered_at"] = later
    relog("work.registration", "registered_at", later, time=later).facts(facts, files, scene)  # type: ignore[misc]


def date_visit_after_writing(facts: Facts, files: Files, _scene: Scene) -> None:
    [capture] = facts["sightings"][0]["captures"]
    later = parse_rfc3339(facts["written_at"]) + timedelta(minutes=90)
    files.update(captured_page_files(later, files[CAPTURED[3]]))
    capture.update(started=format_rfc3339(later), finished=format_rfc3339(later))


def omit_contract(since: str) -> Lie:
    """Leave out the contract, since a time."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [contract] = facts["work"]["attachments"]
        del files[contract["file"]]
        absence = {"file": contract["file"], "role": "title-document", "digest": contract["digest"], "why": "purged"}
        facts["left_out"] = [{**absence, "since": since}]

    return lie


def add_sighting(*, picture: bytes = b"", matched: bool = True, record: bool = True, **says: object) -> Invention:
    """Add a second sighting of the same or another image, with the same record or its own, and with a visit."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [first], [match] = facts["sightings"], facts["matches"]
        data = picture or files[first["picture"]["file"]]
        info = decode(data).info
        sighting = deepcopy(first) | {"number": 2, **says}
        sighting["picture"] = {
            **first["picture"], "digest": Digest.from_bytes(data).hex, "size": len(data), "width": info.width,
            "height": info.height, "format": info.format, "file": "data/sightings/02/image.jpg",
        }  # fmt: skip
        files[sighting["picture"]["file"]] = data
        if not record:
            record_fields = {name: value for name, value in sighting["slice"]["record"].items() if name not in says}
            sighting_record = from_plain(
                SightingRecord, {**record_fields, **says, "picture": sighting["picture"]["digest"]}, location="record"
            )
            tree = SliceTree([compute_record_leaf(sighting_record)])
            sighting["slice"] = to_plain(
                tree.prove(0, sighting_record, append_entry(scene.log, EntryType.SLICE, tree.build_opening({})))
            )
        [capture] = sighting["captures"]
        later = parse_rfc3339(capture["started"]) - timedelta(seconds=30)
        capture.update(
            started=format_rfc3339(later), finished=format_rfc3339(later), image=sighting["picture"]["digest"]
        )
        capture["files"] = [path.replace("sightings/01", "sightings/02") for path in capture["files"]]
        pages = captured_page_files(later, data)
        files.update({path.replace("sightings/01", "sightings/02"): pages[path] for path in pages})
        facts["sightings"].append(sighting)
        match["sightings"] = [1, 2] if matched else [1]

    return Invention(facts=lie, manifest=_set_captured_role)


def repeat_visit(facts: Facts, files: Files, _scene: Scene) -> None:
    """Store the same visit in two folders."""
    [capture] = facts["sightings"][0]["captures"]
    again = deepcopy(capture)
    again["files"] = [path.replace("capture-1", "capture-2") for path in capture["files"]]
    files.update({path.replace("capture-1", "capture-2"): files[path] for path in capture["files"]})
    facts["sightings"][0]["captures"].append(again)


def _set_captured_role(manifest: Facts) -> None:
    for file in manifest["files"]:
        if file["path"].endswith("/image.jpg"):
            file["role"] = "captured-image" if "/capture-" in file["path"] else "sighting-picture"
            file["media_type"] = "image/jpeg"


def add_unsigned_picture(facts: Facts, files: Files, scene: Scene) -> None:
    """Add an image to what a passkey signed for a single one."""
    buffer = BytesIO()
    Image.open(BytesIO(found_bytes(1))).save(buffer, "PNG")
    add_sighting(picture=buffer.getvalue(), matched=False, record=False).facts(facts, files, scene)  # type: ignore[misc]
    [match] = facts["matches"]
    digest = facts["sightings"][1]["picture"]["digest"]
    undrawn = {"overlay": None, "side_by_side": None}
    facts["matches"].append({**deepcopy(match), **undrawn, "number": 2, "picture": digest, "sightings": [2]})
    assertion = KEY.answer(decision_statement(scene.facts)).to_json()
    files[ASSERTION_PATH] = assertion
    key = {"key": Digest.from_bytes(KEY.public).hex, "member": "Ann", "use": "passkey", "what": "created"}
    decided = {"case": 1, "decision": "confirmed", "assertion": Digest.from_bytes(assertion).hex, "version": 1}
    of_key = to_plain(append_entry(scene.log, EntryType.KEY, dict(key)))
    entry = to_plain(append_entry(scene.log, EntryType.DECISION, dict(decided), scene.facts.decision.at))
    passkey = {"file": ASSERTION_PATH, "digest": Digest.from_bytes(assertion).hex, "log": entry, "key": of_key}
    facts["decision"]["passkey"] = passkey


def repeat_match(facts: Facts, _files: Files, _scene: Scene) -> None:
    facts["matches"].append({**deepcopy(facts["matches"][0]), "number": 2, "overlay": None, "side_by_side": None})


def change_comparison(**changes: Any) -> Lie:  # noqa: ANN401 - any fields
    """State this comparison and the resulting probability; none if the calibration is of another version."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        verification = from_plain(Verification, facts["matches"][0]["verification"], location="verification")
        verification = replace(verification, probability=None, calibration=None, **changes)
        verification = add_probability(verification, CALIBRATION)
        facts["matches"][0]["verification"] = to_plain(verification)
        if verification.probability is None:
            facts["calibrations"] = []
            del files[CALIBRATION_FILE]

    return lie


def state_odds(*, is_kept: bool = True, further: dict[str, Any] | None = None, **figures: Any) -> Lie:  # noqa: ANN401
    """State odds of these measurements with unknown weights, which are sealed or not."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        verification = facts["matches"][0]["verification"]
        figure_values = {**FIGURES, "pieces_dense": None, "cover": None, "pieces_in_place": None, "pieces_excess": None}
        figure_values |= {"another": None, "pieces_another": None, **figures}
        weights = replace(WEIGHING, exposure=replace(WEIGHING.exposure, weights={"in_place": 9.0}))
        related, exposure = weights.compute_odds(figure_values)
        changes = {"figures": figure_values, "related": round(related, 4), "exposure": round(exposure, 4), "drift": 0.1}
        verification.update(
            {**changes, "in_place": figure_values["in_place"], "inliers": figure_values["inliers"], **(further or {})}
        )
        change_comparison()(facts, files, scene)
        if is_kept:
            files[WEIGHING_FILE] = data = weights.to_json()
            facts["weighings"] = [{"pipeline": "tests", "digest": Digest.from_bytes(data).hex, "file": WEIGHING_FILE}]

    return lie


def replace_picture(picture: bytes, transform: Any, pieces: tuple[Piece, ...] = (), **changes: Any) -> Lie:  # noqa: ANN401
    """Replace the sighted image consistently in crawl, visit and comparison, with correct measurements."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [sighting], [match] = facts["sightings"], facts["matches"]
        digest, size = Digest.from_bytes(picture), decode(picture).info
        files[sighting["picture"]["file"]] = picture
        size_fields = {"format": size.format, "width": size.width, "height": size.height}
        sighting["picture"].update(size_fields, digest=digest.hex, size=len(picture))
        change_record("picture", digest.hex).facts(facts, files, scene)  # type: ignore[misc]
        [capture] = sighting["captures"]
        files.update(captured_page_files(parse_rfc3339(capture["started"]), picture))
        capture["image"] = match["picture"] = digest.hex
        picture_pixels, registered = decode(picture).pixels, decode(registered_bytes(1)).pixels
        sizes = (size.width, size.height), (registered.shape[1], registered.shape[0])
        work, overlap = compute_overlaps(np.asarray(transform), *sizes)
        dense = compute_dense_similarity(picture_pixels, registered, transform, pieces)
        mirrored = bool(np.linalg.det(np.asarray(transform)) < 0)
        measurements = {"dense": dense, "transform": transform, "overlap_work": work, "overlap_picture": overlap}
        change_comparison(**measurements, mirrored=mirrored, pieces=pieces, **changes)(facts, files, scene)

    return lie


def create_noisy_picture() -> bytes:
    """Return the sighted image with noise in a third of it, so that it agrees in part."""
    picture = Image.open(BytesIO(found_bytes(1))).convert("RGB")
    picture.paste(textured_picture(77, (80, 24)), (0, 36))
    return encode_picture(picture, "PNG")


def create_picture_with_badge() -> bytes:
    """Return another image with a corner of the registered one in its own corner."""
    picture, work = textured_picture(9, (80, 60)), Image.open(BytesIO(registered_bytes(1)))
    picture.paste(work.crop((0, 0, 24, 60)), (56, 0))
    return encode_picture(picture, "PNG")


BADGE_TRANSFORM = ((1.0, 0.0, -56.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
WHOLE_TRANSFORM = ((2.0, 0.0, 0.5), (0.0, 2.0, 0.5), (0.0, 0.0, 1.0))


def change_calibrations(change: Any) -> Lie:  # noqa: ANN401 - a function of calibrations and files
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        change(facts["calibrations"], files)

    return lie


def default_calibration() -> Calibration:
    """Return the calibration that ships with the software."""
    calibration = shipped_calibration()
    assert calibration is not None
    return calibration


def add_unused_calibration(stated_ones: list[Facts], files: Files) -> None:
    data = default_calibration().to_json()
    files["data/calibrations/02.json"] = data
    bound = {"photographs": 900_000_000, "failed": 0, "at_most_in_a_million": 0}
    fields = {"name": "national", "made": "2026-11-01", "data": "All photographs.", "certain": bound, "review": bound}
    stated_ones.append({
        **fields, "prior": 0.5, "photographs": 900_000_000, "digest": Digest.from_bytes(data).hex,
        "file": "data/calibrations/02.json",
    })  # fmt: skip


def repeat_calibration(stated_ones: list[Facts], _files: Files) -> None:
    bound = {"photographs": 900_000_000, "failed": 0, "at_most_in_a_million": 0}
    stated_ones.append({**stated_ones[0], "name": "national", "photographs": 900_000_000, "certain": bound})


def withhold_calibration() -> Invention:
    """Withhold a calibration that claims the digest of Exhibit's, but states other values."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        files[CALIBRATION_FILE] = default_calibration().to_json()
        digest = default_calibration().digest.hex
        bound = {"photographs": 900_000_000, "failed": 0, "at_most_in_a_million": 0}
        facts["calibrations"][0].update(digest=digest, photographs=900_000_000, certain=bound, name="national")
        facts["matches"][0]["verification"].update(calibration=digest, probability=0.9999)

    def withhold(files: Files) -> None:
        del files[CALIBRATION_FILE]
        files["proofs/withheld.json"] = encode_canonical({"files": [CALIBRATION_FILE], "reason": "Confidential."})

    return Invention(facts=lie, proofs=withhold)


def rename_calibration(name: str) -> Lie:
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        calibration = Calibration.from_json(encode_canonical({**json.loads(files[CALIBRATION_FILE]), "name": name}))
        files[CALIBRATION_FILE] = calibration.to_json()
        facts["calibrations"][0].update(name=name, digest=calibration.digest.hex)
        facts["matches"][0]["verification"]["calibration"] = calibration.digest.hex

    return lie


def change_version(path: str, value: object) -> Invention:
    """State another software version in facts, manifest and bag."""

    def agent(files: Files) -> None:
        software = json.loads(files["data/manifest.json"])["software"]
        info = files["bag-info.txt"].decode().splitlines(keepends=True)
        name = f"Bag-Software-Agent: {software['name']} {software['version']}\n"
        files["bag-info.txt"] = "".join(
            name if line.startswith("Bag-Software-Agent") else line for line in info
        ).encode()

    return replace(change_both((path, value), (path, value)), proofs=agent)


def add_timestamp(**changes: object) -> Lie:
    row = {"kind": "rfc3161", "name": "Deceiver", "development": False, "state": "complete", "subject": "checkpoint"}
    return lambda facts, _files, _scene: facts.update(
        timestamps=[{**row, "time": format_rfc3339(now() + timedelta(hours=2)), "qualified": "", **changes}]
    )


def claim_timestamp(**changes: object) -> Invention:
    """Claim a timestamp of the registration's checkpoint, and more."""

    def prove(files: Files) -> None:
        facts = json.loads(files["data/facts.json"])
        digest = compute_checkpoint_digest(facts["work"]["registration"]["checkpoint"])
        file = "proofs/anchors/earlier-deceiver.tsr"
        files[file] = forge_timestamp(None, bytes.fromhex(digest.hex))
        record = {"file": file, "kind": "rfc3161", "service": "Deceiver", "development": True, "digest": digest.hex}
        every = [*json.loads(files[ANCHORS_PATH]), {**record, "material": []}]
        files[ANCHORS_PATH] = encode_canonical(sorted(every, key=lambda listed: listed["file"]))

    return Invention(facts=add_timestamp(development=True, **changes), proofs=prove)


def repeat_timestamp_services(facts: Facts, files: Files, scene: Scene) -> None:
    add_timestamp()(facts, files, scene)
    facts["timestamps"] *= 2


def change_signer_name(place: str) -> Lie:
    """Name another signer, who signed nothing, in the checkpoint over an entry; the root is the log's own."""

    def lie(facts: Facts, _files: Files, _scene: Scene) -> None:
        proof: Any = facts
        for step in place.split("."):
            proof = proof[int(step) if isinstance(proof, list) else step]
        note = parse_note(proof["checkpoint"])
        proof["checkpoint"] = sign_note("notary.court.example", note.size, note.root, MALLORY).note

    return lie


def add_later_checkpoint(origin: str = "") -> Invention:
    """Add a later checkpoint that continues the log and was signed by another key."""
    scenes: list[Scene] = []

    def remember(_facts: Facts, _files: Files, scene: Scene) -> None:
        scenes.append(scene)

    def add(files: Files) -> None:
        scene = scenes[-1]
        own = parse_note(files[f"{LOG}checkpoint"].decode())
        append_entry(scene.log, EntryType.CASE, {"what": "anything"})
        head = scene.log.sign_checkpoint()
        note = sign_note(origin or scene.log.origin, head.size, head.root, MALLORY).note
        path = [node.hex() for node in scene.log.prove_consistency(own.size, head.size)]
        file = f"{LOG}checkpoint-{head.size}"
        files[file] = note.encode()
        files[f"{LOG}renewals.json"] = encode_canonical([{"file": file, "size": head.size, "path": path}])

    return Invention(facts=remember, proofs=add)


def add_consistency_proof(files: Files) -> None:
    plain = json.loads(files[f"{LOG}consistency.json"])
    sizes = {row["size"] for row in plain}
    size = next(size for size in range(1, 99) if size not in sizes)
    plain = sorted([*plain, {"size": size, "path": [HEX]}], key=lambda row: row["size"])
    files[f"{LOG}consistency.json"] = encode_canonical(plain)


def record_visit(*, date: str = "", connection: dict[str, Any] | None = None, change: Any = None) -> Lie:  # noqa: ANN401
    """Record the visit as the product does, with a clock of the server and other connection facts."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [capture] = facts["sightings"][0]["captures"]
        started, image = parse_rfc3339(capture["started"]), files[CAPTURED[3]]
        tls = ("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"the bytes of a certificate",))
        connection_facts = replace(ConnectionFacts(HOST, (PEER,), PEER, 443, *tls), **(connection or {}))
        exchanges, visits = [], []
        for path, kind, body in (("/", "text/html", PAGE), ("/field.jpg", "image/jpeg", image)):
            url = f"https://{HOST}{path}"
            headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
            headers += [("Date", date)] if date else []
            head = "".join(f"{name}: {value}\r\n" for name, value in headers)
            request = bytearray(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            response = bytearray(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)
            exchanges.append(Exchange(started, url, connection_facts.address, request, response))
            visits.append(
                Visit(url, (VisitStep(url, 200, tuple(headers), started, started, connection_facts, len(body)),), body)
            )
        visit_facts = {
            "outcome": "captured",
            "started": format_rfc3339(started),
            "finished": format_rfc3339(started),
            "user_agent": "tests",
        }
        record = json.loads(build_record(visits, "Asked for by a test.", {**visit_facts, "page_names_image": True}))
        if change is not None:
            change(record)
        files[CAPTURED[0]] = encode_warc(exchanges, {"software": "tests"})
        files[NETWORK] = json.dumps(record).encode()

    return lie


def format_date(hours: float = 0) -> str:
    return format_datetime(now() + timedelta(hours=1 + hours), usegmt=True)


def create_certificate(host: str = HOST, days: tuple[int, int] = (-9, 9)) -> bytes:
    """Return a server's certificate as DER."""
    key, name = generate_private_key(SECP256R1()), x509.Name.from_rfc4514_string(f"CN={host}")
    first, last = (now() + timedelta(days=day) for day in days)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, first, last)
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    return builder.add_extension(names, critical=False).sign(key, SHA256()).public_bytes(Encoding.DER)


def change_leaf(**says: Any) -> Any:  # noqa: ANN401 - of a record
    """Change the server's certificate in the record."""
    return lambda record: [step["tls"]["chain"][0].update(says) for step in record["exchanges"]]


def change_connection(**changes: Any) -> Lie:  # noqa: ANN401 - of facts of a connection
    return record_visit(connection=changes)


def change_clocks(change: Any, *, dated: bool = True) -> Lie:  # noqa: ANN401 - of a clock
    """Change the clocks in the record."""
    return record_visit(date=format_date() if dated else "", change=lambda record: change(record["clock"]))


def create_clock_sample(offset: float, uncertainty: float = 0.5) -> Facts:
    return {"url": f"https://{HOST}/", "offset": offset, "uncertainty": uncertainty}


def change_listing(path: str, **says: object) -> Invention:
    """Change the manifest's entry of a file."""
    return Invention(manifest=lambda plain: [row.update(says) for row in plain["files"] if row["path"] == path])


FAILED = "failed"
TIME_LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "seen a year before the crawl's own record of it": (
        change_facts(S + "first_seen", shift_time(-YEAR)), {"line:seen": "according to facts.json only"}
    ),
    "seen months before the log took it down": (backdate_sighting(), {"line:seen": "log entry of"}),
    "seen before the server's own clock": (
        backdate_sighting(headers=[["Content-Type", "image/jpeg"], ["Date", format_date()]]),
        {"line:seen": "server clock"}
    ),
    "seen in a period that nobody can read": (set_first_seen(None, period="the reign of Ann"), {"slice:01": FAILED}),
    "seen in a period that comes": (set_first_seen(None, period="2031"), {"slice:01": FAILED}),
    "registered years before its entry": (
        apply_lies(change_facts(W + "registered_at", MOMENT), relog("work.registration", "registered_at", MOMENT)),
        {"registration": FAILED},
    ),
    "registered after the case was "
    "decided": (decide_before_registration, {"line:registered": "after the case was decided"}),
    "visited after the facts of it were written": (
        Invention(facts=date_visit_after_writing, manifest=set_values("sealed_at", shift_time(0.9))), {"order": FAILED}
    ),
    "a document left out in a year that comes": (omit_contract(LATE), {"order": FAILED}),
}  # fmt: skip
SIGHTING_LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "one record of the crawl as two sightings": (add_sighting(), {"facts": FAILED}),
    "one place in two slices as two sightings": (add_sighting(record=False), {"facts": FAILED}),
    "a sighting of a picture that no match is about": (
        add_sighting(
            picture=encode_picture(textured_picture(9, (80, 60)), "JPEG"), matched=False, record=False,
        ), {"facts": FAILED},
    ),
    "one visit as two": (
        Invention(facts=repeat_visit, manifest=_set_captured_role), {"capture:01-2": FAILED}
    ),
    "a picture that came as an error": (change_record("status", 404, facts=(S + "status", 404)), {"slice:01": FAILED}),
    "a certificate that a notary swore to": (
        change_record("certificate", "sworn to", facts=(S + "certificate", "sworn to")), {"slice:01": FAILED}
    ),
    "a certificate of a server without TLS": (
        change_record(
            "certificate", f"valid sha256:{HEX}", "final_url", "http://copies.example/field.jpg",
            facts=(S + "certificate", f"valid sha256:{HEX}", S + "final_url", "http://copies.example/field.jpg"),
        ), {"slice:01": FAILED},
    ),
    "a server that is a saint": (
        change_record("peer", "the saint's", facts=(S + "peer", "the saint's")), {"slice:01": FAILED}
    ),
    "a server of the installation's own": (
        change_record("peer", "127.0.0.1:443", facts=(S + "peer", "127.0.0.1:443")),
        {"line:server": "no public address"}
    ),
    "everybody under one ending as the party": (change_facts("party.name", "example"), {"party": FAILED}),
    "an account with a line of the verdict in its name": (
        change_facts("party.kind", "account", "party.name", "x [checked by party]\nseen  2015 [checked]"),
        {"line:party": "'x [checked by party]\\nseen"},
    ),
}  # fmt: skip
MATCH_LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "one pair as two matches": (repeat_match, {"facts": FAILED}),
    "a match in which the program found nothing": (change_comparison(decision="none"), {"match:01": "not checked"}),
    "certain by a version that states odds, without any": (change_comparison(pipeline="match-1"), {"match:01": FAILED}),
    "certain by a version that nobody knows, "
    "without any": (change_comparison(pipeline="match-77"), {"match:01": FAILED}),
    "certain, and held back by its own reasons": (
        change_comparison(reasons=("low-information", "collage")), {"match:01": FAILED}
    ),
    "for a person to look at, by a version that states odds, without any": (
        change_comparison(decision="review", pipeline="match-1"), {"match:01": FAILED}
    ),
    "details without number, and the same hash": (
        change_comparison(inliers=100_000, hamming=0), {"line:figures": "recorded by the installation"}
    ),
    "more patches in place than there are": (change_comparison(in_place=7.0, drift=0.1), {"match:01": FAILED}),
    "displaced by less than nothing": (change_comparison(in_place=0.9, drift=-3.0), {"match:01": FAILED}),
    "a further copy where there is none": (
        change_comparison(further=(((-2.0, 0.0, 108.5), (0.0, 2.0, 40.5), (0.0, 0.0, 1.0)),)), {"match:01": FAILED}
    ),
    "more copies than a comparison "
    "searches for": (change_comparison(further=(HALF_MIRRORED,) * 40), {"match:01": FAILED}),
    "a badge that two pictures share, laid in one piece": (
        replace_picture(create_picture_with_badge(), WHOLE_TRANSFORM, (Piece((-0.5, -0.5, 23.5, 59.5),
        BADGE_TRANSFORM),)),
        {"match:01": FAILED},
    ),
    "a badge that two pictures share, laid over a piece that shows everything": (
        replace_picture(
            create_picture_with_badge(), WHOLE_TRANSFORM,
            (
                Piece((-0.5, -0.5, 23.5, 59.5), ((0.3, 0.0, -0.35), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))),
                Piece((-0.5, -0.5, 23.5, 59.5), BADGE_TRANSFORM),
            ),
        ), {"match:01": FAILED},
    ),
    "a badge that two pictures share": (
        replace_picture(create_picture_with_badge(), BADGE_TRANSFORM, pipeline="match-1"), {"match:01": FAILED}
    ),
    "details that outnumber those compared": (state_odds(inliers=48, matches=7), {"odds:01": FAILED}),
    "a share above the whole in the sum": (state_odds(in_place=50.0), {"odds:01": FAILED}),
    "less than nothing of another picture in the sum": (state_odds(another=-5.0), {"odds:01": FAILED}),
    "less than no roughness in the sum": (state_odds(roughness=-1.0), {"odds:01": FAILED}),
    "another similarity in the sum than is seen": (
        apply_lies(replace_picture(create_noisy_picture(), HALF_MIRRORED), state_odds(dense=1.0)), {"odds:01": FAILED}
    ),
    "odds by weights that aren't there": (state_odds(is_kept=False), {"line:figures": "odds not checked"}),
    "odds by weights of one's own": (state_odds(), {"line:figures": "odds not checked"}),
    "a calibration of ours that no match uses, with other "
    "numbers": (change_calibrations(add_unused_calibration), {"facts": FAILED}),
    "a calibration twice, with other numbers": (change_calibrations(repeat_calibration), {"facts": FAILED}),
    "a calibration of ours, with other numbers, withheld": (withhold_calibration(), {"line:calibration": "900000000"}),
    "a calibration with a line of the verdict in its name": (
        rename_calibration("x: 9 [checked]\nseen"), {"line:calibration": "'x: 9 [checked]\\nseen'"}
    ),
}  # fmt: skip
STATEMENT_LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "signed by a passkey for one of two pictures": (
        Invention(facts=add_unsigned_picture, manifest=_set_captured_role), {"line:decision": "decision not checked"}
    ),
    "a bundle before which others are said to be, and after which others may": (
        change_both(("bundle", 9), ("matter.bundle", 9)), {"line:bundle": "9 of case 'C-7'; a later bundle may differ"}
    ),
    "confirmed by nobody": (change_facts("decision.by", ""), {"confirmed": FAILED}),
    "confirmed by a name without letters": (change_facts("decision.by", "\u200b \u2060"), {"confirmed": FAILED}),
    "confirmed by a name that runs backwards": (
        change_facts("decision.by", "\u202eegduJ"), {"line:decision": "'\\u202eegduJ', 20"}
    ),
    "confirmed by a token that is called a court": (
        change_facts("decision.by", "Ann (token District Court)"),
            {"line:decision": "by the API token 'District Court'"}
    ),
    "more licences answered than were searched": (
        change_facts("licence_check.searched", 1, "licence_check.reasons", ["1", "2", "3"]), {"facts": FAILED}
    ),
    "another version of the program": (change_version("software.version", "9.9"), {"line:software": "recorded"}),
    "another program": (change_version("software.name", "Notary"), {"line:software": "recorded"}),
    "a model of one's own": (change_version("software.models.0.digest", HEX), {"line:software": "recorded"}),
    "a model without a digest": (change_version("software.models.0.digest", None), {"line:software": "recorded"}),
    "a key held by a court": (change_manifest("key.holder", "court"), {"manifest": FAILED}),
    "the registered picture listed as another kind of file": (
        change_listing("data/work/01.jpg", role="verdict"), {"facts": FAILED}
    ),
    "the registered picture listed as a page": (
        change_listing("data/work/01.jpg", media_type="text/html"), {"facts": FAILED}
    ),
}  # fmt: skip
LOG_LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "a registration under the name of a notary's log": (
        change_signer_name("work.registration"), {"grade:match": "log.tests.example"}
    ),
    "a slice under the name of a notary's log": (
        change_signer_name("sightings.0.slice.log"), {"grade:capture": "log.tests.example"}
    ),
    "a later head that the log didn't sign": (
        add_later_checkpoint(), {"says:renewal": "No log on the trust list has signed it"}
    ),
    "a later head of a notary's log": (
        add_later_checkpoint("notary.court.example"), {"says:renewal": "No log on the trust list has signed it"}
    ),
    "a proof that a head of nothing goes on": (Invention(proofs=add_consistency_proof), {"consistency": FAILED}),
    "a witness in a state of its own": (add_timestamp(state="sworn"), {"timestamps": FAILED}),
    "a witness that hasn't answered and states a time": (
        add_timestamp(state="pending", time=MOMENT), {"timestamps": FAILED}
    ),
    "a witness of the manifest that wasn't written": (add_timestamp(subject="manifest"), {"timestamps": FAILED}),
    "one witness as two": (repeat_timestamp_services, {"timestamps": FAILED}),
    "a witness without a receipt": (add_timestamp(name="National"), {"line:timestamps": "'National'"}),
    "a witness that has answered, called qualified": (
        claim_timestamp(qualified="2015-01-01"), {"timestamps": FAILED}
    ),
    "a witness of a kind that nobody knows": (
        add_timestamp(kind="oracle", name="Delphi"), {"line:timestamps": "'Delphi'"}
    ),
}  # fmt: skip
NETWORK_LIES: dict[str, tuple[Invention | Lie, Expected]] = {
    "a name that nobody looked up": (change_connection(dns_answers=()), {"capture:01-1": FAILED}),
    "an answer of a name server that isn't an address": (
        change_connection(dns_answers=(PEER, "as the registry swears")), {"capture:01-1": FAILED}
    ),
    "a connection to another host than the "
    "address names": (change_connection(host="saint.example"), {"capture:01-1": FAILED}),
    "a connection to another port than the address names": (change_connection(port=8443), {"capture:01-1": FAILED}),
    "a version of TLS that nobody wrote": (change_connection(tls_version="TLSv9"), {"capture:01-1": FAILED}),
    "a suite of another version of TLS": (change_connection(cipher="ECDHE-RSA-AES128-SHA"), {"capture:01-1": FAILED}),
    "a secure connection to a server without "
    "certificate": (change_connection(certificates=()), {"capture:01-1": FAILED}),
    "a server that is not an IP "
    "address": (change_connection(address="here", dns_answers=("here",)), {"capture:01-1": FAILED}),
    "a certificate that can't be read, with a subject": (
        record_visit(change=change_leaf(subject="CN=Saint")), {"capture:01-1": "not checked"}
    ),
    "a certificate with the subject of another": (
        record_visit(connection={"certificates": (create_certificate(),)}, change=change_leaf(subject="CN=Saint")),
            {"capture:01-1": FAILED}
    ),
    "a certificate that is valid for longer than it says": (
        record_visit(connection={"certificates": (create_certificate(),)}, change=change_leaf(not_after=LATE)),
            {"capture:01-1": FAILED}
    ),
    "a server whose certificate had ended": (
        change_connection(certificates=(create_certificate(days=(-9, -5)),)), {"capture:01-1": FAILED}
    ),
    "a server with the certificate of another host": (
        change_connection(certificates=(create_certificate("saint.example"),)), {"capture:01-1": FAILED}
    ),
    "a clock that was right, by no answer": (
        change_clocks(lambda one: one.update(offset=0.0, uncertainty=0.5), dated=False), {"capture:01-1": FAILED}
    ),
    "a clock that an answer without a date set": (
        change_clocks(lambda one: one.update(samples=[create_clock_sample(0.0)], offset=0.0,
        uncertainty=0.5), dated=False),
        {"capture:01-1": FAILED},
    ),
    "a clock that was right, against the servers'": (
        record_visit(date=format_date(5), change=lambda record: record["clock"].update(
            samples=[create_clock_sample(0.0), {**create_clock_sample(0.0),
            "url": f"https://{HOST}/field.jpg"}], offset=0.0,
        )), {"capture:01-1": FAILED},
    ),
    "a clock of which a server's date isn't stated": (
        change_clocks(lambda one: one.update(samples=one["samples"][:1])), {"capture:01-1": FAILED}
    ),
    "a clock that is none of those seen": (
        change_clocks(lambda one: one.update(offset=99.0)), {"capture:01-1": FAILED}
    ),
    "a clock of nothing, against the servers'": (
        change_clocks(lambda one: one.update(samples=[], offset=None, uncertainty=None)), {"capture:01-1": FAILED}
    ),
    "a visit before the servers' own clocks": (record_visit(date=format_date(YEAR)), {"capture:01-1": "not checked"}),
    "a proxy between": (record_visit(change=lambda record: record["proxy"].update(used=True)),
        {"capture:01-1": FAILED}),
    "a machine that has a name of its own for the host": (
        record_visit(change=lambda record: record["hosts_file"].update(names_visited_hosts=[HOST])),
        {"capture:01-1": "not checked"},
    ),
    "a machine that has a name for a host nobody visited": (
        record_visit(change=lambda record: record["hosts_file"].update(names_visited_hosts=["saint.example"])),
        {"capture:01-1": FAILED},
    ),
    "a name server that is an archive": (
        record_visit(change=lambda record: record.update(name_servers=["National Archive"])), {"capture:01-1": FAILED}
    ),
    "the programs of somebody else": (
        record_visit(change=lambda record: record.update(software={"court": "1"}, user_agent="Court")),
        {"line:rest": "recorded by the installation"},
    ),
    "the authorities of somebody else": (
        record_visit(change=lambda record: record["certificate_authorities"].update(name="National", sha256=HEX)),
        {"line:rest": "recorded by the installation"},
    ),
}  # fmt: skip
LIES = {**TIME_LIES, **SIGHTING_LIES, **MATCH_LIES, **STATEMENT_LIES, **LOG_LIES, **NETWORK_LIES}


@pytest.fixture(scope="module")
def owner_bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Files]:
    scene = make_scene(tmp_path_factory.mktemp("own"))
    return scene, read_files(scene.write(scene.folder / "whole.zip"))


def verify_lie(scene: Scene, whole: Files, lie: Invention | Lie, path: Path) -> Verdict:
    invention = lie if isinstance(lie, Invention) else Invention(facts=lie)
    files, trust = forge_bundle(scene, whole, invention)
    return Verifier(trust).verify(write_zip(path, files))


def list_results(verdict: Verdict) -> Expected:
    """Return what a verdict reports, by check, line and grade."""
    states = {check.name.partition(":")[0]: str(check.state) for check in verdict.checks}
    states |= {check.name: str(check.state) for check in verdict.checks}
    states |= {f"says:{check.name.partition(':')[0]}": check.sentence for check in verdict.checks}
    states |= {f"grade:{grade.name}": grade.by for grade in verdict.grades}
    return states | {f"line:{line.of}": f"{line.value} [{line.by}]" for line in verdict.lines}


def test_table_contains_at_least_60_false_statements() -> None:
    assert (
        len(LIES) == sum(map(len, (TIME_LIES, SIGHTING_LIES, MATCH_LIES, STATEMENT_LIES, LOG_LIES, NETWORK_LIES))) >= 60
    )


@pytest.mark.parametrize("name", LIES)
def test_each_false_statement_fails_or_is_attributed_to_its_source(
    owner_bundle: tuple[Scene, Files], tmp_path: Path, name: str
) -> None:
    lie, expected = LIES[name]
    verdict = verify_lie(*owner_bundle, lie, tmp_path / "lie.zip")
    actual = list_results(verdict)
    for place, words in expected.items():
        result = actual.get(place, "")
        exact = place.partition(":")[0] not in {"line", "grade", "says"}
        assert words == result if exact else words in result, (place, result)
    expected_states = set(expected.values())
    if FAILED in expected_states:
        assert verdict.outcome is ExitCode.CHECK_FAILED, verdict.sentence
    elif "not checked" in expected_states:
        assert verdict.outcome is ExitCode.INCOMPLETE, verdict.sentence
    else:
        assert verdict.failures == ()
