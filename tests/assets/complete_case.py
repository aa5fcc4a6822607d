"""A case in which every field of the facts has a value, and every value is true."""

from dataclasses import asdict, replace
from datetime import timedelta

from evidence.bundle.bag import Proofs
from evidence.bundle.sealing import (
    ContentFile,
    build_seal_opening,
    get_media_type,
    get_odds_model_path,
    get_title_document_path,
    seal_case,
)
from evidence.facts.archive_responses import (
    ARCHIVE_RESPONSES_ROLE,
    ArchiveResponse,
    ArchiveResponses,
    compute_sha1,
    list_statements,
)
from evidence.facts.case import (
    AbsenceCode,
    AttachmentFacts,
    CaptureFacts,
    CaseFacts,
    CreationFacts,
    OfficialRegistration,
    OmittedFileFacts,
    PasskeyFacts,
    PictureFacts,
    SightingFacts,
    ThirdPartyStatementFacts,
    TimestampFacts,
)
from evidence.facts.passkey import ASSERTION_PATH
from evidence.facts.provenance import read_provenance
from evidence.formats.codec import to_plain
from evidence.log.proofs import SightingRecord, SliceTree, compute_record_leaf
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.odds import ExposureWeights, OddsModelFile, RelatedWeights, build_odds_model_facts
from exhibit.clock import now
from exhibit.comparison.calibration import add_probability
from exhibit.comparison.derived import compute_survival_map
from exhibit.comparison.similarity import align_pair
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.pictures.decode import decode
from exhibit.pictures.metadata import read_metadata
from exhibit.types import Piece
from indexer.compare.figures import Figures
from indexer.draw.draw import MEDIA_TYPE, View, draw
from indexer.draw.pair import Pair
from registry.bundles.sentences import format_measurements
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
    registered_bytes,
    registration_opening,
    textured_picture,
    with_consistency_proofs,
)
from tests.assets.c2pa_signed import embed_manifest
from tests.assets.passkeys import KEY, decision_statement

WEIGHING = OddsModelFile(
    "tests",
    RelatedWeights(0.5, {"hash": 6.0, "inliers": 0.5, "dense": 3.0}, 1.5, 1000, 0.5),
    ExposureWeights(
        -2.0, {"pieces_firm": 3.0, "pieces_firm_clear": 2.5}, review=0.0, certain=2.4, review_weights={"visible": 3.0}
    ),
)
FIGURES = (
    asdict(Figures(12, inliers=48, dense=0.9, matches=60, agreeing=48, patches=80, in_place=0.9, drift=0.1, excess=1.1))
    | {"cover": 1.0, "pieces_in_place": 0.92, "pieces_excess": 1.0, "another": 0.0, "pieces_another": 0.0}
    | {"visible": 0.9, "visible_in_place": 0.95, "visible_excess": 1.0}
)
LABELLED = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia">
<TC260:AIGC>{"Label": "1", "ContentProducer": "Studio"}</TC260:AIGC></rdf:Description></rdf:RDF></x:xmpmeta>"""
MANIFEST_FILE, ADDED, LEFT_OUT = "data/sightings/01/c2pa.json", "data/work/02.png", get_title_document_path(2, "b.pdf")
ARCHIVE, ANSWERS_FILE = "https://web.archive.org", "data/sightings/01/archive-answers-1.json"
CERTIFICATE = f"valid sha256:{'5e' * 32}"


def whole_case(scene: Scene) -> Scene:
    """Return the scene's case with a value in every field, sealed and logged again, without receipts."""
    found_data = add_label(found_bytes(1))
    facts = replace(_complete_work(scene), sightings=(_sighting(scene, found_data),))
    facts = _complete_match(scene, facts, found_data)
    facts = replace(
        facts,
        timestamps=(TimestampFacts("rfc3161", "Qualified", False, "complete", "checkpoint", now(), "2026-01-01"),),  # noqa: FBT003
        left_out=(OmittedFileFacts(LEFT_OUT, "title-document", Digest.from_bytes(b"gone"), AbsenceCode.PURGED, now()),),
        licence_check=replace(facts.licence_check, checked_at=now(), reasons=("Licence 1 (Ben): it has ended.",)),
        decision=replace(facts.decision, at=now()),
        opened_at=now(),
        written_at=now() + timedelta(minutes=1),
    )
    facts = replace(facts, decision=replace(facts.decision, passkey=_passkey(scene, facts)))
    sealed_case = seal_case(
        facts, _files(scene, facts, found_data), scene.owner_key, holder="operator", sealed_at=now(), blobs=scene.blobs
    )
    entry = append_entry(scene.log, EntryType.SEAL, build_seal_opening(sealed_case))
    proofs = Proofs(entry, with_consistency_proofs(scene.log, facts, entry.size))
    return replace(scene, sealed_case=sealed_case, facts=facts, proofs=proofs)


def add_label(jpeg: bytes) -> bytes:
    """Return the image with a label of generated content and a signed manifest; its pixels do not change."""
    packet = b"http://ns.adobe.com/xap/1.0/\0" + LABELLED
    segment = b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet
    return embed_manifest(jpeg[:2] + segment + jpeg[2:])


def _complete_work(scene: Scene) -> CaseFacts:
    data = encode_picture(textured_picture(1, (80, 64)), "PNG")
    added = PictureFacts(scene.blobs.put(data), len(data), "PNG", 80, 64, ADDED)
    missing = AttachmentFacts("Assignment of 2022", "title-document", Digest.from_bytes(b"gone"), LEFT_OUT)
    work = replace(
        scene.facts.work,
        first_publication="2021",
        created="2020",
        holder="Heirs of Ann",
        credit="Ann / Field",
        registrations=(OfficialRegistration("USCO", "VA 1-234", "2022-01-01"),),
        pictures=(*scene.facts.work.pictures, added),
        attachments=(*scene.facts.work.attachments, missing),
        earlier_registration=scene.facts.work.registered_at - timedelta(days=1),
        public_page="https://exhibit.example/works/1",
    )
    work_fields = {name: to_plain(getattr(work, name)) for name in ("created", "holder", "credit", "registrations")}
    opening = registration_opening(work, work.pictures[0]) | work_fields
    further: dict[str, object] = {"owner": "ann", "owner_name": OWNER, "picture": added.digest.hex, "work": work.number}
    registered = append_entry(scene.log, EntryType.REGISTRATION, opening)
    work = replace(
        work, registration=registered, further_registrations=(append_entry(scene.log, EntryType.REGISTRATION, further),)
    )
    return replace(scene.facts, work=work)


def _sighting(scene: Scene, found_data: bytes) -> SightingFacts:
    before, seen_at = scene.facts.sightings[0], now()
    info = decode(found_data).info
    picture = PictureFacts(
        scene.blobs.put(found_data), len(found_data), "JPEG", info.width, info.height, before.picture.file
    )
    provenance, file_metadata = read_provenance(found_data, "JPEG"), read_metadata(found_data, LIMITS)
    assert provenance is not None
    record = SightingRecord(
        before.page_url, before.image_url, before.final_url, picture.digest, 200, before.headers, before.peer, seen_at,
        CERTIFICATE, "2026-11",
    )  # fmt: skip
    tree = SliceTree(
        [compute_record_leaf(replace(record, image_url="https://copies.example/0.jpg")), compute_record_leaf(record)]
    )
    proof = tree.prove(1, record, append_entry(scene.log, EntryType.SLICE, tree.build_opening({"crawl": "9"})))
    capture = CaptureFacts(
        "http", "captured", "Page and image were served.", seen_at, seen_at, picture.digest, CAPTURED
    )
    return replace(
        before, picture=picture, slice=proof, first_seen=seen_at, last_seen=seen_at, captures=(capture,),
        certificate=CERTIFICATE, period="2026-11", provenance=replace(provenance[0], file=MANIFEST_FILE),
        making=CreationFacts(file_metadata.source_type, file_metadata.aigc),
        elsewhere=_outside_statements(before, picture.digest, found_data),
    )  # fmt: skip


def archive_answers(sighting: SightingFacts, found_data: bytes) -> ArchiveResponses:
    """Return an archive's answers about a sighting: a capture of the image, and none of the page."""
    query = f"{ARCHIVE}/cdx/search/cdx?url="
    line = f"20190303101500 {sighting.image_url} image/jpeg 200 {compute_sha1(found_data)}"
    return ArchiveResponses(
        ARCHIVE,
        (
            ArchiveResponse("page", sighting.page_url, query + sighting.page_url, sighting.last_seen or now(), ""),
            ArchiveResponse(
                "picture", sighting.image_url, query + sighting.image_url, sighting.last_seen or now(), line
            ),
        ),
    )


def _outside_statements(
    sighting: SightingFacts, picture: Digest, found_data: bytes
) -> tuple[ThirdPartyStatementFacts, ...]:
    statements = list_statements(archive_answers(sighting, found_data), picture, found_data)
    return tuple(
        ThirdPartyStatementFacts(
            outside_statement.kind,
            outside_statement.by,
            outside_statement.of,
            outside_statement.stated,
            outside_statement.where,
            now(),
            ANSWERS_FILE,
            outside_statement.same,
        )
        for outside_statement in reversed(statements)
    )


def _complete_match(scene: Scene, facts: CaseFacts, found_data: bytes) -> CaseFacts:
    found_pixels, registered_pixels = (decode(data).pixels for data in (found_data, registered_bytes(1)))
    pieces = (Piece((-0.5, -0.5, 159.5, 119.5), HALF_MIRRORED),)
    [match] = facts.matches
    related, exposure = WEIGHING.compute_odds(FIGURES)
    match_facts = replace(
        match.verification, related=round(related, 4), exposure=round(exposure, 4), figures=FIGURES, in_place=0.92,
        drift=0.1, pieces=pieces, further=(HALF_MIRRORED,),
        survival=compute_survival_map(*align_pair(found_pixels, registered_pixels, HALF_MIRRORED, pieces)),
        reasons=("plainly",),
        probability=None, calibration=None,
    )  # fmt: skip
    match_facts = add_probability(match_facts, CALIBRATION)
    scene.blobs.put(WEIGHING.to_json())
    match = replace(
        match, picture=facts.sightings[0].picture.digest, verification=match_facts,
        words=format_measurements(match_facts, CALIBRATION),
        difference="data/matches/01/difference.jpg", points="data/matches/01/points.jpg",
    )  # fmt: skip
    return replace(facts, matches=(match,), weighings=(build_odds_model_facts(WEIGHING, get_odds_model_path(1)),))


def _passkey(scene: Scene, facts: CaseFacts) -> PasskeyFacts:
    data = KEY.answer(decision_statement(facts)).to_json()
    digest = scene.blobs.put(data)
    key: dict[str, object] = {
        "key": Digest.from_bytes(KEY.public).hex,
        "member": "Ann",
        "use": "passkey",
        "what": "created",
    }
    first = append_entry(scene.log, EntryType.KEY, key)
    decided = {"case": 1, "decision": "confirmed", "assertion": digest.hex, "version": 1}
    return PasskeyFacts(
        ASSERTION_PATH, digest, append_entry(scene.log, EntryType.DECISION, decided, facts.decision.at), first
    )


def _files(scene: Scene, facts: CaseFacts, found_data: bytes) -> list[ContentFile]:
    [match], [sighting] = facts.matches, facts.sightings
    pair = Pair.from_verification(found_data, registered_bytes(1), match.verification)
    drawings = [
        ContentFile(path, role, MEDIA_TYPE, scene.blobs.put(draw(View(role), pair)))
        for role, path in match.drawings.items()
    ]
    pages = captured_page_files(sighting.captures[0].started, found_data)
    roles = dict(zip(CAPTURED, ("exchange", "network", "page", "captured-image"), strict=True))
    page_files = [
        ContentFile(path, roles[path], get_media_type(path), scene.blobs.put(data)) for path, data in pages.items()
    ]
    provenance = read_provenance(found_data, "JPEG")
    assert provenance is not None
    manifest = ContentFile(MANIFEST_FILE, "c2pa", "application/json", scene.blobs.put(provenance[1]))
    answers = scene.blobs.put(archive_answers(sighting, found_data).to_json())
    return [
        *drawings,
        *page_files,
        manifest,
        ContentFile(ANSWERS_FILE, ARCHIVE_RESPONSES_ROLE, "application/json", answers),
    ]
