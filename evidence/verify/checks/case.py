"""Checks of the case: facts against sealed files, crawl records, recomputed matches, and unchecked content."""

import json
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.bundle.manifest import FACTS_PATH, ManifestFile
from evidence.bundle.sealing import check_omitted_files, create_derived_files, get_media_type, list_mentioned_files
from evidence.facts.case import REGISTERED_FIELDS, CaseFacts, MatchFacts, PictureFacts, SightingFacts
from evidence.formats.codec import FormatError, parse_canonical, to_plain
from evidence.formats.container import read_all
from evidence.log import merkle
from evidence.log.proofs import LogProof, SightingRecord, SliceProof, compute_record_leaf
from evidence.verdict.result import Check, State, expect, fail_check, format_time, pass_check, run_check, skip_check
from evidence.verify.checks.captures import check_captures
from evidence.verify.checks.cocaptures import check_cocaptures, check_web_archives
from evidence.verify.checks.contents import LIMITS, check_pictures, join_first_names
from evidence.verify.checks.credentials import check_credentials
from evidence.verify.checks.decision import check_confirmed, check_decision
from evidence.verify.checks.documents import check_documents
from evidence.verify.checks.elsewhere import check_archive_responses
from evidence.verify.checks.inspection import REDUCED_PICTURE_SENTENCE, Inspection
from evidence.verify.checks.odds import check_odds, read_odds_models
from evidence.verify.checks.order import SLACK
from evidence.verify.checks.party import WORK_RECORD_KIND, check_party, check_work_record
from evidence.verify.checks.probability import check_probability, read_calibrations
from evidence.verify.checks.proofs import OwnCheckpoint, expect_logged, expect_vouching_log, read_own_checkpoint
from evidence.verify.checks.regeneration import ContentGenerators, check_regenerated, is_sheet
from exhibit.comparison.derived import compute_survival_map
from exhibit.comparison.odds import MAX_COPIES
from exhibit.comparison.pieces import measure_coherence
from exhibit.comparison.similarity import (
    LONG_SIDE,
    AlignedPair,
    align_pair,
    build_scaling,
    compute_agreement,
    compute_centre_scale,
    compute_crossing_agreement,
    compute_needed_side,
    find_pixels_within,
    is_gradient,
    measure_enlargement,
    refine_alignment,
)
from exhibit.comparison.warp import compute_overlaps, measure_rotation
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import ExhibitError, InvalidRequestError, NotFoundError
from exhibit.network.addresses import get_url_origin
from exhibit.periods import get_earliest_time, get_period_days
from exhibit.pictures.decode import DecodedPicture, decode
from exhibit.pictures.readings import find_other_readings
from exhibit.plain import has_visible_letter
from exhibit.types import Decision, Piece, Verification

Pictures = tuple[PictureFacts, PictureFacts]  # found and registered picture
Pixels = NDArray[np.uint8]
Decoder = Callable[[str, int], DecodedPicture]  # takes a file name and the minimum longer side in pixels
Floats = NDArray[np.float64]

MIN_DECODED_SIDE = 1024
TOLERANCE = 0.05
"""Maximum difference between sealed and recomputed similarity; Exhibit may have computed it with a faster method."""
MAP_TOLERANCE = 0.1  # fraction of the cells of a survival map that may differ, for the same reason
MIN_DENSE, MIN_SHARED_FRACTION, MIN_TEXTURED = 0.5, 0.4, 100
"""Minimum values of a certain match, applied to the recomputed values.

In order: similarity, fraction of a picture in the shared area, and number of textured windows.
"""
MIN_SIDE = 64
"""Minimum length of the shorter side of a registered picture, in pixels.

Smaller pictures have so few windows that half of them may agree by chance, or after a search for an alignment: for
works of 41 pixels, such an alignment was found for five of eight pairs of unrelated pictures.
"""
MIN_SHARED_WINDOWS, FEW_SHARED_WINDOWS, MANY_SHARED_WINDOWS, STRICT_AGREEMENT, MIN_CROSSING_IN_SMALL_AREA = (
    800,
    3000,
    8000,
    (0.85, 0.6),
    400,
)
"""Limits for pairs that share a small part of a work, or few pixels of it.

The shared area is examined at full resolution. In order: the minimum number of textured windows; the number of windows
below which the smallest areas need the minimum number of crossing windows; the number of windows from which agreement
in half of them suffices; below that, the minimum fractions of agreeing windows, of all and of those with crossing
gradients; and the minimum number of crossing windows in the smallest areas.

For works 72 pixels wide, a search finds within seconds a part of any larger picture that agrees in .58 of 3,400
windows, and within a minute a part of a smooth picture that agrees in .75 of 3,700 and in .46 of those with crossing
gradients. Two aligned soft corners have 116 crossing windows, and four corners fit any other four. Of 850 copies of
small works, crops and enlargements, two have less than .8, three less than .55 of the windows with crossing gradients,
and none has fewer than 496 of these in so few windows.
"""
MIN_CROSSING, MANY_CROSSING, MIN_AGREEMENT_IN_MANY = 100, 1000, 0.3
"""Limits for agreeing windows with crossing gradients.

In order: the minimum number; the number of such windows from which the lower fraction suffices; and that fraction.
With fewer windows, half must agree, as for all windows. In 71 alignments along single edges of unrelated pictures, each
found by a search of a few seconds, at most 330 such windows agree, and .26 of all. Of 1,476 copies that Exhibit finds
(edits, single changes and chains), five have less, one of them certain.
"""
MIN_FOUND_FRACTION = 0.02
"""Fraction of the found picture below which a remark states that the work covers little of it."""
MIN_DENSE_IN_PIECES = 0.7
"""Minimum similarity of a copy in pieces.

Almost every real copy agrees in at least .66. Unrelated pictures cut into small pieces agree in at most .58 if the
pieces have matching edges.
"""
PIXEL_PIPELINE_PREFIX = "match-"
"""Prefix of each version of the pixel comparison; matches by fingerprints alone have no odds."""
REASONS_WITHOUT_ODDS = {Decision.REVIEW: "low-information", Decision.RELATED: "derived"}
"""Reasons for which no odds are stated for pairs with different bytes, by decision."""
BLOCKING_REASONS = frozenset(
    {
        "low-information", "collage", "page", "negative", "mark", "hash", "series", "derived", "imprecise",
        "few-inliers", "weak-agreement", "shared-overlay",
    }
)  # fmt: skip
"""Reasons that prevent a certain decision."""
MIN_FURTHER_AGREEMENT = 0.25
"""Minimum agreement of each further copy of one picture in another."""
AREA_TOLERANCE = 0.01  # maximum difference between a sealed and a recomputed fraction of an area
MIN_ADJOINING_FRACTION = 0.65
"""Minimum fraction of adjoining pieces that are also adjacent in the found picture.

The pieces of a copy that was cut up are adjacent except along the cuts. Pieces selected individually to fit are not.
"""
MIN_PIXEL_RATIO = 2.0
# maximum number of sentences in the facts that state unchecked subjects; Exhibit writes about ten
MAX_NOT_CHECKED = 100
MAX_RECOMPUTED = 200  # maximum number of recomputed matches, which bounds the time of a verification
NOT_CHECKED_BY_ROLE = {
    **dict.fromkeys(("screenshot", "screenshot-boxed"), "content of screenshots"),
    **dict.fromkeys(("page-pdf", "mhtml", "dom"), "the rendered page saved as PDF, MHTML or HTML"),
    "c2pa": "content of c2pa.json",
}
"""Descriptions of sealed and displayed files whose contents no check examines, by role."""
DOCUMENTS = "chain-of-title documents"
DECLARED_FIELDS = "the owner's declarations about the owner and the work"
STATED_FIELDS = (
    "sentences in captures, and names in certificates, clocks and software",
    (
        "hash distances, numbers of matching points, displacements, values from which log-odds "
        "are computed, and decisions without log-odds"
    ),
    "surrounding text, sites, licences, decisions and the list of timestamp services",
)


def read_facts(inspection: Inspection) -> tuple[CaseFacts | None, Check]:
    """Return the facts, and the check ``facts``, which passes if they fit manifest and files."""
    try:
        data = inspection.read_file(FACTS_PATH)
        parse_canonical(data, label=FACTS_PATH)
        facts = CaseFacts.from_json(data, label=FACTS_PATH)
    except FormatError as error:
        return None, fail_check("facts", error.message)
    return facts, run_check("facts", _check_facts_fit, inspection, facts)


def check_case(inspection: Inspection, facts: CaseFacts, generators: ContentGenerators | None) -> Iterator[Check]:
    """Check registration, slices, captures and matches, and list the content that no check examines."""
    own_checkpoint_record = read_own_checkpoint(inspection)
    yield from _check_registrations(inspection, own_checkpoint_record, facts)
    if facts.party.kind != WORK_RECORD_KIND or facts.sightings or facts.matches:
        yield run_check("party", check_party, facts)
        yield run_check("confirmed", check_confirmed, facts)
    else:
        yield from check_work_record(facts)
    for sighting in facts.sightings:
        yield run_check(f"slice:{sighting.number:02d}", _check_slice, inspection, own_checkpoint_record, sighting)
    if facts.decision.passkey is not None:
        yield run_check("decision", check_decision, inspection, own_checkpoint_record, facts, facts.decision.passkey)
    yield from check_captures(inspection, facts)
    yield from check_cocaptures(inspection, facts)
    yield from check_web_archives(inspection, facts)
    yield from check_archive_responses(inspection, facts)
    yield check_pictures(inspection, facts)
    yield from check_documents(inspection, facts)
    yield from check_credentials(inspection, facts)
    registered = {picture.digest: picture for picture in reversed(facts.work.pictures)}
    found_pictures = {sighting.picture.digest: sighting.picture for sighting in reversed(facts.sightings)}
    calibrations, odds_models = read_calibrations(inspection, facts), read_odds_models(inspection, facts)
    decode_file = lru_cache(maxsize=4)(partial(_decode_file, inspection))
    if facts.party.kind != WORK_RECORD_KIND and not (facts.sightings and facts.matches):
        yield skip_check("slice:00", "facts.json of a case contains no sighting or no match.")
    for index, match in enumerate(facts.matches):
        pictures = (found_pictures[match.picture], registered[match.work_picture])
        decoder = decode_file if index < MAX_RECOMPUTED else None
        yield run_check(f"match:{match.number:02d}", _check_match_and_decision, inspection, match, pictures, decoder)
        if match.verification.probability is not None:
            yield check_probability(match, calibrations)
        if (match.verification.related, match.verification.exposure) != (None, None):
            yield check_odds(match, odds_models, facts.decision)
    yield from check_regenerated(inspection, facts, calibrations, generators)
    yield from _report_unchecked_content(inspection, facts)


def _report_unchecked_content(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Report the sealed files and facts that no check examines (``rest``)."""
    stand_ins = {file.stand_in for file in inspection.manifest.files}
    known_paths = {FACTS_PATH, *(path for path, _ in list_mentioned_files(facts))}
    names: dict[str, None] = {}
    other_fields = []
    for file in inspection.manifest.files:
        if file.path in stand_ins:
            names["the reduced pictures"] = None
        elif file.path not in known_paths and not is_sheet(file.path):
            other_fields.append(file.path)
        elif file.role in NOT_CHECKED_BY_ROLE:
            names[NOT_CHECKED_BY_ROLE[file.role]] = None
    if facts.work.attachments:
        names[DOCUMENTS] = None
    phrases = [
        *([join_first_names(other_fields)] if other_fields else []),
        *names,
        DECLARED_FIELDS,
        *(STATED_FIELDS if facts.sightings else ()),
    ]
    yield skip_check("rest", f"Sealed, but not examined by any check: {'; '.join(phrases)}.")


def _check_facts_fit(inspection: Inspection, facts: CaseFacts) -> str:
    """Compare the facts with manifest and files; returns a sentence on the result, or raises ``FormatError``."""
    matter = inspection.manifest.matter
    is_same = (facts.owner.name, facts.number, facts.bundle) == (matter.owner, matter.case, matter.bundle)
    expect(is_same, "facts.json and the manifest name different owners, cases or bundles.")
    expect(has_visible_letter(facts.owner.name), "The owner's name in facts.json has no visible character.")
    is_plain = _NUMBER.fullmatch(facts.number)
    expect(is_plain, f"The case number contains invisible or confusable characters: {facts.number[:40]!a}.")
    expect(facts.software == inspection.manifest.software, "facts.json and the manifest name different software.")
    files_by_path = {file.path: file for file in inspection.manifest.files}
    for path, digest in list_mentioned_files(facts):
        is_sealed = path in files_by_path and digest in {None, files_by_path[path].sha256}
        expect(is_sealed, f"facts.json lists {path}, which is not sealed or has a different digest.")
    check_omitted_files(facts, files_by_path)
    pictures = (*facts.work.pictures, *(sighting.picture for sighting in facts.sightings))
    for picture in (picture for picture in pictures if picture.file not in facts.omitted_files):
        is_same = files_by_path[picture.file].size == picture.size
        expect(is_same, f"facts.json and the manifest contain different sizes for {picture.file}.")
    for path, data in create_derived_files(facts).items():
        expect(files_by_path[path].sha256 == Digest.from_bytes(data), f"{path} contradicts facts.json.")
    _expect_references_exist(facts)
    _expect_no_duplicates(facts, files_by_path)
    _expect_distinct_items(facts)
    suffix = f" except {len(facts.left_out)}, with reasons" if facts.left_out else ""
    return (
        f"facts.json matches the manifest, and every file it lists is sealed{suffix} (sightings: "
        f"{len(facts.sightings)}, matches: {len(facts.matches)})."
    )


def _expect_references_exist(facts: CaseFacts) -> None:
    """Raise ``FormatError`` if numbers are not unique, or a match refers to a missing picture or calibration."""
    registered = {picture.digest for picture in facts.work.pictures}
    digests = {sighting.number: sighting.picture.digest for sighting in facts.sightings}
    calibrations = {calibration.digest for calibration in facts.calibrations}
    are_numbers_unique = len(digests) == len(facts.sightings) and len({match.number for match in facts.matches}) == len(
        facts.matches
    )
    expect(are_numbers_unique, "Two sightings or two matches have the same number.")
    pipelines = {weighing.pipeline for weighing in facts.weighings}
    expect(len(pipelines) == len(facts.weighings), "Two sets of weights are for the same comparison version.")
    for match in facts.matches:
        name, shown_digests = f"Match {match.number}", [digests.get(number) for number in match.sightings]
        expect(len(set(match.sightings)) == len(shown_digests), f"{name} lists a sighting twice.")
        is_known = match.work_picture in registered and set(shown_digests) == {match.picture}
        expect(is_known, f"{name} names a registered or found picture that is not in the case.")
        is_consistent = (match.verification.probability is not None) == (match.verification.calibration in calibrations)
        expect(
            is_consistent,
            (f"{name} has a probability without a calibration, or a calibration without a probability."),
        )


def _expect_no_duplicates(facts: CaseFacts, files_by_path: Mapping[str, ManifestFile]) -> None:
    """Raise ``FormatError`` for duplicate or unused entries, and for pictures with a wrong role or media type."""
    pairs = {(match.work_picture, match.picture, match.verification.pipeline) for match in facts.matches}
    expect(len(pairs) == len(facts.matches), "Two matches have the same pictures.")
    sighting_keys = {
        (item.page_url, item.image_url, item.picture.digest, "" if item.last_seen else item.period)
        for item in facts.sightings
    }
    expect(len(sighting_keys) == len(facts.sightings), "Two sightings have the same picture and the same URLs.")
    calibrations = {calibration.digest for calibration in facts.calibrations}
    expect(len(calibrations) == len(facts.calibrations), "facts.json lists a calibration twice.")
    if facts.matches:
        are_used = calibrations <= {match.verification.calibration for match in facts.matches}
        expect(are_used, "facts.json lists a calibration that no match uses.")
        matched_numbers = {number for match in facts.matches for number in match.sightings}
        expect(
            matched_numbers >= {item.number for item in facts.sightings},
            "The picture of a sighting is not in any match.",
        )
    roles_by_file = dict.fromkeys((picture.file for picture in facts.work.pictures), "work-picture")
    roles_by_file |= dict.fromkeys((sighting.picture.file for sighting in facts.sightings), "sighting-picture")
    for file in (files_by_path[path] for path in roles_by_file if path not in facts.omitted_files):
        is_consistent = (file.role, file.media_type) == (roles_by_file[file.path], get_media_type(file.path))
        expect(is_consistent, f"The manifest and facts.json list {file.path} as different kinds of file.")


def _expect_distinct_items(facts: CaseFacts) -> None:
    """Raise ``FormatError`` for items listed in two places, or a licence search that contradicts itself."""
    pictures = [picture.digest for picture in facts.work.pictures]
    expect(len(set(pictures)) == len(pictures), "One registered picture is listed twice.")
    mentions = Counter(path for path, _ in list_mentioned_files(facts))
    repeated_files = [document.file for document in facts.work.attachments if mentions[document.file] > 1]
    expect(
        not repeated_files,
        f"{join_first_names(repeated_files)} is listed both as a document of the work and as a different kind of file.",
    )
    expect(
        len(facts.not_checked) <= MAX_NOT_CHECKED,
        f"facts.json has more than {MAX_NOT_CHECKED} sentences on what was not checked.",
    )
    search = facts.licence_check
    expect(
        not (search.covered and search.partly),
        "The licence check states both that all sightings are covered and that only some are.",
    )
    expect(len(search.reasons) <= search.searched, "facts.json gives reasons for more licences than were searched.")
    page_url = facts.work.public_page
    expect(
        not page_url or get_url_origin(page_url).startswith(("http://", "https://")),
        "The public page of the work has no URL.",
    )


def _check_registrations(inspection: Inspection, own: OwnCheckpoint | None, facts: CaseFacts) -> Iterator[Check]:
    """Check ``registration`` of the work and ``registration:`` of each of its pictures.

    Each registration needs its own log entry.
    """
    work, name = facts.work, "registration"
    proofs = [proof for proof in (work.registration, *work.further_registrations) if proof is not None]
    digests = {picture.digest.hex for picture in work.pictures}
    if work.registration is None:
        yield skip_check(name, "The bundle contains no log entry of the registration.")
    elif any(proof.opening.get("picture") not in digests for proof in work.further_registrations):
        yield fail_check(name, "facts.json contains the registration of a picture that does not belong to the work.")
    else:
        yield run_check(name, _check_registration, inspection, own, name, facts, work.registration)
    for number, picture in enumerate(work.pictures, 1):
        numbered_name = f"{name}:{number:02d}"
        first_proof = next((proof for proof in proofs if proof.opening.get("picture") == picture.digest.hex), None)
        if first_proof is None:
            yield skip_check(numbered_name, "The bundle contains no log entry for this picture.")
        else:
            yield run_check(numbered_name, _check_registration, inspection, own, numbered_name, facts, first_proof)
            further_proofs = (
                proof for proof in proofs if proof != first_proof and proof.opening.get("picture") == picture.digest.hex
            )
            for number_of_proof, proof in enumerate(further_proofs, 2):
                label = f"{numbered_name}-{number_of_proof}"
                yield run_check(label, _check_registration, inspection, own, label, facts, proof)


def _check_registration(
    inspection: Inspection, own: OwnCheckpoint | None, name: str, facts: CaseFacts, proof: LogProof
) -> Check:
    expect_logged(proof, EntryType.REGISTRATION)
    plain_json = json.dumps(proof.opening, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    # Verify.py and other simple programs hash the plain JSON
    is_canonical = plain_json == encode_canonical(proof.opening)
    expect(is_canonical, "The log entry contains field names or numbers that programs serialise differently.")
    _expect_entry_matches(facts, proof)
    is_first = proof == facts.work.registration
    is_apart = abs(proof.time - facts.work.registered_at) > SLACK
    expect(
        not (is_first and is_apart) or "edited" in proof.opening,
        f"The log entry is dated {format_time(proof.time)}, but facts.json states that the work was "
        f"registered at {format_time(facts.work.registered_at)}.",
    )
    log_name = expect_vouching_log(inspection, own, proof)
    sentence = f"Entry {proof.sequence} of the log, dated {proof.time:%Y-%m-%d}, commits to owner, work and picture."
    first_seen = _find_first_seen(facts, proof.opening.get("picture"))
    suffix = (
        f" A copy had been found before, at {format_time(first_seen)}."
        if first_seen and first_seen < proof.time
        else ""
    )
    return pass_check(name, sentence + suffix, log_name)


def _expect_entry_matches(facts: CaseFacts, proof: LogProof) -> None:
    """Raise ``FormatError`` if the log entry contradicts the facts."""
    opening: dict[str, Any] = proof.opening
    is_own_picture = opening.get("picture") in [picture.digest.hex for picture in facts.work.pictures]
    expect(is_own_picture, "The log entry concerns a picture that does not belong to the work.")
    is_same_owner = opening.get("owner_name") == facts.owner.name
    expect(is_same_owner, "The log entry and facts.json name different owners.")
    work: dict[str, object] = to_plain(facts.work)
    is_first = proof == facts.work.registration  # entries of added pictures may lack declarations
    number = opening.get("work")
    logged_fields = {name: opening.get(name) for name in REGISTERED_FIELDS if is_first or name in opening}
    logged_fields["number"] = str(number) if type(number) is int else number
    wrong_field = min((name for name, value in logged_fields.items() if work[name] != value), default="")
    expect(not wrong_field, f"The {wrong_field} in the log entry does not match facts.json.")


def _find_first_seen(facts: CaseFacts, picture: object) -> datetime | None:
    """Return the time at which a copy of a registered picture was first seen, or ``None``."""
    digest = Digest.from_hex(str(picture))
    numbers = {number for match in facts.matches if match.work_picture == digest for number in match.sightings}
    return get_earliest_time(sighting.first_seen for sighting in facts.sightings if sighting.number in numbers)


_HASH = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile(r"[!-~]+(?: [!-~]+)*")
_PEER = re.compile(r"[0-9.]+(:[0-9]{1,5})?|\[[0-9a-f:.]+\]:[0-9]{1,5}|[0-9a-f:.]+", re.IGNORECASE)
_CERTIFICATE = re.compile("[a-z,-]{1,90} sha256:[0-9a-f]{64}")
_PERIOD = re.compile("[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}Z)?)?)?")


def _check_slice(inspection: Inspection, own: OwnCheckpoint | None, sighting: SightingFacts) -> Check:
    name, proof = f"slice:{sighting.number:02d}", sighting.slice
    if proof is None:
        return skip_check(name, "The bundle contains no log entry of the crawl that retrieved this picture.")
    _expect_recorded(sighting, proof)
    expect_logged(proof.log, EntryType.SLICE)
    log_name = expect_vouching_log(inspection, own, proof.log)
    seen_at = proof.record.seen
    position = f"record {proof.index + 1} of {proof.count}, entry {proof.log.sequence} of the log"
    time_text = format_time(seen_at) if seen_at else sighting.period or "an unknown time (the web archive states none)"
    sentence = f"The crawl recorded this sighting at {time_text}: {position}."
    if (sighting.first_seen, sighting.last_seen) != (seen_at, seen_at):
        sentence += " The crawl record does not prove any other time of the first or last retrieval."
    return pass_check(name, sentence, log_name)


def _is_between(first: datetime | None, time: datetime | None, last: datetime | None) -> bool:
    """Return True if a time lies between two others, or if none of the three is known."""
    if first is None or time is None or last is None:
        return first is time is last
    return first <= time <= last


def _expect_recorded(sighting: SightingFacts, proof: SliceProof) -> None:
    """Raise ``FormatError`` unless the crawl record describes the sighting and is included in its slice."""
    record = proof.record
    expected = (sighting.page_url, sighting.image_url, sighting.final_url, sighting.picture.digest, sighting.status)
    is_same = expected == (record.page_url, record.image_url, record.final_url, record.picture, record.status)
    expect(is_same, "The crawl record and facts.json describe different sightings.")
    server = sighting.headers, sighting.peer, sighting.certificate
    is_same = server == (record.headers, record.peer, record.certificate)
    expect(is_same, "The crawl record and facts.json contain different headers or servers.")
    is_time_consistent = sighting.period == record.period and _is_between(
        sighting.first_seen, record.seen, sighting.last_seen
    )
    expect(is_time_consistent, "The time in the crawl record is not between first and last retrieval.")
    _expect_plausible_record(record, proof.log.time)
    root, count = proof.log.opening.get("root"), proof.log.opening.get("count")
    if type(count) is not int or count != proof.count or not isinstance(root, str) or not _HASH.fullmatch(root):
        raise FormatError("The log entry of the crawl contains no valid root, or a different number of records.")
    is_included = merkle.verify_inclusion(
        compute_record_leaf(record), proof.index, proof.count, proof.path, bytes.fromhex(root)
    )
    expect(is_included, "The sighting is not among the crawl records to which the log entry commits.")


def _expect_plausible_record(record: SightingRecord, log_time: datetime) -> None:
    """Raise ``FormatError`` for a record that no crawl or archive can have made before the log entry."""
    scheme = record.final_url.partition(":")[0].lower()
    has_valid_status = record.status in {0, 304} or 200 <= record.status < 300
    expect(has_valid_status, f"Crawls do not store pictures with the status {record.status}.")
    expect(not record.peer or _PEER.fullmatch(record.peer), "The server in the crawl record is not an IP address.")
    is_certificate_valid = not record.certificate or (scheme == "https" and _CERTIFICATE.fullmatch(record.certificate))
    expect(is_certificate_valid, "The crawl record contains an unknown value for the server certificate.")
    if record.period:
        try:
            start = get_period_days(record.period)[0] if _PERIOD.fullmatch(record.period) else date.max
        except ValueError:
            start = date.max
        expect(start <= log_time.date() + timedelta(days=1), "The crawl record contains an invalid period.")


def _check_match_and_decision(
    inspection: Inspection, match: MatchFacts, pictures: Pictures, decode_file: Decoder | None
) -> Check:
    """Compare both pictures, and check that the sealed decision is a possible result of a comparison."""
    check = _check_match(inspection, match, pictures, decode_file)
    _expect_possible_decision(match)
    return check


def _check_match(inspection: Inspection, match: MatchFacts, pictures: Pictures, decode_file: Decoder | None) -> Check:
    """Compare the found picture with the registered one; without a decoder, nothing is recomputed."""
    name = f"match:{match.number:02d}"
    _expect_rotation_matches_alignment(match, pictures[0])
    if match.work_picture == match.picture:
        identity_remark = f"{pictures[1].file} is byte-for-byte identical to the found file"
        return replace(pass_check(name, _check_same_bytes(match, pictures)), similarity=1.0, remarks=(identity_remark,))
    if match.verification.transform is None:
        return skip_check(name, "The bundle contains no alignment, so nothing can be recomputed.")
    if decode_file is None:
        return skip_check(name, f"Only the first {MAX_RECOMPUTED} matches are recomputed.")
    try:
        files = [_find_sealed_file(inspection, picture) for picture in pictures]
        return _check_other_readings(_compare_files(name, match, pictures, files, decode_file), inspection, files)
    except (InvalidRequestError, ArithmeticError, ValueError) as error:
        raise FormatError("The alignment cannot be applied.") from error
    except FormatError:
        raise
    except ExhibitError as error:
        return skip_check(name, f"The similarity could not be recomputed. {error.message}")


def _expect_possible_decision(match: MatchFacts) -> None:
    """Raise ``FormatError`` if no comparison can have given the sealed values or the sealed decision."""
    verification = match.verification
    in_place_fraction, drift = verification.in_place or 0.0, verification.drift or 0.0
    expect(0 <= in_place_fraction <= 1 and drift >= 0, "The match contains an invalid share or displacement.")
    expect(len(verification.further) < MAX_COPIES, "The match contains more copies than a comparison searches for.")
    reasons = sorted(BLOCKING_REASONS.intersection(verification.reasons))
    expect(
        verification.decision is not Decision.CERTAIN or not reasons,
        f"The bundle calls the match certain, but lists reasons against that: {reasons[:3]}.",
    )
    if (
        verification.pipeline.startswith(PIXEL_PIPELINE_PREFIX)
        and verification.related is None
        and match.work_picture != match.picture
    ):
        reason = REASONS_WITHOUT_ODDS.get(verification.decision, "")
        problem = f"{verification.pipeline} computes log-odds for such a match; the bundle has none."
        expect(verification.decision is Decision.NONE or reason in verification.reasons, problem)


def _compare_files(name: str, match: MatchFacts, pictures: Pictures, files: list[str], decode_file: Decoder) -> Check:
    """Compare both files, with remarks on truncated files."""
    check = _recompute_at_sufficient_size(name, match, pictures, files, decode_file)
    decoded_pictures = [decode_file(file, MIN_DECODED_SIDE) for file in files]
    return replace(check, remarks=(*check.remarks, *_find_truncation_remarks(pictures, decoded_pictures)))


def _check_other_readings(check: Check, inspection: Inspection, files: list[str]) -> Check:
    """Return the check unchanged, unless other programs show a different picture for one of the files."""
    if check.state is not State.PASSED:
        return check
    remarks = list(check.remarks)
    for file in dict.fromkeys(files):
        for reading in find_other_readings(inspection.read_sealed_file(file, LIMITS.max_bytes), LIMITS):
            if not reading.is_common:
                reason = f"{file} shows or may show a different picture {reading.description}"
                sentence = f"{check.sentence} But {reason}, so this does not prove that one picture shows the other."
                return replace(skip_check(check.name, sentence), similarity=check.similarity)
            remarks.append(f"{file} shows a different picture {reading.description}")
    return replace(check, remarks=tuple(remarks))


def _recompute_at_sufficient_size(
    name: str, match: MatchFacts, pictures: Pictures, files: list[str], decode_file: Decoder
) -> Check:
    """Compare both pictures at the usual size, or at a larger one if a small shared area requires it."""
    verification, check, problem = match.verification, None, None
    pixels = [decode_file(file, MIN_DECODED_SIDE).pixels for file in files]
    try:
        check = _recompute_match(name, match, pictures, files, pixels)
    except FormatError as error:
        problem = error
    found_size, work_size = ((picture.width, picture.height) for picture in pictures)
    with np.errstate(all="ignore"):
        side_fraction = math.sqrt(min(1.0, max(AREA_TOLERANCE, verification.overlap_work)))
        required_side = compute_needed_side(
            found_size, (work_size[0] * side_fraction, work_size[1] * side_fraction), verification.transform or ()
        )
    if required_side > max(pixels[0].shape[:2]) and (check is None or check.state is State.NOT_CHECKED):
        pixels[0] = decode_file(files[0], required_side).pixels
        if max(pixels[0].shape[:2]) >= required_side:
            return _recompute_match(name, match, pictures, files, pixels)
        if problem is not None and files[0] != pictures[0].file:  # else the size of the original differs from the facts
            sentence = (
                f"{files[0]} has too few pixels to recompute the similarity: {required_side} per side are required."
            )
            return skip_check(name, sentence)
    if problem is not None:
        raise problem
    assert check is not None
    return check


def _check_same_bytes(match: MatchFacts, pictures: Pictures) -> str:
    verification, sizes = match.verification, {(picture.width, picture.height) for picture in pictures}
    fractions = (verification.dense, verification.overlap_work, verification.overlap_picture)
    is_identity = verification.transform is None or (
        np.array_equal(verification.transform, np.eye(3)) and fractions == (1.0, 1.0, 1.0)
    )
    expect(len(sizes) == 1 and is_identity, "The pictures have identical bytes, which the match values contradict.")
    return "The found picture is byte-for-byte identical to the registered one."


def _expect_rotation_matches_alignment(match: MatchFacts, found_picture: PictureFacts) -> None:
    """Raise ``FormatError`` if a match states mirroring, rotation or areas that contradict its alignment."""
    verification = match.verification
    if verification.transform is None:
        areas = verification.overlap_work, verification.overlap_picture
        has_alignment_values = any(
            (
                verification.rotation,
                verification.mirrored,
                *areas,
                verification.further,
                verification.survival,
                match.drawings,
            )
        )
        expect(not has_alignment_values, "The match contains values that require an alignment, but has no alignment.")
        return
    with np.errstate(all="ignore"):
        try:
            rotation, mirrored = measure_rotation(
                np.asarray(verification.transform, np.float64), (found_picture.width, found_picture.height)
            )
        except (ArithmeticError, ValueError):
            return  # the check of the pixels reports an alignment that cannot be applied
    angle_difference = abs(verification.rotation - rotation) % 360
    is_consistent = (
        mirrored == verification.mirrored
        and min(angle_difference, 360 - angle_difference) <= 1
        and -180 < verification.rotation <= 180
    )
    expect(
        is_consistent,
        (
            f"The alignment gives {rotation}° and {'' if mirrored else 'no '}mirroring, which "
            "differs from the values in the bundle."
        ),
    )


def _recompute_match(name: str, match: MatchFacts, pictures: Pictures, files: list[str], pixels: list[Pixels]) -> Check:
    """Compare both pictures, or their reduced versions; raises ``FormatError`` if the sealed values do not follow.

    A pair below Exhibit's own limits for a copy never passes, regardless of the sealed decision.
    """
    verification, sizes = (
        match.verification,
        [(picture.width, picture.height) for picture in pictures],
    )
    with np.errstate(all="ignore"):
        transforms = [
            np.asarray(transform, np.float64) for transform in (*verification.further, verification.transform)
        ]
        work_fraction, picture_fraction = [compute_overlaps(transform, *sizes) for transform in transforms][-1]
        are_fractions_equal = (
            max(abs(work_fraction - verification.overlap_work), abs(picture_fraction - verification.overlap_picture))
            <= AREA_TOLERANCE
        )
        expect(
            are_fractions_equal,
            (
                f"The alignment covers {work_fraction:.3f} and {picture_fraction:.3f} of the pictures, "
                "which differs from "
                "the values in the bundle."
            ),
        )
        alignment = _warp_pair(verification, pictures, pixels)
        dense, textured = compute_agreement(*alignment)
        if verification.survival:
            _expect_survival(verification.survival, compute_survival_map(*alignment))
        for further_transform in verification.further[:MAX_COPIES]:
            copy_agreement = compute_agreement(
                *_warp_pair(replace(verification, transform=further_transform, pieces=()), pictures, pixels)
            )[0]
            expect(
                copy_agreement >= MIN_FURTHER_AGREEMENT - TOLERANCE,
                "The match contains a further copy that is not visible.",
            )
        seen_counts = _count_visible_pixels(verification.pieces, alignment[1], sizes[1])
        largest_fraction = (
            _compute_piece_fraction(verification.pieces, seen_counts, alignment[1], sizes)
            if verification.pieces
            else max(work_fraction, picture_fraction)
        )
        chance_reason = _describe_scattered_pieces(
            verification.pieces, seen_counts, dense
        ) or _describe_chance_agreement(verification, pictures, pixels, alignment)
    values_text = f"similarity in the bundle {verification.dense:.3f}, recomputed {dense:.3f}"
    problem = f"The pictures and the alignment do not give the value in the bundle: {values_text}."
    expect(abs(dense - verification.dense) <= TOLERANCE, problem)
    is_reduced = any(file != picture.file for picture, file in zip(pictures, files, strict=True))
    message = f"Aligning one picture with the other gives the value in the bundle: {values_text}."
    message += REDUCED_PICTURE_SENTENCE * is_reduced
    piece_fraction = (
        min(1.0, float(alignment[1].mean()) / max(work_fraction, AREA_TOLERANCE)) if verification.pieces else 1.0
    )
    is_dissimilar, is_small = (
        dense < MIN_DENSE - TOLERANCE,
        piece_fraction * max(work_fraction, picture_fraction) < MIN_SHARED_FRACTION - AREA_TOLERANCE,
    )
    lacks_texture = textured < MIN_TEXTURED
    reason = f"fewer than {MIN_DENSE:.0%} of the blocks with detail in the shared area agree" if is_dissimilar else ""
    if verification.decision is Decision.CERTAIN and (is_dissimilar or is_small or lacks_texture):
        raise FormatError(
            f"{values_text}: {reason or 'the shared area is too small'}; the bundle calls the match certain."
        )
    reason = reason or ("the shared area is too small" if is_small and lacks_texture else chance_reason)
    if verification.decision is Decision.NONE and not reason:
        return replace(skip_check(name, f"{message} But the recorded comparison found no match."), similarity=dense)
    check = skip_check(name, f"{message} But {reason}, so this does not prove that one picture shows the other.")
    remarks = tuple(_find_match_remarks(verification, pictures, transforms[-1], alignment))
    return replace(
        check if reason else pass_check(name, message),
        similarity=dense,
        largest_fraction=largest_fraction,
        registered_fraction=piece_fraction * work_fraction,
        remarks=remarks,
    )


def _find_match_remarks(
    verification: Verification, pictures: Pictures, transform: Floats, alignment: AlignedPair
) -> Iterator[str]:
    """Yield remarks on a pair of pictures, in addition to their similarity."""
    yield from _find_pixel_remark(pictures, transform)
    if verification.overlap_picture < MIN_FOUND_FRACTION:
        yield f"only {verification.overlap_picture:.1%} of {pictures[0].file} shows the work"
    if (
        verification.decision is Decision.CERTAIN
        and not verification.pipeline.startswith(PIXEL_PIPELINE_PREFIX)
        and verification.related is None
    ):
        yield f"{verification.pipeline} computes no log-odds for this match"
    if overlap_count := len(verification.further) - len({*verification.further} - {verification.transform}):
        subject = f"{overlap_count} of {len(verification.further)} further copies"
        yield f"{subject} in {pictures[0].file} overlap with another copy"
    if is_gradient(alignment):
        yield f"{pictures[1].file} and the found picture share little more than a brightness gradient"


def _describe_scattered_pieces(pieces: Sequence[Piece], seen_counts: Sequence[int], dense: float) -> str:
    """Return a sentence if the pieces may have been selected individually to fit; else empty."""
    if pieces and not (adjoining_fraction := measure_coherence(pieces, seen_counts)) >= MIN_ADJOINING_FRACTION:
        return f"only {adjoining_fraction:.0%} of the pieces have matching edges in the found picture"
    return (
        f"only {dense:.1%} of the blocks with detail agree in a comparison piece by piece"
        if pieces and dense < MIN_DENSE_IN_PIECES - TOLERANCE
        else ""
    )


def _describe_chance_agreement(
    verification: Verification, pictures: Pictures, pixels: Sequence[Pixels], alignment: AlignedPair
) -> str:
    """Return a sentence if the shared area of two pictures may agree by chance; else empty.

    The shared area is examined at full resolution if it is a small part of the registered picture, or has few pixels in
    one of the pictures. Edges in a single direction do not count, because they agree with edges of unrelated pictures.
    """
    if min(pictures[1].width, pictures[1].height) < MIN_SIDE:
        return (
            f"the registered picture is less than {MIN_SIDE} pixels wide or high; unrelated "
            "pictures of that size may match just as well"
        )
    transform, pieces = _scale_alignment(verification, pictures, pixels)
    scale = min(1.0, LONG_SIDE / max(pixels[1].shape[:2]))
    is_enlarged = scale * measure_enlargement(pixels[1].shape, alignment[1], transform, pieces) > 1
    is_enlarged = (
        is_enlarged or alignment[1].sum() > verification.overlap_picture * pixels[0].shape[0] * pixels[0].shape[1]
    )
    is_small = max(pictures[1].width, pictures[1].height) < LONG_SIDE
    if not (is_enlarged or is_small or alignment[1].mean() < MIN_SHARED_FRACTION - AREA_TOLERANCE):
        dense, crossing = compute_crossing_agreement(*alignment)
        min_windows, min_agreement = (
            MIN_CROSSING,
            MIN_DENSE - TOLERANCE if crossing < MANY_CROSSING else MIN_AGREEMENT_IN_MANY,
        )
    else:
        alignment = refine_alignment(pixels[0], pixels[1], transform, pieces, alignment[1])
        dense, textured = compute_agreement(*alignment)
        if textured < MIN_SHARED_WINDOWS:
            return f"the shared area has only {textured} blocks with detail at full resolution"
        min_agreement, min_crossing_agreement = (
            STRICT_AGREEMENT if textured < MANY_SHARED_WINDOWS else (MIN_DENSE, MIN_DENSE)
        )
        if dense < min_agreement - TOLERANCE:
            return f"only {dense:.1%} of the blocks with detail in the shared area agree at full resolution"
        dense, crossing = compute_crossing_agreement(*alignment)
        min_windows, min_agreement = (
            MIN_CROSSING_IN_SMALL_AREA if textured < FEW_SHARED_WINDOWS else MIN_CROSSING,
            min_crossing_agreement - TOLERANCE,
        )
    if crossing < min_windows:
        return f"only {crossing} blocks with edges in more than one direction agree"
    reason = f"only {dense:.1%} of the blocks with edges in more than one direction agree"
    return reason if dense < min_agreement else ""


def _count_visible_pixels(pieces: Sequence[Piece], mask: NDArray[np.bool_], size: tuple[int, int]) -> list[int]:
    """Count the pixels of the reduced registered picture that each piece shows.

    Where pieces overlap, only the top piece counts.
    """
    scaling = build_scaling(mask.shape[1] / size[0], mask.shape[0] / size[1])
    top_piece = np.full(mask.shape, len(pieces))
    for number, piece in enumerate(pieces):
        left, top, right, bottom = find_pixels_within(piece.box, scaling, (mask.shape[1], mask.shape[0]))
        top_piece[top:bottom, left:right] = number
    counts: list[int] = np.bincount(top_piece[mask], minlength=len(pieces) + 1)[: len(pieces)].tolist()
    return counts


def _compute_piece_fraction(
    pieces: Sequence[Piece], seen_counts: Sequence[int], mask: NDArray[np.bool_], sizes: Sequence[tuple[int, int]]
) -> float:
    """Compute the fraction of the registered or of the found picture that pieces cover; the larger one counts."""
    (found_width, found_height), (width, height) = sizes
    reduced_pixels = mask.shape[0] * mask.shape[1] / (width * height)
    area = 0.0
    for piece, count in zip(pieces, seen_counts, strict=True):
        west, north, east, south = piece.box
        corners = np.array([[west, north, 1], [east, north, 1], [east, south, 1], [west, south, 1]])
        mapped = corners @ np.linalg.inv(np.asarray(piece.transform, np.float64)).T
        x, y = (mapped[:, axis] / mapped[:, 2] for axis in (0, 1))
        mapped_ratio = (
            abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2 / max((east - west) * (south - north), 1.0)
        )
        area += count / reduced_pixels * mapped_ratio if np.isfinite(mapped_ratio) else 0.0
    return max(float(mask.mean()), min(1.0, area / (found_width * found_height)))


def _find_pixel_remark(pictures: Pictures, transform: Floats) -> Iterator[str]:
    """Yield a remark if the found picture has more pixels of the same content than the registered one.

    Copies rarely have more.
    """
    ratio = 1 / compute_centre_scale(transform, (pictures[0].height, pictures[0].width)) ** 2
    if ratio >= MIN_PIXEL_RATIO:
        yield f"{pictures[0].file} shows the work with {ratio:.1f} times as many pixels as {pictures[1].file}"


def _find_truncation_remarks(pictures: Pictures, decoded_pictures: Sequence[DecodedPicture]) -> Iterator[str]:
    for picture, decoded in zip(pictures, decoded_pictures, strict=True):
        if decoded.info.incomplete:
            yield f"{picture.file} is truncated or damaged; the missing part is treated as blank"
        elif picture.incomplete:
            yield f"{picture.file} is complete, although the bundle calls it truncated"


def _warp_pair(verification: Verification, pictures: Pictures, pixels: Sequence[Pixels]) -> AlignedPair:
    """Warp the decoded found picture to the frame of the decoded registered one with the sealed alignment."""
    return align_pair(pixels[0], pixels[1], *_scale_alignment(verification, pictures, pixels))


def _scale_alignment(
    verification: Verification, pictures: Pictures, pixels: Sequence[Pixels]
) -> tuple[Floats, list[Piece]]:
    """Scale the sealed alignment, as a whole and in pieces, to the two decoded pictures."""
    found_scaling, work_scaling = map(_compute_decoded_scaling, pictures, pixels)
    inverse_found_scaling = np.asarray(np.linalg.inv(found_scaling), np.float64)
    pieces = [_scale_piece(piece, work_scaling, inverse_found_scaling) for piece in verification.pieces]
    return work_scaling @ np.asarray(verification.transform, np.float64) @ inverse_found_scaling, pieces


def _expect_survival(expected: Sequence[str], actual: Sequence[str]) -> None:
    """Raise ``FormatError`` unless a survival map has the recomputed cells; a few cells near a limit may differ."""
    is_same = [*map(len, expected)] == [*map(len, actual)]
    difference_count = sum(map(operator.ne, "".join(expected), "".join(actual)))
    is_same = is_same and difference_count <= MAP_TOLERANCE * sum(map(len, actual))
    expect(
        is_same,
        (
            "The pictures and the alignment give a different map of the retained content: "
            f"{difference_count} cells differ."
        ),
    )


def _scale_piece(piece: Piece, work_scaling: Floats, inverse_found_scaling: Floats) -> Piece:
    """Scale a piece to the decoded pictures with the scaling of one and the inverse scaling of the other."""
    corners = np.array(piece.box).reshape(2, 2) * np.diag(work_scaling)[:2] + work_scaling[:2, 2]
    left, top, right, bottom = corners.ravel().tolist()
    first, second, third = (work_scaling @ np.asarray(piece.transform, np.float64) @ inverse_found_scaling).tolist()
    return Piece((left, top, right, bottom), (tuple(first), tuple(second), tuple(third)))


def _find_sealed_file(inspection: Inspection, picture: PictureFacts) -> str:
    """Return the sealed file that shows a picture: its own, or the reduced one if it is withheld.

    Raises:
        FormatError: A file that is not withheld differs from the sealed one.
        NotFoundError: The file is left out, or withheld without a reduced picture.
    """
    file = inspection.manifest.get_file(picture.file)
    is_same = file is None or file.sha256 == picture.digest
    expect(is_same, f"The sealed {picture.file} is not the picture listed in facts.json.")
    if inspection.is_sealed(picture.file):
        return picture.file
    if picture.file in inspection.omitted_files:
        raise NotFoundError(inspection.explain_absence(picture.file))
    if picture.file not in inspection.withheld or file is None:
        raise FormatError(f"{picture.file} is missing or differs from the sealed file.")
    if file.stand_in is None or not inspection.is_sealed(file.stand_in):
        raise NotFoundError(f"{picture.file} is withheld from this copy, and no reduced picture is included.")
    return file.stand_in


def _decode_file(inspection: Inspection, file: str, min_side: int) -> DecodedPicture:
    data = read_all(inspection.contents, file, LIMITS.max_bytes)
    return decode(data, LIMITS, at_least=min_side)


def _compute_decoded_scaling(picture: PictureFacts, pixels: Pixels) -> NDArray[np.float64]:
    """Return the transform from pixel coordinates of the full picture to those of the decoded one.

    The coordinates of pixel centres are integers.
    """
    height, width = pixels.shape[:2]
    return build_scaling(width / picture.width, height / picture.height)
