"""First lines of a verdict about the work: who declared it, when it was registered, and what its files state.

An owner can declare anything about the work, and a log that the owner runs can state any date. Nobody can examine that,
so a verdict begins with it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from evidence.facts.case import CaseFacts, MatchFacts, PictureFacts
from evidence.facts.provenance import extract_authors, read_provenance
from evidence.verdict.result import Check, Line, second
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.order import SLACK
from exhibit.errors import NotFoundError, UnreadablePictureError
from exhibit.network.addresses import without_scheme
from exhibit.periods import days_of, earliest, stated_time
from exhibit.pictures.decode import decode
from exhibit.pictures.metadata import DAMAGED, ENCODING, FileMetadata, read_metadata
from exhibit.plain import has_visible_letter

MAX_SHOWN, MAX_READ = 3, 40
"""Limit of documents, registrations, files and notes that a line lists, and of pictures whose files are read."""
MOMENT = timedelta(seconds=1)
MAX_VALUE = 80  # characters of a value
OF_ITSELF = ("author", "rights", "credit", "holder", "licence", "source_type", "aigc")
"""Metadata fields of a picture's file that a line shows."""
UNREAD = frozenset({DAMAGED, ENCODING})
BY_FILE = "stated in the file; not verified"
MANIFEST_MARK = b"jumb"


def quoted(text: str) -> str:
    """Return a value quoted for a line, so that nothing in it resembles a line or a check."""
    return repr(text[:MAX_VALUE] + ("…" if len(text) > MAX_VALUE else ""))


def work_line(facts: CaseFacts) -> str:
    """Return the owner's declarations about the work."""
    work = facts.work
    by = f"by {quoted(work.author)}" if has_visible_letter(work.author) else "no author named"
    parts = [f"{quoted(work.title)} {by}"]
    dates = (("rights held by", work.holder), ("created", work.created), ("first published", work.first_publication))
    parts += [f"{name} {quoted(value)}" for name, value in dates if value]
    parts += [f"rights: {quoted(work.rights_statement)}"] * bool(work.rights_statement)
    official = [quoted(f"{registration.office} {registration.number}") for registration in work.registrations]
    parts += [f"registered with {_some(official)}"] * bool(official)
    return ", ".join(parts)


def registered_line(inspection: Inspection, facts: CaseFacts) -> str:
    """Return when the work was registered here, and what had happened before."""
    work, entry = facts.work, facts.work.registration
    parts = [second(work.registered_at)]
    if entry is not None and abs(entry.time - work.registered_at) > SLACK:
        parts.append(f"log entry of {second(entry.time)}")
    first = work.registered_at if entry is None else max(work.registered_at, entry.time)
    before = (
        ("a copy had been found", earliest(sighting.first_seen for sighting in facts.sightings)),
        ("third parties state that a copy was online", _stated_elsewhere(facts)),
        ("the case was opened", facts.opened_at if facts.sightings else None),
        ("the case was decided", facts.decision.at),
    )
    parts += [f"after {what}, at {second(when)}" for what, when in before if when is not None and first - when > MOMENT]
    periods = [
        sighting.period for sighting in facts.sightings if sighting.period and _ends_before(sighting.period, first)
    ]
    parts += [f"after a copy had been found, in {quoted(period)}" for period in sorted(periods)[:1]]
    parts += _late_pictures(facts)
    found_digests = {sighting.picture.digest for sighting in facts.sightings}
    if any(picture.digest in found_digests for picture in work.pictures):
        parts.append("with a file that is byte-for-byte identical to a found file")
    elif any(_shows_the_same(inspection, facts, match) for match in facts.matches[:MAX_READ]):
        parts.append("with a file that has the same pixels as a found file")
    if work.earlier_registration is not None:
        parts.append(f"another owner had registered a similar picture, at {second(work.earlier_registration)}")
    return ", ".join(parts)


def _shows_the_same(inspection: Inspection, facts: CaseFacts, match: MatchFacts) -> bool:
    """Return True if both pictures of a match have the same pixels.

    This happens when metadata was removed or bytes were added.
    """
    registered = next((item for item in facts.work.pictures if item.digest == match.work_picture), None)
    found_picture = next((item.picture for item in facts.sightings if item.picture.digest == match.picture), None)
    if (
        registered is None
        or found_picture is None
        or (registered.width, registered.height) != (found_picture.width, found_picture.height)
    ):
        return False
    if not (inspection.is_sealed(registered.file) and inspection.is_sealed(found_picture.file)):
        return False
    try:
        item, other = (
            decode(inspection.sealed_bytes(of.file, LIMITS.max_bytes), LIMITS).pixels
            for of in (registered, found_picture)
        )
    except (NotFoundError, UnreadablePictureError):
        return False
    return np.array_equal(item, other)


def _late_pictures(facts: CaseFacts) -> Iterator[str]:
    """Yield the registered pictures of matches that were added to the work after their copies had been seen."""
    for number, picture in enumerate(facts.work.pictures, 1):
        entries = [
            proof for proof in facts.work.further_registrations if proof.opening.get("picture") == picture.digest.hex
        ]
        first = facts.work.registration
        if not entries or (first is not None and first.opening.get("picture") == picture.digest.hex):
            continue
        added = min(proof.time for proof in entries)
        numbers = {n for match in facts.matches if match.work_picture == picture.digest for n in match.sightings}
        first_seen = earliest(sighting.first_seen for sighting in facts.sightings if sighting.number in numbers)
        if first_seen is not None and added - first_seen > MOMENT:
            yield (
                f"picture {number} added at {second(added)}, after a copy of it had been found, at {second(first_seen)}"
            )


def _stated_elsewhere(facts: CaseFacts) -> datetime | None:
    """Return since when the found bytes existed according to others, such as a web archive."""
    statements = [
        statement
        for sighting in facts.sightings
        for statement in sighting.elsewhere
        if statement.same and statement.of == "picture"
    ]
    return earliest(stated_time(statement.stated)[0] for statement in statements)


def _ends_before(period: str, moment: datetime) -> bool:
    try:
        return days_of(period)[1] < moment.date()
    except ValueError:
        return False


def documents_line(inspection: Inspection, facts: CaseFacts) -> str:
    """Return the documents of the chain of title; empty if there are none."""
    parts = []
    for document in facts.work.attachments:
        file = inspection.manifest.file(document.file)
        why = "withheld" if document.file in inspection.left_out else "an empty file" if file and not file.size else ""
        why = "not in this bundle" if document.file in facts.omitted_files else why
        parts.append(quoted(document.title) + f" ({why})" * bool(why))
    return _some(parts)


def licences_line(facts: CaseFacts) -> str:
    """Return the result of the search of the owner's licences."""
    search = facts.licence_check
    result = {
        "all": "the licences cover the use",
        "some": f"some of {search.searched} licences cover some of the sightings, not all",
        "none": f"none of {search.searched} licences covers the use",
        "unsearched": "no licence had been entered, so no search was made",
    }[search.outcome]
    return "; ".join([result, *([_some([quoted(reason) for reason in search.reasons])] if search.reasons else [])])


def own_lines(inspection: Inspection, facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield lines on metadata in pictures' files, and on files with more than one picture."""
    registered, found_pictures = facts.work.pictures, [sighting.picture for sighting in facts.sightings]
    work = facts.work
    declared_names = [work.author, work.holder, work.credit, facts.owner.name]
    statements = [
        *_statements(inspection, registered, declared_names),
        *_statements(inspection, found_pictures, declared_names),
    ]
    if statements:
        yield Line("file", _some(statements, "; "), BY_FILE)
    of_files = [check for check in checks if not check.name.startswith("capture")]
    remarks = list(dict.fromkeys(remark for check in of_files for remark in check.remarks))
    if remarks:
        yield Line("pictures", _some(remarks, "; "), "read from the files")


def _statements(
    inspection: Inspection, pictures: Sequence[PictureFacts], declared_names: Sequence[str]
) -> Iterator[str]:
    """Yield what files state about author, rights, licence and origin beyond the owner's declarations."""
    read_texts: set[str] = set()
    for picture in [item for item in pictures if inspection.is_sealed(item.file)][:MAX_READ]:
        if picture.digest.hex in read_texts:
            continue
        read_texts.add(picture.digest.hex)
        try:
            data = inspection.sealed_bytes(picture.file, LIMITS.max_bytes)
        except NotFoundError:
            continue
        metadata = read_metadata(data, LIMITS)
        texts = _own_words(metadata, declared_names)
        if MANIFEST_MARK in data and (manifest := read_provenance(data, picture.format)) is not None:
            signer = [manifest[0].signer] if manifest[0].signer else []
            texts += [
                f"a manifest by {quoted(name)}" for name in dict.fromkeys([*extract_authors(manifest[1]), *signer])
            ]
        if texts:
            yield f"{picture.file} states {', '.join(texts)}"
        blocks = dict.fromkeys(problem.block or "the" for problem in metadata.problems if problem.reason in UNREAD)
        if blocks:
            yield f"{', '.join(blocks)} metadata of {picture.file} could not be read in full"


def _own_words(metadata: FileMetadata, declared_names: Sequence[str]) -> list[str]:
    fields = {name: getattr(metadata, name) for name in OF_ITSELF}
    other_texts = {name: text for name, text in fields.items() if text and not _is_declared(text, declared_names)}
    return [f"{name.replace('_', ' ')} {quoted(text)}" for name, text in other_texts.items()]


def _is_declared(text: str, declared_names: Sequence[str]) -> bool:
    """Return True if a text names only someone whom the owner names, such as ``© Ann`` if Ann is the author."""
    plain = text.casefold()
    return any(name.strip() and plain.removeprefix("©").strip() == name.strip().casefold() for name in declared_names)


def _some(texts: Sequence[str], between: str = ", ") -> str:
    """Join the first of several items, with the number of the others."""
    more = f"{between}and {len(texts) - MAX_SHOWN} more" if len(texts) > MAX_SHOWN else ""
    return between.join(texts[:MAX_SHOWN]) + more


def public_page(facts: CaseFacts) -> str:
    """Return the URL at which the work was public, for a reader."""
    return without_scheme(facts.work.public_page)
