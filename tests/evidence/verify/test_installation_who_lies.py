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

from evidence.bundle.bag import checkpoint_digest
from evidence.capture.surroundings import describe
from evidence.capture.visitor import Step, Visit
from evidence.capture.wire import Exchange, write_warc
from evidence.facts.passkey import ASSERTION_PATH
from evidence.formats.codec import from_plain, to_plain
from evidence.keys.ed25519 import KeySigner
from evidence.log.notes import parse_note, sign_note
from evidence.log.proofs import SightingRecord, SliceTree, record_leaf
from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.comparison.calibration import Calibration, calibrated
from exhibit.comparison.similarity import dense_similarity
from exhibit.comparison.warp import overlaps
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.errors import ExitCode
from exhibit.network.http import ConnectionFacts
from exhibit.pictures.decode import decode
from exhibit.types import Piece, Verification
from indexer.calibration.shipped import shipped_calibration
from tests.assets.bundles import (
    CALIBRATION,
    CAPTURED,
    HALF_MIRRORED,
    PAGE,
    Scene,
    captured_page,
    encoded,
    found_bytes,
    logged,
    make_scene,
    registered_bytes,
    textured,
)
from tests.assets.changes import Files
from tests.assets.corpus.deceit import LOG, Invention, Lie, forged, stamp
from tests.assets.corpus.inventing import (
    HEX,
    LATE,
    MOMENT,
    NETWORK,
    S,
    W,
    both,
    fact,
    moved,
    puts,
    recorded,
    relogged,
    stated,
)
from tests.assets.passkeys import KEY, statement_of
from tests.assets.resealing import Facts
from tests.assets.stamp_kinds import ANCHORS
from tests.assets.tampering import files_of, packed
from tests.assets.whole_case import FIGURES, WEIGHING

pytestmark = pytest.mark.timeout(300)
YEAR, HOST, PEER = 365 * 24, "copies.example", "203.0.113.9"
MALLORY = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
Expected = dict[str, str]
"""Checks with their states; for ``line:NAME`` and ``sentence``, words in them."""
CALIBRATION_FILE, WEIGHING_FILE = "data/calibrations/01.json", "data/weighings/01.json"


def lies(*every: Invention | Lie) -> Lie:
    """Apply one lie after the other."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        for one in every:
            tell = one if not isinstance(one, Invention) else one.facts
            assert tell is not None
            tell(facts, files, scene)

    return lie


def first_seen(time: str | None, **record: object) -> Invention:
    """Set the time of the first sighting in record and facts, and these fields of the record."""
    said = [part for name, value in record.items() for part in (name, value)]
    known = [S + name for name in record if name != "seen"]
    shown = [part for name, value in zip(known, record.values(), strict=True) for part in (name, value)]
    return recorded("seen", time, *said, facts=(S + "first_seen", time, S + "last_seen", time, *shown))


def of_long_ago(**record: object) -> Invention:
    return recorded("seen", MOMENT, *(part for pair in record.items() for part in pair), facts=(
        S + "first_seen", MOMENT, *(part for name, value in record.items() for part in (S + name, value)),
    ))  # fmt: skip


def decided_first(facts: Facts, files: Files, scene: Scene) -> None:
    """Date the sighting and the decision three hours ago, although the work was registered just now."""
    earlier = moved(-3)(facts["written_at"])
    recorded("seen", earlier, facts=(S + "first_seen", earlier)).facts(facts, files, scene)  # type: ignore[misc]
    relogged("sightings.0.slice.log", time=earlier).facts(facts, files, scene)  # type: ignore[misc]
    facts.update(opened_at=earlier)
    facts["decision"]["at"] = facts["licence_check"]["checked_at"] = earlier
    later = rfc3339(now())
    facts["work"]["registered_at"] = later
    relogged("work.registration", "registered_at", later, time=later).facts(facts, files, scene)  # type: ignore[misc]


def visited_after_writing(facts: Facts, files: Files, _scene: Scene) -> None:
    [capture] = facts["sightings"][0]["captures"]
    later = parse_rfc3339(facts["written_at"]) + timedelta(minutes=90)
    files.update(captured_page(later, files[CAPTURED[3]]))
    capture.update(started=rfc3339(later), finished=rfc3339(later))


def left_out(since: str) -> Lie:
    """Leave out the contract, since a time."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [contract] = facts["work"]["attachments"]
        del files[contract["file"]]
        gone = {"file": contract["file"], "role": "title-document", "digest": contract["digest"], "why": "purged"}
        facts["left_out"] = [{**gone, "since": since}]

    return lie


def another_sighting(*, picture: bytes = b"", matched: bool = True, record: bool = True, **says: object) -> Invention:
    """Add a second sighting of the same or another image, with the same record or its own, and with a visit."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [first], [match] = facts["sightings"], facts["matches"]
        data = picture or files[first["picture"]["file"]]
        info = decode(data).info
        one = deepcopy(first) | {"number": 2, **says}
        one["picture"] = {
            **first["picture"], "digest": Digest.of(data).hex, "size": len(data), "width": info.width,
            "height": info.height, "format": info.format, "file": "data/sightings/02/image.jpg",
        }  # fmt: skip
        files[one["picture"]["file"]] = data
        if not record:
            said = {name: value for name, value in one["slice"]["record"].items() if name not in says}
            held = from_plain(SightingRecord, {**said, **says, "picture": one["picture"]["digest"]}, where="record")
            tree = SliceTree([record_leaf(held)])
            one["slice"] = to_plain(tree.prove(0, held, logged(scene.log, EntryType.SLICE, tree.opening({}))))
        [capture] = one["captures"]
        later = parse_rfc3339(capture["started"]) - timedelta(seconds=30)
        capture.update(started=rfc3339(later), finished=rfc3339(later), image=one["picture"]["digest"])
        capture["files"] = [path.replace("sightings/01", "sightings/02") for path in capture["files"]]
        pages = captured_page(later, data)
        files.update({path.replace("sightings/01", "sightings/02"): pages[path] for path in pages})
        facts["sightings"].append(one)
        match["sightings"] = [1, 2] if matched else [1]

    return Invention(facts=lie, manifest=_captured)


def visit_twice(facts: Facts, files: Files, _scene: Scene) -> None:
    """Store the same visit in two folders."""
    [capture] = facts["sightings"][0]["captures"]
    again = deepcopy(capture)
    again["files"] = [path.replace("capture-1", "capture-2") for path in capture["files"]]
    files.update({path.replace("capture-1", "capture-2"): files[path] for path in capture["files"]})
    facts["sightings"][0]["captures"].append(again)


def _captured(manifest: Facts) -> None:
    for file in manifest["files"]:
        if file["path"].endswith("/image.jpg"):
            file["role"] = "captured-image" if "/capture-" in file["path"] else "sighting-picture"
            file["media_type"] = "image/jpeg"


def signed_for_one_of_two(facts: Facts, files: Files, scene: Scene) -> None:
    """Add an image to what a passkey signed for a single one."""
    found = BytesIO()
    Image.open(BytesIO(found_bytes(1))).save(found, "PNG")
    another_sighting(picture=found.getvalue(), matched=False, record=False).facts(facts, files, scene)  # type: ignore[misc]
    [match] = facts["matches"]
    digest = facts["sightings"][1]["picture"]["digest"]
    undrawn = {"overlay": None, "side_by_side": None}
    facts["matches"].append({**deepcopy(match), **undrawn, "number": 2, "picture": digest, "sightings": [2]})
    assertion = KEY.answer(statement_of(scene.facts)).to_json()
    files[ASSERTION_PATH] = assertion
    key = {"key": Digest.of(KEY.public).hex, "member": "Ann", "use": "passkey", "what": "created"}
    decided = {"case": 1, "decision": "confirmed", "assertion": Digest.of(assertion).hex, "version": 1}
    of_key = to_plain(logged(scene.log, EntryType.KEY, dict(key)))
    entry = to_plain(logged(scene.log, EntryType.DECISION, dict(decided), scene.facts.decision.at))
    told = {"file": ASSERTION_PATH, "digest": Digest.of(assertion).hex, "log": entry, "key": of_key}
    facts["decision"]["passkey"] = told


def match_twice(facts: Facts, _files: Files, _scene: Scene) -> None:
    facts["matches"].append({**deepcopy(facts["matches"][0]), "number": 2, "overlay": None, "side_by_side": None})


def compared(**changes: Any) -> Lie:  # noqa: ANN401 - any fields
    """State this comparison and the resulting probability; none if the calibration is of another version."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        one = from_plain(Verification, facts["matches"][0]["verification"], where="verification")
        one = replace(one, probability=None, calibration=None, **changes)
        one = calibrated(one, CALIBRATION)
        facts["matches"][0]["verification"] = to_plain(one)
        if one.probability is None:
            facts["calibrations"] = []
            del files[CALIBRATION_FILE]

    return lie


def weighed(*, kept: bool = True, further: dict[str, Any] | None = None, **figures: Any) -> Lie:  # noqa: ANN401
    """State odds of these measurements with unknown weights, which are sealed or not."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        one = facts["matches"][0]["verification"]
        told = {**FIGURES, "pieces_dense": None, "cover": None, "pieces_in_place": None, "pieces_excess": None}
        told |= {"another": None, "pieces_another": None, **figures}
        weights = replace(WEIGHING, exposure=replace(WEIGHING.exposure, weights={"in_place": 9.0}))
        related, exposure = weights.odds(told)
        said = {"figures": told, "related": round(related, 4), "exposure": round(exposure, 4), "drift": 0.1}
        one.update({**said, "in_place": told["in_place"], "inliers": told["inliers"], **(further or {})})
        compared()(facts, files, scene)
        if kept:
            files[WEIGHING_FILE] = data = weights.to_json()
            facts["weighings"] = [{"pipeline": "tests", "digest": Digest.of(data).hex, "file": WEIGHING_FILE}]

    return lie


def shows(picture: bytes, transform: Any, pieces: tuple[Piece, ...] = (), **changes: Any) -> Lie:  # noqa: ANN401
    """Replace the sighted image consistently in crawl, visit and comparison, with correct measurements."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [sighting], [match] = facts["sightings"], facts["matches"]
        digest, size = Digest.of(picture), decode(picture).info
        files[sighting["picture"]["file"]] = picture
        said = {"format": size.format, "width": size.width, "height": size.height}
        sighting["picture"].update(said, digest=digest.hex, size=len(picture))
        recorded("picture", digest.hex).facts(facts, files, scene)  # type: ignore[misc]
        [capture] = sighting["captures"]
        files.update(captured_page(parse_rfc3339(capture["started"]), picture))
        capture["image"] = match["picture"] = digest.hex
        seen, registered = decode(picture).pixels, decode(registered_bytes(1)).pixels
        sizes = (size.width, size.height), (registered.shape[1], registered.shape[0])
        work, found = overlaps(np.asarray(transform), *sizes)
        dense = dense_similarity(seen, registered, transform, pieces)
        mirrored = bool(np.linalg.det(np.asarray(transform)) < 0)
        measured = {"dense": dense, "transform": transform, "overlap_work": work, "overlap_picture": found}
        compared(**measured, mirrored=mirrored, pieces=pieces, **changes)(facts, files, scene)

    return lie


def half_noise() -> bytes:
    """Return the sighted image with noise in a third of it, so that it agrees in part."""
    picture = Image.open(BytesIO(found_bytes(1))).convert("RGB")
    picture.paste(textured(77, (80, 24)), (0, 36))
    return encoded(picture, "PNG")


def with_badge() -> bytes:
    """Return another image with a corner of the registered one in its own corner."""
    picture, work = textured(9, (80, 60)), Image.open(BytesIO(registered_bytes(1)))
    picture.paste(work.crop((0, 0, 24, 60)), (56, 0))
    return encoded(picture, "PNG")


BADGE = ((1.0, 0.0, -56.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
WHOLE = ((2.0, 0.0, 0.5), (0.0, 2.0, 0.5), (0.0, 0.0, 1.0))


def calibrations(change: Any) -> Lie:  # noqa: ANN401 - of the list of stated ones and the files
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        change(facts["calibrations"], files)

    return lie


def ours() -> Calibration:
    """Return the calibration that ships with the software."""
    found = shipped_calibration()
    assert found is not None
    return found


def an_unused_one(stated_ones: list[Facts], files: Files) -> None:
    data = ours().to_json()
    files["data/calibrations/02.json"] = data
    bound = {"photographs": 900_000_000, "failed": 0, "at_most_in_a_million": 0}
    told = {"name": "national", "made": "2026-11-01", "data": "All photographs.", "certain": bound, "review": bound}
    stated_ones.append({
        **told, "prior": 0.5, "photographs": 900_000_000, "digest": Digest.of(data).hex,
        "file": "data/calibrations/02.json",
    })  # fmt: skip


def one_twice(stated_ones: list[Facts], _files: Files) -> None:
    bound = {"photographs": 900_000_000, "failed": 0, "at_most_in_a_million": 0}
    stated_ones.append({**stated_ones[0], "name": "national", "photographs": 900_000_000, "certain": bound})


def ours_withheld() -> Invention:
    """Withhold a calibration that claims the digest of Exhibit's, but states other values."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        files[CALIBRATION_FILE] = ours().to_json()
        digest = ours().digest.hex
        bound = {"photographs": 900_000_000, "failed": 0, "at_most_in_a_million": 0}
        facts["calibrations"][0].update(digest=digest, photographs=900_000_000, certain=bound, name="national")
        facts["matches"][0]["verification"].update(calibration=digest, probability=0.9999)

    def withhold(files: Files) -> None:
        del files[CALIBRATION_FILE]
        files["proofs/withheld.json"] = canonical({"files": [CALIBRATION_FILE], "reason": "Confidential."})

    return Invention(facts=lie, proofs=withhold)


def named_calibration(name: str) -> Lie:
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        one = Calibration.from_json(canonical({**json.loads(files[CALIBRATION_FILE]), "name": name}))
        files[CALIBRATION_FILE] = one.to_json()
        facts["calibrations"][0].update(name=name, digest=one.digest.hex)
        facts["matches"][0]["verification"]["calibration"] = one.digest.hex

    return lie


def versions(path: str, value: object) -> Invention:
    """State another software version in facts, manifest and bag."""

    def agent(files: Files) -> None:
        software = json.loads(files["data/manifest.json"])["software"]
        info = files["bag-info.txt"].decode().splitlines(keepends=True)
        name = f"Bag-Software-Agent: {software['name']} {software['version']}\n"
        files["bag-info.txt"] = "".join(name if one.startswith("Bag-Software-Agent") else one for one in info).encode()

    return replace(both((path, value), (path, value)), proofs=agent)


def witnessed(**changes: object) -> Lie:
    one = {"kind": "rfc3161", "name": "Deceiver", "development": False, "state": "complete", "subject": "checkpoint"}
    return lambda facts, _files, _scene: facts.update(
        witnesses=[{**one, "time": rfc3339(now() + timedelta(hours=2)), "qualified": "", **changes}]
    )


def answered_for(**changes: object) -> Invention:
    """Claim that the authority answered for the checkpoint over the registration, and more."""

    def prove(files: Files) -> None:
        facts = json.loads(files["data/facts.json"])
        digest = checkpoint_digest(facts["work"]["registration"]["checkpoint"])
        file = "proofs/anchors/earlier-deceiver.tsr"
        files[file] = stamp(None, bytes.fromhex(digest.hex))
        record = {"file": file, "kind": "rfc3161", "witness": "Deceiver", "development": True, "digest": digest.hex}
        every = [*json.loads(files[ANCHORS]), {**record, "material": []}]
        files[ANCHORS] = canonical(sorted(every, key=lambda listed: listed["file"]))

    return Invention(facts=witnessed(development=True, **changes), proofs=prove)


def witnesses_twice(facts: Facts, files: Files, scene: Scene) -> None:
    witnessed()(facts, files, scene)
    facts["witnesses"] *= 2


def by_another_name(place: str) -> Lie:
    """Name another signer, who signed nothing, in the checkpoint over an entry; the root is the log's own."""

    def lie(facts: Facts, _files: Files, _scene: Scene) -> None:
        proof: Any = facts
        for step in place.split("."):
            proof = proof[int(step) if isinstance(proof, list) else step]
        note = parse_note(proof["checkpoint"])
        proof["checkpoint"] = sign_note("notary.court.example", note.size, note.root, MALLORY).note

    return lie


def later_head(origin: str = "") -> Invention:
    """Add a later checkpoint that continues the log and was signed by another key."""
    held: list[Scene] = []

    def remember(_facts: Facts, _files: Files, scene: Scene) -> None:
        held.append(scene)

    def add(files: Files) -> None:
        scene = held[-1]
        own = parse_note(files[f"{LOG}checkpoint"].decode())
        logged(scene.log, EntryType.CASE, {"what": "anything"})
        head = scene.log.checkpoint()
        note = sign_note(origin or scene.log.origin, head.size, head.root, MALLORY).note
        path = [one.hex() for one in scene.log.consistency(own.size, head.size)]
        file = f"{LOG}checkpoint-{head.size}"
        files[file] = note.encode()
        files[f"{LOG}renewals.json"] = canonical([{"file": file, "size": head.size, "path": path}])

    return Invention(facts=remember, proofs=add)


def further_consistency(files: Files) -> None:
    plain = json.loads(files[f"{LOG}consistency.json"])
    known = {one["size"] for one in plain}
    size = next(size for size in range(1, 99) if size not in known)
    plain = sorted([*plain, {"size": size, "path": [HEX]}], key=lambda one: one["size"])
    files[f"{LOG}consistency.json"] = canonical(plain)


def visit(*, date: str = "", connection: dict[str, Any] | None = None, change: Any = None) -> Lie:  # noqa: ANN401
    """Record the visit as the product does, with a clock of the server and other connection facts."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [capture] = facts["sightings"][0]["captures"]
        seen, image = parse_rfc3339(capture["started"]), files[CAPTURED[3]]
        tls = ("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"the bytes of a certificate",))
        known = replace(ConnectionFacts(HOST, (PEER,), PEER, 443, *tls), **(connection or {}))
        exchanges, visits = [], []
        for path, kind, body in (("/", "text/html", PAGE), ("/field.jpg", "image/jpeg", image)):
            url = f"https://{HOST}{path}"
            headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
            headers += [("Date", date)] if date else []
            head = "".join(f"{name}: {value}\r\n" for name, value in headers)
            request = bytearray(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            response = bytearray(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)
            exchanges.append(Exchange(seen, url, known.address, request, response))
            visits.append(Visit(url, (Step(url, 200, tuple(headers), seen, seen, known, len(body)),), body))
        told = {"outcome": "captured", "started": rfc3339(seen), "finished": rfc3339(seen), "user_agent": "tests"}
        record = json.loads(describe(visits, "Asked for by a test.", {**told, "page_names_image": True}))
        if change is not None:
            change(record)
        files[CAPTURED[0]] = write_warc(exchanges, {"software": "tests"})
        files[NETWORK] = json.dumps(record).encode()

    return lie


def date(hours: float = 0) -> str:
    return format_datetime(now() + timedelta(hours=1 + hours), usegmt=True)


def certificate(host: str = HOST, days: tuple[int, int] = (-9, 9)) -> bytes:
    """Return a server's certificate as DER."""
    key, name = generate_private_key(SECP256R1()), x509.Name.from_rfc4514_string(f"CN={host}")
    first, last = (now() + timedelta(days=day) for day in days)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, first, last)
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    return builder.add_extension(names, critical=False).sign(key, SHA256()).public_bytes(Encoding.DER)


def leaf(**says: Any) -> Any:  # noqa: ANN401 - of a record
    """Change the server's certificate in the record."""
    return lambda record: [step["tls"]["chain"][0].update(says) for step in record["exchanges"]]


def connected(**changes: Any) -> Lie:  # noqa: ANN401 - of facts of a connection
    return visit(connection=changes)


def clock(change: Any, *, dated: bool = True) -> Lie:  # noqa: ANN401 - of a clock
    """Change the clocks in the record."""
    return visit(date=date() if dated else "", change=lambda record: change(record["clock"]))


def sample(offset: float, uncertainty: float = 0.5) -> Facts:
    return {"url": f"https://{HOST}/", "offset": offset, "uncertainty": uncertainty}


def relisted(path: str, **says: object) -> Invention:
    """Change the manifest's entry of a file."""
    return Invention(manifest=lambda plain: [one.update(says) for one in plain["files"] if one["path"] == path])


FAILS = "failed"
TIMES: dict[str, tuple[Invention | Lie, Expected]] = {
    "seen a year before the crawl's own record of it": (
        fact(S + "first_seen", moved(-YEAR)), {"line:seen": "according to the facts only"}
    ),
    "seen months before the log took it down": (of_long_ago(), {"line:seen": "log entry of"}),
    "seen before the server's own clock": (
        of_long_ago(headers=[["Content-Type", "image/jpeg"], ["Date", date()]]), {"line:seen": "server clock"}
    ),
    "seen in a period that nobody can read": (first_seen(None, period="the reign of Ann"), {"slice:01": FAILS}),
    "seen in a period that comes": (first_seen(None, period="2031"), {"slice:01": FAILS}),
    "registered years before its entry": (
        lies(fact(W + "registered_at", MOMENT), relogged("work.registration", "registered_at", MOMENT)),
        {"registration": FAILS},
    ),
    "registered after the case was decided": (decided_first, {"line:registered": "after the case was decided"}),
    "visited after the facts of it were written": (
        Invention(facts=visited_after_writing, manifest=puts("sealed_at", moved(0.9))), {"order": FAILS}
    ),
    "a document left out in a year that comes": (left_out(LATE), {"order": FAILS}),
}  # fmt: skip
SIGHTINGS: dict[str, tuple[Invention | Lie, Expected]] = {
    "one record of the crawl as two sightings": (another_sighting(), {"facts": FAILS}),
    "one place in two slices as two sightings": (another_sighting(record=False), {"facts": FAILS}),
    "a sighting of a picture that no match is about": (
        another_sighting(
            picture=encoded(textured(9, (80, 60)), "JPEG"), matched=False, record=False,
        ), {"facts": FAILS},
    ),
    "one visit as two": (
        Invention(facts=visit_twice, manifest=_captured), {"capture:01-2": FAILS}
    ),
    "a picture that came as an error": (recorded("status", 404, facts=(S + "status", 404)), {"slice:01": FAILS}),
    "a certificate that a notary swore to": (
        recorded("certificate", "sworn to", facts=(S + "certificate", "sworn to")), {"slice:01": FAILS}
    ),
    "a certificate of a server without TLS": (
        recorded(
            "certificate", f"valid sha256:{HEX}", "final_url", "http://copies.example/field.jpg",
            facts=(S + "certificate", f"valid sha256:{HEX}", S + "final_url", "http://copies.example/field.jpg"),
        ), {"slice:01": FAILS},
    ),
    "a server that is a saint": (
        recorded("peer", "the saint's", facts=(S + "peer", "the saint's")), {"slice:01": FAILS}
    ),
    "a server of the installation's own": (
        recorded("peer", "127.0.0.1:443", facts=(S + "peer", "127.0.0.1:443")), {"line:server": "no public address"}
    ),
    "everybody under one ending as the party": (fact("party.name", "example"), {"party": FAILS}),
    "an account with a line of the verdict in its name": (
        fact("party.kind", "account", "party.name", "x [checked by party]\nseen  2015 [checked]"),
        {"line:party": "'x [checked by party]\\nseen"},
    ),
}  # fmt: skip
MATCHED: dict[str, tuple[Invention | Lie, Expected]] = {
    "one pair as two matches": (match_twice, {"facts": FAILS}),
    "a match in which the program found nothing": (compared(decision="none"), {"match:01": "not checked"}),
    "certain by a version that states odds, without any": (compared(pipeline="match-1"), {"match:01": FAILS}),
    "certain by a version that nobody knows, without any": (compared(pipeline="match-77"), {"match:01": FAILS}),
    "certain, and held back by its own reasons": (
        compared(reasons=("low-information", "collage")), {"match:01": FAILS}
    ),
    "for a person to look at, by a version that states odds, without any": (
        compared(decision="review", pipeline="match-1"), {"match:01": FAILS}
    ),
    "details without number, and the same hash": (
        compared(inliers=100_000, hamming=0), {"line:figures": "recorded by the installation"}
    ),
    "more patches in place than there are": (compared(in_place=7.0, drift=0.1), {"match:01": FAILS}),
    "displaced by less than nothing": (compared(in_place=0.9, drift=-3.0), {"match:01": FAILS}),
    "a further copy where there is none": (
        compared(further=(((-2.0, 0.0, 108.5), (0.0, 2.0, 40.5), (0.0, 0.0, 1.0)),)), {"match:01": FAILS}
    ),
    "more copies than a comparison searches for": (compared(further=(HALF_MIRRORED,) * 40), {"match:01": FAILS}),
    "a badge that two pictures share, laid in one piece": (
        shows(with_badge(), WHOLE, (Piece((-0.5, -0.5, 23.5, 59.5), BADGE),)),
        {"match:01": FAILS},
    ),
    "a badge that two pictures share, laid over a piece that shows everything": (
        shows(
            with_badge(), WHOLE,
            (
                Piece((-0.5, -0.5, 23.5, 59.5), ((0.3, 0.0, -0.35), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))),
                Piece((-0.5, -0.5, 23.5, 59.5), BADGE),
            ),
        ), {"match:01": FAILS},
    ),
    "a badge that two pictures share": (
        shows(with_badge(), BADGE, pipeline="match-1"), {"match:01": FAILS}
    ),
    "details that outnumber those compared": (weighed(inliers=48, matches=7), {"odds:01": FAILS}),
    "a share above the whole in the sum": (weighed(in_place=50.0), {"odds:01": FAILS}),
    "less than nothing of another picture in the sum": (weighed(another=-5.0), {"odds:01": FAILS}),
    "less than no roughness in the sum": (weighed(roughness=-1.0), {"odds:01": FAILS}),
    "another similarity in the sum than is seen": (
        lies(shows(half_noise(), HALF_MIRRORED), weighed(dense=1.0)), {"odds:01": FAILS}
    ),
    "odds by weights that aren't there": (weighed(kept=False), {"line:figures": "odds not checked"}),
    "odds by weights of one's own": (weighed(), {"line:figures": "odds not checked"}),
    "a calibration of ours that no match uses, with other numbers": (calibrations(an_unused_one), {"facts": FAILS}),
    "a calibration twice, with other numbers": (calibrations(one_twice), {"facts": FAILS}),
    "a calibration of ours, with other numbers, withheld": (ours_withheld(), {"line:calibration": "900000000"}),
    "a calibration with a line of the verdict in its name": (
        named_calibration("x: 9 [checked]\nseen"), {"line:calibration": "'x: 9 [checked]\\nseen'"}
    ),
}  # fmt: skip
SAID: dict[str, tuple[Invention | Lie, Expected]] = {
    "signed by a passkey for one of two pictures": (
        Invention(facts=signed_for_one_of_two, manifest=_captured), {"line:decision": "decision not checked"}
    ),
    "a bundle before which others are said to be, and after which others may": (
        both(("bundle", 9), ("matter.bundle", 9)), {"line:bundle": "9 of case 'C-7'; a later bundle may differ"}
    ),
    "confirmed by nobody": (fact("decision.by", ""), {"confirmed": FAILS}),
    "confirmed by a name without letters": (fact("decision.by", "\u200b \u2060"), {"confirmed": FAILS}),
    "confirmed by a name that runs backwards": (
        fact("decision.by", "\u202eegduJ"), {"line:decision": "'\\u202eegduJ', 20"}
    ),
    "confirmed by a token that is called a court": (
        fact("decision.by", "Ann (token District Court)"), {"line:decision": "by the API token 'District Court'"}
    ),
    "more licences answered than were searched": (
        fact("licence_check.searched", 1, "licence_check.reasons", ["1", "2", "3"]), {"facts": FAILS}
    ),
    "another version of the program": (versions("software.version", "9.9"), {"line:software": "recorded"}),
    "another program": (versions("software.name", "Notary"), {"line:software": "recorded"}),
    "a model of one's own": (versions("software.models.0.digest", HEX), {"line:software": "recorded"}),
    "a model without a digest": (versions("software.models.0.digest", None), {"line:software": "recorded"}),
    "a key held by a court": (stated("key.holder", "court"), {"manifest": FAILS}),
    "the registered picture listed as another kind of file": (
        relisted("data/work/01.jpg", role="verdict"), {"facts": FAILS}
    ),
    "the registered picture listed as a page": (
        relisted("data/work/01.jpg", media_type="text/html"), {"facts": FAILS}
    ),
}  # fmt: skip
LOGGED: dict[str, tuple[Invention | Lie, Expected]] = {
    "a registration under the name of a notary's log": (
        by_another_name("work.registration"), {"grade:match": "log.tests.example"}
    ),
    "a slice under the name of a notary's log": (
        by_another_name("sightings.0.slice.log"), {"grade:capture": "log.tests.example"}
    ),
    "a later head that the log didn't sign": (later_head(), {"says:renewal": "No pinned log has signed it"}),
    "a later head of a notary's log": (
        later_head("notary.court.example"), {"says:renewal": "No pinned log has signed it"}
    ),
    "a proof that a head of nothing goes on": (Invention(proofs=further_consistency), {"consistency": FAILS}),
    "a witness in a state of its own": (witnessed(state="sworn"), {"witnesses": FAILS}),
    "a witness that hasn't answered and states a time": (
        witnessed(state="pending", time=MOMENT), {"witnesses": FAILS}
    ),
    "a witness of the manifest that wasn't written": (witnessed(subject="manifest"), {"witnesses": FAILS}),
    "one witness as two": (witnesses_twice, {"witnesses": FAILS}),
    "a witness without a receipt": (witnessed(name="National"), {"line:witnesses": "'National'"}),
    "a witness that has answered, called qualified": (
        answered_for(qualified="2015-01-01"), {"witnesses": FAILS}
    ),
    "a witness of a kind that nobody knows": (
        witnessed(kind="oracle", name="Delphi"), {"line:witnesses": "'Delphi'"}
    ),
}  # fmt: skip
NETWORKS: dict[str, tuple[Invention | Lie, Expected]] = {
    "a name that nobody looked up": (connected(answers=()), {"capture:01-1": FAILS}),
    "an answer of a name server that is no address": (
        connected(answers=(PEER, "as the registry swears")), {"capture:01-1": FAILS}
    ),
    "a connection to another host than the address names": (connected(host="saint.example"), {"capture:01-1": FAILS}),
    "a connection to another port than the address names": (connected(port=8443), {"capture:01-1": FAILS}),
    "a version of TLS that nobody wrote": (connected(tls_version="TLSv9"), {"capture:01-1": FAILS}),
    "a suite of another version of TLS": (connected(cipher="ECDHE-RSA-AES128-SHA"), {"capture:01-1": FAILS}),
    "a secure connection to a server without certificate": (connected(certificates=()), {"capture:01-1": FAILS}),
    "a server that is not an IP address": (connected(address="here", answers=("here",)), {"capture:01-1": FAILS}),
    "a certificate that can't be read, with a subject": (
        visit(change=leaf(subject="CN=Saint")), {"capture:01-1": "not checked"}
    ),
    "a certificate with the subject of another": (
        visit(connection={"certificates": (certificate(),)}, change=leaf(subject="CN=Saint")), {"capture:01-1": FAILS}
    ),
    "a certificate that is valid for longer than it says": (
        visit(connection={"certificates": (certificate(),)}, change=leaf(not_after=LATE)), {"capture:01-1": FAILS}
    ),
    "a server whose certificate had ended": (
        connected(certificates=(certificate(days=(-9, -5)),)), {"capture:01-1": FAILS}
    ),
    "a server with the certificate of another host": (
        connected(certificates=(certificate("saint.example"),)), {"capture:01-1": FAILS}
    ),
    "a clock that was right, by no answer": (
        clock(lambda one: one.update(offset=0.0, uncertainty=0.5), dated=False), {"capture:01-1": FAILS}
    ),
    "a clock that an answer without a date set": (
        clock(lambda one: one.update(samples=[sample(0.0)], offset=0.0, uncertainty=0.5), dated=False),
        {"capture:01-1": FAILS},
    ),
    "a clock that was right, against the servers'": (
        visit(date=date(5), change=lambda record: record["clock"].update(
            samples=[sample(0.0), {**sample(0.0), "url": f"https://{HOST}/field.jpg"}], offset=0.0,
        )), {"capture:01-1": FAILS},
    ),
    "a clock of which a server's date isn't told": (
        clock(lambda one: one.update(samples=one["samples"][:1])), {"capture:01-1": FAILS}
    ),
    "a clock that is none of those seen": (
        clock(lambda one: one.update(offset=99.0)), {"capture:01-1": FAILS}
    ),
    "a clock of nothing, against the servers'": (
        clock(lambda one: one.update(samples=[], offset=None, uncertainty=None)), {"capture:01-1": FAILS}
    ),
    "a visit before the servers' own clocks": (visit(date=date(YEAR)), {"capture:01-1": "not checked"}),
    "a proxy between": (visit(change=lambda record: record["proxy"].update(used=True)), {"capture:01-1": FAILS}),
    "a machine that has a name of its own for the host": (
        visit(change=lambda record: record["hosts_file"].update(names_visited_hosts=[HOST])),
        {"capture:01-1": "not checked"},
    ),
    "a machine that has a name for a host nobody visited": (
        visit(change=lambda record: record["hosts_file"].update(names_visited_hosts=["saint.example"])),
        {"capture:01-1": FAILS},
    ),
    "a name server that is an archive": (
        visit(change=lambda record: record.update(name_servers=["National Archive"])), {"capture:01-1": FAILS}
    ),
    "the programs of somebody else": (
        visit(change=lambda record: record.update(software={"court": "1"}, user_agent="Court")),
        {"line:rest": "recorded by the installation"},
    ),
    "the authorities of somebody else": (
        visit(change=lambda record: record["certificate_authorities"].update(name="National", sha256=HEX)),
        {"line:rest": "recorded by the installation"},
    ),
}  # fmt: skip
KINDS = {**TIMES, **SIGHTINGS, **MATCHED, **SAID, **LOGGED, **NETWORKS}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Files]:
    scene = make_scene(tmp_path_factory.mktemp("own"))
    return scene, files_of(scene.write(scene.folder / "whole.zip"))


def verified(scene: Scene, whole: Files, lie: Invention | Lie, path: Path) -> Verdict:
    invention = lie if isinstance(lie, Invention) else Invention(facts=lie)
    files, trust = forged(scene, whole, invention)
    return Verifier(trust).verify(packed(path, files))


def told(verdict: Verdict) -> Expected:
    """Return what a verdict reports, by check, line and grade."""
    states = {check.name.partition(":")[0]: str(check.state) for check in verdict.checks}
    states |= {check.name: str(check.state) for check in verdict.checks}
    states |= {f"says:{check.name.partition(':')[0]}": check.sentence for check in verdict.checks}
    states |= {f"grade:{grade.name}": grade.by for grade in verdict.grades}
    return states | {f"line:{line.of}": f"{line.value} [{line.by}]" for line in verdict.lines}


def test_there_are_many() -> None:
    assert len(KINDS) == sum(map(len, (TIMES, SIGHTINGS, MATCHED, SAID, LOGGED, NETWORKS))) >= 60


@pytest.mark.parametrize("name", KINDS)
def test_each_lie_fails_or_a_line_says_whose_word_it_is(own: tuple[Scene, Files], tmp_path: Path, name: str) -> None:
    lie, expected = KINDS[name]
    verdict = verified(*own, lie, tmp_path / "lie.zip")
    said = told(verdict)
    for place, words in expected.items():
        found = said.get(place, "")
        exact = place.partition(":")[0] not in {"line", "grade", "says"}
        assert words == found if exact else words in found, (place, found)
    wanted = set(expected.values())
    if FAILS in wanted:
        assert verdict.outcome is ExitCode.CHECK_FAILED, verdict.sentence
    elif "not checked" in wanted:
        assert verdict.outcome is ExitCode.INCOMPLETE, verdict.sentence
    else:
        assert verdict.failures == ()
