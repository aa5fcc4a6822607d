"""Checks of the case itself: facts against the sealed files, what crawls recorded, matches computed anew, the rest."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from evidence.bundle.manifest import FACTS_PATH
from evidence.bundle.sealing import derived_files, named_files
from evidence.facts.case import CaseFacts, MatchFacts, PictureFacts, SightingFacts
from evidence.formats.codec import FormatError, parse_canonical
from evidence.formats.container import read_all
from evidence.log import merkle
from evidence.log.notes import parse_note
from evidence.log.proofs import SliceProof, record_leaf
from evidence.verdict.result import Check, failed, not_checked, passed
from evidence.verify.checks.captures import check_captures
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.pictures import LIMITS, check_pictures
from evidence.verify.checks.probability import check_probability, read_calibrations
from evidence.verify.checks.proofs import OwnCheckpoint, check_log_proof, own_checkpoint, unvouched
from evidence.verify.checks.registrations import check_registrations
from evidence.verify.checks.remade import Makers, check_remade, is_sheet
from exhibit.comparison.similarity import dense_similarity
from exhibit.comparison.warp import overlaps, turn
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ExhibitError, NotFoundError, WrongUseError
from exhibit.pictures.decode import DecodedPicture, decode

AT_LEAST = 1024
TOLERANCE = 0.05
"""Largest difference between the sealed and the recomputed similarity: the sealed one may come from a faster path."""
AREA_TOLERANCE = 0.01
"""Largest difference between a sealed and a recomputed share of an area."""
WORK_ALONE = "none"
"""The kind of party in the record of a work that is about no use of it."""
STOOD_IN = " A reduced picture stood in for a withheld one; that it shows the same is the sealer's word."
MAX_COMPUTED = 200
"""So many matches are computed anew; a bundle could list so many that a verifier would never end."""
SHOWN = {
    "screenshot": "what screenshots show",
    "screenshot-boxed": "what screenshots show",
    "page-pdf": "the rendered page in other forms",
    "mhtml": "the rendered page in other forms",
    "dom": "the rendered page in other forms",
    "c2pa": "what c2pa.json states",
    "title-document": "the documents of the chain of title",
}
"""Roles of files that are sealed and looked at, and whose contents nothing here is held against."""
DECLARED = "what the owner declares of the work and of itself"
STATED = (
    "what captures say in sentences and of names in certificates, clocks and software",
    "hash distances, counts of details, displacements and decisions of matches",
    "words around pictures, parties, licences, decisions and the list of witnesses",
)


def read_facts(inspection: Inspection) -> tuple[CaseFacts | None, Check]:
    """The facts, and ``facts``: whether they fit manifest and files."""
    try:
        data = inspection.read(FACTS_PATH)
        parse_canonical(data, what=FACTS_PATH)
        facts = CaseFacts.from_json(data, what=FACTS_PATH)
    except FormatError as error:
        return None, failed("facts", error.message)
    return facts, _check_facts(inspection, facts)


def check_case(inspection: Inspection, facts: CaseFacts, makers: Makers | None) -> Iterator[Check]:
    """Registration, slices and captures of sightings, matches and probabilities, what follows from them, the rest."""
    own = own_checkpoint(inspection)
    yield from check_registrations(inspection, own, facts)
    for sighting in facts.sightings:
        yield _check_slice(inspection, own, sighting)
    yield from check_captures(inspection, facts)
    yield check_pictures(inspection, facts)
    registered = {picture.digest: picture for picture in reversed(facts.work.pictures)}
    seen = {sighting.picture.digest: sighting.picture for sighting in reversed(facts.sightings)}
    calibrations = read_calibrations(inspection, facts)
    decoded = lru_cache(maxsize=2)(partial(_decoded, inspection))
    if facts.party.kind != WORK_ALONE and not (facts.sightings and facts.matches):
        yield not_checked("slice:00", "The facts of a case hold no sighting or no match.")
    for place, match in enumerate(facts.matches):
        pictures = (seen[match.picture], registered[match.work_picture])
        said = _turn_problem(match, pictures) if facts.made_with is not None else ""
        computed = decoded if place < MAX_COMPUTED else None
        name = f"match:{match.number:02d}"
        yield failed(name, said) if said else _check_match(inspection, match, pictures, computed)
        if match.verification.probability is not None:
            yield check_probability(match, calibrations)
    yield from check_remade(inspection, facts, calibrations, makers)
    yield from _check_rest(inspection, facts)


def _check_rest(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """``rest``: which files and which facts are sealed, and aren't examined by any check."""
    stand_ins = {file.stand_in for file in inspection.manifest.files}
    known = {FACTS_PATH, *(path for path, _ in named_files(facts))}
    named: dict[str, None] = {}
    others = []
    for file in inspection.manifest.files:
        if file.path in stand_ins:
            named["the reduced pictures"] = None
        elif file.path not in known and not is_sheet(file.path):
            others.append(file.path)
        elif file.role in SHOWN:
            named[SHOWN[file.role]] = None
    unknown = [", ".join(others[:3]) + (", …" if len(others) > 3 else "")] if others else []
    told = [*unknown, *named, DECLARED, *(STATED if facts.sightings else ())]
    yield not_checked("rest", f"Sealed, and examined by no check: {'; '.join(told)}.")


def _check_facts(inspection: Inspection, facts: CaseFacts) -> Check:
    manifest = inspection.manifest
    matter = (facts.owner.name, facts.number, facts.bundle)
    if matter != (manifest.matter.owner, manifest.matter.case, manifest.matter.bundle):
        return failed("facts", "The facts are about another case than the manifest.")
    if facts.software != manifest.software:
        return failed("facts", "The facts state other software than the manifest.")
    if problem := _misfit(inspection, facts) or _loose_match(facts):
        return failed("facts", problem)
    counted = f"sightings: {len(facts.sightings)}, matches: {len(facts.matches)}"
    return passed("facts", f"The facts fit the manifest, and every file they name is sealed ({counted}).")


def _misfit(inspection: Inspection, facts: CaseFacts) -> str:
    """What the facts say of a file otherwise than the manifest, or an empty string."""
    stated = {file.path: file for file in inspection.manifest.files}
    for path, digest in named_files(facts):
        if path not in stated or (digest is not None and stated[path].sha256 != digest):
            return f"The facts name {path}, which isn't sealed, or with another digest."
    for picture in (*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)):
        if stated[picture.file].size != picture.size:
            return f"The facts state another size of {picture.file} than the manifest."
    for path, data in derived_files(facts).items():
        if stated[path].sha256 != Digest.of(data):
            return f"{path} says something else than the facts."
    return ""


def _loose_match(facts: CaseFacts) -> str:
    """What a match points at that isn't there, or an empty string."""
    registered = {picture.digest for picture in facts.work.pictures}
    seen = {sighting.number: sighting.picture.digest for sighting in facts.sightings}
    calibrations = {calibration.digest for calibration in facts.calibrations}
    if len(seen) != len(facts.sightings) or len({match.number for match in facts.matches}) != len(facts.matches):
        return "Two sightings or two matches have the same number."
    for match in facts.matches:
        shown = [seen.get(number) for number in match.sightings]
        if len(set(match.sightings)) != len(shown):
            return f"Match {match.number} names a sighting twice."
        if match.work_picture not in registered or not shown or any(digest != match.picture for digest in shown):
            return f"Match {match.number} is about a picture that no sighting of the case shows."
        if (match.verification.probability is not None) != (match.verification.calibration in calibrations):
            return f"Match {match.number} states a probability without its calibration, or the other way round."
    return ""


_HASH = re.compile("[0-9a-f]{64}")


def _check_slice(inspection: Inspection, own: OwnCheckpoint | None, sighting: SightingFacts) -> Check:
    name = f"slice:{sighting.number:02d}"
    proof = sighting.slice
    if proof is None:
        return not_checked(name, "The bundle holds no log entry of the crawl that saw this picture.")
    problem = _slice_problem(sighting, proof) or check_log_proof(proof.log, EntryType.SLICE)
    if problem:
        return failed(name, problem)
    seen = proof.record.seen
    place = f"record {proof.index + 1} of {proof.count}, entry {proof.log.sequence} of the log"
    words = f"The crawl recorded this sighting as of {seen:%Y-%m-%d %H:%M:%S} UTC: {place}."
    if (sighting.first_seen, sighting.last_seen) != (seen, seen):
        words += " First and last seen beyond that aren't shown by it."
    by = parse_note(proof.log.checkpoint).origin
    return unvouched(inspection, own, name, proof.log) or passed(name, words, by)


def _slice_problem(sighting: SightingFacts, proof: SliceProof) -> str:
    record = proof.record
    told = (sighting.page_url, sighting.image_url, sighting.final_url, sighting.picture.digest, sighting.status)
    if told != (record.page_url, record.image_url, record.final_url, record.picture, record.status):
        return "The crawl's record is about another sighting than the facts."
    if (sighting.headers, sighting.peer) != (record.headers, record.peer):
        return "The crawl's record states other headers or another server than the facts."
    if not sighting.first_seen <= record.seen <= sighting.last_seen:
        return "The crawl's record has a time outside of first and last seen."
    root, count = _root(proof.log.opening.get("root")), proof.log.opening.get("count")
    if type(count) is not int or count != proof.count or root is None:
        return "The slice's entry doesn't state a root and a count that fit."
    if not merkle.verify_inclusion(record_leaf(record), proof.index, proof.count, proof.path, root):
        return "The sighting isn't included in the slice that the log's entry commits to."
    return ""


def _root(stated: object) -> bytes | None:
    return bytes.fromhex(stated) if isinstance(stated, str) and _HASH.fullmatch(stated) else None


def _check_match(
    inspection: Inspection,
    match: MatchFacts,
    pictures: tuple[PictureFacts, PictureFacts],
    decoded: Callable[[str], DecodedPicture] | None,
) -> Check:
    """The check of a match by the found and the registered picture; nothing is computed without a way to decode."""
    name = f"match:{match.number:02d}"
    if match.work_picture == match.picture:
        return _same_bytes(name, match, pictures)
    if match.verification.transform is None:
        return not_checked(name, "No alignment was sealed, so there is nothing to compute anew.")
    if decoded is None:
        return not_checked(name, f"Only the first {MAX_COMPUTED} matches are computed anew.")
    try:
        files = [_shown(inspection, picture) for picture in pictures]
        return _recomputed(match, pictures, files, [decoded(file) for file in files])
    except (FormatError, WrongUseError, ArithmeticError, ValueError) as error:
        return failed(name, error.message if isinstance(error, FormatError) else "The alignment can't be applied.")
    except ExhibitError as error:
        return not_checked(name, f"The similarity couldn't be computed anew. {error.message}")


def _same_bytes(name: str, match: MatchFacts, pictures: tuple[PictureFacts, PictureFacts]) -> Check:
    one, sizes = match.verification, {(picture.width, picture.height) for picture in pictures}
    shares = (one.dense, one.overlap_work, one.overlap_picture)
    moved = one.transform is not None and not np.array_equal(one.transform, np.eye(3))
    if len(sizes) > 1 or moved or (one.transform is not None and shares != (1.0, 1.0, 1.0)):
        return failed(name, "Pictures with the same bytes have figures that only other pictures can have.")
    return passed(name, "The picture seen has exactly the bytes of the registered one.")


def _turn_problem(match: MatchFacts, pictures: tuple[PictureFacts, PictureFacts]) -> str:
    """What a match says of mirroring, turning and areas otherwise than its alignment, or an empty string."""
    one = match.verification
    told = (one.rotation, one.mirrored)
    if one.transform is None:
        flat = told == (0, False) and not (one.overlap_work or one.overlap_picture or one.further or match.drawings)
        return "" if flat else "The match states what only an alignment shows, and has none."
    with np.errstate(all="ignore"):
        try:
            rotation, mirrored = turn(np.asarray(one.transform, np.float64), (pictures[0].width, pictures[0].height))
        except (ArithmeticError, ValueError):
            return ""  # the alignment can't be applied, as the check of the pixels says
    away = abs(one.rotation - rotation) % 360
    if mirrored == one.mirrored and min(away, 360 - away) <= 1 and -180 < one.rotation <= 180:
        return ""
    return f"The alignment gives {rotation}° and {'a' if mirrored else 'no'} mirroring, not as sealed."


def _recomputed(
    match: MatchFacts, pictures: tuple[PictureFacts, PictureFacts], files: list[str], decoded: list[DecodedPicture]
) -> Check:
    """The check of a match by both pictures, each as the file shows it that stands for it here."""
    name = f"match:{match.number:02d}"
    both = list(zip(pictures, decoded, files, strict=True))
    if problem := _area_problem(match, *pictures):
        return failed(name, problem)
    found, registered = (_sized(pixels, stated) for stated, pixels, _ in both)
    dense = _similarity(found, registered, match)
    reduced = any(file != stated.file for stated, _, file in both)
    return _compared(name, match.verification.dense, dense, STOOD_IN * reduced)


def _shown(inspection: Inspection, picture: PictureFacts) -> str:
    """The sealed file that shows a picture: its own, or its reduced one where it is withheld.

    Raises:
        FormatError: a file that isn't withheld isn't there as it was sealed.
        NotFoundError: it is withheld, and no reduced one is there.
    """
    stated = inspection.manifest.file(picture.file)
    if stated is not None and stated.sha256 != picture.digest:
        raise FormatError(f"{picture.file} was sealed as another picture than the facts state.")
    if inspection.sealed(picture.file):
        return picture.file
    if picture.file not in inspection.withheld or stated is None:
        raise FormatError(f"{picture.file} isn't there as it was sealed.")
    if stated.stand_in is None or not inspection.sealed(stated.stand_in):
        raise NotFoundError(f"{picture.file} is withheld from this copy, and no reduced one is there.")
    return stated.stand_in


def _sized(decoded: DecodedPicture, stated: PictureFacts) -> DecodedPicture:
    """The pixels as those of a picture of the stated size: the alignment refers to that one."""
    info = replace(decoded.info, width=stated.width, height=stated.height)
    return replace(decoded, info=info)


def _area_problem(match: MatchFacts, found: PictureFacts, registered: PictureFacts) -> str:
    """Whether the sealed shares of both areas are those that the alignment gives."""
    sealed, sizes = match.verification, [(one.width, one.height) for one in (found, registered)]
    with np.errstate(all="ignore"):
        work, picture = [overlaps(np.asarray(one, np.float64), *sizes) for one in (*sealed.further, sealed.transform)][
            -1
        ]
    if max(abs(work - sealed.overlap_work), abs(picture - sealed.overlap_picture)) <= AREA_TOLERANCE:
        return ""
    return f"The alignment covers {work:.3f} and {picture:.3f} of the pictures, not as sealed."


def _compared(name: str, sealed: float, dense: float, remark: str) -> Check:
    words = f"sealed similarity {sealed:.3f}, recomputed {dense:.3f}"
    if not abs(dense - sealed) <= TOLERANCE:
        return failed(name, f"The pictures and the alignment don't give the sealed figure: {words}.")
    return passed(name, f"Warping one picture onto the other gives the sealed figure: {words}.{remark}")


def _decoded(inspection: Inspection, file: str) -> DecodedPicture:
    return decode(read_all(inspection.contents, file, LIMITS.max_bytes), LIMITS, at_least=AT_LEAST)


def _similarity(found: DecodedPicture, registered: DecodedPicture, match: MatchFacts) -> float:
    """The dense similarity by ``comparison.similarity``, with the transform carried over to the decoded sizes."""
    with np.errstate(all="ignore"):
        transform = np.asarray(match.verification.transform, np.float64)
        between = _to_decoded(registered) @ transform @ np.linalg.inv(_to_decoded(found))
        return dense_similarity(found.pixels, registered.pixels, between)


def _to_decoded(picture: DecodedPicture) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """From pixel coordinates of the full picture to those of the decoded one; centres of pixels are whole numbers."""
    height, width = picture.pixels.shape[:2]
    across, down = width / picture.info.width, height / picture.info.height
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2], [0.0, 0.0, 1.0]])
