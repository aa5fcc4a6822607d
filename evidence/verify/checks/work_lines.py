"""First lines of a verdict about the work: declarations, registration, and metadata of its files.

An owner can declare anything about the work, and a log that the owner operates can state any date. No check can verify
these statements, so a verdict shows them first.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from evidence.facts.case import CaseFacts, MatchFacts, PictureFacts
from evidence.facts.provenance import extract_authors, read_provenance
from evidence.verdict.result import Check, Line, format_time
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.order import SLACK
from exhibit.errors import NotFoundError, UnreadablePictureError
from exhibit.network.addresses import remove_scheme
from exhibit.periods import get_earliest_time, get_period_days, parse_stated_time
from exhibit.pictures.decode import decode
from exhibit.pictures.metadata import DAMAGED, ENCODING, FileMetadata, read_metadata
from exhibit.plain import has_visible_letter

MAX_SHOWN, MAX_READ = 3, 40
"""Maximum number of items that a line lists, and of pictures whose files are read."""
TIME_TOLERANCE = timedelta(seconds=1)
MAX_VALUE = 80  # maximum number of characters of a value
FILE_FIELDS = ("author", "rights", "credit", "holder", "licence", "source_type", "aigc")
"""Metadata fields of a picture file that a line shows."""
UNREAD_REASONS = frozenset({DAMAGED, ENCODING})
FILE_SOURCE = "stated in the file; not verified"
MANIFEST_MARK = b"jumb"


def quote_value(text: str) -> str:
    """Quote a value for a line, so its text cannot be mistaken for a line or a check."""
    return repr(text[:MAX_VALUE] + ("…" if len(text) > MAX_VALUE else ""))


def describe_work(facts: CaseFacts) -> str:
    """Describe the owner's declarations about the work."""
    work = facts.work
    author_text = f"by {quote_value(work.author)}" if has_visible_letter(work.author) else "(author not stated)"
    parts = [f"{quote_value(work.title)} {author_text}"]
    dates = (("rights held by", work.holder), ("created", work.created), ("first published", work.first_publication))
    parts += [f"{name} {quote_value(value)}" for name, value in dates if value]
    parts += [f"rights: {quote_value(work.rights_statement)}"] * bool(work.rights_statement)
    registration_texts = [
        quote_value(f"{registration.office} {registration.number}") for registration in work.registrations
    ]
    parts += [f"registered with {_join_first(registration_texts)}"] * bool(registration_texts)
    return ", ".join(parts)


def describe_registration(inspection: Inspection, facts: CaseFacts) -> str:
    """Describe the registration of the work, with the events that preceded it."""
    work, entry = facts.work, facts.work.registration
    parts = [format_time(work.registered_at)]
    if entry is not None and abs(entry.time - work.registered_at) > SLACK:
        parts.append(f"log entry of {format_time(entry.time)}")
    registration_time = work.registered_at if entry is None else max(work.registered_at, entry.time)
    earlier_events = (
        ("a copy had been found", get_earliest_time(sighting.first_seen for sighting in facts.sightings)),
        ("third parties state that a copy was online", _find_earliest_statement(facts)),
        ("the case was opened", facts.opened_at if facts.sightings else None),
        ("the case was decided", facts.decision.at),
    )
    parts += [
        f"after {event}, at {format_time(time)}"
        for event, time in earlier_events
        if time is not None and registration_time - time > TIME_TOLERANCE
    ]
    periods = [
        sighting.period
        for sighting in facts.sightings
        if sighting.period and _ends_before(sighting.period, registration_time)
    ]
    parts += [f"after a copy had been found, in {quote_value(period)}" for period in sorted(periods)[:1]]
    parts += _find_late_pictures(facts)
    found_digests = {sighting.picture.digest for sighting in facts.sightings}
    if any(picture.digest in found_digests for picture in work.pictures):
        parts.append("with a file that is byte-for-byte identical to a found file")
    elif any(_has_same_pixels(inspection, facts, match) for match in facts.matches[:MAX_READ]):
        parts.append("with a file that has the same pixels as a found file")
    if work.earlier_registration is not None:
        parts.append(f"another owner had registered a similar picture, at {format_time(work.earlier_registration)}")
    return ", ".join(parts)


def _has_same_pixels(inspection: Inspection, facts: CaseFacts, match: MatchFacts) -> bool:
    """Return True if both pictures of a match have the same pixels.

    Files with the same pixels differ if metadata was removed or bytes were added.
    """
    registered = next(
        (picture for picture in facts.work.pictures if picture.digest == match.work_picture),
        None,
    )
    found_picture = next(
        (sighting.picture for sighting in facts.sightings if sighting.picture.digest == match.picture),
        None,
    )
    if (
        registered is None
        or found_picture is None
        or (registered.width, registered.height) != (found_picture.width, found_picture.height)
    ):
        return False
    if not (inspection.is_sealed(registered.file) and inspection.is_sealed(found_picture.file)):
        return False
    try:
        registered_pixels, found_pixels = (
            decode(inspection.read_sealed_file(picture.file, LIMITS.max_bytes), LIMITS).pixels
            for picture in (registered, found_picture)
        )
    except (NotFoundError, UnreadablePictureError):
        return False
    return np.array_equal(registered_pixels, found_pixels)


def _find_late_pictures(facts: CaseFacts) -> Iterator[str]:
    """Yield a phrase for each registered picture that was added after a copy of it had been found."""
    for number, picture in enumerate(facts.work.pictures, 1):
        entries = [
            proof for proof in facts.work.further_registrations if proof.opening.get("picture") == picture.digest.hex
        ]
        first_registration = facts.work.registration
        if not entries or (
            first_registration is not None and first_registration.opening.get("picture") == picture.digest.hex
        ):
            continue
        added_at = min(proof.time for proof in entries)
        numbers = {
            sighting_number
            for match in facts.matches
            if match.work_picture == picture.digest
            for sighting_number in match.sightings
        }
        first_seen = get_earliest_time(
            sighting.first_seen for sighting in facts.sightings if sighting.number in numbers
        )
        if first_seen is not None and added_at - first_seen > TIME_TOLERANCE:
            yield (
                f"picture {number} added at {format_time(added_at)}, after a copy of it had been "
                f"found, at {format_time(first_seen)}"
            )


def _find_earliest_statement(facts: CaseFacts) -> datetime | None:
    """Return the earliest time of the found bytes according to third parties such as a web archive."""
    statements = [
        statement
        for sighting in facts.sightings
        for statement in sighting.elsewhere
        if statement.same and statement.of == "picture"
    ]
    return get_earliest_time(parse_stated_time(statement.stated)[0] for statement in statements)


def _ends_before(period: str, time: datetime) -> bool:
    try:
        return get_period_days(period)[1] < time.date()
    except ValueError:
        return False


def describe_documents(inspection: Inspection, facts: CaseFacts) -> str:
    """Describe the documents of the chain of title; empty if there are none."""
    parts = []
    for document in facts.work.attachments:
        file = inspection.manifest.get_file(document.file)
        reason = (
            "withheld"
            if document.file in inspection.withheld_files
            else "an empty file"
            if file and not file.size
            else ""
        )
        reason = "not in this bundle" if document.file in facts.omitted_files else reason
        parts.append(quote_value(document.title) + f" ({reason})" * bool(reason))
    return _join_first(parts)


def describe_licences(facts: CaseFacts) -> str:
    """Describe the result of the search in the owner's licences."""
    search = facts.licence_check
    result = {
        "all": "the licences cover the use",
        "some": f"some of {search.searched} licences cover some of the sightings, not all",
        "none": f"none of {search.searched} licences covers the use",
        "unsearched": "no licence had been entered, so no search was made",
    }[search.outcome]
    return "; ".join(
        [result, *([_join_first([quote_value(reason) for reason in search.reasons])] if search.reasons else [])]
    )


def build_file_lines(inspection: Inspection, facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield lines on the metadata of picture files, and on remarks about the files."""
    registered, found_pictures = facts.work.pictures, [sighting.picture for sighting in facts.sightings]
    work = facts.work
    declared_names = [work.author, work.holder, work.credit, facts.owner.name]
    statements = [
        *_find_file_statements(inspection, registered, declared_names),
        *_find_file_statements(inspection, found_pictures, declared_names),
    ]
    if statements:
        yield Line("file", _join_first(statements, "; "), FILE_SOURCE)
    file_checks = [check for check in checks if not check.name.startswith("capture")]
    remarks = list(dict.fromkeys(remark for check in file_checks for remark in check.remarks))
    if remarks:
        yield Line("pictures", _join_first(remarks, "; "), "read from the files")


def _find_file_statements(
    inspection: Inspection, pictures: Sequence[PictureFacts], declared_names: Sequence[str]
) -> Iterator[str]:
    """Yield statements of files about author, rights, licence and origin that the owner did not declare."""
    read_digests: set[str] = set()
    for picture in [item for item in pictures if inspection.is_sealed(item.file)][:MAX_READ]:
        if picture.digest.hex in read_digests:
            continue
        read_digests.add(picture.digest.hex)
        try:
            data = inspection.read_sealed_file(picture.file, LIMITS.max_bytes)
        except NotFoundError:
            continue
        metadata = read_metadata(data, LIMITS)
        texts = _list_own_texts(metadata, declared_names)
        if MANIFEST_MARK in data and (manifest := read_provenance(data, picture.format)) is not None:
            signer = [manifest[0].signer] if manifest[0].signer else []
            texts += [
                f"a manifest by {quote_value(name)}" for name in dict.fromkeys([*extract_authors(manifest[1]), *signer])
            ]
        if texts:
            yield f"{picture.file} contains {', '.join(texts)}"
        blocks = dict.fromkeys(
            problem.block or "the" for problem in metadata.problems if problem.reason in UNREAD_REASONS
        )
        if blocks:
            yield f"{', '.join(blocks)} metadata of {picture.file} could not be read in full"


def _list_own_texts(metadata: FileMetadata, declared_names: Sequence[str]) -> list[str]:
    values = {name: getattr(metadata, name) for name in FILE_FIELDS}
    other_texts = {name: text for name, text in values.items() if text and not _is_declared(text, declared_names)}
    return [f"{name.replace('_', ' ')} {quote_value(text)}" for name, text in other_texts.items()]


def _is_declared(text: str, declared_names: Sequence[str]) -> bool:
    """Return True if a text is only a declared name, such as ``© Ann`` if Ann is the author."""
    folded_text = text.casefold()
    return any(
        name.strip() and folded_text.removeprefix("©").strip() == name.strip().casefold() for name in declared_names
    )


def _join_first(texts: Sequence[str], separator: str = ", ") -> str:
    """Join the first items, with the number of further items."""
    rest = f"{separator}and {len(texts) - MAX_SHOWN} more" if len(texts) > MAX_SHOWN else ""
    return separator.join(texts[:MAX_SHOWN]) + rest


def format_public_page(facts: CaseFacts) -> str:
    """Return the URL at which the work was public, without its scheme."""
    return remove_scheme(facts.work.public_page)
