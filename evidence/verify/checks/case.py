"""Checks of the case itself: facts against sealed files, crawl records, recomputed matches, and the rest."""

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
from evidence.bundle.sealing import check_omitted_files, create_derived_files, get_media_type, list_named_files
from evidence.facts.case import REGISTERED_FIELDS, CaseFacts, MatchFacts, PictureFacts, SightingFacts
from evidence.formats.codec import FormatError, parse_canonical, to_plain
from evidence.formats.container import read_all
from evidence.log import merkle
from evidence.log.proofs import LogProof, SightingRecord, SliceProof, compute_record_leaf
from evidence.verdict.result import Check, State, checked, expect, failed, not_checked, passed, second
from evidence.verify.checks.captures import check_captures
from evidence.verify.checks.cocaptures import check_cocaptures, check_web_archives
from evidence.verify.checks.contents import LIMITS, check_pictures, some
from evidence.verify.checks.credentials import check_credentials
from evidence.verify.checks.decision import check_confirmed, check_decision
from evidence.verify.checks.documents import check_documents
from evidence.verify.checks.elsewhere import check_elsewhere
from evidence.verify.checks.inspection import STOOD_IN, Inspection
from evidence.verify.checks.odds import check_odds, read_weighings
from evidence.verify.checks.order import SLACK
from evidence.verify.checks.party import WORK_ALONE, check_alone, check_party
from evidence.verify.checks.probability import check_probability, read_calibrations
from evidence.verify.checks.proofs import OwnCheckpoint, expect_logged, expect_vouched, own_checkpoint
from evidence.verify.checks.remade import Makers, check_remade, is_sheet
from exhibit.comparison.derived import survival
from exhibit.comparison.odds import MAX_COPIES
from exhibit.comparison.pieces import hang_together
from exhibit.comparison.similarity import (
    LONG_SIDE,
    AlignedPair,
    agreement,
    align_pair,
    crossing_agreement,
    enlargement,
    is_sloping,
    needed_side,
    pixels_within,
    refine_alignment,
    scale_at_centre,
    scaling_of,
)
from exhibit.comparison.warp import overlaps, turn
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.errors import ExhibitError, NotFoundError, WrongUseError
from exhibit.network.addresses import origin_of
from exhibit.periods import days_of, earliest
from exhibit.pictures.decode import DecodedPicture, decode
from exhibit.pictures.readings import other_readings
from exhibit.plain import has_visible_letter
from exhibit.types import Decision, Piece, Verification

Pictures = tuple[PictureFacts, PictureFacts]  # found and registered picture
Pixels = NDArray[np.uint8]
Decoder = Callable[[str, int], DecodedPicture]  # takes the file and the least length of the longer side
Floats = NDArray[np.float64]

AT_LEAST = 1024
TOLERANCE = 0.05
"""Largest difference between the sealed and the recomputed similarity: the sealed one may come from a faster path."""
MAP_TOLERANCE = 0.1  # share of the cells of a survival map that may differ, for the same reason
LEAST_DENSE, LEAST_PART, LEAST_TEXTURED = 0.5, 0.4, 100
"""Limits below which Exhibit calls no pair certain, applied to what is computed here.

Similarity, the share of both pictures that the pair must have in common, and the number of textured windows.
"""
LEAST_SIDE = 64
"""Least shorter side of a registered picture, in pixels.

Below it there are so few windows that half of them may agree by chance, or by an alignment that was searched for: for
works of 41 pixels, such an alignment was found for five of eight pairs of unrelated pictures.
"""
LEAST_SHARED, SOME_SHARED, MANY_SHARED, CLOSELY, CORNERS = 800, 3000, 8000, (0.85, 0.6), 400
"""Limits for pairs that share little of a work, or few pixels of it.

The shared part is examined at full scale. In order: the least number of textured windows to show anything; the numbers
of windows below which stricter limits apply, and from which agreement in half of them suffices; the least shares of
agreeing windows, of all and of those with crossing gradients, in between; and the least number of crossing windows in
the smallest areas.

For works 72 pixels wide, a matching speck of any larger picture is found within seconds that agrees in .58 of 3,400
windows, and within a minute one of a smooth picture that agrees in .75 of 3,700 and in .46 of those with crossing
gradients. One soft corner laid on another has 116 of these, and four corners fit on any other four. Of 850 copies of
small works, crops and enlarged ones, two have less than .8, three less than .55 of those with crossing gradients, and
none fewer than 496 of these in so few windows.
"""
LEAST_CROSSING, MANY_CROSSING, LEAST_IN_MANY = 100, 1000, 0.3
"""Limits for agreeing windows with crossing gradients.

In order: the least number to show anything; the number of such windows from which the lower share suffices; and that
share. With fewer windows, half must agree, as of all windows. In 71 alignments by which unrelated pictures agree along
single edges, each found by seconds of search, at most 330 such windows agree, and .26 of all; of 1,476 copies that
Exhibit finds, by edits, single changes and chains, five have less, one of them certain.
"""
LITTLE_OF_FOUND = 0.02
"""Share of the found picture below which a remark says that hardly any of it shows the work."""
LEAST_IN_PIECES = 0.7
"""Least similarity of a copy in pieces.

Hardly any real copy agrees in less than .66; unrelated pictures cut into small pieces agree in .58 at most where these
hang together.
"""
PIXEL_PIPELINE_PREFIX = "match-"
"""Prefix of each version of the pixel comparison; matches by fingerprints alone have no odds."""
WITHOUT_ODDS = {Decision.REVIEW: "low-information", Decision.RESEMBLES: "derived"}
"""Reasons for which no odds are stated for pairs with different bytes, by decision."""
HOLDING = frozenset(
    {
        "low-information", "collage", "page", "negative", "mark", "hash", "series", "derived", "imprecise",
        "few-inliers", "weak-agreement", "shared-overlay",
    }
)  # fmt: skip
"""Reasons that prevent a certain decision."""
LEAST_FURTHER = 0.25
"""Least agreement of each further copy of one picture in another."""
AREA_TOLERANCE = 0.01  # largest difference between a sealed and a recomputed share of an area
LEAST_TOGETHER = 0.65
"""Least share of adjoining pieces that must also lie side by side in the found picture.

The pieces of a copy that was cut up lie side by side except along the cuts; pieces that were chosen one by one to fit
never do.
"""
MORE_PIXELS = 2.0
MAX_NOT_CHECKED = 100  # limit of sentences in the facts on what was not checked; Exhibit writes about ten
MAX_COMPUTED = 200  # limit of matches recomputed, so that a bundle cannot keep a verifier busy forever
NOT_CHECKED_BY_ROLE = {
    **dict.fromkeys(("screenshot", "screenshot-boxed"), "content of screenshots"),
    **dict.fromkeys(("page-pdf", "mhtml", "dom"), "other forms of the rendered page"),
    "c2pa": "content of c2pa.json",
}
"""Roles of files that are sealed and displayed, but whose contents are compared with nothing."""
DOCUMENTS = "chain-of-title documents"
DECLARED_FIELDS = "the owner's declarations about the work and itself"
STATED_FIELDS = (
    "sentences in captures, and names in certificates, clocks and software",
    (
        "hash distances, numbers of details, displacements, values from which odds are "
        "computed, and decisions without odds"
    ),
    "surrounding texts, sites, licences, decisions and the list of timestamp services",
)


def read_facts(inspection: Inspection) -> tuple[CaseFacts | None, Check]:
    """Return the facts, and the check ``facts``, which passes if they fit manifest and files."""
    try:
        data = inspection.read_file(FACTS_PATH)
        parse_canonical(data, what=FACTS_PATH)
        facts = CaseFacts.from_json(data, what=FACTS_PATH)
    except FormatError as error:
        return None, failed("facts", error.message)
    return facts, checked("facts", _fitting, inspection, facts)


def check_case(inspection: Inspection, facts: CaseFacts, makers: Makers | None) -> Iterator[Check]:
    """Check registration, slices, captures, matches with what follows from them, and list the unchecked rest."""
    own = own_checkpoint(inspection)
    yield from _registrations(inspection, own, facts)
    if facts.party.kind != WORK_ALONE or facts.sightings or facts.matches:
        yield checked("party", check_party, facts)
        yield checked("confirmed", check_confirmed, facts)
    else:
        yield from check_alone(facts)
    for sighting in facts.sightings:
        yield checked(f"slice:{sighting.number:02d}", _slice, inspection, own, sighting)
    if facts.decision.passkey is not None:
        yield checked("decision", check_decision, inspection, own, facts, facts.decision.passkey)
    yield from check_captures(inspection, facts)
    yield from check_cocaptures(inspection, facts)
    yield from check_web_archives(inspection, facts)
    yield from check_elsewhere(inspection, facts)
    yield check_pictures(inspection, facts)
    yield from check_documents(inspection, facts)
    yield from check_credentials(inspection, facts)
    registered = {picture.digest: picture for picture in reversed(facts.work.pictures)}
    found_pictures = {sighting.picture.digest: sighting.picture for sighting in reversed(facts.sightings)}
    calibrations, weighings = read_calibrations(inspection, facts), read_weighings(inspection, facts)
    decoded = lru_cache(maxsize=4)(partial(_decoded, inspection))
    if facts.party.kind != WORK_ALONE and not (facts.sightings and facts.matches):
        yield not_checked("slice:00", "The facts of a case contain no sighting or no match.")
    for place, match in enumerate(facts.matches):
        pictures = (found_pictures[match.picture], registered[match.work_picture])
        computed = decoded if place < MAX_COMPUTED else None
        yield checked(f"match:{match.number:02d}", _match, inspection, match, pictures, computed)
        if match.verification.probability is not None:
            yield check_probability(match, calibrations)
        if (match.verification.related, match.verification.exposure) != (None, None):
            yield check_odds(match, weighings, facts.decision)
    yield from check_remade(inspection, facts, calibrations, makers)
    yield from _check_rest(inspection, facts)


def _check_rest(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Report the sealed files and facts that no check examines (``rest``)."""
    stand_ins = {file.stand_in for file in inspection.manifest.files}
    known_paths = {FACTS_PATH, *(path for path, _ in list_named_files(facts))}
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
        *([some(other_fields)] if other_fields else []),
        *names,
        DECLARED_FIELDS,
        *(STATED_FIELDS if facts.sightings else ()),
    ]
    yield not_checked("rest", f"Sealed, but not examined by any check: {'; '.join(phrases)}.")


def _fitting(inspection: Inspection, facts: CaseFacts) -> str:
    """Compare the facts with manifest and files; returns the result in words, or raises ``FormatError``."""
    matter = inspection.manifest.matter
    same = (facts.owner.name, facts.number, facts.bundle) == (matter.owner, matter.case, matter.bundle)
    expect(same, "The facts and the manifest name different cases.")
    expect(has_visible_letter(facts.owner.name), "The owner's name in the facts has no visible character.")
    plain = _NUMBER.fullmatch(facts.number)
    expect(plain, f"The case number contains invisible or confusable characters: {facts.number[:40]!a}.")
    expect(facts.software == inspection.manifest.software, "The facts and the manifest name different software.")
    files_by_path = {file.path: file for file in inspection.manifest.files}
    for path, digest in list_named_files(facts):
        is_sealed = path in files_by_path and digest in {None, files_by_path[path].sha256}
        expect(is_sealed, f"The facts name {path}, which is not sealed or has a different digest.")
    check_omitted_files(facts, files_by_path)
    pictures = (*facts.work.pictures, *(sighting.picture for sighting in facts.sightings))
    for picture in (picture for picture in pictures if picture.file not in facts.omitted_files):
        same = files_by_path[picture.file].size == picture.size
        expect(same, f"The facts and the manifest state different sizes for {picture.file}.")
    for path, data in create_derived_files(facts).items():
        expect(files_by_path[path].sha256 == Digest.of(data), f"{path} contradicts the facts.")
    _expect_whole(facts)
    _expect_once(facts, files_by_path)
    _expect_told_once(facts)
    suffix = f" except {len(facts.left_out)}, with reasons" if facts.left_out else ""
    return (
        f"The facts match the manifest, and every file they name is sealed{suffix} (sightings: "
        f"{len(facts.sightings)}, matches: {len(facts.matches)})."
    )


def _expect_whole(facts: CaseFacts) -> None:
    """Raise ``FormatError`` if a match refers to something that is missing."""
    registered = {picture.digest for picture in facts.work.pictures}
    digests = {sighting.number: sighting.picture.digest for sighting in facts.sightings}
    calibrations = {calibration.digest for calibration in facts.calibrations}
    single = len(digests) == len(facts.sightings) and len({match.number for match in facts.matches}) == len(
        facts.matches
    )
    expect(single, "Two sightings or two matches have the same number.")
    weighed = {weighing.pipeline for weighing in facts.weighings}
    expect(len(weighed) == len(facts.weighings), "Two weighings are for the same comparison version.")
    for match in facts.matches:
        name, shown_digests = f"Match {match.number}", [digests.get(number) for number in match.sightings]
        expect(len(set(match.sightings)) == len(shown_digests), f"{name} names a sighting twice.")
        fits = match.work_picture in registered and set(shown_digests) == {match.picture}
        expect(fits, f"{name} concerns a picture that is not in any sighting of the case.")
        same = (match.verification.probability is not None) == (match.verification.calibration in calibrations)
        expect(same, (f"{name} states a probability without a calibration, or a calibration without a probability."))


def _expect_once(facts: CaseFacts, files_by_path: Mapping[str, ManifestFile]) -> None:
    """Raise ``FormatError`` if something is listed twice or without use, or a picture is not listed as one."""
    pairs = {(match.work_picture, match.picture, match.verification.pipeline) for match in facts.matches}
    expect(len(pairs) == len(facts.matches), "Two matches have the same pictures.")
    places = {
        (item.page_url, item.image_url, item.picture.digest, "" if item.last_seen else item.period)
        for item in facts.sightings
    }
    expect(len(places) == len(facts.sightings), "Two sightings have the same picture and the same URLs.")
    calibrations = {calibration.digest for calibration in facts.calibrations}
    expect(len(calibrations) == len(facts.calibrations), "The facts contain a calibration twice.")
    if facts.matches:
        used = calibrations <= {match.verification.calibration for match in facts.matches}
        expect(used, "The facts contain a calibration that no match uses.")
        about = {number for match in facts.matches for number in match.sightings}
        expect(about >= {item.number for item in facts.sightings}, "A sighting has a picture without a match.")
    kinds = dict.fromkeys((picture.file for picture in facts.work.pictures), "work-picture")
    kinds |= dict.fromkeys((sighting.picture.file for sighting in facts.sightings), "sighting-picture")
    for file in (files_by_path[path] for path in kinds if path not in facts.omitted_files):
        same = (file.role, file.media_type) == (kinds[file.path], get_media_type(file.path))
        expect(same, f"The manifest and the facts list {file.path} as different kinds of file.")


def _expect_told_once(facts: CaseFacts) -> None:
    """Raise ``FormatError`` if one item stands for two, or the licence search contradicts itself."""
    pictures = [picture.digest for picture in facts.work.pictures]
    expect(len(set(pictures)) == len(pictures), "One registered picture is listed twice.")
    mentions = Counter(path for path, _ in list_named_files(facts))
    twice = [document.file for document in facts.work.attachments if mentions[document.file] > 1]
    expect(not twice, f"{some(twice)} is listed as a document of the work and as something else.")
    expect(
        len(facts.not_checked) <= MAX_NOT_CHECKED, f"More than {MAX_NOT_CHECKED} sentences state what was not checked."
    )
    search = facts.licence_check
    expect(
        not (search.covered and search.partly),
        "The licence check states that all sightings are covered, and that not all are.",
    )
    expect(len(search.reasons) <= search.searched, "The facts give reasons for more licences than were searched.")
    page = facts.work.public_page
    expect(not page or origin_of(page).startswith(("http://", "https://")), "The public page of the work has no URL.")


def _registrations(inspection: Inspection, own: OwnCheckpoint | None, facts: CaseFacts) -> Iterator[Check]:
    """Check ``registration`` of the work and ``registration:`` of each of its pictures.

    Each needs its own log entry.
    """
    work, name = facts.work, "registration"
    proofs = [proof for proof in (work.registration, *work.further_registrations) if proof is not None]
    digests = {picture.digest.hex for picture in work.pictures}
    if work.registration is None:
        yield not_checked(name, "The bundle contains no log entry of the registration.")
    elif any(proof.opening.get("picture") not in digests for proof in work.further_registrations):
        yield failed(name, "The facts contain the registration of a picture that does not belong to the work.")
    else:
        yield checked(name, _registration, inspection, own, name, facts, work.registration)
    for number, picture in enumerate(work.pictures, 1):
        numbered = f"{name}:{number:02d}"
        first = next((proof for proof in proofs if proof.opening.get("picture") == picture.digest.hex), None)
        if first is None:
            yield not_checked(numbered, "The bundle contains no log entry for this picture.")
        else:
            yield checked(numbered, _registration, inspection, own, numbered, facts, first)
            further = (
                proof for proof in proofs if proof != first and proof.opening.get("picture") == picture.digest.hex
            )
            for place, proof in enumerate(further, 2):
                label = f"{numbered}-{place}"
                yield checked(label, _registration, inspection, own, label, facts, proof)


def _registration(
    inspection: Inspection, own: OwnCheckpoint | None, name: str, facts: CaseFacts, proof: LogProof
) -> Check:
    expect_logged(proof, EntryType.REGISTRATION)
    simple = json.dumps(proof.opening, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    same = simple == canonical(proof.opening)  # verify.py, or any simple program, hashes the former
    expect(same, "The log entry contains names or numbers that programs serialise differently.")
    _expect_alike(facts, proof)
    is_first = proof == facts.work.registration
    apart = abs(proof.time - facts.work.registered_at) > SLACK
    expect(
        not (is_first and apart) or "edited" in proof.opening,
        f"The log entry is dated {second(proof.time)}, but the facts state that the work was "
        f"registered at {second(facts.work.registered_at)}.",
    )
    vouching = expect_vouched(inspection, own, proof)
    words = f"Entry {proof.sequence} of the log, dated {proof.time:%Y-%m-%d}, commits to owner, work and picture."
    first_seen = _first_seen(facts, proof.opening.get("picture"))
    late = f" A copy had been found before, at {second(first_seen)}." if first_seen and first_seen < proof.time else ""
    return passed(name, words + late, vouching)


def _expect_alike(facts: CaseFacts, proof: LogProof) -> None:
    """Raise ``FormatError`` if the entry contradicts the facts."""
    opening: dict[str, Any] = proof.opening
    is_own_picture = opening.get("picture") in [picture.digest.hex for picture in facts.work.pictures]
    expect(is_own_picture, "The log entry concerns a picture that does not belong to the work.")
    same = opening.get("owner_name") == facts.owner.name
    expect(same, "The log entry and the facts name different owners.")
    work: dict[str, object] = to_plain(facts.work)
    is_first = proof == facts.work.registration  # entries of added pictures need not declare anything
    number = opening.get("work")
    logged = {name: opening.get(name) for name in REGISTERED_FIELDS if is_first or name in opening}
    logged["number"] = str(number) if type(number) is int else number
    wrong = min((name for name, value in logged.items() if work[name] != value), default="")
    expect(not wrong, f"The {wrong} in the log entry differs from the facts.")


def _first_seen(facts: CaseFacts, picture: object) -> datetime | None:
    """Return when a copy of a registered picture was first seen."""
    digest = Digest.from_hex(str(picture))
    numbers = {number for match in facts.matches if match.work_picture == digest for number in match.sightings}
    return earliest(sighting.first_seen for sighting in facts.sightings if sighting.number in numbers)


_HASH = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile(r"[!-~]+(?: [!-~]+)*")
_PEER = re.compile(r"[0-9.]+(:[0-9]{1,5})?|\[[0-9a-f:.]+\]:[0-9]{1,5}|[0-9a-f:.]+", re.IGNORECASE)
_CERTIFICATE = re.compile("[a-z,-]{1,90} sha256:[0-9a-f]{64}")
_PERIOD = re.compile("[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}Z)?)?)?")


def _slice(inspection: Inspection, own: OwnCheckpoint | None, sighting: SightingFacts) -> Check:
    name, proof = f"slice:{sighting.number:02d}", sighting.slice
    if proof is None:
        return not_checked(name, "The bundle contains no log entry of the crawl that retrieved this picture.")
    _expect_recorded(sighting, proof)
    expect_logged(proof.log, EntryType.SLICE)
    vouching = expect_vouched(inspection, own, proof.log)
    seen_at = proof.record.seen
    place = f"record {proof.index + 1} of {proof.count}, entry {proof.log.sequence} of the log"
    time_text = second(seen_at) if seen_at else sighting.period or "no time stated by its archive"
    words = f"The crawl recorded this sighting at {time_text}: {place}."
    if (sighting.first_seen, sighting.last_seen) != (seen_at, seen_at):
        words += " It does not prove the stated first and last retrieval beyond that."
    return passed(name, words, vouching)


def _is_between(first: datetime | None, moment: datetime | None, last: datetime | None) -> bool:
    """Return True if a moment lies between two others, or if none of the three is known."""
    if first is None or moment is None or last is None:
        return first is moment is last
    return first <= moment <= last


def _expect_recorded(sighting: SightingFacts, proof: SliceProof) -> None:
    """Raise ``FormatError`` unless the crawl's record is about the sighting and included in its slice."""
    record = proof.record
    expected = (sighting.page_url, sighting.image_url, sighting.final_url, sighting.picture.digest, sighting.status)
    same = expected == (record.page_url, record.image_url, record.final_url, record.picture, record.status)
    expect(same, "The crawl record and the facts describe different sightings.")
    server = sighting.headers, sighting.peer, sighting.certificate
    same = server == (record.headers, record.peer, record.certificate)
    expect(same, "The crawl record and the facts state different headers or servers.")
    inside = sighting.period == record.period and _is_between(sighting.first_seen, record.seen, sighting.last_seen)
    expect(inside, "The time in the crawl record is not between first and last retrieval.")
    _expect_possible(record, proof.log.time)
    root, count = proof.log.opening.get("root"), proof.log.opening.get("count")
    if type(count) is not int or count != proof.count or not isinstance(root, str) or not _HASH.fullmatch(root):
        raise FormatError("The entry of the slice does not state a matching root and count.")
    included = merkle.verify_inclusion(
        compute_record_leaf(record), proof.index, proof.count, proof.path, bytes.fromhex(root)
    )
    expect(included, "The sighting is not included in the slice to which the log entry commits.")


def _expect_possible(record: SightingRecord, logged: datetime) -> None:
    """Raise ``FormatError`` if no crawl or archive can have recorded this, given the time of the log entry."""
    scheme = record.final_url.partition(":")[0].lower()
    has_valid_status = record.status in {0, 304} or 200 <= record.status < 300
    expect(has_valid_status, f"Crawls do not store pictures with the status {record.status}.")
    expect(not record.peer or _PEER.fullmatch(record.peer), "The server in the crawl record is not an IP address.")
    certified = not record.certificate or (scheme == "https" and _CERTIFICATE.fullmatch(record.certificate))
    expect(certified, "The crawl record contains an unknown statement on the server certificate.")
    if record.period:
        try:
            begins = days_of(record.period)[0] if _PERIOD.fullmatch(record.period) else date.max
        except ValueError:
            begins = date.max
        expect(begins <= logged.date() + timedelta(days=1), "The crawl record states an impossible period.")


def _match(inspection: Inspection, match: MatchFacts, pictures: Pictures, pixels_of: Decoder | None) -> Check:
    """Compare both pictures, and check that a comparison can have ended as sealed."""
    check = _check_match(inspection, match, pictures, pixels_of)
    _expect_decided(match)
    return check


def _check_match(inspection: Inspection, match: MatchFacts, pictures: Pictures, pixels_of: Decoder | None) -> Check:
    """Compare the found with the registered picture; without a decoder nothing is recomputed."""
    name = f"match:{match.number:02d}"
    _expect_turned(match, pictures[0])
    if match.work_picture == match.picture:
        remark = f"{pictures[1].file} is byte-for-byte identical to the found file"
        return replace(passed(name, _same_bytes(match, pictures)), similarity=1.0, remarks=(remark,))
    if match.verification.transform is None:
        return not_checked(name, "No alignment was sealed, so nothing can be recomputed.")
    if pixels_of is None:
        return not_checked(name, f"Only the first {MAX_COMPUTED} matches are recomputed.")
    try:
        files = [_find_sealed_file(inspection, picture) for picture in pictures]
        return _as_others_read(_warped(name, match, pictures, files, pixels_of), inspection, files)
    except (WrongUseError, ArithmeticError, ValueError) as error:
        raise FormatError("The alignment cannot be applied.") from error
    except FormatError:
        raise
    except ExhibitError as error:
        return not_checked(name, f"The similarity could not be recomputed. {error.message}")


def _expect_decided(match: MatchFacts) -> None:
    """Raise ``FormatError`` if no comparison can have ended or measured as sealed."""
    verification = match.verification
    share, drift = verification.in_place or 0.0, verification.drift or 0.0
    expect(0 <= share <= 1 and drift >= 0, "The match states an impossible share or displacement.")
    expect(len(verification.further) < MAX_COPIES, "The match states more copies than a comparison searches for.")
    reasons = sorted(HOLDING.intersection(verification.reasons))
    expect(
        verification.decision is not Decision.CERTAIN or not reasons,
        f"It was sealed as certain, with reasons against it: {reasons[:3]}.",
    )
    if (
        verification.pipeline.startswith(PIXEL_PIPELINE_PREFIX)
        and verification.related is None
        and match.work_picture != match.picture
    ):
        reason = WITHOUT_ODDS.get(verification.decision, "")
        problem = f"{verification.pipeline} states odds for such a match; none are sealed."
        expect(verification.decision is Decision.NONE or reason in verification.reasons, problem)


def _warped(name: str, match: MatchFacts, pictures: Pictures, files: list[str], pixels_of: Decoder) -> Check:
    """Compare both files, with remarks on files that are truncated."""
    check = _recomputed_closely(name, match, pictures, files, pixels_of)
    decoded = [pixels_of(file, AT_LEAST) for file in files]
    return replace(check, remarks=(*check.remarks, *_broken_off(pictures, decoded)))


def _as_others_read(check: Check, inspection: Inspection, files: list[str]) -> Check:
    """Return the check unchanged, unless other programs show a different picture for one of the files."""
    if check.state is not State.PASSED:
        return check
    remarks = list(check.remarks)
    for file in dict.fromkeys(files):
        for reading in other_readings(inspection.sealed_bytes(file, LIMITS.max_bytes), LIMITS):
            if not reading.usual:
                why = f"{file} shows or may show a different picture {reading.words}"
                sentence = f"{check.sentence} But {why}: this does not prove that one picture shows the other."
                return replace(not_checked(check.name, sentence), similarity=check.similarity)
            remarks.append(f"{file} shows a different picture {reading.words}")
    return replace(check, remarks=tuple(remarks))


def _recomputed_closely(
    name: str, match: MatchFacts, pictures: Pictures, files: list[str], pixels_of: Decoder
) -> Check:
    """Compare both pictures as usually decoded, or with more pixels if a small shared part needs them."""
    verification, check, problem = match.verification, None, None
    pixels = [pixels_of(file, AT_LEAST).pixels for file in files]
    try:
        check = _recomputed(name, match, pictures, files, pixels)
    except FormatError as error:
        problem = error
    first, second = ((picture.width, picture.height) for picture in pictures)
    with np.errstate(all="ignore"):
        part = math.sqrt(min(1.0, max(AREA_TOLERANCE, verification.overlap_work)))
        needed = needed_side(first, (second[0] * part, second[1] * part), verification.transform or ())
    if needed > max(pixels[0].shape[:2]) and (check is None or check.state is State.NOT_CHECKED):
        pixels[0] = pixels_of(files[0], needed).pixels
        if max(pixels[0].shape[:2]) >= needed:
            return _recomputed(name, match, pictures, files, pixels)
        if problem is not None and files[0] != pictures[0].file:  # otherwise its size differs from the stated one
            words = f"{files[0]} has too few pixels to recompute the similarity: {needed} per side are required."
            return not_checked(name, words)
    if problem is not None:
        raise problem
    assert check is not None
    return check


def _same_bytes(match: MatchFacts, pictures: Pictures) -> str:
    verification, sizes = match.verification, {(picture.width, picture.height) for picture in pictures}
    shares = (verification.dense, verification.overlap_work, verification.overlap_picture)
    still = verification.transform is None or (
        np.array_equal(verification.transform, np.eye(3)) and shares == (1.0, 1.0, 1.0)
    )
    expect(len(sizes) == 1 and still, "Pictures with identical bytes have values that are impossible for them.")
    return "The found picture is byte-for-byte identical to the registered one."


def _expect_turned(match: MatchFacts, found_picture: PictureFacts) -> None:
    """Raise ``FormatError`` if a match states mirroring, rotation or areas that contradict its alignment."""
    verification = match.verification
    if verification.transform is None:
        areas = verification.overlap_work, verification.overlap_picture
        more = any(
            (
                verification.rotation,
                verification.mirrored,
                *areas,
                verification.further,
                verification.survival,
                match.drawings,
            )
        )
        expect(not more, "The match states values that require an alignment, but has none.")
        return
    with np.errstate(all="ignore"):
        try:
            rotation, mirrored = turn(
                np.asarray(verification.transform, np.float64), (found_picture.width, found_picture.height)
            )
        except (ArithmeticError, ValueError):
            return  # the alignment cannot be applied, which the check of the pixels reports
    away = abs(verification.rotation - rotation) % 360
    same = mirrored == verification.mirrored and min(away, 360 - away) <= 1 and -180 < verification.rotation <= 180
    expect(
        same,
        (
            f"The alignment gives {rotation}° and {{'' if mirrored else 'no '}}mirroring, which "
            "differs from the sealed values."
        ),
    )


def _recomputed(name: str, match: MatchFacts, pictures: Pictures, files: list[str], pixels: list[Pixels]) -> Check:
    """Compare both pictures, or the reduced ones that stand in for them; raises ``FormatError``.

    Pictures that do not show each other by Exhibit's own limits never pass, whatever was sealed.
    """
    verification, sizes = match.verification, [(picture.width, picture.height) for picture in pictures]
    with np.errstate(all="ignore"):
        every = [np.asarray(transform, np.float64) for transform in (*verification.further, verification.transform)]
        work, picture = [overlaps(transform, *sizes) for transform in every][-1]
        near = max(abs(work - verification.overlap_work), abs(picture - verification.overlap_picture)) <= AREA_TOLERANCE
        expect(
            near,
            (
                f"The alignment covers {work:.3f} and {picture:.3f} of the pictures, which differs from "
                "the sealed values."
            ),
        )
        alignment = _warp_pair(verification, pictures, pixels)
        dense, textured = agreement(*alignment)
        if verification.survival:
            _expect_survival(verification.survival, survival(*alignment))
        for copy in verification.further[:MAX_COPIES]:
            alike = agreement(*_warp_pair(replace(verification, transform=copy, pieces=()), pictures, pixels))[0]
            expect(alike >= LEAST_FURTHER - TOLERANCE, "The match states a further copy that is not visible.")
        seen_counts = _seen_of(verification.pieces, alignment[1], sizes[1])
        part = (
            _part_in_pieces(verification.pieces, seen_counts, alignment[1], sizes)
            if verification.pieces
            else max(work, picture)
        )
        why_not = _scattered(verification.pieces, seen_counts, dense) or _by_chance(
            verification, pictures, pixels, alignment
        )
    words = f"sealed similarity {verification.dense:.3f}, recomputed {dense:.3f}"
    problem = f"The pictures and the alignment do not give the sealed value: {words}."
    expect(abs(dense - verification.dense) <= TOLERANCE, problem)
    reduced = any(file != picture.file for picture, file in zip(pictures, files, strict=True))
    message = f"Aligning one picture with the other gives the sealed value: {words}.{STOOD_IN * reduced}"
    share = min(1.0, float(alignment[1].mean()) / max(work, AREA_TOLERANCE)) if verification.pieces else 1.0
    unlike, small = dense < LEAST_DENSE - TOLERANCE, share * max(work, picture) < LEAST_PART - AREA_TOLERANCE
    plain = textured < LEAST_TEXTURED
    why = f"they agree in less than {LEAST_DENSE:g} of the shared area" if unlike else ""
    if verification.decision is Decision.CERTAIN and (unlike or small or plain):
        raise FormatError(f"{words}: {{why or 'the shared area is too small'}}; it was sealed as certain.")
    why = why or ("the shared area is too small" if small and plain else why_not)
    if verification.decision is Decision.NONE and not why:
        return replace(not_checked(name, f"{message} But the comparison found no match."), similarity=dense)
    check = not_checked(name, f"{message} But {why}: this does not prove that one picture shows the other.")
    remarks = tuple(_remarks(verification, pictures, every[-1], alignment))
    return replace(
        check if why else passed(name, message), similarity=dense, part=part, share=share * work, remarks=remarks
    )


def _remarks(
    verification: Verification, pictures: Pictures, transform: Floats, alignment: AlignedPair
) -> Iterator[str]:
    """Yield remarks on a pair of pictures, besides their similarity."""
    yield from _more_pixels(pictures, transform)
    if verification.overlap_picture < LITTLE_OF_FOUND:
        yield f"only {verification.overlap_picture:.1%} of {pictures[0].file} shows the work"
    if (
        verification.decision is Decision.CERTAIN
        and not verification.pipeline.startswith(PIXEL_PIPELINE_PREFIX)
        and verification.related is None
    ):
        yield f"{verification.pipeline} states no odds for it"
    if twice := len(verification.further) - len({*verification.further} - {verification.transform}):
        words = f"{twice} of {len(verification.further)} further copies"
        yield f"{words} in {pictures[0].file} overlap another one"
    if is_sloping(alignment):
        yield f"{pictures[1].file} and the found picture share little more than a brightness gradient"


def _scattered(pieces: Sequence[Piece], seen_counts: Sequence[int], dense: float) -> str:
    """Return a sentence if the pieces may have been chosen one by one to fit; else empty."""
    if pieces and not (together := hang_together(pieces, seen_counts)) >= LEAST_TOGETHER:
        return f"only {together:.0%} of the pieces have matching edges in the found picture"
    return f"aligned in pieces, they agree in {dense:.2f}" if pieces and dense < LEAST_IN_PIECES - TOLERANCE else ""


def _by_chance(verification: Verification, pictures: Pictures, pixels: Sequence[Pixels], alignment: AlignedPair) -> str:
    """Return a sentence if the shared part of two pictures may agree by chance; else empty.

    The shared part is examined at full scale if it is a small part of the registered picture, or has few pixels in one
    of the pictures. Edges in a single direction agree with those of any picture.
    """
    if min(pictures[1].width, pictures[1].height) < LEAST_SIDE:
        return (
            f"the registered picture is less than {LEAST_SIDE} pixels wide or high; unrelated "
            "pictures of that size may agree equally"
        )
    transform, pieces = _as_decoded(verification, pictures, pixels)
    frame = min(1.0, LONG_SIDE / max(pixels[1].shape[:2]))
    enlarged = frame * enlargement(pixels[1].shape, alignment[1], transform, pieces) > 1
    enlarged = enlarged or alignment[1].sum() > verification.overlap_picture * pixels[0].shape[0] * pixels[0].shape[1]
    small = max(pictures[1].width, pictures[1].height) < LONG_SIDE
    if not (enlarged or small or alignment[1].mean() < LEAST_PART - AREA_TOLERANCE):
        dense, crossing = crossing_agreement(*alignment)
        fewest, least = LEAST_CROSSING, LEAST_DENSE - TOLERANCE if crossing < MANY_CROSSING else LEAST_IN_MANY
    else:
        alignment = refine_alignment(pixels[0], pixels[1], transform, pieces, alignment[1])
        dense, textured = agreement(*alignment)
        if textured < LEAST_SHARED:
            return f"the shared area has only {textured} textured windows at full resolution"
        least, least_crossing = CLOSELY if textured < MANY_SHARED else (LEAST_DENSE, LEAST_DENSE)
        if dense < least - TOLERANCE:
            return f"the shared area agrees in {dense:.2f} at full resolution"
        dense, crossing = crossing_agreement(*alignment)
        fewest, least = CORNERS if textured < SOME_SHARED else LEAST_CROSSING, least_crossing - TOLERANCE
    if crossing < fewest:
        return f"only {crossing} windows with more than an edge in one direction agree"
    words = f"in windows with more than an edge in one direction, they agree in {dense:.2f}"
    return words if dense < least else ""


def _seen_of(pieces: Sequence[Piece], mask: NDArray[np.bool_], size: tuple[int, int]) -> list[int]:
    """Return the number of pixels of the reduced registered picture that each piece shows.

    Where pieces overlap, the upper one counts.
    """
    scaling = scaling_of(mask.shape[1] / size[0], mask.shape[0] / size[1])
    upper = np.full(mask.shape, len(pieces))
    for number, piece in enumerate(pieces):
        left, top, right, bottom = pixels_within(piece.box, scaling, (mask.shape[1], mask.shape[0]))
        upper[top:bottom, left:right] = number
    counts: list[int] = np.bincount(upper[mask], minlength=len(pieces) + 1)[: len(pieces)].tolist()
    return counts


def _part_in_pieces(
    pieces: Sequence[Piece], seen_counts: Sequence[int], mask: NDArray[np.bool_], sizes: Sequence[tuple[int, int]]
) -> float:
    """Return the share that pieces show of the registered picture, or of the found one if that is larger."""
    (found_width, found_height), (width, height) = sizes
    pixel = mask.shape[0] * mask.shape[1] / (width * height)
    area = 0.0
    for piece, count in zip(pieces, seen_counts, strict=True):
        west, north, east, south = piece.box
        corners = np.array([[west, north, 1], [east, north, 1], [east, south, 1], [west, south, 1]])
        mapped = corners @ np.linalg.inv(np.asarray(piece.transform, np.float64)).T
        x, y = (mapped[:, axis] / mapped[:, 2] for axis in (0, 1))
        visible_share = (
            abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2 / max((east - west) * (south - north), 1.0)
        )
        area += count / pixel * visible_share if np.isfinite(visible_share) else 0.0
    return max(float(mask.mean()), min(1.0, area / (found_width * found_height)))


def _more_pixels(pictures: Pictures, transform: Floats) -> Iterator[str]:
    """Yield a remark if the found picture has more pixels of the same content than the registered one.

    Copies rarely have more.
    """
    more = 1 / scale_at_centre(transform, (pictures[0].height, pictures[0].width)) ** 2
    if more >= MORE_PIXELS:
        yield f"{pictures[0].file} has {more:.1f} times as many pixels of it as {pictures[1].file}"


def _broken_off(pictures: Pictures, decoded_pictures: Sequence[DecodedPicture]) -> Iterator[str]:
    for picture, decoded in zip(pictures, decoded_pictures, strict=True):
        if decoded.info.incomplete:
            yield f"{picture.file} is truncated or damaged; the missing part is treated as blank"
        elif picture.incomplete:
            yield f"{picture.file} is stated to be truncated, but is complete"


def _warp_pair(verification: Verification, pictures: Pictures, pixels: Sequence[Pixels]) -> AlignedPair:
    """Return the found picture in the frame of the registered one, both as decoded, by the sealed alignment."""
    return align_pair(pixels[0], pixels[1], *_as_decoded(verification, pictures, pixels))


def _as_decoded(verification: Verification, pictures: Pictures, pixels: Sequence[Pixels]) -> tuple[Floats, list[Piece]]:
    """Return the sealed alignment, whole and in pieces, between the two pictures as decoded."""
    found_scaling, registered = map(_to_decoded, pictures, pixels)
    back = np.asarray(np.linalg.inv(found_scaling), np.float64)
    pieces = [_decoded_piece(piece, registered, back) for piece in verification.pieces]
    return registered @ np.asarray(verification.transform, np.float64) @ back, pieces


def _expect_survival(expected: Sequence[str], actual: Sequence[str]) -> None:
    """Raise ``FormatError`` unless a survival map has the cells that the pictures give, but for a few near a limit."""
    same = [*map(len, expected)] == [*map(len, actual)]
    away = sum(map(operator.ne, "".join(expected), "".join(actual)))
    same = same and away <= MAP_TOLERANCE * sum(map(len, actual))
    expect(same, (f"The pictures and the alignment give a different map of the retained content: {away} cells differ."))


def _decoded_piece(piece: Piece, registered: Floats, back: Floats) -> Piece:
    """Convert a piece to the decoded pictures, by the scaling of one and the inverse scaling of the other."""
    corners = np.array(piece.box).reshape(2, 2) * np.diag(registered)[:2] + registered[:2, 2]
    left, top, right, bottom = corners.ravel().tolist()
    first, second, third = (registered @ np.asarray(piece.transform, np.float64) @ back).tolist()
    return Piece((left, top, right, bottom), (tuple(first), tuple(second), tuple(third)))


def _find_sealed_file(inspection: Inspection, picture: PictureFacts) -> str:
    """Return the sealed file that shows a picture: its own, or the reduced one if it is withheld.

    Raises:
        FormatError: A file that is not withheld is not as sealed.
        NotFoundError: The file is left out, or withheld without a reduced picture.
    """
    file = inspection.manifest.file(picture.file)
    same = file is None or file.sha256 == picture.digest
    expect(same, f"The sealed {picture.file} is not the picture named in the facts.")
    if inspection.is_sealed(picture.file):
        return picture.file
    if picture.file in inspection.absent:
        raise NotFoundError(inspection.why_not(picture.file))
    if picture.file not in inspection.withheld or file is None:
        raise FormatError(f"{picture.file} is missing or differs from the sealed file.")
    if file.stand_in is None or not inspection.is_sealed(file.stand_in):
        raise NotFoundError(f"{picture.file} is withheld from this copy, and no reduced picture is included.")
    return file.stand_in


def _decoded(inspection: Inspection, file: str, at_least: int) -> DecodedPicture:
    data = read_all(inspection.contents, file, LIMITS.max_bytes)
    return decode(data, LIMITS, at_least=at_least)


def _to_decoded(picture: PictureFacts, pixels: Pixels) -> NDArray[np.float64]:
    """Return the transform from pixel coordinates of the full picture to the decoded one.

    Pixel centers are integers.
    """
    height, width = pixels.shape[:2]
    return scaling_of(width / picture.width, height / picture.height)
