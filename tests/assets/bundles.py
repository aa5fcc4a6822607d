"""A small sealed case, timestamped by real local services: two images, one sighting, one match, a log, two anchors."""

import io
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from evidence.anchors.opentimestamps.kind import TrustedChain
from evidence.anchors.rfc3161.kind import TrustedAuthority
from evidence.bundle.bag import ConsistencyProof, Proofs, compute_checkpoint_digest, write_bundle
from evidence.bundle.sealing import (
    TITLE_DOCUMENT,
    ContentFile,
    SealedCase,
    build_seal_opening,
    get_calibration_path,
    get_media_type,
    get_title_document_path,
    seal_case,
)
from evidence.capture.network_record import build_record
from evidence.capture.visitor import Visit, VisitStep
from evidence.capture.wire import Exchange, encode_warc
from evidence.documents.made_with import describe_environment
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import (
    AttachmentFacts,
    CaptureFacts,
    CaseFacts,
    DecisionFacts,
    LicenceCheckFacts,
    MatchFacts,
    ModelFacts,
    OwnerFacts,
    PartyFacts,
    PictureFacts,
    SightingFacts,
    SoftwareFacts,
    Visibility,
    WorkFacts,
)
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof, SightingRecord, SliceProof, SliceTree, compute_record_leaf
from evidence.verdict.trust import Trust, TrustedKey, TrustedLog
from evidence.verify.checks.inspection import list_log_proofs
from evidence.verify.checks.probability import build_calibration_facts
from exhibit.clock import format_rfc3339, now
from exhibit.comparison.calibration import Calibration, FalseAlarmBound, add_probability
from exhibit.comparison.similarity import compute_dense_similarity
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType, compute_commitment
from exhibit.files.blobs import FolderBlobStore
from exhibit.network.addresses import get_url_host, get_url_port
from exhibit.network.http import ConnectionFacts
from exhibit.pictures.decode import decode
from exhibit.types import Decision, Matrix, Verification
from indexer.draw.draw import View, draw
from indexer.draw.pair import Pair
from registry.bundles.sentences import format_measurements
from tests.assets.folder_log import FolderLogStore
from tests.assets.timestamp_services import LABEL, request_ledger_entry, request_timestamps

OWNER = "Ann's Pictures"
CAPTURED = tuple(
    f"data/sightings/01/capture-1/{name}" for name in ("exchange.warc", "network.json", "page.html", "image.jpg")
)
RECORDS = CAPTURED[:2]
DRAWING_PATHS = {View.OVERLAY: "data/matches/01/overlay.jpg", View.SIDE_BY_SIDE: "data/matches/01/side-by-side.jpg"}
PAGE = b'<p>A field.</p><img src="field.jpg">'
CONTRACT = b"%PDF-1.7 the assignment of 2021, byte for byte"
FROM_FACTS = {
    "facts", "alignment", "calibration", "slice", "registration", "work-picture", "sighting-picture", TITLE_DOCUMENT,
    "decision",
}  # fmt: skip
"""Roles of the files that sealing adds."""
HALF_MIRRORED: Matrix = ((-2.0, 0.0, 158.5), (0.0, 2.0, 0.5), (0.0, 0.0, 1.0))
"""Matrix from an image 80 pixels wide to the one 160 pixels wide of which it is the mirrored, halved copy."""
CALIBRATION = Calibration(
    name="tests-2026-11",
    made="2026-11-20",
    pipeline="tests",
    data="Invented for tests.",
    photographs=400,
    prior=0.5,
    figures=("log-inliers", "dense", "hash"),
    weights=(1.5, 4.0, 2.0),
    intercept=-4.0,
    knots=((-4.0, 0.01), (0.5, 0.4), (8.0, 0.99)),
    certain=FalseAlarmBound(400, 0),
    review=FalseAlarmBound(400, 2),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A sealed case, with its log, trust list and keys.

    Attributes:
        folder: Folder of the blobs, the log and the timestamp services.
        blobs: Store of the sealed files.
        log: Log that contains the case's entries.
        sealed_case: Manifest and signature.
        facts: Sealed facts.
        proofs: Log proofs and receipts.
        trust: Trust list that pins exactly the services of this scene.
        root_pem: Root certificate of the timestamp authority.
        owner_key: Key that sealed the case.
        log_key: Signing key of the log.
    """

    folder: Path
    blobs: FolderBlobStore
    log: Log
    sealed_case: SealedCase
    facts: CaseFacts
    proofs: Proofs
    trust: Trust
    root_pem: bytes
    owner_key: KeySigner
    log_key: KeySigner

    def write(self, path: Path, proofs: Proofs | None = None) -> Path:
        """Write the bundle to a path."""
        with path.open("wb") as out:
            write_bundle(out, self.sealed_case, self.proofs if proofs is None else proofs, self.blobs)
        return path


def make_scene(folder: Path, seed: int = 1, *, with_drawings: bool = True) -> Scene:
    """Register, sight, match, seal, log and timestamp a small case; its services run on loopback meanwhile.

    Args:
        folder: An empty folder.
        seed: Random seed of the images.
        with_drawings: Add drawings to the match, which are nearly all of the bundle's bytes.
    """
    folder.mkdir(exist_ok=True)
    blobs = FolderBlobStore(folder / "blobs")
    log_key = KeySigner(Ed25519PrivateKey.generate())
    log = Log(FolderLogStore(folder / "log"), log_key, "log.tests.example")
    owner_key = KeySigner(Ed25519PrivateKey.generate())
    facts = _build_facts(blobs, log, seed)
    if not with_drawings:
        facts = replace(facts, matches=(replace(facts.matches[0], overlay=None, side_by_side=None),))
    files = [_content(blobs, path, data) for path, data in _build_attachments(facts, seed).items()]
    sealed_case = seal_case(facts, files, owner_key, holder="operator", sealed_at=now(), blobs=blobs)
    entry = append_entry(log, EntryType.SEAL, build_seal_opening(sealed_case))
    consistency = with_consistency_proofs(log, facts, entry.size)
    anchors, root_pem, block = request_timestamps(
        folder, sealed_case.seal_digest, compute_checkpoint_digest(entry.checkpoint)
    )
    logged_on_chain, ledger = request_ledger_entry(compute_checkpoint_digest(entry.checkpoint))
    trust = Trust(
        dated="2026-11-20",
        note="The witnesses of one test.",
        authorities=(TrustedAuthority("Test authority", (root_pem.decode(),), development=True, label=LABEL),),
        chains=(TrustedChain("Test chain", "regtest", 0.0, (block,), development=True, label=LABEL),),
        logs=(TrustedLog(log.get_verifier_key(), development=True, label=LABEL),),
        keys=(TrustedKey(OWNER, owner_key.public_key, development=True, label=LABEL),),
        ledgers=(ledger,),
    )
    proofs = Proofs(entry, consistency, (*anchors, logged_on_chain))
    return Scene(folder, blobs, log, sealed_case, facts, proofs, trust, root_pem, owner_key, log_key)


def reseal(
    scene: Scene, facts: CaseFacts, *, sealed_at: datetime | None = None, entered_at: datetime | None = None
) -> Scene:
    """Seal other facts with the same owner's key: a new seal with its own log entry, without receipts."""
    files = [
        ContentFile(file.path, file.role, file.media_type, file.sha256)
        for file in scene.sealed_case.manifest.files
        if file.role not in FROM_FACTS and file.path not in facts.omitted_files
    ]
    sealed_case = seal_case(
        facts, files, scene.owner_key, holder="operator", sealed_at=sealed_at or now(), blobs=scene.blobs
    )
    entry = append_entry(scene.log, EntryType.SEAL, build_seal_opening(sealed_case), entered_at)
    proofs = Proofs(entry, with_consistency_proofs(scene.log, facts, entry.size))
    return replace(scene, sealed_case=sealed_case, facts=facts, proofs=proofs)


def with_consistency_proofs(log: Log, facts: CaseFacts, size: int) -> tuple[ConsistencyProof, ...]:
    """Prove that the log of this size is consistent with the earlier checkpoints in the facts.

    Checkpoints of other logs are skipped.
    """
    notes = {parse_note(proof.checkpoint) for _, proof in list_log_proofs(facts)}
    earlier = sorted({note.size for note in notes if note.origin == log.origin and note.size < size})
    return tuple(ConsistencyProof(old, tuple(log.prove_consistency(old, size))) for old in earlier)


def append_entry(log: Log, kind: EntryType, opening: dict[str, object], time: datetime | None = None) -> LogProof:
    """Append an entry, dated now or at ``time``, and prove its inclusion under a new checkpoint."""
    commitment, salt = compute_commitment(opening)
    entry = Entry(kind, time or now(), commitment)
    [sequence] = log.append([entry])
    checkpoint = log.sign_checkpoint()
    path = tuple(log.prove_inclusion(sequence, checkpoint.size))
    return LogProof(sequence, kind, entry.time, commitment, salt, opening, checkpoint.size, path, checkpoint.note)


def textured_picture(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Return a small image with texture everywhere."""
    coarse = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encode_picture(picture: Image.Image, kind: str) -> bytes:
    """Encode an image in a format."""
    out = io.BytesIO()
    picture.save(out, format=kind)
    return out.getvalue()


def registered_bytes(seed: int) -> bytes:
    """Return the registered image as a JPEG."""
    return encode_picture(textured_picture(seed), "JPEG")


def found_bytes(seed: int) -> bytes:
    """Return the sighted image as a JPEG: the registered one at half size and mirrored."""
    half = textured_picture(seed).resize((80, 60), Image.Resampling.BILINEAR)
    return encode_picture(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG")


def captured_page_files(
    visited_at: datetime, image: bytes, host: str = "copies.example", status: int = 200
) -> dict[str, bytes]:
    """Return the files of a capture, without a browser, of a page with an image.

    The product writes them; no server ran.
    """
    tls = ("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"the bytes of a certificate",))
    name, port = get_url_host(f"https://{host}/") or host, get_url_port(f"https://{host}/") or 443
    connection = ConnectionFacts(name, ("203.0.113.9",), "203.0.113.9", port, *tls)
    exchanges, visits = [], []
    for path, kind, body in (("/", "text/html", PAGE), ("/field.jpg", "image/jpeg", image)):
        url = f"https://{host}{path}"
        headers = (("Content-Type", kind), ("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        request = bytearray(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        response = bytearray(f"HTTP/1.1 {status} OK\r\n{head}\r\n".encode() + body)
        exchanges.append(Exchange(visited_at, url, "203.0.113.9", request, response))
        visits.append(
            Visit(url, (VisitStep(url, status, headers, visited_at, visited_at, connection, len(body)),), body)
        )
    moment = format_rfc3339(visited_at)
    capture = {"outcome": "captured", "started": moment, "finished": moment, "user_agent": "tests"}
    network = build_record(visits, "Asked for by a test.", {**capture, "page_names_image": True})
    data = (encode_warc(exchanges, {"software": "tests"}), network, PAGE, image)
    return dict(zip(CAPTURED, data, strict=True))


def empty_pdf() -> bytes:
    """Return a PDF with one empty page, in place of the exhibit sheet."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    )
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 4\n0000000000 65535 f \n"
    return data + head + table + b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(data)


def _build_attachments(facts: CaseFacts, seed: int) -> dict[str, bytes]:
    [match], [sighting] = facts.matches, facts.sightings
    pair = Pair.from_verification(found_bytes(seed), registered_bytes(seed), match.verification)
    files = {path: draw(view, pair) for view, path in DRAWING_PATHS.items() if match.drawings}
    files |= captured_page_files(sighting.captures[0].started, found_bytes(seed))
    by_path = {sighting.picture.file: found_bytes(seed), facts.work.pictures[0].file: registered_bytes(seed), **files}
    by_path |= {document.file: CONTRACT for document in facts.work.attachments}
    return {**files, "data/exhibit.pdf": render_exhibit_sheet(facts, by_path, facts.language)}


def _content(blobs: FolderBlobStore, path: str, data: bytes) -> ContentFile:
    stem = Path(path).stem
    role = {"image": "captured-image", "exhibit": "exhibit-sheet"}.get(stem, stem)
    return ContentFile(path, role, get_media_type(path), blobs.put(data))


def _build_facts(blobs: FolderBlobStore, log: Log, seed: int) -> CaseFacts:
    work_data, found_data = registered_bytes(seed), found_bytes(seed)
    for data in (work_data, found_data, CONTRACT, CALIBRATION.to_json()):
        blobs.put(data)
    registered = _picture_facts(work_data, "data/work/01.jpg")
    found_picture = _picture_facts(found_data, "data/sightings/01/image.jpg")
    moment = now()
    software = SoftwareFacts("Exhibit", "0.1.0", "tests", (ModelFacts("none", "1", Digest.from_bytes(b"model")),))
    return CaseFacts(
        number="C-7",
        bundle=1,
        owner=OwnerFacts(OWNER, "declared"),
        party=PartyFacts("domain", "copies.example"),
        language="en",
        opened_at=moment,
        written_at=moment,
        software=software,
        work=_work_facts(log, registered),
        sightings=(_sighting_facts(log, found_picture),),
        matches=(_match_facts(registered, found_picture, work_data, found_data),),
        licence_check=LicenceCheckFacts(moment, 2, covered=False, result="No record covers it.", reasons=()),
        decision=DecisionFacts("confirmed", "Ann", moment, "A copy of my work.", demonstration=False),
        timestamps=(),
        not_checked=("Who runs the site wasn't checked.",),
        calibrations=(build_calibration_facts(CALIBRATION, get_calibration_path(1)),),
        made_with=describe_environment("UTC"),
    )


def _picture_facts(data: bytes, path: str) -> PictureFacts:
    info = decode(data).info
    return PictureFacts(Digest.from_bytes(data), len(data), info.format, info.width, info.height, path)


def registration_opening(work: WorkFacts, picture: PictureFacts) -> dict[str, object]:
    """Return the opening to which the log entry of a registration commits, as the product writes it."""
    field_names = ("title", "author", "rights_statement", "first_publication", "created", "credit", "holder")
    return {
        **{name: getattr(work, name) for name in field_names},
        "owner": "ann",
        "owner_name": OWNER,
        "picture": picture.digest.hex,
        "registered_at": format_rfc3339(work.registered_at),
        "registrations": [],
        "work": work.number,
    }


def _work_facts(log: Log, picture: PictureFacts) -> WorkFacts:
    work = WorkFacts(
        number="W-1",
        title="Field with 雪",
        author="Ann",
        rights_statement="All rights with Ann.",
        first_publication="",
        registrations=(),
        registered_at=now(),
        registration=None,
        pictures=(picture,),
        attachments=(
            AttachmentFacts(
                "Assignment of 2021", TITLE_DOCUMENT, Digest.from_bytes(CONTRACT), get_title_document_path(1, "a.pdf")
            ),
        ),
    )
    return replace(work, registration=append_entry(log, EntryType.REGISTRATION, registration_opening(work, picture)))


def _sighting_facts(log: Log, picture: PictureFacts) -> SightingFacts:
    seen_at = now()
    headers = (("Content-Type", "image/jpeg"), ("Server", "test"))
    address = "https://copies.example/field.jpg"
    record = SightingRecord(
        "https://copies.example/", address, address, picture.digest, 200, headers, "203.0.113.9", seen_at
    )
    other_records = [replace(record, image_url=f"https://copies.example/{number}.jpg") for number in range(2)]
    tree = SliceTree([compute_record_leaf(item) for item in (*other_records, record)])
    proof: SliceProof = tree.prove(2, record, append_entry(log, EntryType.SLICE, tree.build_opening({"crawl": "9"})))
    later = seen_at + timedelta(hours=1)
    return SightingFacts(
        number=1,
        page_url=record.page_url,
        image_url=record.image_url,
        final_url=record.final_url,
        context="A field in winter",
        first_seen=seen_at,
        last_seen=later,
        crawl="9",
        status=200,
        headers=headers,
        peer=record.peer,
        picture=picture,
        visibility=Visibility.PUBLIC,
        slice=proof,
        captures=(
            CaptureFacts("http", "captured", "Page and image were served.", later, later, picture.digest, CAPTURED),
        ),
    )


def _match_facts(
    registered: PictureFacts, found_picture: PictureFacts, work_data: bytes, found_data: bytes
) -> MatchFacts:
    dense = compute_dense_similarity(decode(found_data).pixels, decode(work_data).pixels, HALF_MIRRORED)
    verification = Verification(
        decision=Decision.CERTAIN,
        hamming=12,
        inliers=48,
        dense=dense,
        transform=HALF_MIRRORED,
        mirrored=True,
        rotation=0,
        overlap_work=1.0,
        overlap_picture=1.0,
        probability=None,
        pipeline="tests",
    )
    calibrated_match = add_probability(verification, CALIBRATION)
    return MatchFacts(
        number=1,
        work_picture=registered.digest,
        picture=found_picture.digest,
        sightings=(1,),
        verification=calibrated_match,
        words=format_measurements(calibrated_match, CALIBRATION),
        overlay=DRAWING_PATHS[View.OVERLAY],
        side_by_side=DRAWING_PATHS[View.SIDE_BY_SIDE],
    )
