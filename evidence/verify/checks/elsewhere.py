"""Checks ``elsewhere:NN-K``: what the facts attribute to an archive is in the archive's saved answers.

The archive's clock and contents are its own word and not checked; anybody can request the URLs again.
"""

from collections.abc import Iterator

from evidence.facts.case import CaseFacts, SightingFacts
from evidence.facts.elsewhere import ArchiveAnswers, captures_in, is_of, statements_in, title_of
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
        for count, path in enumerate(dict.fromkeys(one.file for one in sighting.elsewhere if one.file), 1)
    ]
    if len(files) > MAX_FILES:
        yield failed("elsewhere", f"More than {MAX_FILES} files with archive responses are named.")
    for sighting, count, path in files[:MAX_FILES]:
        yield checked(f"elsewhere:{sighting.number:02d}-{count}", _agrees, inspection, sighting, path)
    unheard = [one for sighting in facts.sightings for one in sighting.elsewhere if not one.file]
    if any(one.kind == SeenKind.ARCHIVE_CAPTURED for one in unheard):
        yield failed("elsewhere", "The facts state an archive's response but name no stored response.")


def _agrees(inspection: Inspection, sighting: SightingFacts, path: str) -> str:
    told = from_plain(
        ArchiveAnswers, parse_canonical(inspection.sealed_bytes(path, MAX_ANSWERS), what=path), where=path
    )
    asked = {"page": sighting.page_url, "picture": sighting.image_url}
    own = all(url_key(asked.get(answer.of, "")) == url_key(answer.address) for answer in told.answers)
    expect(own, "The archive was queried for other URLs than those of the sighting.")
    there = all(origin_of(answer.asked) == origin_of(told.archive) for answer in told.answers)
    expect(there, "A different archive than the named one was queried.")
    listed = ((one, answer.address) for answer in told.answers for one in captures_in(told.archive, answer.body))
    of_it = all(is_of(one, address) for one, address in listed)
    expect(of_it, "The archive's response lists captures of a different URL than the one queried.")
    picture = sighting.picture
    here = inspection.sealed(picture.file)
    data = inspection.sealed_bytes(picture.file, LIMITS.max_bytes) if here else None
    stated = {
        (one.kind.value, one.by, one.of, one.stated, one.where): one.same
        for one in statements_in(told, picture.digest, data)
    }
    said = {(one.kind, one.by, one.of, one.stated, one.where): one for one in sighting.elsewhere if one.file == path}
    expect(said.keys() == stated.keys(), "The captures in the facts differ from the archive's responses.")
    told_here = {key: one for key, one in said.items() if here or stated[key] is not None}
    same = all(one.same == stated[key] for key, one in told_here.items())
    expect(same, "The facts contradict the archive's response on whether its picture is the found one.")
    who = title_of(told.archive)
    captures = sum(1 for key in stated if key[3])
    count = f"{captures} capture{'' if captures == 1 else 's'}"
    return f"The facts match the stored response of {who}: {count}. It was not queried again."
