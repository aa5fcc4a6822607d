"""Test an owner's false claims about the work, images, licences, party or himself: each fails or is attributed.

The owner holds the sealing key, a device and the installation, so that each claim is sealed, logged and timestamped
again. What nobody can verify is in the first lines of the verdict, with the author of the statement.
"""

import io
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from evidence.bundle.bag import WITHHELD_PATH
from evidence.capture.surroundings import describe
from evidence.capture.visitor import Step, Visit
from evidence.capture.wire import Exchange, write_warc
from evidence.facts.passkey import ASSERTION_PATH, Assertion
from evidence.formats.codec import from_plain, to_plain
from evidence.log.proofs import SightingRecord, SliceTree, record_leaf
from evidence.verdict.result import Verdict
from evidence.verify.packages import places_of, verified as verified_inside
from evidence.verify.verifier import Verifier
from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.comparison.calibration import calibrated
from exhibit.comparison.similarity import dense_similarity
from exhibit.comparison.warp import overlaps, turn
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.network.addresses import host_of
from exhibit.network.http import ConnectionFacts
from exhibit.pictures.decode import decode
from exhibit.pictures.readings import WITHOUT_PROFILE
from exhibit.types import Matrix, Piece, Verification
from registry.bundles.sentences import words_of
from tests.assets.bundles import (
    CALIBRATION,
    CAPTURED,
    HALF_MIRRORED,
    PAGE,
    Scene,
    empty_pdf,
    encoded,
    found_bytes,
    logged,
    make_scene,
    registered_bytes,
    textured,
)
from tests.assets.changes import Files
from tests.assets.corpus.deceit import Invention, Lie, forged
from tests.assets.corpus.inventing import fact, kept, moved, stated, twice
from tests.assets.metadata_files import dataset, with_iptc_of
from tests.assets.passkeys import KEY
from tests.assets.read_otherwise import by_colours, by_ground
from tests.assets.resealing import Facts
from tests.assets.tampering import files_of, packed, packed_bytes, zipped
from tests.assets.whole_case import MANIFEST_FILE, whole_case

pytestmark = pytest.mark.timeout(300)
TRUE = True
LONG_AGO, DAY = "2015-03-01T10:00:00.000000Z", 24
FAR = ((0.5, 0.0, 90.0), (0.0, 0.5, 80.0), (0.0, 0.0, 1.0))
STILL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
DOCUMENT, SEEN = "data/work/documents/01.pdf", "data/sightings/01/image.jpg"
DECLARED = (
    "title", "author", "rights_statement", "first_publication", "registrations", "registered_at", "created", "credit",
    "holder",
)  # fmt: skip
Expected = dict[str, str]
"""Checks with their states; ``line:NAME`` for words of the first lines, ``says:NAME`` for words of a check."""


def also(*lies: Invention | Lie) -> Lie:
    """Apply several lies in turn."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        for one in lies:
            change = one.facts if isinstance(one, Invention) else one
            assert change is not None
            change(facts, files, scene)

    return lie


def declared(*, entered: str = "", opening: dict[str, object] | None = None, **changes: object) -> Lie:
    """Declare values of the work, and repeat them in the log entry."""

    def lie(facts: Facts, _files: Files, scene: Scene) -> None:
        work = facts["work"]
        work.update(changes)
        said = {**work["registration"]["opening"], **{name: work[name] for name in DECLARED}}
        said |= {"picture": work["pictures"][0]["digest"], **(opening or {})}
        time = parse_rfc3339(entered or rfc3339(now()))
        work["registration"] = to_plain(logged(scene.log, EntryType.REGISTRATION, said, time))

    return lie


def registered_now(facts: Facts, files: Files, scene: Scene) -> None:
    """Register the work long after the image was found."""
    moment = rfc3339(now() + timedelta(minutes=30))
    declared(registered_at=moment, entered=moment)(facts, files, scene)


def seen(picture: bytes | None = None, **changes: object) -> Lie:
    """Replace the image or the page of the sighting, consistently in the crawl's record and the capture."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [sighting] = facts["sightings"]
        data = files[sighting["picture"]["file"]] if picture is None else picture
        info, digest = decode(data).info, Digest.of(data).hex
        files[sighting["picture"]["file"]] = data
        sighting["picture"].update(digest=digest, size=len(data), width=info.width, height=info.height)
        sighting["picture"]["format"] = info.format
        sighting.update(changes)
        plain = {**sighting["slice"]["record"], **changes, "picture": digest}
        record = from_plain(SightingRecord, plain, where="record")
        tree = SliceTree([record_leaf(record)])
        sighting["slice"] = to_plain(
            tree.prove(0, record, logged(scene.log, EntryType.SLICE, tree.opening({"crawl": "9"})))
        )
        [capture] = sighting["captures"]
        capture["image"] = digest
        if facts["matches"]:
            facts["matches"][0]["picture"] = digest
        visit(facts, files, data)

    return lie


def visit(facts: Facts, files: Files, image: bytes) -> None:
    """Rewrite the files of a visit to the sighting's page and image, as stated."""
    [sighting] = facts["sightings"]
    start = parse_rfc3339(sighting["captures"][0]["started"])
    exchanges, visits = [], []
    for url, kind, body in ((sighting["page_url"], "text/html", PAGE), (sighting["image_url"], "image/jpeg", image)):
        tls = ("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"the bytes of a certificate",))
        connection = ConnectionFacts(host_of(url), ("203.0.113.9",), "203.0.113.9", 443, *tls)
        headers = (("Content-Type", kind), ("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        path = "/" + url.split("/", 3)[3]
        request = bytearray(f"GET {path} HTTP/1.1\r\nHost: {host_of(url)}\r\n\r\n".encode())
        response = bytearray(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)
        exchanges.append(Exchange(start, url, "203.0.113.9", request, response))
        visits.append(Visit(url, (Step(url, 200, headers, start, start, connection, len(body)),), body))
    moment = rfc3339(start)
    told = {"outcome": "captured", "started": moment, "finished": moment, "user_agent": "tests"}
    network = describe(visits, "Asked for by a test.", {**told, "page_names_image": True})
    data = (write_warc(exchanges, {"software": "tests"}), network, PAGE, image)
    files.update(zip(CAPTURED, data, strict=True))


def at_host(host: str, party: str, image: str = "") -> Lie:
    """Move page and image to another host, or the image to its own host."""
    picture = f"https://{image or host}/field.jpg"
    return also(seen(page_url=f"https://{host}/", image_url=picture, final_url=picture), fact("party.name", party))


def compared(
    transform: Matrix = HALF_MIRRORED,
    pixels: Callable[[bytes], Any] = lambda data: decode(data).pixels,
    **changes: object,
) -> Lie:
    """Compute the match's measurements from both images by this transform."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [match] = facts["matches"]
        one = from_plain(Verification, match["verification"], where="verification")
        work = next(one for one in facts["work"]["pictures"] if one["digest"] == match["work_picture"])
        shown = pixels(files[facts["sightings"][0]["picture"]["file"]])
        registered = pixels(files[work["file"]])
        sizes = (shown.shape[1], shown.shape[0]), (registered.shape[1], registered.shape[0])
        shares = overlaps(np.asarray(transform), *sizes)
        rotation, mirrored = turn(np.asarray(transform, np.float64), sizes[0])
        areas: dict[str, Any] = {"overlap_work": shares[0], "overlap_picture": shares[1], "rotation": rotation}
        pieces = changes.get("pieces", one.pieces)
        dense = dense_similarity(shown, registered, transform, pieces)  # type: ignore[arg-type]
        one = replace(one, **areas, dense=dense, transform=transform, mirrored=mirrored, probability=None)
        one = calibrated(replace(one, calibration=None, **changes), CALIBRATION)  # type: ignore[arg-type]
        match["verification"] = to_plain(one)
        match["words"] = list(words_of(one, CALIBRATION))
        if one.probability is None:
            facts["calibrations"] = []
            del files["data/calibrations/01.json"]

    return lie


def of_work(picture: bytes) -> Lie:
    """Replace the registered image, also in the log."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [one], [match] = facts["work"]["pictures"], facts["matches"]
        info = decode(picture).info
        files[one["file"]] = picture
        one.update(digest=Digest.of(picture).hex, size=len(picture), width=info.width, height=info.height)
        one["format"] = info.format
        match["work_picture"] = one["digest"]
        declared(entered=facts["work"]["registered_at"])(facts, files, scene)

    return lie


def deposited(*lies: Invention | Lie) -> Lie:
    """Return a deposit record of a work, without any use."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        gone = [name for name in files if name.startswith(("data/sightings/", "data/matches/", "data/calibrations/"))]
        for name in [*gone, "data/exhibit.pdf"]:
            del files[name]
        facts.update(party={"kind": "none", "name": ""}, sightings=[], matches=[], calibrations=[])
        facts["decision"] = {
            "decision": "open",
            "by": "",
            "at": None,
            "reason": "",
            "demonstration": False,
            "passkey": None,
        }
        facts["licence_check"].update(searched=0, covered=False, result="Not searched.", reasons=[])
        also(*lies)(facts, files, scene)

    return lie


def withheld(*files: str) -> Callable[[Files], None]:
    """Withhold these sealed files from the copy."""

    def change(held: Files) -> None:
        for name in files:
            del held[name]
        held[WITHHELD_PATH] = canonical({"files": list(files), "reason": "By order of a court."})

    return change


def reduced(of: str, picture: bytes) -> Invention:
    """Add a reduced image in place of one that the copy withholds."""
    small = f"{of.rpartition('.')[0]}-reduced.jpg"

    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files[small] = picture

    def stand_in(manifest: Any) -> None:  # noqa: ANN401 - JSON
        for file in manifest["files"]:
            if file["path"] == small:
                file.update(role="stand-in", media_type="image/jpeg")
            if file["path"] == of:
                file["stand_in"] = small

    return Invention(facts=lie, manifest=stand_in, proofs=withheld(of))


def together(*inventions: Invention) -> Invention:
    """Combine inventions of facts, manifest and proofs."""

    def manifest(plain: Any) -> None:  # noqa: ANN401 - JSON
        for one in inventions:
            if one.manifest is not None:
                one.manifest(plain)

    names = [one.proofs for one in inventions if one.proofs is not None]
    gone: list[str] = []

    def proofs(held: Files) -> None:
        for change in names:
            change(held)
            gone.extend(json.loads(held[WITHHELD_PATH])["files"])
        held[WITHHELD_PATH] = canonical({"files": gone, "reason": ""})

    return Invention(facts=also(*inventions), manifest=manifest, proofs=proofs)


def metadata(jpeg: bytes, *, exif: dict[int, str] | None = None, xmp: str = "") -> bytes:
    """Add EXIF or XMP text to a JPEG without changing its pixels."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        tags = opened.getexif()
        for tag, text in (exif or {}).items():
            tags[tag] = text
    segments = b""
    if exif:
        body = tags.tobytes()
        body = body if body.startswith(b"Exif\0\0") else b"Exif\0\0" + body
        segments += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    if xmp:
        packet = b"http://ns.adobe.com/xap/1.0/\0" + XMP.format(xmp).encode()
        segments += b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
    return jpeg[:2] + segments + jpeg[2:]


def without_wrapper(jpeg: bytes) -> bytes:
    """Rename the packet's outer element, which keeps its length."""
    return jpeg.replace(b"x:xmpmeta", b"x:xapmeta")


NO_MAKING = {"source_type": "", "aigc": ""}
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"'
    ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" {}/></rdf:RDF></x:xmpmeta>'
)
ARTIST, COPYRIGHT = 0x013B, 0x8298
AI_MADE = 'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"'
FREE = 'xmpRights:WebStatement="https://creativecommons.org/publicdomain/zero/1.0/"'
WORK, FOUND, STRANGER = registered_bytes(1), found_bytes(1), encoded(textured(9), "JPEG")


def case_of_2015(facts: Facts, files: Files, scene: Scene) -> None:
    """Date everything that the installation states to 2015; the log's entries are from today."""
    facts["sightings"][0]["first_seen"] = LONG_AGO
    facts.update(opened_at=LONG_AGO, written_at=LONG_AGO)
    facts["decision"]["at"] = facts["licence_check"]["checked_at"] = LONG_AGO
    declared(registered_at=LONG_AGO, entered=LONG_AGO)(facts, files, scene)


def without_capture(facts: Facts, files: Files, _scene: Scene) -> None:
    """Repeat a sighting in the facts, the second time without its own visit."""
    [sighting], [match] = facts["sightings"], facts["matches"]
    path = "data/sightings/02/image.jpg"
    files[path] = files[sighting["picture"]["file"]]
    again = {**sighting, "number": 2, "captures": [], "picture": {**sighting["picture"], "file": path}}
    facts["sightings"].append(again)
    match["sightings"] = [1, 2]


def second_sighting(**changes: object) -> Lie:
    """Add a sighting of the same image that the crawl recorded, without a visit."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        without_capture(facts, files, scene)
        sighting = facts["sightings"][1]
        sighting.update(changes)
        record = from_plain(SightingRecord, {**sighting["slice"]["record"], **changes}, where="record")
        tree = SliceTree([record_leaf(record)])
        sighting["slice"] = to_plain(
            tree.prove(0, record, logged(scene.log, EntryType.SLICE, tree.opening({"crawl": "10"})))
        )

    return lie


def pair_twice(facts: Facts, files: Files, _scene: Scene) -> None:
    """List one comparison as two."""
    [match] = facts["matches"]
    drawn = {name: match[name].replace("/01/", "/02/") for name in ("overlay", "side_by_side")}
    files.update({path: files[path.replace("/02/", "/01/")] for path in drawn.values()})
    facts["matches"].append({**match, "number": 2, **drawn})


def picture_twice(facts: Facts, files: Files, _scene: Scene) -> None:
    """List one registered image as two versions of the work."""
    [one] = facts["work"]["pictures"]
    files["data/work/02.jpg"] = files[one["file"]]
    facts["work"]["pictures"].append({**one, "file": "data/work/02.jpg"})


def document(**changes: object) -> Invention:
    return fact(*(part for name, value in changes.items() for part in (f"work.attachments.0.{name}", value)))


def role_of(path: str, role: str) -> Callable[[Any], None]:
    """List a file with another role in the manifest."""

    def change(manifest: Any) -> None:  # noqa: ANN401 - JSON
        for file in manifest["files"]:
            if file["path"] == path:
                file["role"] = role

    return change


def left_out(path: str, role: str, **changes: object) -> Lie:
    """State that a document of the work is not in the bundle."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        digest = Digest.of(files.pop(path)).hex
        gone = {"file": path, "role": role, "digest": digest, "why": "purged", "since": facts["written_at"]}
        facts["left_out"] = [{**gone, **changes}]

    return lie


def licences(**changes: object) -> Invention:
    return fact(*(part for name, value in changes.items() for part in (f"licence_check.{name}", value)))


def tiled(facts: Facts, files: Files, scene: Scene) -> None:
    """Align an unrelated image with the registered one in a thousand pieces, each where it happens to fit."""
    work, other = (decode(data).pixels.astype(np.float32).mean(axis=2) for data in (WORK, STRANGER))
    side, pieces = 14, []
    places = [(x, y) for y in range(0, 120 - side, 3) for x in range(0, 160 - side, 3)]
    patches = np.array([other[y : y + side, x : x + side].ravel() for x, y in places])
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    for top in range(0, 120, side):
        for left in range(0, 160, side):
            wanted = work[min(top, 120 - side) :][:side, min(left, 160 - side) :][:, :side].ravel()
            wanted = wanted - wanted.mean()
            x, y = places[int((patches @ wanted).argmax())]
            box = [left - 0.5, top - 0.5, left + side - 0.5, top + side - 0.5]
            pieces.append(
                {
                    "box": box,
                    "transform": [[1, 0, min(left, 160 - side) - x], [0, 1, min(top, 120 - side) - y], [0, 0, 1]],
                }
            )
    told = tuple(from_plain(Piece, piece, where="piece") for piece in pieces)
    also(seen(STRANGER), compared(STILL, pieces=told))(facts, files, scene)


def animated(*frames: tuple[Image.Image, int]) -> bytes:
    """Return a GIF of these images, each for its duration in milliseconds."""
    out = io.BytesIO()
    pictures = [picture.quantize(128) for picture, _ in frames]
    times = [milliseconds for _, milliseconds in frames]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0, disposal=2)
    return out.getvalue()


def pages(*pictures: Image.Image) -> bytes:
    out = io.BytesIO()
    pictures[0].save(out, "TIFF", save_all=True, append_images=list(pictures[1:]))
    return out.getvalue()


HALF = textured(1).resize((80, 60), Image.Resampling.BILINEAR).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
GIF = animated((HALF, 900), (textured(9, (80, 60)), 20))
FLAT = encoded(Image.new("RGB", (160, 120), "white"), "JPEG")
SLOPE = encoded(Image.fromarray(np.tile(np.arange(160, dtype=np.uint8), (120, 1))).convert("RGB"), "JPEG")
CORNER = encoded(textured(1).crop((0, 0, 40, 30)), "PNG")
CORNER_AT = STILL


def with_corner(seed: int) -> bytes:
    """Return another image with a small part of the registered one in its corner, like a logo."""
    picture = textured(seed)
    picture.paste(textured(1).crop((0, 0, 40, 30)), (0, 0))
    return encoded(picture, "PNG")


def cut(jpeg: bytes, share: float) -> bytes:
    return jpeg[: int(len(jpeg) * share)]


ON_A_SPECK: Matrix = (
    (0.581784, 3.066404, 532.494019),
    (1.42636, 0.041859, 277.375061),
    (0.002819, 0.005744, 1.0),
)
"""A transform by which an unrelated image agrees in 81% of 105 windows, found by trial."""


def around(picture: Image.Image) -> bytes:
    """Return a large unrelated image that shows another one at thumbnail size."""
    large = Image.new("RGB", (1200, 1000), "white")
    large.paste(picture, (200, 100))
    return encoded(large, "PNG")


def corner(size: tuple[int, int], at: tuple[int, int], dark: int, bright: int, soft: float) -> bytes:
    """Return a plain background with the soft corner of a plain object, which extends to the right and the bottom."""
    picture = Image.new("L", size, dark)
    picture.paste(bright, (*at, *size))
    return encoded(picture.filter(ImageFilter.GaussianBlur(soft)).convert("RGB"), "PNG")


def horizon(above: int, below: int, seed: int, left: int) -> bytes:
    """Return sky and sea with nothing but a small image in them."""
    picture = Image.new("RGB", (480, 360), (above, above, above))
    picture.paste((below, below, below), (0, 180, 480, 360))
    picture.paste(textured(seed).resize((48, 36)), (left, 60))
    return encoded(picture, "PNG")


def visited_twice(facts: Facts, files: Files, _scene: Scene) -> None:
    """Repeat the visit, with a trailing blank in the second record."""
    [capture] = facts["sightings"][0]["captures"]
    again = {**capture, "files": [path.replace("capture-1", "capture-2") for path in capture["files"]]}
    for path, other in zip(capture["files"], again["files"], strict=True):
        files[other] = files[path] + (b" " if path.endswith("network.json") else b"")
    facts["sightings"][0]["captures"] = [capture, again]


KINDS: dict[str, tuple[Invention | Lie, Expected]] = {
    # the work and its registration
    "a work registered when its copy had been found": (
        registered_now,
        {"line:registered": "after a copy had been found"},
    ),
    "a work registered after the case was opened": (
        also(fact("opened_at", moved(-DAY)), registered_now),
        {"line:registered": "after the case was opened"},
    ),
    "a work registered after the decision": (
        also(
            fact("opened_at", moved(-3 * DAY), "decision.at", moved(-DAY), "sightings.0.first_seen", moved(-2 * DAY)),
            registered_now,
        ),
        {"line:registered": "after the case was decided"},
    ),
    "registered in 2015, by an entry of today": (declared(registered_at=LONG_AGO), {"registration": "failed"}),
    "registered in 2015, declared anew today": (
        declared(registered_at=LONG_AGO, opening={"edited": 1}),
        {"line:registered": "log entry of 20"},
    ),
    "a case of 2015 with proofs of today": (case_of_2015, {"order": "failed"}),
    "facts written before the proofs in them": (
        fact(
            "written_at",
            LONG_AGO,
            "opened_at",
            LONG_AGO,
            "decision.at",
            LONG_AGO,
            "licence_check.checked_at",
            LONG_AGO,
            "sightings.0.first_seen",
            LONG_AGO,
        ),
        {"order": "failed"},
    ),
    "an author of one's own": (declared(author="Vincent van Gogh"), {"line:work": "by 'Vincent van Gogh'"}),
    "the accused as author": (declared(author="copies.example"), {"line:work": "by 'copies.example'"}),
    "no author": (declared(author=""), {"line:work": "no author named"}),
    "a holder who isn't the owner": (declared(holder="Ben"), {"line:work": "rights held by 'Ben'"}),
    "a work of 1850": (declared(created="1850"), {"line:work": "created '1850'"}),
    "a first publication by somebody else": (
        declared(first_publication="2001, The Times"),
        {"line:work": "first published '2001, The Times'"},
    ),
    "a registration with an office": (
        declared(registrations=[{"office": "USCO", "number": "VA 1-234", "date": "2010"}]),
        {"line:work": "'USCO VA 1-234'"},
    ),
    "a work that everybody may use": (declared(rights_statement="Public domain."), {"line:work": "'Public domain.'"}),
    "an earlier registration that came later": (
        fact("work.earlier_registration", lambda _: rfc3339(now()), "work.registered_at", lambda one: one),
        {"line:registered": "another owner had registered a similar picture, at"},
    ),
    "an earlier registration after one's own": (
        also(
            declared(registered_at=LONG_AGO, opening={"edited": 1}),
            fact("work.earlier_registration", "2020-01-01T00:00:00.000000Z"),
        ),
        {"order": "failed"},
    ),
    "one picture as two": (picture_twice, {"facts": "failed"}),
    "a line of the verdict as title": (
        declared(title="Field'\nmatch passed [checked by match]"),
        {"line:work": "\\nmatch passed [checked by match]"},
    ),
    # the chain of title
    "a judgment among the documents": (
        document(title="Judgment of the High Court"),
        {"line:documents": "'Judgment of the High Court'"},
    ),
    "a document of a role that nobody knows": (
        replace(document(role="judgment"), manifest=role_of(DOCUMENT, "judgment")),
        {"says:rest": "chain-of-title documents"},
    ),
    "one document as two steps": (fact("work.attachments", twice), {"facts": "failed"}),
    "a picture as a document": (
        lambda facts, files, _: facts["work"]["attachments"][0].update(
            file="data/work/01.jpg", digest=Digest.of(files["data/work/01.jpg"]).hex
        ),
        {"facts": "failed"},
    ),
    "a found picture as a document": (
        lambda facts, files, _: facts["work"]["attachments"][0].update(file=SEEN, digest=Digest.of(files[SEEN]).hex),
        {"facts": "failed"},
    ),
    "a drawing as a document": (
        lambda facts, files, _: facts["work"]["attachments"][0].update(
            file="data/matches/01/overlay.jpg", digest=Digest.of(files["data/matches/01/overlay.jpg"]).hex
        ),
        {"facts": "failed"},
    ),
    "an empty document": (
        also(kept(DOCUMENT, b""), document(digest=Digest.of(b"").hex)),
        {"line:documents": "'Assignment of 2021' (an empty file)"},
    ),
    # what the images' files state about themselves
    "a registered picture that names another author": (
        of_work(metadata(WORK, exif={ARTIST: "Ben Miller"})),
        {"line:file": "author 'Ben Miller'"},
    ),
    "a registered picture with another's copyright": (
        of_work(metadata(WORK, exif={COPYRIGHT: "(c) 2019 Agency X"})),
        {"line:file": "rights '(c) 2019 Agency X'"},
    ),
    "a registered picture under a free licence": (
        of_work(metadata(WORK, xmp=FREE)),
        {"line:file": "publicdomain/zero"},
    ),
    "a registered picture that a machine made": (
        of_work(metadata(WORK, xmp=AI_MADE)),
        {"line:file": "trainedAlgorithmicMedia"},
    ),
    "a registered picture with a name in an unknown character set": (
        of_work(with_iptc_of(WORK, dataset(80, b"Jos\xe9"))),
        {"line:file": "IPTC metadata of"},
    ),
    "a found picture that names its own author": (
        seen(metadata(FOUND, exif={ARTIST: "Copier"})),
        {"line:file": "author 'Copier'"},
    ),
    "a found picture under a licence": (seen(metadata(FOUND, xmp=FREE)), {"line:file": "publicdomain/zero"}),
    "a found picture whose label isn't told": (
        seen(metadata(FOUND, xmp=AI_MADE)),
        {"line:file": "trainedAlgorithmicMedia"},
    ),
    "a found picture said to have no label, which it has": (
        also(seen(metadata(FOUND, xmp=AI_MADE)), fact("sightings.0.making", NO_MAKING)),
        {"credentials:01": "failed"},
    ),
    "a label without the usual wrapper, which the facts leave out": (
        also(seen(without_wrapper(metadata(FOUND, xmp=AI_MADE))), fact("sightings.0.making", NO_MAKING)),
        {"credentials:01": "failed"},
    ),
    "another label than the one without the usual wrapper": (
        also(
            seen(without_wrapper(metadata(FOUND, xmp=AI_MADE))),
            fact("sightings.0.making", {"source_type": "digitalCapture", "aigc": ""}),
        ),
        {"credentials:01": "failed"},
    ),
    # licences
    "no licence entered": (
        licences(searched=0),
        {"line:licences": "no licence had been entered, so no search was made"},
    ),
    "a search that found nothing": (licences(searched=900), {"line:licences": "none of 900 licences covers the use"}),
    "licences that cover a part": (licences(partly=True), {"line:licences": "some of the sightings"}),
    "all covered and in part covered": (licences(covered=True, partly=True), {"facts": "failed"}),
    "covered by none that was searched": (licences(searched=0, covered=True), {"confirmed": "not checked"}),
    "in part covered by none": (licences(searched=0, partly=True), {"line:licences": "of 0 licences"}),
    "more reasons than records": (
        licences(searched=1, reasons=["Licence 1 (A): x.", "Licence 2 (B): y."]),
        {"facts": "failed"},
    ),
    "a record that covers it among the reasons": (
        licences(searched=1, reasons=["Licence 1 (copies.example): it covers the use."]),
        {"line:licences": "'Licence 1 (copies.example): it covers the use.'"},
    ),
    # the party
    "a top-level domain as party": (fact("party.name", "example"), {"party": "failed"}),
    "a public suffix as party": (at_host("shop.co.uk", "co.uk"), {"party": "failed"}),
    "the operator of a platform as party": (at_host("ann.github.io", "github.io"), {"party": "not checked"}),
    "a part of an address as party": (at_host("203.0.113.9", "113.9"), {"party": "failed"}),
    "a party in capitals of another alphabet": (
        at_host(host_of("https://c\u043epies.example/"), host_of("https://c\u043epies.example/")),
        {"line:party": "with confusable letters"},
    ),
    "a host with a Latin alpha": (
        at_host(host_of("https://s\u0251int.example/"), host_of("https://s\u0251int.example/")),
        {"line:party": "with confusable letters"},
    ),
    "a page whose user looks like a host": (
        seen(page_url="https://saint.example@copies.example/"),
        {"party": "failed"},
    ),
    "a picture whose user looks like a host": (
        seen(image_url="https://saint.example@copies.example/field.jpg"),
        {"party": "failed"},
    ),
    "a picture on the owner's own host": (
        at_host("copies.example", "copies.example", "pictures.ann.example"),
        {"line:host": "the picture on pictures.ann.example"},
    ),
    "a redirect to the owner's own host": (
        seen(final_url="https://pictures.ann.example/field.jpg"),
        {"line:host": "pictures.ann.example"},
    ),
    "an account of the name of a host": (
        fact("party.kind", "account", "party.name", "saint.example"),
        {"line:party": "'saint.example'", "party": "not checked"},
    ),
    "an account with a check in its name": (
        fact("party.kind", "account", "party.name", "@saint [checked by party]"),
        {"line:party": "'@saint [checked by party]' "},
    ),
    "an account without a name": (fact("party.kind", "account", "party.name", ""), {"party": "failed"}),
    "a sighting without a page": (second_sighting(page_url=""), {"party": "not checked"}),
    "one sighting as two": (without_capture, {"facts": "failed"}),
    "one place as two, of two crawls": (second_sighting(), {"facts": "failed"}),
    # the images
    "one pair as two matches": (pair_twice, {"facts": "failed"}),
    "the picture of the accused as one's own": (
        also(of_work(FOUND), registered_now, compared(STILL)),
        {"line:registered": "after a copy had been found"},
    ),
    "two white pictures": (
        also(of_work(FLAT), seen(encoded(Image.open(io.BytesIO(FLAT)), "PNG")), compared(STILL)),
        {"match:01": "failed"},
    ),
    "two slopes of grey": (
        also(of_work(SLOPE), seen(encoded(Image.open(io.BytesIO(SLOPE)), "PNG")), compared(STILL)),
        {"line:pictures": "and the found picture share little more than a brightness gradient"},
    ),
    "another picture with a corner of the work": (also(seen(with_corner(9)), compared(STILL)), {"match:01": "failed"}),
    "another picture of which a piece is compared": (
        also(seen(with_corner(9)), compared(STILL, pieces=(Piece((-0.5, -0.5, 39.5, 29.5), STILL),))),
        {"match:01": "failed"},
    ),
    "copies beside it that aren't there": (
        also(compared(HALF_MIRRORED, further=(FAR,))),
        {"match:01": "failed"},
    ),
    "one copy as three": (
        also(compared(HALF_MIRRORED, further=(HALF_MIRRORED, HALF_MIRRORED))),
        {"line:pictures": "2 of 2 further copies"},
    ),
    "a corner of the work alone": (
        also(seen(CORNER), compared(CORNER_AT)),
        {"line:similarity": "over 6% of the registered picture"},
    ),
    "an unrelated picture in a thousand pieces": (tiled, {"match:01": "not checked"}),
    "a found animation": (also(seen(GIF), compared()), {"line:pictures": "contains 2 pictures"}),
    "a registered animation": (
        also(of_work(animated((textured(1), 900), (textured(9), 20))), compared()),
        {"line:pictures": "data/work/01.jpg contains 2 pictures"},
    ),
    "a TIFF of two pages": (
        also(seen(pages(HALF, textured(9, (80, 60)))), compared()),
        {"line:pictures": "contains 2 pictures"},
    ),
    "a registered picture that breaks off": (
        also(of_work(cut(WORK, 0.9)), compared()),
        {"line:pictures": "data/work/01.jpg is truncated"},
    ),
    "a whole picture said to break off": (
        fact("sightings.0.picture.incomplete", TRUE),
        {"line:pictures": "is stated to be truncated, but is complete"},
    ),
    "a stranger laid on a speck of the work": (
        also(
            of_work(encoded(textured(1).resize((600, 450)), "JPEG")),
            seen(STRANGER),
            compared(ON_A_SPECK),
        ),
        {"match:01": "not checked", "says:match:01": "the shared area agrees in"},
    ),
    "another picture with an edge in the same place": (
        also(
            of_work(horizon(220, 60, 1, 40)),
            seen(horizon(170, 90, 9, 300)),
            compared(STILL),
        ),
        {"match:01": "not checked", "says:match:01": "more than an edge in one direction"},
    ),
    "another thing with a corner laid on that of a small work": (
        also(
            of_work(corner((72, 72), (28, 28), 60, 210, 0.8)),
            seen(corner((400, 300), (228, 128), 90, 190, 1.4)),
            compared(((1.0, 0.0, -200.0), (0.0, 1.0, -100.0), (0.0, 0.0, 1.0))),
        ),
        {"match:01": "not checked", "says:match:01": "more than an edge in one direction"},
    ),
    "a found picture that is another one without its profile": (
        also(seen(by_colours(textured(1), textured(9))), compared(STILL)),
        {"match:01": "not checked", "says:match:01": WITHOUT_PROFILE},
    ),
    "a registered picture that is another one without its profile": (
        also(of_work(by_colours(textured(1), textured(9))), compared()),
        {"match:01": "not checked", "says:match:01": "data/work/01.jpg shows or may show a different picture"},
    ),
    "a found picture that is another one on a dark page": (
        also(seen(by_ground(textured(1), textured(9))), compared(STILL)),
        {"line:pictures": "a different picture on a dark page"},
    ),
    "a work on a speck of a large picture": (
        also(seen(around(textured(1))), compared(((1.0, 0.0, -200.0), (0.0, 1.0, -100.0), (0.0, 0.0, 1.0)))),
        {"line:pictures": "image.jpg shows the work"},
    ),
    "a registered picture of few pixels": (
        also(
            of_work(encoded(textured(1).resize((60, 90)), "PNG")),
            seen(WORK),
            compared(((0.375, 0, 0), (0, 0.75, 0), (0, 0, 1))),
        ),
        {"match:01": "not checked", "says:match:01": "less than 64 pixels wide"},
    ),
    "one visit told twice, and written otherwise": (
        visited_twice,
        {"capture:01-2": "failed", "says:capture:01-2": "It has the record of a different visit"},
    ),
    "more detail in the copy than in the original": (
        also(
            of_work(encoded(textured(1).resize((80, 60)), "JPEG")),
            seen(WORK),
            compared(((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 1.0))),
        ),
        {"line:pictures": "has 4.0 times as many pixels"},
    ),
    # withheld files and stand-ins
    "a withheld work of which another picture stands in": (
        together(reduced("data/work/01.jpg", WORK)),
        {"line:similarity": "a reduced picture was used for a withheld one"},
    ),
    "both pictures withheld, and one stands in for both": (
        together(reduced("data/work/01.jpg", WORK), reduced(SEEN, FOUND)),
        {"line:similarity": "a reduced picture was used for a withheld one"},
    ),
    "a withheld document": (
        Invention(proofs=withheld(DOCUMENT)),
        {"line:documents": "'Assignment of 2021' (withheld)"},
    ),
    "a document removed after the seal": (
        left_out(DOCUMENT, "title-document", since="2100-01-01T00:00:00.000000Z"),
        {"order": "failed"},
    ),
    "a document left out as a judgment": (left_out(DOCUMENT, "judgment"), {"facts": "failed"}),
    "a document that the operator removed": (
        left_out(DOCUMENT, "title-document"),
        {"line:documents": "'Assignment of 2021' (not in this bundle"},
    ),
    # who signed
    "a key that a court holds": (stated("key.holder", "District Court"), {"manifest": "failed"}),
    "a key that the owner alone holds": (stated("key.holder", "owner"), {"says:key": "as the manifest states"}),
    # the deposit record
    "a record of a work": (
        deposited(),
        {"line:work": "'Field with", "line:registered": "not contradicted by registration"},
    ),
    "a record that confirms a case": (
        deposited(
            fact("decision.decision", "confirmed", "decision.by", "The Court", "decision.at", lambda _: rfc3339(now()))
        ),
        {"confirmed": "failed"},
    ),
    "a record that accuses somebody": (deposited(fact("party.name", "saint.example")), {"party": "failed"}),
    "a record with another's earlier registration": (
        deposited(fact("work.earlier_registration", LONG_AGO)),
        {"line:registered": "another owner had registered a similar picture, at"},
    ),
    "a record with a public page elsewhere": (
        deposited(fact("work.public_page", "https://www.wipo.int/works/1")),
        {"line:public page": "www.wipo.int"},
    ),
    "a record with a public page that is a script": (
        deposited(fact("work.public_page", "javascript:alert(1)")),
        {"facts": "failed"},
    ),
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def whole(own: Scene) -> Files:
    return files_of(own.write(own.folder / "whole.zip"))


def verified(scene: Scene, whole: Files, lie: Invention | Lie, path: Path) -> Verdict:
    invention = lie if isinstance(lie, Invention) else Invention(facts=lie)
    files, trust = forged(scene, whole, invention)
    return Verifier(trust).verify(packed(path, files))


def expect_told(verdict: Verdict, expected: Expected) -> None:
    """Verify the expected results, and that nothing else fails where no check should fail."""
    told = {check.name: str(check.state) for check in verdict.checks}
    told |= {f"says:{check.name}": check.sentence for check in verdict.checks}
    told |= {f"line:{line.of}": f"{line.value} [{line.by}]" for line in verdict.lines}
    assert {name: words for name, words in expected.items() if words not in told.get(name, "")} == {}, told
    failed = {check.name: check.sentence for check in verdict.failures}
    assert bool(failed) == ("failed" in expected.values()), failed


@pytest.mark.parametrize("name", KINDS)
def test_each_claim_fails_or_is_told_as_a_word(own: Scene, whole: Files, tmp_path: Path, name: str) -> None:
    lie, expected = KINDS[name]
    expect_told(verified(own, whole, lie, tmp_path / "lie.zip"), expected)


def answer(**changes: object) -> Lie:
    """Have the passkey sign another statement, repeated by log and facts; other facts may be lies."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        stated = facts["decision"]["passkey"]
        assertion = from_plain(Assertion, json.loads(files[ASSERTION_PATH]), where="answer")
        statement = replace(assertion.statement, **changes)  # type: ignore[arg-type]
        site = statement.site
        made = KEY.answer(statement, site=site, origin=f"https://{site}")
        files[ASSERTION_PATH] = made.to_json()
        stated["digest"] = Digest.of(files[ASSERTION_PATH]).hex
        opening = {**stated["log"]["opening"], "assertion": stated["digest"]}
        at = parse_rfc3339(facts["decision"]["at"])
        member = {**stated["key"]["opening"], "member": statement.by}
        stated["key"] = to_plain(logged(scene.log, EntryType.KEY, member, at))
        stated["log"] = to_plain(logged(scene.log, EntryType.DECISION, opening, at))

    return lie


def kept_manifest(change: Callable[[str], str]) -> Lie:
    """Falsify the stored manifest of the sighted image."""

    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files[MANIFEST_FILE] = change(files[MANIFEST_FILE].decode()).encode()

    return lie


GALLERY = '{"label": "stds.schema-org.CreativeWork", "data": {"author": [{"name": "National Gallery"}]}}'
WHOLE: dict[str, tuple[Invention | Lie, Expected]] = {
    "nothing": (Invention(), {"line:decision": "not contradicted by decision"}),
    "a passkey of the ministry": (
        answer(site="ministry.example"),
        {"says:decision": "stated by the installation only"},
    ),
    "a token of a court behind the name": (
        fact("decision.by", "Ann (token of the District Court)"),
        {"line:decision": "'Ann'"},
    ),
    "a person of one's own making": (
        also(answer(by="Judge Dredd"), fact("decision.by", "Judge Dredd")),
        {"line:decision": "declared"},
    ),
    "a key that was made for the decision": (answer(), {"line:decision": "by a key registered less than a day before"}),
    "a signed decision about fewer pictures": (
        lambda facts, files, scene: answer(
            subject={
                **json.loads(files[ASSERTION_PATH])["statement"]["subject"],
                "pictures": [facts["sightings"][0]["picture"]["digest"], "00" * 32],
            }
        )(facts, files, scene),
        {"says:decision": "names 1 of 1 found pictures"},
    ),
    "a kept manifest that names a gallery": (
        kept_manifest(lambda text: text.replace('"assertions": [', f'"assertions": [{GALLERY}, ', 1)),
        {"credentials:01": "failed"},
    ),
    "a kept manifest of another title": (
        kept_manifest(lambda text: text.replace('"title": "', '"title": "Stolen ', 1)),
        {"credentials:01": "failed"},
    ),
    "a kept manifest with words beside": (
        kept_manifest(lambda text: f'{{"opinion": "stolen", {text[1:]}'),
        {"line:pictures": "contains different text than the picture"},
    ),
    "a kept manifest of other words": (kept_manifest(lambda _: "{}"), {"credentials:01": "failed"}),
    "a manifest that isn't told": (
        lambda facts, files, _: (facts["sightings"][0].update(provenance=None), files.pop(MANIFEST_FILE)),
        {"line:file": "a manifest by"},
    ),
    "a label that isn't told": (
        lambda facts, *_: facts["sightings"][0].update(making=None),
        {"line:file": "trainedAlgorithmicMedia"},
    ),
    "a document that is lost": (fact("left_out.0.why", "lost"), {"line:documents": "not in this bundle"}),
    "a licence to somebody else, of the accused": (
        fact("licence_check.reasons", ["Licence 1 (Copies Ltd.): it has ended."]),
        {"line:licences": "Copies Ltd."},
    ),
    "an office that nobody asked": (fact("licence_check.searched", 1), {"line:work": "'USCO VA 1-234'"}),
    "somebody else's earlier registration": (
        Invention(),
        {"line:registered": "another owner had registered a similar picture, at"},
    ),
    "a public page": (Invention(), {"line:public page": "exhibit.example/works/1"}),
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Files]:
    scene = whole_case(make_scene(tmp_path_factory.mktemp("full")))
    return scene, files_of(scene.write(scene.folder / "whole.zip"))


@pytest.mark.parametrize("name", WHOLE)
def test_each_claim_about_a_whole_case_fails_or_is_told_as_a_word(
    full: tuple[Scene, Files], tmp_path: Path, name: str
) -> None:
    lie, expected = WHOLE[name]
    expect_told(verified(*full, lie, tmp_path / "lie.zip"), expected)


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"notice.pdf": empty_pdf()}, "1 other files in court.zip: 'notice.pdf'"),
        ({"verdict.txt": b"Complete.", "court/judgment.pdf": empty_pdf()}, "2 other files"),
        ({"case/exhibit.pdf": empty_pdf()}, "'case/exhibit.pdf'"),
    ],
)
def test_a_letter_beside_a_bundle_is_its_writers_word(
    own: Scene, whole: Files, tmp_path: Path, beside: Files, words: str
) -> None:
    files, trust = forged(own, whole, Invention())
    path = tmp_path / "court.zip"
    path.write_bytes(zipped({"bundle.zip": packed_bytes(files), **beside}))
    [place] = places_of(path)
    told = {line.of: f"{line.value} [{line.by}]" for line in verified_inside(Verifier(trust), place).lines}
    assert words in told["papers"]
    assert told["papers"].endswith("[not examined by any check]")


def test_letters_in_a_package_that_was_zipped_again_are_named_too(own: Scene, whole: Files, tmp_path: Path) -> None:
    files, trust = forged(own, whole, Invention())
    inner = zipped({"bundle.zip": packed_bytes(files), "notice.pdf": empty_pdf()})
    path = tmp_path / "again.zip"
    path.write_bytes(zipped({"court.zip": inner}))
    [place] = places_of(path)
    told = {line.of: line.value for line in verified_inside(Verifier(trust), place).lines}
    assert told["papers"] == "those in nested ZIPs"
