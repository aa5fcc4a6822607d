"""Checks ``elsewhere:NN-K``: the archive captures in the facts must be in the stored responses of the archive.

The times and contents that an archive states are not verified; anybody can request the URLs again.
"""

from collections.abc import Iterator

from evidence.facts.archive_responses import (
    ArchiveResponses,
    get_archive_name,
    is_capture_of,
    list_statements,
    parse_captures,
)
from evidence.facts.case import CaseFacts, SightingFacts
from evidence.formats.codec import from_plain, parse_canonical
from evidence.verdict.result import Check, expect, fail_check, run_check
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from exhibit.network.addresses import compute_url_key, get_url_origin
from exhibit.types import SourceStatementKind

MAX_RESPONSES_BYTES = 256 << 10
"""Maximum size of a file with an archive's responses about one sighting, in bytes."""
MAX_FILES = 400
"""Maximum number of files with archive responses that are checked in a bundle."""


def check_archive_responses(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Yield a check for each file with archive responses."""
    files = [
        (sighting, number, path)
        for sighting in facts.sightings
        for number, path in enumerate(
            dict.fromkeys(statement.file for statement in sighting.elsewhere if statement.file), 1
        )
    ]
    if len(files) > MAX_FILES:
        yield fail_check("elsewhere", f"facts.json lists more than {MAX_FILES} files with archive responses.")
    for sighting, number, path in files[:MAX_FILES]:
        yield run_check(f"elsewhere:{sighting.number:02d}-{number}", _check_archive_file, inspection, sighting, path)
    statements_without_file = [
        statement for sighting in facts.sightings for statement in sighting.elsewhere if not statement.file
    ]
    if any(statement.kind == SourceStatementKind.ARCHIVE_CAPTURED for statement in statements_without_file):
        yield fail_check("elsewhere", "facts.json contains an archive's response but no file with it.")


def _check_archive_file(inspection: Inspection, sighting: SightingFacts, path: str) -> str:
    archive_answers = from_plain(
        ArchiveResponses,
        parse_canonical(inspection.read_sealed_file(path, MAX_RESPONSES_BYTES), label=path),
        location=path,
    )
    urls = {"page": sighting.page_url, "picture": sighting.image_url}
    has_own_urls = all(
        compute_url_key(urls.get(response.of, "")) == compute_url_key(response.address)
        for response in archive_answers.answers
    )
    expect(has_own_urls, "The archive was queried for URLs that are not those of the sighting.")
    has_same_origin = all(
        get_url_origin(response.request_url) == get_url_origin(archive_answers.archive)
        for response in archive_answers.answers
    )
    expect(has_same_origin, "The archive that was queried is not the one in facts.json.")
    listed_captures = (
        (item, response.address)
        for response in archive_answers.answers
        for item in parse_captures(archive_answers.archive, response.body)
    )
    are_captures_of_url = all(is_capture_of(item, address) for item, address in listed_captures)
    expect(are_captures_of_url, "The archive's response lists captures of a different URL than the one queried.")
    picture = sighting.picture
    is_sealed = inspection.is_sealed(picture.file)
    data = inspection.read_sealed_file(picture.file, LIMITS.max_bytes) if is_sealed else None
    expected = {
        (item.kind.value, item.by, item.of, item.stated, item.where): item.same
        for item in list_statements(archive_answers, picture.digest, data)
    }
    actual = {
        (item.kind, item.by, item.of, item.stated, item.where): item for item in sighting.elsewhere if item.file == path
    }
    expect(actual.keys() == expected.keys(), "The captures in facts.json differ from the archive's responses.")
    checkable_items = {key: item for key, item in actual.items() if is_sealed or expected[key] is not None}
    is_consistent = all(item.same == expected[key] for key, item in checkable_items.items())
    expect(is_consistent, "facts.json contradicts the archive's response on whether its picture is the found one.")
    archive_name = get_archive_name(archive_answers.archive)
    captures = sum(1 for key in expected if key[3])
    capture_text = f"{captures} capture{'' if captures == 1 else 's'}"
    return (
        f"facts.json matches the stored response of {archive_name}: {capture_text}. The archive was not queried again."
    )
