"""Test an owner's false claims about work, images, licences, site or identity: each fails or is attributed.

The owner holds the sealing key, a device and the installation, so that each claim is sealed, logged and timestamped
again. Unverifiable claims are in the first lines of the verdict, with their author.
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
from evidence.capture.network_record import build_record
from evidence.capture.visitor import Visit, VisitStep
from evidence.capture.wire import Exchange, encode_warc
from evidence.facts.passkey import ASSERTION_PATH, Assertion
from evidence.formats.codec import from_plain, to_plain
from evidence.log.proofs import SightingRecord, SliceTree, compute_record_leaf
from evidence.verdict.result import Verdict
from evidence.verify.packages import find_bundles, verify_location as verified_inside
from evidence.verify.verifier import Verifier
from exhibit.clock import format_rfc3339, now, parse_rfc3339
from exhibit.comparison.calibration import add_probability
from exhibit.comparison.similarity import compute_dense_similarity
from exhibit.comparison.warp import compute_overlaps, measure_rotation
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.network.addresses import get_url_host
from exhibit.network.http import ConnectionFacts
from exhibit.pictures.decode import decode
from exhibit.pictures.readings import PROFILE_IGNORED
from exhibit.types import Matrix, Piece, Verification
from registry.bundles.sentences import format_measurements
from tests.assets.ambiguous_pictures import background_dependent_file, colour_dependent_file
from tests.assets.bundle_changes import Files
from tests.assets.bundles import (
    CALIBRATION,
    CAPTURED,
    HALF_MIRRORED,
    PAGE,
    Scene,
    append_entry,
    empty_pdf,
    encode_picture,
    found_bytes,
    make_scene,
    registered_bytes,
    textured_picture,
)
from tests.assets.complete_case import MANIFEST_FILE, whole_case
from tests.assets.corpus.deceit import Invention, Lie, forge_bundle
from tests.assets.corpus.inventing import change_facts, change_manifest, duplicate_first, replace_file, shift_time
from tests.assets.metadata_files import dataset, with_iptc_of
from tests.assets.passkeys import KEY
from tests.assets.resealing import Facts
from tests.assets.tampering import pack_otherwise, read_files, write_zip, zip_bytes

pytestmark = pytest.mark.timeout(300)
TRUE = True
LONG_AGO, DAY = "2015-03-01T10:00:00.000000Z", 24
OFFSET_TRANSFORM = ((0.5, 0.0, 90.0), (0.0, 0.5, 80.0), (0.0, 0.0, 1.0))
IDENTITY_TRANSFORM = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
DOCUMENT, IMAGE_FILE = "data/work/documents/01.pdf", "data/sightings/01/image.jpg"
DECLARED_FIELDS = (
    "title", "author", "rights_statement", "first_publication", "registrations", "registered_at", "created", "credit",
    "holder",
)  # fmt: skip
Expected = dict[str, str]
"""Checks with their states; ``line:NAME`` for words of the first lines, ``says:NAME`` for words of a check."""


def apply_all(*lies: Invention | Lie) -> Lie:
    """Apply several lies in turn."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        for each in lies:
            change = each.facts if isinstance(each, Invention) else each
            assert change is not None
            change(facts, files, scene)

    return lie


def declare(*, entered: str = "", opening: dict[str, object] | None = None, **changes: object) -> Lie:
    """Declare values of the work, and repeat them in the log entry."""

    def lie(facts: Facts, _files: Files, scene: Scene) -> None:
        work = facts["work"]
        work.update(changes)
        statement = {**work["registration"]["opening"], **{name: work[name] for name in DECLARED_FIELDS}}
        statement |= {"picture": work["pictures"][0]["digest"], **(opening or {})}
        time = parse_rfc3339(entered or format_rfc3339(now()))
        work["registration"] = to_plain(append_entry(scene.log, EntryType.REGISTRATION, statement, time))

    return lie


def register_now(facts: Facts, files: Files, scene: Scene) -> None:
    """Register the work long after the image was found."""
    moment = format_rfc3339(now() + timedelta(minutes=30))
    declare(registered_at=moment, entered=moment)(facts, files, scene)


def change_sighting(picture: bytes | None = None, **changes: object) -> Lie:
    """Replace the image or the page of the sighting, consistently in the crawl's record and the capture."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [sighting] = facts["sightings"]
        data = files[sighting["picture"]["file"]] if picture is None else picture
        info, digest = decode(data).info, Digest.from_bytes(data).hex
        files[sighting["picture"]["file"]] = data
        sighting["picture"].update(digest=digest, size=len(data), width=info.width, height=info.height)
        sighting["picture"]["format"] = info.format
        sighting.update(changes)
        plain = {**sighting["slice"]["record"], **changes, "picture": digest}
        record = from_plain(SightingRecord, plain, location="record")
        tree = SliceTree([compute_record_leaf(record)])
        sighting["slice"] = to_plain(
            tree.prove(0, record, append_entry(scene.log, EntryType.SLICE, tree.build_opening({"crawl": "9"})))
        )
        [capture] = sighting["captures"]
        capture["image"] = digest
        if facts["matches"]:
            facts["matches"][0]["picture"] = digest
        add_visit(facts, files, data)

    return lie


def add_visit(facts: Facts, files: Files, image: bytes) -> None:
    """Rewrite the files of a visit to the sighting's page and image, as stated."""
    [sighting] = facts["sightings"]
    start = parse_rfc3339(sighting["captures"][0]["started"])
    exchanges, visits = [], []
    for url, kind, body in ((sighting["page_url"], "text/html", PAGE), (sighting["image_url"], "image/jpeg", image)):
        tls = ("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"the bytes of a certificate",))
        connection = ConnectionFacts(get_url_host(url), ("203.0.113.9",), "203.0.113.9", 443, *tls)
        headers = (("Content-Type", kind), ("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        path = "/" + url.split("/", 3)[3]
        request = bytearray(f"GET {path} HTTP/1.1\r\nHost: {get_url_host(url)}\r\n\r\n".encode())
        response = bytearray(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)
        exchanges.append(Exchange(start, url, "203.0.113.9", request, response))
        visits.append(Visit(url, (VisitStep(url, 200, headers, start, start, connection, len(body)),), body))
    moment = format_rfc3339(start)
    visit_facts = {"outcome": "captured", "started": moment, "finished": moment, "user_agent": "tests"}
    network = build_record(visits, "Asked for by a test.", {**visit_facts, "page_names_image": True})
    data = (encode_warc(exchanges, {"software": "tests"}), network, PAGE, image)
    files.update(zip(CAPTURED, data, strict=True))


def move_to_host(host: str, party: str, image: str = "") -> Lie:
    """Move page and image to another host, or the image to its own host."""
    picture = f"https://{image or host}/field.jpg"
    return apply_all(
        change_sighting(page_url=f"https://{host}/", image_url=picture, final_url=picture),
        change_facts("party.name", party),
    )


def change_comparison(
    transform: Matrix = HALF_MIRRORED,
    pixels: Callable[[bytes], Any] = lambda data: decode(data).pixels,
    **changes: object,
) -> Lie:
    """Compute the match's measurements from both images by this transform."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [match] = facts["matches"]
        verification = from_plain(Verification, match["verification"], location="verification")
        work = next(
            verification
            for verification in facts["work"]["pictures"]
            if verification["digest"] == match["work_picture"]
        )
        picture_pixels = pixels(files[facts["sightings"][0]["picture"]["file"]])
        registered = pixels(files[work["file"]])
        sizes = (picture_pixels.shape[1], picture_pixels.shape[0]), (registered.shape[1], registered.shape[0])
        shares = compute_overlaps(np.asarray(transform), *sizes)
        rotation, mirrored = measure_rotation(np.asarray(transform, np.float64), sizes[0])
        areas: dict[str, Any] = {"overlap_work": shares[0], "overlap_picture": shares[1], "rotation": rotation}
        pieces = changes.get("pieces", verification.pieces)
        dense = compute_dense_similarity(picture_pixels, registered, transform, pieces)  # type: ignore[arg-type]
        verification = replace(
            verification, **areas, dense=dense, transform=transform, mirrored=mirrored, probability=None
        )
        verification = add_probability(replace(verification, calibration=None, **changes), CALIBRATION)  # type: ignore[arg-type]
        match["verification"] = to_plain(verification)
        match["words"] = list(format_measurements(verification, CALIBRATION))
        if verification.probability is None:
            facts["calibrations"] = []
            del files["data/calibrations/01.json"]

    return lie


def replace_work_picture(picture: bytes) -> Lie:
    """Replace the registered image, also in the log."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        [work_picture], [match] = facts["work"]["pictures"], facts["matches"]
        info = decode(picture).info
        files[work_picture["file"]] = picture
        work_picture.update(
            digest=Digest.from_bytes(picture).hex, size=len(picture), width=info.width, height=info.height
        )
        work_picture["format"] = info.format
        match["work_picture"] = work_picture["digest"]
        declare(entered=facts["work"]["registered_at"])(facts, files, scene)

    return lie


def convert_to_deposit_record(*lies: Invention | Lie) -> Lie:
    """Return a deposit record of a work, without any use."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        removed = [
            name for name in files if name.startswith(("data/sightings/", "data/matches/", "data/calibrations/"))
        ]
        for name in [*removed, "data/exhibit.pdf"]:
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
        apply_all(*lies)(facts, files, scene)

    return lie


def withhold(*files: str) -> Callable[[Files], None]:
    """Withhold these sealed files from the copy."""

    def change(all_files: Files) -> None:
        for name in files:
            del all_files[name]
        all_files[WITHHELD_PATH] = encode_canonical({"files": list(files), "reason": "By order of a court."})

    return change


def add_reduced_picture(of: str, picture: bytes) -> Invention:
    """Add a reduced image as a replacement for a withheld one."""
    small = f"{of.rpartition('.')[0]}-reduced.jpg"

    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files[small] = picture

    def stand_in(manifest: Any) -> None:  # noqa: ANN401 - JSON
        for file in manifest["files"]:
            if file["path"] == small:
                file.update(role="stand-in", media_type="image/jpeg")
            if file["path"] == of:
                file["stand_in"] = small

    return Invention(facts=lie, manifest=stand_in, proofs=withhold(of))


def combine(*inventions: Invention) -> Invention:
    """Combine inventions of facts, manifest and proofs."""

    def manifest(plain: Any) -> None:  # noqa: ANN401 - JSON
        for invention in inventions:
            if invention.manifest is not None:
                invention.manifest(plain)

    names = [addition.proofs for addition in inventions if addition.proofs is not None]
    removed: list[str] = []

    def proofs(all_files: Files) -> None:
        for change in names:
            change(all_files)
            removed.extend(json.loads(all_files[WITHHELD_PATH])["files"])
        all_files[WITHHELD_PATH] = encode_canonical({"files": removed, "reason": ""})

    return Invention(facts=apply_all(*inventions), manifest=manifest, proofs=proofs)


def add_metadata(jpeg: bytes, *, exif: dict[int, str] | None = None, xmp: str = "") -> bytes:
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


def rename_wrapper(jpeg: bytes) -> bytes:
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
AI_GENERATED = 'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"'
PUBLIC_DOMAIN = 'xmpRights:WebStatement="https://creativecommons.org/publicdomain/zero/1.0/"'
WORK_BYTES, FOUND_BYTES, UNRELATED_BYTES = (
    registered_bytes(1),
    found_bytes(1),
    encode_picture(textured_picture(9), "JPEG"),
)


def backdate_case(facts: Facts, files: Files, scene: Scene) -> None:
    """Date everything that the installation states to 2015; the log's entries are from today."""
    facts["sightings"][0]["first_seen"] = LONG_AGO
    facts.update(opened_at=LONG_AGO, written_at=LONG_AGO)
    facts["decision"]["at"] = facts["licence_check"]["checked_at"] = LONG_AGO
    declare(registered_at=LONG_AGO, entered=LONG_AGO)(facts, files, scene)


def add_sighting_without_capture(facts: Facts, files: Files, _scene: Scene) -> None:
    """Repeat a sighting in the facts, the second time without its own visit."""
    [sighting], [match] = facts["sightings"], facts["matches"]
    path = "data/sightings/02/image.jpg"
    files[path] = files[sighting["picture"]["file"]]
    again = {**sighting, "number": 2, "captures": [], "picture": {**sighting["picture"], "file": path}}
    facts["sightings"].append(again)
    match["sightings"] = [1, 2]


def add_second_sighting(**changes: object) -> Lie:
    """Add a sighting of the same image that the crawl recorded, without a visit."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        add_sighting_without_capture(facts, files, scene)
        sighting = facts["sightings"][1]
        sighting.update(changes)
        record = from_plain(SightingRecord, {**sighting["slice"]["record"], **changes}, location="record")
        tree = SliceTree([compute_record_leaf(record)])
        sighting["slice"] = to_plain(
            tree.prove(0, record, append_entry(scene.log, EntryType.SLICE, tree.build_opening({"crawl": "10"})))
        )

    return lie


def repeat_match(facts: Facts, files: Files, _scene: Scene) -> None:
    """List one comparison as two."""
    [match] = facts["matches"]
    drawings = {name: match[name].replace("/01/", "/02/") for name in ("overlay", "side_by_side")}
    files.update({path: files[path.replace("/02/", "/01/")] for path in drawings.values()})
    facts["matches"].append({**match, "number": 2, **drawings})


def repeat_picture(facts: Facts, files: Files, _scene: Scene) -> None:
    """List one registered image as two versions of the work."""
    [picture] = facts["work"]["pictures"]
    files["data/work/02.jpg"] = files[picture["file"]]
    facts["work"]["pictures"].append({**picture, "file": "data/work/02.jpg"})


def change_document(**changes: object) -> Invention:
    return change_facts(*(part for name, value in changes.items() for part in (f"work.attachments.0.{name}", value)))


def change_role(path: str, role: str) -> Callable[[Any], None]:
    """List a file with another role in the manifest."""

    def change(manifest: Any) -> None:  # noqa: ANN401 - JSON
        for file in manifest["files"]:
            if file["path"] == path:
                file["role"] = role

    return change


def omit_document(path: str, role: str, **changes: object) -> Lie:
    """State that a document of the work is not in the bundle."""

    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        digest = Digest.from_bytes(files.pop(path)).hex
        absence = {"file": path, "role": role, "digest": digest, "why": "purged", "since": facts["written_at"]}
        facts["left_out"] = [{**absence, **changes}]

    return lie


def change_licence_check(**changes: object) -> Invention:
    return change_facts(*(part for name, value in changes.items() for part in (f"licence_check.{name}", value)))


def align_in_tiles(facts: Facts, files: Files, scene: Scene) -> None:
    """Align an unrelated image with the registered one in a thousand pieces, each where it happens to fit."""
    work, other = (decode(data).pixels.astype(np.float32).mean(axis=2) for data in (WORK_BYTES, UNRELATED_BYTES))
    side, pieces = 14, []
    places = [(x, y) for y in range(0, 120 - side, 3) for x in range(0, 160 - side, 3)]
    patches = np.array([other[y : y + side, x : x + side].ravel() for x, y in places])
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    for top in range(0, 120, side):
        for column in range(0, 160, side):
            expected = work[min(top, 120 - side) :][:side, min(column, 160 - side) :][:, :side].ravel()
            expected = expected - expected.mean()
            x, y = places[int((patches @ expected).argmax())]
            box = [column - 0.5, top - 0.5, column + side - 0.5, top + side - 0.5]
            pieces.append(
                {
                    "box": box,
                    "transform": [[1, 0, min(column, 160 - side) - x], [0, 1, min(top, 120 - side) - y], [0, 0, 1]],
                }
            )
    piece_list = tuple(from_plain(Piece, piece, location="piece") for piece in pieces)
    apply_all(change_sighting(UNRELATED_BYTES), change_comparison(IDENTITY_TRANSFORM, pieces=piece_list))(
        facts, files, scene
    )


def create_gif(*frames: tuple[Image.Image, int]) -> bytes:
    """Return a GIF of these images, each for its duration in milliseconds."""
    out = io.BytesIO()
    pictures = [picture.quantize(128) for picture, _ in frames]
    times = [milliseconds for _, milliseconds in frames]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0, disposal=2)
    return out.getvalue()


def create_tiff(*pictures: Image.Image) -> bytes:
    out = io.BytesIO()
    pictures[0].save(out, "TIFF", save_all=True, append_images=list(pictures[1:]))
    return out.getvalue()


HALF = textured_picture(1).resize((80, 60), Image.Resampling.BILINEAR).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
GIF = create_gif((HALF, 900), (textured_picture(9, (80, 60)), 20))
FLAT = encode_picture(Image.new("RGB", (160, 120), "white"), "JPEG")
SLOPE = encode_picture(Image.fromarray(np.tile(np.arange(160, dtype=np.uint8), (120, 1))).convert("RGB"), "JPEG")
CORNER = encode_picture(textured_picture(1).crop((0, 0, 40, 30)), "PNG")
CORNER_AT = IDENTITY_TRANSFORM


def create_picture_with_corner(seed: int) -> bytes:
    """Return another image with a small part of the registered image in its corner, like a logo."""
    picture = textured_picture(seed)
    picture.paste(textured_picture(1).crop((0, 0, 40, 30)), (0, 0))
    return encode_picture(picture, "PNG")


def truncate(jpeg: bytes, share: float) -> bytes:
    return jpeg[: int(len(jpeg) * share)]


SPECK_TRANSFORM: Matrix = (
    (0.581784, 3.066404, 532.494019),
    (1.42636, 0.041859, 277.375061),
    (0.002819, 0.005744, 1.0),
)
"""A transform by which an unrelated image agrees in 81% of 105 windows, found by trial."""


def create_picture_with_thumbnail(picture: Image.Image) -> bytes:
    """Return a large unrelated image that shows another one at thumbnail size."""
    large = Image.new("RGB", (1200, 1000), "white")
    large.paste(picture, (200, 100))
    return encode_picture(large, "PNG")


def draw_corner(size: tuple[int, int], at: tuple[int, int], dark: int, bright: int, soft: float) -> bytes:
    """Return a plain background with the soft corner of a plain object, which extends to the right and the bottom."""
    picture = Image.new("L", size, dark)
    picture.paste(bright, (*at, *size))
    return encode_picture(picture.filter(ImageFilter.GaussianBlur(soft)).convert("RGB"), "PNG")


def draw_horizon(above: int, below: int, seed: int, x: int) -> bytes:
    """Return sky and sea with nothing but a small image in them."""
    picture = Image.new("RGB", (480, 360), (above, above, above))
    picture.paste((below, below, below), (0, 180, 480, 360))
    picture.paste(textured_picture(seed).resize((48, 36)), (x, 60))
    return encode_picture(picture, "PNG")


def repeat_visit(facts: Facts, files: Files, _scene: Scene) -> None:
    """Repeat the visit, with a trailing blank in the second record."""
    [capture] = facts["sightings"][0]["captures"]
    again = {**capture, "files": [path.replace("capture-1", "capture-2") for path in capture["files"]]}
    for path, other in zip(capture["files"], again["files"], strict=True):
        files[other] = files[path] + (b" " if path.endswith("network.json") else b"")
    facts["sightings"][0]["captures"] = [capture, again]


FALSE_CLAIMS: dict[str, tuple[Invention | Lie, Expected]] = {
    # the work and its registration
    "a work registered when its copy had been found": (
        register_now,
        {"line:registered": "after a copy had been found"},
    ),
    "a work registered after the case was opened": (
        apply_all(change_facts("opened_at", shift_time(-DAY)), register_now),
        {"line:registered": "after the case was opened"},
    ),
    "a work registered after the decision": (
        apply_all(
            change_facts(
                "opened_at",
                shift_time(-3 * DAY),
                "decision.at",
                shift_time(-DAY),
                "sightings.0.first_seen",
                shift_time(-2 * DAY),
            ),
            register_now,
        ),
        {"line:registered": "after the case was decided"},
    ),
    "registered in 2015, by an entry of today": (declare(registered_at=LONG_AGO), {"registration": "failed"}),
    "registered in 2015, declared again today": (
        declare(registered_at=LONG_AGO, opening={"edited": 1}),
        {"line:registered": "log entry of 20"},
    ),
    "a case of 2015 with proofs of today": (backdate_case, {"order": "failed"}),
    "facts written before the proofs in them": (
        change_facts(
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
    "an author of one's own": (declare(author="Vincent van Gogh"), {"line:work": "by 'Vincent van Gogh'"}),
    "the accused as author": (declare(author="copies.example"), {"line:work": "by 'copies.example'"}),
    "no author": (declare(author=""), {"line:work": "author not stated"}),
    "a holder who isn't the owner": (declare(holder="Ben"), {"line:work": "rights held by 'Ben'"}),
    "a work of 1850": (declare(created="1850"), {"line:work": "created '1850'"}),
    "a first publication by somebody else": (
        declare(first_publication="2001, The Times"),
        {"line:work": "first published '2001, The Times'"},
    ),
    "a registration with an office": (
        declare(registrations=[{"office": "USCO", "number": "VA 1-234", "date": "2010"}]),
        {"line:work": "'USCO VA 1-234'"},
    ),
    "a work that everybody may use": (declare(rights_statement="Public domain."), {"line:work": "'Public domain.'"}),
    "an earlier registration that came later": (
        change_facts(
            "work.earlier_registration", lambda _: format_rfc3339(now()), "work.registered_at", lambda one: one
        ),
        {"line:registered": "another owner had registered a similar picture, at"},
    ),
    "an earlier registration after one's own": (
        apply_all(
            declare(registered_at=LONG_AGO, opening={"edited": 1}),
            change_facts("work.earlier_registration", "2020-01-01T00:00:00.000000Z"),
        ),
        {"order": "failed"},
    ),
    "one picture as two": (repeat_picture, {"facts": "failed"}),
    "a line of the verdict as title": (
        declare(title="Field'\nmatch passed [checked by match]"),
        {"line:work": "\\nmatch passed [checked by match]"},
    ),
    # the chain of title
    "a judgment among the documents": (
        change_document(title="Judgment of the High Court"),
        {"line:documents": "'Judgment of the High Court'"},
    ),
    "a document of a role that nobody knows": (
        replace(change_document(role="judgment"), manifest=change_role(DOCUMENT, "judgment")),
        {"says:rest": "chain-of-title documents"},
    ),
    "one document as two steps": (change_facts("work.attachments", duplicate_first), {"facts": "failed"}),
    "a picture as a document": (
        lambda facts, files, _: facts["work"]["attachments"][0].update(
            file="data/work/01.jpg", digest=Digest.from_bytes(files["data/work/01.jpg"]).hex
        ),
        {"facts": "failed"},
    ),
    "a found picture as a document": (
        lambda facts, files, _: facts["work"]["attachments"][0].update(
            file=IMAGE_FILE, digest=Digest.from_bytes(files[IMAGE_FILE]).hex
        ),
        {"facts": "failed"},
    ),
    "a drawing as a document": (
        lambda facts, files, _: facts["work"]["attachments"][0].update(
            file="data/matches/01/overlay.jpg", digest=Digest.from_bytes(files["data/matches/01/overlay.jpg"]).hex
        ),
        {"facts": "failed"},
    ),
    "an empty document": (
        apply_all(replace_file(DOCUMENT, b""), change_document(digest=Digest.from_bytes(b"").hex)),
        {"line:documents": "'Assignment of 2021' (an empty file)"},
    ),
    # embedded metadata of the images
    "a registered picture that names another author": (
        replace_work_picture(add_metadata(WORK_BYTES, exif={ARTIST: "Ben Miller"})),
        {"line:file": "author 'Ben Miller'"},
    ),
    "a registered picture with another's copyright": (
        replace_work_picture(add_metadata(WORK_BYTES, exif={COPYRIGHT: "(c) 2019 Agency X"})),
        {"line:file": "rights '(c) 2019 Agency X'"},
    ),
    "a registered picture under a free licence": (
        replace_work_picture(add_metadata(WORK_BYTES, xmp=PUBLIC_DOMAIN)),
        {"line:file": "publicdomain/zero"},
    ),
    "a registered picture that a machine made": (
        replace_work_picture(add_metadata(WORK_BYTES, xmp=AI_GENERATED)),
        {"line:file": "trainedAlgorithmicMedia"},
    ),
    "a registered picture with a name in an unknown character set": (
        replace_work_picture(with_iptc_of(WORK_BYTES, dataset(80, b"Jos\xe9"))),
        {"line:file": "IPTC metadata of"},
    ),
    "a found picture that names its own author": (
        change_sighting(add_metadata(FOUND_BYTES, exif={ARTIST: "Copier"})),
        {"line:file": "author 'Copier'"},
    ),
    "a found picture under a licence": (
        change_sighting(add_metadata(FOUND_BYTES, xmp=PUBLIC_DOMAIN)),
        {"line:file": "publicdomain/zero"},
    ),
    "a found picture whose label isn't stated": (
        change_sighting(add_metadata(FOUND_BYTES, xmp=AI_GENERATED)),
        {"line:file": "trainedAlgorithmicMedia"},
    ),
    "a found picture said to have no label, which it has": (
        apply_all(
            change_sighting(add_metadata(FOUND_BYTES, xmp=AI_GENERATED)), change_facts("sightings.0.making", NO_MAKING)
        ),
        {"credentials:01": "failed"},
    ),
    "a label without the usual wrapper, which the facts leave out": (
        apply_all(
            change_sighting(rename_wrapper(add_metadata(FOUND_BYTES, xmp=AI_GENERATED))),
            change_facts("sightings.0.making", NO_MAKING),
        ),
        {"credentials:01": "failed"},
    ),
    "another label than the one without the usual wrapper": (
        apply_all(
            change_sighting(rename_wrapper(add_metadata(FOUND_BYTES, xmp=AI_GENERATED))),
            change_facts("sightings.0.making", {"source_type": "digitalCapture", "aigc": ""}),
        ),
        {"credentials:01": "failed"},
    ),
    # licences
    "no licence entered": (
        change_licence_check(searched=0),
        {"line:licences": "no licence had been entered, so no search was made"},
    ),
    "a search that found nothing": (
        change_licence_check(searched=900),
        {"line:licences": "none of 900 licences covers the use"},
    ),
    "licences that cover a part": (change_licence_check(partly=True), {"line:licences": "some of the sightings"}),
    "all covered and in part covered": (change_licence_check(covered=True, partly=True), {"facts": "failed"}),
    "covered by none that was searched": (change_licence_check(searched=0, covered=True), {"confirmed": "not checked"}),
    "in part covered by none": (change_licence_check(searched=0, partly=True), {"line:licences": "of 0 licences"}),
    "more reasons than records": (
        change_licence_check(searched=1, reasons=["Licence 1 (A): x.", "Licence 2 (B): y."]),
        {"facts": "failed"},
    ),
    "a record that covers it among the reasons": (
        change_licence_check(searched=1, reasons=["Licence 1 (copies.example): it covers the use."]),
        {"line:licences": "'Licence 1 (copies.example): it covers the use.'"},
    ),
    # the site
    "a top-level domain as party": (change_facts("party.name", "example"), {"party": "failed"}),
    "a public suffix as party": (move_to_host("shop.co.uk", "co.uk"), {"party": "failed"}),
    "the operator of a platform as party": (move_to_host("ann.github.io", "github.io"), {"party": "not checked"}),
    "a part of an address as party": (move_to_host("203.0.113.9", "113.9"), {"party": "failed"}),
    "a party in capitals of another alphabet": (
        move_to_host(get_url_host("https://c\u043epies.example/"), get_url_host("https://c\u043epies.example/")),
        {"line:party": "with confusable letters"},
    ),
    "a host with a Latin alpha": (
        move_to_host(get_url_host("https://s\u0251int.example/"), get_url_host("https://s\u0251int.example/")),
        {"line:party": "with confusable letters"},
    ),
    "a page whose user looks like a host": (
        change_sighting(page_url="https://saint.example@copies.example/"),
        {"party": "failed"},
    ),
    "a picture whose user looks like a host": (
        change_sighting(image_url="https://saint.example@copies.example/field.jpg"),
        {"party": "failed"},
    ),
    "a picture on the owner's own host": (
        move_to_host("copies.example", "copies.example", "pictures.ann.example"),
        {"line:host": "the picture on pictures.ann.example"},
    ),
    "a redirect to the owner's own host": (
        change_sighting(final_url="https://pictures.ann.example/field.jpg"),
        {"line:host": "pictures.ann.example"},
    ),
    "an account of the name of a host": (
        change_facts("party.kind", "account", "party.name", "saint.example"),
        {"line:party": "'saint.example'", "party": "not checked"},
    ),
    "an account with a check in its name": (
        change_facts("party.kind", "account", "party.name", "@saint [checked by party]"),
        {"line:party": "'@saint [checked by party]' "},
    ),
    "an account without a name": (change_facts("party.kind", "account", "party.name", ""), {"party": "failed"}),
    "a sighting without a page": (add_second_sighting(page_url=""), {"party": "not checked"}),
    "one sighting as two": (add_sighting_without_capture, {"facts": "failed"}),
    "one place as two, of two crawls": (add_second_sighting(), {"facts": "failed"}),
    # the images
    "one pair as two matches": (repeat_match, {"facts": "failed"}),
    "the picture of the accused as one's own": (
        apply_all(replace_work_picture(FOUND_BYTES), register_now, change_comparison(IDENTITY_TRANSFORM)),
        {"line:registered": "after a copy had been found"},
    ),
    "two white pictures": (
        apply_all(
            replace_work_picture(FLAT),
            change_sighting(encode_picture(Image.open(io.BytesIO(FLAT)), "PNG")),
            change_comparison(IDENTITY_TRANSFORM),
        ),
        {"match:01": "failed"},
    ),
    "two slopes of grey": (
        apply_all(
            replace_work_picture(SLOPE),
            change_sighting(encode_picture(Image.open(io.BytesIO(SLOPE)), "PNG")),
            change_comparison(IDENTITY_TRANSFORM),
        ),
        {"line:pictures": "and the found picture share little more than a brightness gradient"},
    ),
    "another picture with a corner of the work": (
        apply_all(change_sighting(create_picture_with_corner(9)), change_comparison(IDENTITY_TRANSFORM)),
        {"match:01": "failed"},
    ),
    "another picture of which a piece is compared": (
        apply_all(
            change_sighting(create_picture_with_corner(9)),
            change_comparison(IDENTITY_TRANSFORM, pieces=(Piece((-0.5, -0.5, 39.5, 29.5), IDENTITY_TRANSFORM),)),
        ),
        {"match:01": "failed"},
    ),
    "copies beside it that aren't there": (
        apply_all(change_comparison(HALF_MIRRORED, further=(OFFSET_TRANSFORM,))),
        {"match:01": "failed"},
    ),
    "one copy as three": (
        apply_all(change_comparison(HALF_MIRRORED, further=(HALF_MIRRORED, HALF_MIRRORED))),
        {"line:pictures": "2 of 2 further copies"},
    ),
    "a corner of the work alone": (
        apply_all(change_sighting(CORNER), change_comparison(CORNER_AT)),
        {"line:similarity": "over 6% of the registered picture"},
    ),
    "an unrelated picture in a thousand pieces": (align_in_tiles, {"match:01": "not checked"}),
    "a found animation": (
        apply_all(change_sighting(GIF), change_comparison()),
        {"line:pictures": "contains 2 pictures"},
    ),
    "a registered animation": (
        apply_all(
            replace_work_picture(create_gif((textured_picture(1), 900), (textured_picture(9), 20))),
            change_comparison(),
        ),
        {"line:pictures": "data/work/01.jpg contains 2 pictures"},
    ),
    "a TIFF of two pages": (
        apply_all(change_sighting(create_tiff(HALF, textured_picture(9, (80, 60)))), change_comparison()),
        {"line:pictures": "contains 2 pictures"},
    ),
    "a registered picture that breaks off": (
        apply_all(replace_work_picture(truncate(WORK_BYTES, 0.9)), change_comparison()),
        {"line:pictures": "data/work/01.jpg is truncated"},
    ),
    "a whole picture said to break off": (
        change_facts("sightings.0.picture.incomplete", TRUE),
        {"line:pictures": "is complete, although the bundle calls it truncated"},
    ),
    "a stranger laid on a speck of the work": (
        apply_all(
            replace_work_picture(encode_picture(textured_picture(1).resize((600, 450)), "JPEG")),
            change_sighting(UNRELATED_BYTES),
            change_comparison(SPECK_TRANSFORM),
        ),
        {"match:01": "not checked", "says:match:01": "in the shared area agree"},
    ),
    "another picture with an edge in the same place": (
        apply_all(
            replace_work_picture(draw_horizon(220, 60, 1, 40)),
            change_sighting(draw_horizon(170, 90, 9, 300)),
            change_comparison(IDENTITY_TRANSFORM),
        ),
        {"match:01": "not checked", "says:match:01": "edges in more than one direction agree"},
    ),
    "another thing with a corner laid on that of a small work": (
        apply_all(
            replace_work_picture(draw_corner((72, 72), (28, 28), 60, 210, 0.8)),
            change_sighting(draw_corner((400, 300), (228, 128), 90, 190, 1.4)),
            change_comparison(((1.0, 0.0, -200.0), (0.0, 1.0, -100.0), (0.0, 0.0, 1.0))),
        ),
        {"match:01": "not checked", "says:match:01": "edges in more than one direction agree"},
    ),
    "a found picture that is another one without its profile": (
        apply_all(
            change_sighting(colour_dependent_file(textured_picture(1), textured_picture(9))),
            change_comparison(IDENTITY_TRANSFORM),
        ),
        {"match:01": "not checked", "says:match:01": PROFILE_IGNORED},
    ),
    "a registered picture that is another one without its profile": (
        apply_all(
            replace_work_picture(colour_dependent_file(textured_picture(1), textured_picture(9))), change_comparison()
        ),
        {"match:01": "not checked", "says:match:01": "data/work/01.jpg shows or may show a different picture"},
    ),
    "a found picture that is another one on a dark page": (
        apply_all(
            change_sighting(background_dependent_file(textured_picture(1), textured_picture(9))),
            change_comparison(IDENTITY_TRANSFORM),
        ),
        {"line:pictures": "a different picture on a dark page"},
    ),
    "a work on a speck of a large picture": (
        apply_all(
            change_sighting(create_picture_with_thumbnail(textured_picture(1))),
            change_comparison(((1.0, 0.0, -200.0), (0.0, 1.0, -100.0), (0.0, 0.0, 1.0))),
        ),
        {"line:pictures": "image.jpg shows the work"},
    ),
    "a registered picture of few pixels": (
        apply_all(
            replace_work_picture(encode_picture(textured_picture(1).resize((60, 90)), "PNG")),
            change_sighting(WORK_BYTES),
            change_comparison(((0.375, 0, 0), (0, 0.75, 0), (0, 0, 1))),
        ),
        {"match:01": "not checked", "says:match:01": "less than 64 pixels wide"},
    ),
    "one visit stated twice, and written otherwise": (
        repeat_visit,
        {"capture:01-2": "failed", "says:capture:01-2": "has the record of a different visit"},
    ),
    "more detail in the copy than in the original": (
        apply_all(
            replace_work_picture(encode_picture(textured_picture(1).resize((80, 60)), "JPEG")),
            change_sighting(WORK_BYTES),
            change_comparison(((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 1.0))),
        ),
        {"line:pictures": "with 4.0 times as many pixels"},
    ),
    # withheld files and stand-ins
    "a withheld work of which another picture stands in": (
        combine(add_reduced_picture("data/work/01.jpg", WORK_BYTES)),
        {"line:similarity": "a reduced picture was used for a withheld one"},
    ),
    "both pictures withheld, and one stands in for both": (
        combine(add_reduced_picture("data/work/01.jpg", WORK_BYTES), add_reduced_picture(IMAGE_FILE, FOUND_BYTES)),
        {"line:similarity": "a reduced picture was used for a withheld one"},
    ),
    "a withheld document": (
        Invention(proofs=withhold(DOCUMENT)),
        {"line:documents": "'Assignment of 2021' (withheld)"},
    ),
    "a document removed after the seal": (
        omit_document(DOCUMENT, "title-document", since="2100-01-01T00:00:00.000000Z"),
        {"order": "failed"},
    ),
    "a document left out as a judgment": (omit_document(DOCUMENT, "judgment"), {"facts": "failed"}),
    "a document that the operator removed": (
        omit_document(DOCUMENT, "title-document"),
        {"line:documents": "'Assignment of 2021' (not in this bundle"},
    ),
    # signers
    "a key that a court holds": (change_manifest("key.holder", "District Court"), {"manifest": "failed"}),
    "a key that the owner alone holds": (
        change_manifest("key.holder", "owner"),
        {"says:key": "According to the manifest"},
    ),
    # the deposit record
    "a record of a work": (
        convert_to_deposit_record(),
        {"line:work": "'Field with", "line:registered": "not contradicted by registration"},
    ),
    "a record that confirms a case": (
        convert_to_deposit_record(
            change_facts(
                "decision.decision",
                "confirmed",
                "decision.by",
                "The Court",
                "decision.at",
                lambda _: format_rfc3339(now()),
            )
        ),
        {"confirmed": "failed"},
    ),
    "a record that accuses somebody": (
        convert_to_deposit_record(change_facts("party.name", "saint.example")),
        {"party": "failed"},
    ),
    "a record with another's earlier registration": (
        convert_to_deposit_record(change_facts("work.earlier_registration", LONG_AGO)),
        {"line:registered": "another owner had registered a similar picture, at"},
    ),
    "a record with a public page elsewhere": (
        convert_to_deposit_record(change_facts("work.public_page", "https://www.wipo.int/works/1")),
        {"line:public page": "www.wipo.int"},
    ),
    "a record with a public page that is a script": (
        convert_to_deposit_record(change_facts("work.public_page", "javascript:alert(1)")),
        {"facts": "failed"},
    ),
}


@pytest.fixture(scope="module")
def owner_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def bundle_files(owner_scene: Scene) -> Files:
    return read_files(owner_scene.write(owner_scene.folder / "whole.zip"))


def verify_lie(scene: Scene, whole: Files, lie: Invention | Lie, path: Path) -> Verdict:
    invention = lie if isinstance(lie, Invention) else Invention(facts=lie)
    files, trust = forge_bundle(scene, whole, invention)
    return Verifier(trust).verify(write_zip(path, files))


def expect_results(verdict: Verdict, expected: Expected) -> None:
    """Verify the expected results, and that nothing else fails where no check should fail."""
    states = {check.name: str(check.state) for check in verdict.checks}
    states |= {f"says:{check.name}": check.sentence for check in verdict.checks}
    states |= {f"line:{line.of}": f"{line.value} [{line.by}]" for line in verdict.lines}
    assert {name: words for name, words in expected.items() if words not in states.get(name, "")} == {}, states
    failed = {check.name: check.sentence for check in verdict.failures}
    assert bool(failed) == ("failed" in expected.values()), failed


@pytest.mark.parametrize("name", FALSE_CLAIMS)
def test_each_false_claim_fails_or_is_attributed_to_its_source(
    owner_scene: Scene, bundle_files: Files, tmp_path: Path, name: str
) -> None:
    lie, expected = FALSE_CLAIMS[name]
    expect_results(verify_lie(owner_scene, bundle_files, lie, tmp_path / "lie.zip"), expected)


def sign_other_statement(**changes: object) -> Lie:
    """Have the passkey sign another statement, repeated by log and facts; other facts may be lies."""

    def lie(facts: Facts, files: Files, scene: Scene) -> None:
        passkey = facts["decision"]["passkey"]
        assertion = from_plain(Assertion, json.loads(files[ASSERTION_PATH]), location="answer")
        statement = replace(assertion.statement, **changes)  # type: ignore[arg-type]
        site = statement.site
        signed = KEY.answer(statement, site=site, origin=f"https://{site}")
        files[ASSERTION_PATH] = signed.to_json()
        passkey["digest"] = Digest.from_bytes(files[ASSERTION_PATH]).hex
        opening = {**passkey["log"]["opening"], "assertion": passkey["digest"]}
        at = parse_rfc3339(facts["decision"]["at"])
        member = {**passkey["key"]["opening"], "member": statement.by}
        passkey["key"] = to_plain(append_entry(scene.log, EntryType.KEY, member, at))
        passkey["log"] = to_plain(append_entry(scene.log, EntryType.DECISION, opening, at))

    return lie


def change_stored_manifest(change: Callable[[str], str]) -> Lie:
    """Falsify the stored manifest of the sighted image."""

    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files[MANIFEST_FILE] = change(files[MANIFEST_FILE].decode()).encode()

    return lie


GALLERY = '{"label": "stds.schema-org.CreativeWork", "data": {"author": [{"name": "National Gallery"}]}}'
FULL_CASE_CLAIMS: dict[str, tuple[Invention | Lie, Expected]] = {
    "nothing": (Invention(), {"line:decision": "not contradicted by decision"}),
    "a passkey of the ministry": (
        sign_other_statement(site="ministry.example"),
        {"says:decision": "Only the installation states that the passkey belongs"},
    ),
    "a token of a court behind the name": (
        change_facts("decision.by", "Ann (token of the District Court)"),
        {"line:decision": "'Ann'"},
    ),
    "a person of one's own making": (
        apply_all(sign_other_statement(by="Judge Dredd"), change_facts("decision.by", "Judge Dredd")),
        {"line:decision": "declared"},
    ),
    "a key that was made for the decision": (
        sign_other_statement(),
        {"line:decision": "by a key registered less than a day before"},
    ),
    "a signed decision about fewer pictures": (
        lambda facts, files, scene: sign_other_statement(
            subject={
                **json.loads(files[ASSERTION_PATH])["statement"]["subject"],
                "pictures": [facts["sightings"][0]["picture"]["digest"], "00" * 32],
            }
        )(facts, files, scene),
        {"says:decision": "lists 1 of 1 found pictures"},
    ),
    "a kept manifest that names a gallery": (
        change_stored_manifest(lambda text: text.replace('"assertions": [', f'"assertions": [{GALLERY}, ', 1)),
        {"credentials:01": "failed"},
    ),
    "a kept manifest of another title": (
        change_stored_manifest(lambda text: text.replace('"title": "', '"title": "Stolen ', 1)),
        {"credentials:01": "failed"},
    ),
    "a kept manifest with words beside": (
        change_stored_manifest(lambda text: f'{{"opinion": "stolen", {text[1:]}'),
        {"line:pictures": "differs from that in the picture"},
    ),
    "a kept manifest of other words": (change_stored_manifest(lambda _: "{}"), {"credentials:01": "failed"}),
    "a manifest that isn't stated": (
        lambda facts, files, _: (facts["sightings"][0].update(provenance=None), files.pop(MANIFEST_FILE)),
        {"line:file": "a manifest by"},
    ),
    "a label that isn't stated": (
        lambda facts, *_: facts["sightings"][0].update(making=None),
        {"line:file": "trainedAlgorithmicMedia"},
    ),
    "a document that is lost": (change_facts("left_out.0.why", "lost"), {"line:documents": "not in this bundle"}),
    "a licence to somebody else, of the accused": (
        change_facts("licence_check.reasons", ["Licence 1 (Copies Ltd.): it has ended."]),
        {"line:licences": "Copies Ltd."},
    ),
    "an office that nobody asked": (change_facts("licence_check.searched", 1), {"line:work": "'USCO VA 1-234'"}),
    "somebody else's earlier registration": (
        Invention(),
        {"line:registered": "another owner had registered a similar picture, at"},
    ),
    "a public page": (Invention(), {"line:public page": "exhibit.example/works/1"}),
}


@pytest.fixture(scope="module")
def full_case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Files]:
    scene = whole_case(make_scene(tmp_path_factory.mktemp("full")))
    return scene, read_files(scene.write(scene.folder / "whole.zip"))


@pytest.mark.parametrize("name", FULL_CASE_CLAIMS)
def test_each_false_claim_in_full_case_fails_or_is_attributed(
    full_case: tuple[Scene, Files], tmp_path: Path, name: str
) -> None:
    lie, expected = FULL_CASE_CLAIMS[name]
    expect_results(verify_lie(*full_case, lie, tmp_path / "lie.zip"), expected)


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"notice.pdf": empty_pdf()}, "1 other files in court.zip: 'notice.pdf'"),
        ({"verdict.txt": b"Complete.", "court/judgment.pdf": empty_pdf()}, "2 other files"),
        ({"case/exhibit.pdf": empty_pdf()}, "'case/exhibit.pdf'"),
    ],
)
def test_unsealed_file_next_to_the_bundle_is_attributed_to_its_author(
    owner_scene: Scene, bundle_files: Files, tmp_path: Path, beside: Files, words: str
) -> None:
    files, trust = forge_bundle(owner_scene, bundle_files, Invention())
    path = tmp_path / "court.zip"
    path.write_bytes(pack_otherwise({"bundle.zip": zip_bytes(files), **beside}))
    [place] = find_bundles(path)
    lines = {line.of: f"{line.value} [{line.by}]" for line in verified_inside(Verifier(trust), place).lines}
    assert words in lines["papers"]
    assert lines["papers"].endswith("[not examined by any check]")


def test_files_in_rezipped_package_are_reported(owner_scene: Scene, bundle_files: Files, tmp_path: Path) -> None:
    files, trust = forge_bundle(owner_scene, bundle_files, Invention())
    inner = pack_otherwise({"bundle.zip": zip_bytes(files), "notice.pdf": empty_pdf()})
    path = tmp_path / "again.zip"
    path.write_bytes(pack_otherwise({"court.zip": inner}))
    [place] = find_bundles(path)
    lines = {line.of: line.value for line in verified_inside(Verifier(trust), place).lines}
    assert lines["papers"] == "those in nested ZIPs"
