"""Checks ``elsewhere:NN-K``: what the facts attribute to an archive is in the archive's saved answers.

The archive's clock and contents are its own word and not checked; anybody can request the URLs again.
"""

from collections.abc import Iterator

from evidence.facts.archive_answers import (
    ArchiveAnswers,
    get_archive_name,
    is_capture_of,
    list_statements,
    parse_captures,
)
from evidence.facts.case import CaseFacts, SightingFacts
from evidence.formats.codec import from_plain, parse_canonical
from evidence.verdict.result import Check, checked, expect, failed
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from exhibit.network.addresses import origin_of, url_key
from exhibit.types import SeenKind

MAX_ANSWERS = 256 << 10
"""Limit of an archive's answers about one place, in bytes."""
MAX_FILES = 400
"""Limit of answer files that are checked in a bundle."""


def check_elsewhere(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Yield a check for each file of answers."""
    files = [
        (sighting, count, path)
        for sighting in facts.sightings
        for count, path in enumerate(
            dict.fromkeys(statement.file for statement in sighting.elsewhere if statement.file), 1
        )
    ]
    if len(files) > MAX_FILES:
        yield failed("elsewhere", f"More than {MAX_FILES} files with archive responses are named.")
    for sighting, count, path in files[:MAX_FILES]:
        yield checked(f"elsewhere:{sighting.number:02d}-{count}", _agrees, inspection, sighting, path)
    unheard = [statement for sighting in facts.sightings for statement in sighting.elsewhere if not statement.file]
    if any(statement.kind == SeenKind.ARCHIVE_CAPTURED for statement in unheard):
        yield failed("elsewhere", "The facts state an archive's response but name no stored response.")


def _agrees(inspection: Inspection, sighting: SightingFacts, path: str) -> str:
    archive_answers = from_plain(
        ArchiveAnswers, parse_canonical(inspection.sealed_bytes(path, MAX_ANSWERS), what=path), where=path
    )
    urls = {"page": sighting.page_url, "picture": sighting.image_url}
    own = all(url_key(urls.get(answer.of, "")) == url_key(answer.address) for answer in archive_answers.answers)
    expect(own, "The archive was queried for other URLs than those of the sighting.")
    has_same_origin = all(
        origin_of(answer.asked) == origin_of(archive_answers.archive) for answer in archive_answers.answers
    )
    expect(has_same_origin, "A different archive than the named one was queried.")
    listed = (
        (item, answer.address)
        for answer in archive_answers.answers
        for item in parse_captures(archive_answers.archive, answer.body)
    )
    of_it = all(is_capture_of(item, address) for item, address in listed)
    expect(of_it, "The archive's response lists captures of a different URL than the one queried.")
    picture = sighting.picture
    is_sealed = inspection.is_sealed(picture.file)
    data = inspection.sealed_bytes(picture.file, LIMITS.max_bytes) if is_sealed else None
    expected = {
        (item.kind.value, item.by, item.of, item.stated, item.where): item.same
        for item in list_statements(archive_answers, picture.digest, data)
    }
    actual = {
        (item.kind, item.by, item.of, item.stated, item.where): item for item in sighting.elsewhere if item.file == path
    }
    expect(actual.keys() == expected.keys(), "The captures in the facts differ from the archive's responses.")
    told_here = {key: item for key, item in actual.items() if is_sealed or expected[key] is not None}
    same = all(item.same == expected[key] for key, item in told_here.items())
    expect(same, "The facts contradict the archive's response on whether its picture is the found one.")
    who = get_archive_name(archive_answers.archive)
    captures = sum(1 for key in expected if key[3])
    count = f"{captures} capture{'' if captures == 1 else 's'}"
    return f"The facts match the stored response of {who}: {count}. It was not queried again."
