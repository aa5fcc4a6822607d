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
from evidence.bundle.sealing import check_left_out, derived_files, media_type_of, named_files
from evidence.facts.case import REGISTERED_FIELDS, CaseFacts, MatchFacts, PictureFacts, SightingFacts
from evidence.formats.codec import FormatError, parse_canonical, to_plain
from evidence.formats.container import read_all
from evidence.log import merkle
from evidence.log.proofs import LogProof, SightingRecord, SliceProof, record_leaf
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
    Laid,
    agreement,
    crossing_agreement,
    enlargement,
    is_sloping,
    laid_closely,
    laid_on,
    pixels_within,
    scale_at_centre,
    scaling_of,
    side_needed,
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
OURS = "match-"
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
SHOWN = {
    **dict.fromkeys(("screenshot", "screenshot-boxed"), "content of screenshots"),
    **dict.fromkeys(("page-pdf", "mhtml", "dom"), "other forms of the rendered page"),
    "c2pa": "content of c2pa.json",
}
"""Roles of files that are sealed and displayed, but whose contents are compared with nothing."""
DOCUMENTS = "chain-of-title documents"
DECLARED = "the owner's declarations about the work and itself"
STATED = (
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
        data = inspection.read(FACTS_PATH)
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
    known_paths = {FACTS_PATH, *(path for path, _ in named_files(facts))}
    named: dict[str, None] = {}
    others = []
    for file in inspection.manifest.files:
        if file.path in stand_ins:
            named["the reduced pictures"] = None
        elif file.path not in known_paths and not is_sheet(file.path):
            others.append(file.path)
        elif file.role in SHOWN:
            named[SHOWN[file.role]] = None
    if facts.work.attachments:
        named[DOCUMENTS] = None
    told = [*([some(others)] if others else []), *named, DECLARED, *(STATED if facts.sightings else ())]
    yield not_checked("rest", f"Sealed, but not examined by any check: {'; '.join(told)}.")


def _fitting(inspection: Inspection, facts: CaseFacts) -> str:
    """Compare the facts with manifest and files; returns the result in words, or raises ``FormatError``."""
    matter = inspection.manifest.matter
    same = (facts.owner.name, facts.number, facts.bundle) == (matter.owner, matter.case, matter.bundle)
    expect(same, "The facts and the manifest name different cases.")
    expect(has_visible_letter(facts.owner.name), "The owner's name in the facts has no visible character.")
    plain = _NUMBER.fullmatch(facts.number)
    expect(plain, f"The case number contains invisible or confusable characters: {facts.number[:40]!a}.")
    expect(facts.software == inspection.manifest.software, "The facts and the manifest name different software.")
    stated = {file.path: file for file in inspection.manifest.files}
    for path, digest in named_files(facts):
        sealed = path in stated and digest in {None, stated[path].sha256}
        expect(sealed, f"The facts name {path}, which is not sealed or has a different digest.")
    check_left_out(facts, stated)
    pictures = (*facts.work.pictures, *(sighting.picture for sighting in facts.sightings))
    for picture in (picture for picture in pictures if picture.file not in facts.absent):
        same = stated[picture.file].size == picture.size
        expect(same, f"The facts and the manifest state different sizes for {picture.file}.")
    for path, data in derived_files(facts).items():
        expect(stated[path].sha256 == Digest.of(data), f"{path} contradicts the facts.")
    _expect_whole(facts)
    _expect_once(facts, stated)
    _expect_told_once(facts)
    left = f" except {len(facts.left_out)}, with reasons" if facts.left_out else ""
    return (
        f"The facts match the manifest, and every file they name is sealed{left} (sightings: "
        f"{len(facts.sightings)}, matches: {len(facts.matches)})."
    )


def _expect_whole(facts: CaseFacts) -> None:
    """Raise ``FormatError`` if a match refers to something that is missing."""
    registered = {picture.digest for picture in facts.work.pictures}
    seen = {sighting.number: sighting.picture.digest for sighting in facts.sightings}
    calibrations = {calibration.digest for calibration in facts.calibrations}
    single = len(seen) == len(facts.sightings) and len({match.number for match in facts.matches}) == len(facts.matches)
    expect(single, "Two sightings or two matches have the same number.")
    weighed = {weighing.pipeline for weighing in facts.weighings}
    expect(len(weighed) == len(facts.weighings), "Two weighings are for the same comparison version.")
    for match in facts.matches:
        name, shown = f"Match {match.number}", [seen.get(number) for number in match.sightings]
        expect(len(set(match.sightings)) == len(shown), f"{name} names a sighting twice.")
        fits = match.work_picture in registered and set(shown) == {match.picture}
        expect(fits, f"{name} concerns a picture that is not in any sighting of the case.")
        same = (match.verification.probability is not None) == (match.verification.calibration in calibrations)
        expect(same, (f"{name} states a probability without a calibration, or a calibration without a probability."))


def _expect_once(facts: CaseFacts, stated: Mapping[str, ManifestFile]) -> None:
    """Raise ``FormatError`` if something is listed twice or without use, or a picture is not listed as one."""
    pairs = {(match.work_picture, match.picture, match.verification.pipeline) for match in facts.matches}
    expect(len(pairs) == len(facts.matches), "Two matches have the same pictures.")
    places = {
        (one.page_url, one.image_url, one.picture.digest, "" if one.last_seen else one.period)
        for one in facts.sightings
    }
    expect(len(places) == len(facts.sightings), "Two sightings have the same picture and the same URLs.")
    calibrations = {calibration.digest for calibration in facts.calibrations}
    expect(len(calibrations) == len(facts.calibrations), "The facts contain a calibration twice.")
    if facts.matches:
        used = calibrations <= {match.verification.calibration for match in facts.matches}
        expect(used, "The facts contain a calibration that no match uses.")
        about = {number for match in facts.matches for number in match.sightings}
        expect(about >= {one.number for one in facts.sightings}, "A sighting has a picture without a match.")
    kinds = dict.fromkeys((picture.file for picture in facts.work.pictures), "work-picture")
    kinds |= dict.fromkeys((sighting.picture.file for sighting in facts.sightings), "sighting-picture")
    for file in (stated[path] for path in kinds if path not in facts.absent):
        same = (file.role, file.media_type) == (kinds[file.path], media_type_of(file.path))
        expect(same, f"The manifest and the facts list {file.path} as different kinds of file.")


def _expect_told_once(facts: CaseFacts) -> None:
    """Raise ``FormatError`` if one item stands for two, or the licence search contradicts itself."""
    pictures = [picture.digest for picture in facts.work.pictures]
    expect(len(set(pictures)) == len(pictures), "One registered picture is listed twice.")
    mentions = Counter(path for path, _ in named_files(facts))
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
                named = f"{numbered}-{place}"
                yield checked(named, _registration, inspection, own, named, facts, proof)


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
    seen = _first_seen(facts, proof.opening.get("picture"))
    late = f" A copy had been found before, at {second(seen)}." if seen and seen < proof.time else ""
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
    seen = proof.record.seen
    place = f"record {proof.index + 1} of {proof.count}, entry {proof.log.sequence} of the log"
    told = second(seen) if seen else sighting.period or "no time stated by its archive"
    words = f"The crawl recorded this sighting at {told}: {place}."
    if (sighting.first_seen, sighting.last_seen) != (seen, seen):
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
    stated = (sighting.page_url, sighting.image_url, sighting.final_url, sighting.picture.digest, sighting.status)
    same = stated == (record.page_url, record.image_url, record.final_url, record.picture, record.status)
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
    included = merkle.verify_inclusion(record_leaf(record), proof.index, proof.count, proof.path, bytes.fromhex(root))
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
    check = _compared(inspection, match, pictures, pixels_of)
    _expect_decided(match)
    return check


def _compared(inspection: Inspection, match: MatchFacts, pictures: Pictures, pixels_of: Decoder | None) -> Check:
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
        files = [_shown(inspection, picture) for picture in pictures]
        return _as_others_read(_warped(name, match, pictures, files, pixels_of), inspection, files)
    except (WrongUseError, ArithmeticError, ValueError) as error:
        raise FormatError("The alignment cannot be applied.") from error
    except FormatError:
        raise
    except ExhibitError as error:
        return not_checked(name, f"The similarity could not be recomputed. {error.message}")


def _expect_decided(match: MatchFacts) -> None:
    """Raise ``FormatError`` if no comparison can have ended or measured as sealed."""
    one = match.verification
    share, drift = one.in_place or 0.0, one.drift or 0.0
    expect(0 <= share <= 1 and drift >= 0, "The match states an impossible share or displacement.")
    expect(len(one.further) < MAX_COPIES, "The match states more copies than a comparison searches for.")
    held = sorted(HOLDING.intersection(one.reasons))
    expect(
        one.decision is not Decision.CERTAIN or not held,
        f"It was sealed as certain, with reasons against it: {held[:3]}.",
    )
    if one.pipeline.startswith(OURS) and one.related is None and match.work_picture != match.picture:
        reason = WITHOUT_ODDS.get(one.decision, "")
        problem = f"{one.pipeline} states odds for such a match; none are sealed."
        expect(one.decision is Decision.NONE or reason in one.reasons, problem)


def _warped(name: str, match: MatchFacts, pictures: Pictures, files: list[str], pixels_of: Decoder) -> Check:
    """Compare both files, with remarks on files that are truncated."""
    check = _recomputed_closely(name, match, pictures, files, pixels_of)
    decoded = [pixels_of(file, AT_LEAST) for file in files]
    return replace(check, remarks=(*check.remarks, *_broken_off(pictures, decoded)))


def _as_others_read(found: Check, inspection: Inspection, files: list[str]) -> Check:
    """Return the check unchanged, unless other programs show a different picture for one of the files."""
    if found.state is not State.PASSED:
        return found
    remarks = list(found.remarks)
    for file in dict.fromkeys(files):
        for reading in other_readings(inspection.sealed_bytes(file, LIMITS.max_bytes), LIMITS):
            if not reading.usual:
                why = f"{file} shows or may show a different picture {reading.words}"
                sentence = f"{found.sentence} But {why}: this does not prove that one picture shows the other."
                return replace(not_checked(found.name, sentence), similarity=found.similarity)
            remarks.append(f"{file} shows a different picture {reading.words}")
    return replace(found, remarks=tuple(remarks))


def _recomputed_closely(
    name: str, match: MatchFacts, pictures: Pictures, files: list[str], pixels_of: Decoder
) -> Check:
    """Compare both pictures as usually decoded, or with more pixels if a small shared part needs them."""
    one, check, problem = match.verification, None, None
    pixels = [pixels_of(file, AT_LEAST).pixels for file in files]
    try:
        check = _recomputed(name, match, pictures, files, pixels)
    except FormatError as error:
        problem = error
    first, second = ((picture.width, picture.height) for picture in pictures)
    with np.errstate(all="ignore"):
        part = math.sqrt(min(1.0, max(AREA_TOLERANCE, one.overlap_work)))
        needed = side_needed(first, (second[0] * part, second[1] * part), one.transform or ())
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
    one, sizes = match.verification, {(picture.width, picture.height) for picture in pictures}
    shares = (one.dense, one.overlap_work, one.overlap_picture)
    still = one.transform is None or (np.array_equal(one.transform, np.eye(3)) and shares == (1.0, 1.0, 1.0))
    expect(len(sizes) == 1 and still, "Pictures with identical bytes have values that are impossible for them.")
    return "The found picture is byte-for-byte identical to the registered one."


def _expect_turned(match: MatchFacts, found: PictureFacts) -> None:
    """Raise ``FormatError`` if a match states mirroring, rotation or areas that contradict its alignment."""
    one = match.verification
    if one.transform is None:
        areas = one.overlap_work, one.overlap_picture
        more = any((one.rotation, one.mirrored, *areas, one.further, one.survival, match.drawings))
        expect(not more, "The match states values that require an alignment, but has none.")
        return
    with np.errstate(all="ignore"):
        try:
            rotation, mirrored = turn(np.asarray(one.transform, np.float64), (found.width, found.height))
        except (ArithmeticError, ValueError):
            return  # the alignment cannot be applied, which the check of the pixels reports
    away = abs(one.rotation - rotation) % 360
    same = mirrored == one.mirrored and min(away, 360 - away) <= 1 and -180 < one.rotation <= 180
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
    sealed, sizes = match.verification, [(picture.width, picture.height) for picture in pictures]
    with np.errstate(all="ignore"):
        every = [np.asarray(transform, np.float64) for transform in (*sealed.further, sealed.transform)]
        work, picture = [overlaps(transform, *sizes) for transform in every][-1]
        near = max(abs(work - sealed.overlap_work), abs(picture - sealed.overlap_picture)) <= AREA_TOLERANCE
        expect(
            near,
            (
                f"The alignment covers {work:.3f} and {picture:.3f} of the pictures, which differs from "
                "the sealed values."
            ),
        )
        laid = _laid(sealed, pictures, pixels)
        dense, textured = agreement(*laid)
        if sealed.survival:
            _expect_survival(sealed.survival, survival(*laid))
        for copy in sealed.further[:MAX_COPIES]:
            alike = agreement(*_laid(replace(sealed, transform=copy, pieces=()), pictures, pixels))[0]
            expect(alike >= LEAST_FURTHER - TOLERANCE, "The match states a further copy that is not visible.")
        seen = _seen_of(sealed.pieces, laid[1], sizes[1])
        part = _part_in_pieces(sealed.pieces, seen, laid[1], sizes) if sealed.pieces else max(work, picture)
        why_not = _scattered(sealed.pieces, seen, dense) or _by_chance(sealed, pictures, pixels, laid)
    words = f"sealed similarity {sealed.dense:.3f}, recomputed {dense:.3f}"
    problem = f"The pictures and the alignment do not give the sealed value: {words}."
    expect(abs(dense - sealed.dense) <= TOLERANCE, problem)
    reduced = any(file != picture.file for picture, file in zip(pictures, files, strict=True))
    told = f"Aligning one picture with the other gives the sealed value: {words}.{STOOD_IN * reduced}"
    share = min(1.0, float(laid[1].mean()) / max(work, AREA_TOLERANCE)) if sealed.pieces else 1.0
    unlike, small = dense < LEAST_DENSE - TOLERANCE, share * max(work, picture) < LEAST_PART - AREA_TOLERANCE
    plain = textured < LEAST_TEXTURED
    why = f"they agree in less than {LEAST_DENSE:g} of the shared area" if unlike else ""
    if sealed.decision is Decision.CERTAIN and (unlike or small or plain):
        raise FormatError(f"{words}: {{why or 'the shared area is too small'}}; it was sealed as certain.")
    why = why or ("the shared area is too small" if small and plain else why_not)
    if sealed.decision is Decision.NONE and not why:
        return replace(not_checked(name, f"{told} But the comparison found no match."), similarity=dense)
    check = not_checked(name, f"{told} But {why}: this does not prove that one picture shows the other.")
    remarks = tuple(_remarks(sealed, pictures, every[-1], laid))
    return replace(
        check if why else passed(name, told), similarity=dense, part=part, share=share * work, remarks=remarks
    )


def _remarks(sealed: Verification, pictures: Pictures, transform: Floats, laid: Laid) -> Iterator[str]:
    """Yield remarks on a pair of pictures, besides their similarity."""
    yield from _more_pixels(pictures, transform)
    if sealed.overlap_picture < LITTLE_OF_FOUND:
        yield f"only {sealed.overlap_picture:.1%} of {pictures[0].file} shows the work"
    if sealed.decision is Decision.CERTAIN and not sealed.pipeline.startswith(OURS) and sealed.related is None:
        yield f"{sealed.pipeline} states no odds for it"
    if twice := len(sealed.further) - len({*sealed.further} - {sealed.transform}):
        words = f"{twice} of {len(sealed.further)} further copies"
        yield f"{words} in {pictures[0].file} overlap another one"
    if is_sloping(laid):
        yield f"{pictures[1].file} and the found picture share little more than a brightness gradient"


def _scattered(pieces: Sequence[Piece], seen: Sequence[int], dense: float) -> str:
    """Return a sentence if the pieces may have been chosen one by one to fit; else empty."""
    if pieces and not (together := hang_together(pieces, seen)) >= LEAST_TOGETHER:
        return f"only {together:.0%} of the pieces have matching edges in the found picture"
    return f"aligned in pieces, they agree in {dense:.2f}" if pieces and dense < LEAST_IN_PIECES - TOLERANCE else ""


def _by_chance(sealed: Verification, pictures: Pictures, pixels: Sequence[Pixels], laid: Laid) -> str:
    """Return a sentence if the shared part of two pictures may agree by chance; else empty.

    The shared part is examined at full scale if it is a small part of the registered picture, or has few pixels in one
    of the pictures. Edges in a single direction agree with those of any picture.
    """
    if min(pictures[1].width, pictures[1].height) < LEAST_SIDE:
        return (
            f"the registered picture is less than {LEAST_SIDE} pixels wide or high; unrelated "
            "pictures of that size may agree equally"
        )
    transform, pieces = _as_decoded(sealed, pictures, pixels)
    frame = min(1.0, LONG_SIDE / max(pixels[1].shape[:2]))
    enlarged = frame * enlargement(pixels[1].shape, laid[1], transform, pieces) > 1
    enlarged = enlarged or laid[1].sum() > sealed.overlap_picture * pixels[0].shape[0] * pixels[0].shape[1]
    small = max(pictures[1].width, pictures[1].height) < LONG_SIDE
    if not (enlarged or small or laid[1].mean() < LEAST_PART - AREA_TOLERANCE):
        dense, crossing = crossing_agreement(*laid)
        fewest, least = LEAST_CROSSING, LEAST_DENSE - TOLERANCE if crossing < MANY_CROSSING else LEAST_IN_MANY
    else:
        laid = laid_closely(pixels[0], pixels[1], transform, pieces, laid[1])
        dense, textured = agreement(*laid)
        if textured < LEAST_SHARED:
            return f"the shared area has only {textured} textured windows at full resolution"
        least, least_crossing = CLOSELY if textured < MANY_SHARED else (LEAST_DENSE, LEAST_DENSE)
        if dense < least - TOLERANCE:
            return f"the shared area agrees in {dense:.2f} at full resolution"
        dense, crossing = crossing_agreement(*laid)
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
    pieces: Sequence[Piece], seen: Sequence[int], mask: NDArray[np.bool_], sizes: Sequence[tuple[int, int]]
) -> float:
    """Return the share that pieces show of the registered picture, or of the found one if that is larger."""
    (found_width, found_height), (width, height) = sizes
    pixel = mask.shape[0] * mask.shape[1] / (width * height)
    area = 0.0
    for piece, count in zip(pieces, seen, strict=True):
        west, north, east, south = piece.box
        corners = np.array([[west, north, 1], [east, north, 1], [east, south, 1], [west, south, 1]])
        mapped = corners @ np.linalg.inv(np.asarray(piece.transform, np.float64)).T
        x, y = (mapped[:, axis] / mapped[:, 2] for axis in (0, 1))
        shown = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2 / max((east - west) * (south - north), 1.0)
        area += count / pixel * shown if np.isfinite(shown) else 0.0
    return max(float(mask.mean()), min(1.0, area / (found_width * found_height)))


def _more_pixels(pictures: Pictures, transform: Floats) -> Iterator[str]:
    """Yield a remark if the found picture has more pixels of the same content than the registered one.

    Copies rarely have more.
    """
    more = 1 / scale_at_centre(transform, (pictures[0].height, pictures[0].width)) ** 2
    if more >= MORE_PIXELS:
        yield f"{pictures[0].file} has {more:.1f} times as many pixels of it as {pictures[1].file}"


def _broken_off(pictures: Pictures, seen: Sequence[DecodedPicture]) -> Iterator[str]:
    for picture, decoded in zip(pictures, seen, strict=True):
        if decoded.info.incomplete:
            yield f"{picture.file} is truncated or damaged; the missing part is treated as blank"
        elif picture.incomplete:
            yield f"{picture.file} is stated to be truncated, but is complete"


def _laid(sealed: Verification, pictures: Pictures, pixels: Sequence[Pixels]) -> Laid:
    """Return the found picture in the frame of the registered one, both as decoded, by the sealed alignment."""
    return laid_on(pixels[0], pixels[1], *_as_decoded(sealed, pictures, pixels))


def _as_decoded(sealed: Verification, pictures: Pictures, pixels: Sequence[Pixels]) -> tuple[Floats, list[Piece]]:
    """Return the sealed alignment, whole and in pieces, between the two pictures as decoded."""
    found, registered = map(_to_decoded, pictures, pixels)
    back = np.asarray(np.linalg.inv(found), np.float64)
    pieces = [_decoded_piece(piece, registered, back) for piece in sealed.pieces]
    return registered @ np.asarray(sealed.transform, np.float64) @ back, pieces


def _expect_survival(stated: Sequence[str], seen: Sequence[str]) -> None:
    """Raise ``FormatError`` unless a survival map has the cells that the pictures give, but for a few near a limit."""
    same = [*map(len, stated)] == [*map(len, seen)]
    away = sum(map(operator.ne, "".join(stated), "".join(seen)))
    same = same and away <= MAP_TOLERANCE * sum(map(len, seen))
    expect(same, (f"The pictures and the alignment give a different map of the retained content: {away} cells differ."))


def _decoded_piece(piece: Piece, registered: Floats, back: Floats) -> Piece:
    """Convert a piece to the decoded pictures, by the scaling of one and the inverse scaling of the other."""
    corners = np.array(piece.box).reshape(2, 2) * np.diag(registered)[:2] + registered[:2, 2]
    left, top, right, bottom = corners.ravel().tolist()
    first, second, third = (registered @ np.asarray(piece.transform, np.float64) @ back).tolist()
    return Piece((left, top, right, bottom), (tuple(first), tuple(second), tuple(third)))


def _shown(inspection: Inspection, picture: PictureFacts) -> str:
    """Return the sealed file that shows a picture: its own, or the reduced one if it is withheld.

    Raises:
        FormatError: A file that is not withheld is not as sealed.
        NotFoundError: The file is left out, or withheld without a reduced picture.
    """
    stated = inspection.manifest.file(picture.file)
    same = stated is None or stated.sha256 == picture.digest
    expect(same, f"The sealed {picture.file} is not the picture named in the facts.")
    if inspection.sealed(picture.file):
        return picture.file
    if picture.file in inspection.absent:
        raise NotFoundError(inspection.why_not(picture.file))
    if picture.file not in inspection.withheld or stated is None:
        raise FormatError(f"{picture.file} is missing or differs from the sealed file.")
    if stated.stand_in is None or not inspection.sealed(stated.stand_in):
        raise NotFoundError(f"{picture.file} is withheld from this copy, and no reduced picture is included.")
    return stated.stand_in


def _decoded(inspection: Inspection, file: str, at_least: int) -> DecodedPicture:
    data = read_all(inspection.contents, file, LIMITS.max_bytes)
    return decode(data, LIMITS, at_least=at_least)


def _to_decoded(picture: PictureFacts, pixels: Pixels) -> NDArray[np.float64]:
    """Return the transform from pixel coordinates of the full picture to the decoded one.

    Pixel centers are integers.
    """
    height, width = pixels.shape[:2]
    return scaling_of(width / picture.width, height / picture.height)
