"""Checks ``credentials:NN``: the metadata in a found picture is read again from its bytes.

Metadata is the word of whoever wrote the file. The check shows only that the file contains it.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from evidence.facts.case import CaseFacts, SightingFacts
from evidence.facts.provenance import authors_of, read_manifest, read_provenance
from evidence.formats.codec import FormatError
from evidence.verdict.result import Check, checked, expect, not_checked, passed
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from exhibit.pictures.metadata import MAKING, read_metadata

MAX_READ = 60  # limit of pictures that are read again
READ = ("signer", "signed_at", "generator", "title", "actions")
BY_THE_DAY = ("expired", "untrusted", "timestamp", "ocsp", "revo")
"""Parts of status codes that depend on the day of reading, such as expiry of a certificate."""


def check_credentials(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Yield a check for each sighting whose facts state metadata of its picture."""
    for place, sighting in enumerate(facts.sightings):
        if sighting.provenance is None and sighting.making is None:
            continue
        name = f"credentials:{sighting.number:02d}"
        if place >= MAX_READ:
            yield not_checked(name, f"Only the first {MAX_READ} pictures are read again.")
        else:
            yield checked(name, _read, inspection, name, sighting)


def _read(inspection: Inspection, name: str, sighting: SightingFacts) -> Check:
    data = inspection.sealed_bytes(sighting.picture.file, LIMITS.max_bytes)
    if sighting.making is not None:
        told = read_metadata(data, LIMITS)
        same = all(getattr(told, of) == getattr(sighting.making, of) for of in MAKING)
        expect(same, "The picture's bytes state another making of it than the facts, or none.")
    return _read_manifest(inspection, name, sighting, data)


def _read_manifest(inspection: Inspection, name: str, sighting: SightingFacts, data: bytes) -> Check:
    stated = sighting.provenance
    if stated is None:
        return passed(name, "The picture's bytes state of its making what the facts say; anybody can write it there.")
    again = read_provenance(data, sighting.picture.format)
    if again is None:
        return not_checked(
            name, "The manifest inside the picture wasn't read again: the optional part c2pa isn't here."
        )
    found, manifest = again
    expect((found.standing == "none") == (stated.standing == "none"), "The facts state a manifest that isn't there.")
    expect(bool(stated.file) == bool(manifest), "The facts keep a manifest that isn't inside the picture, or none.")
    wrong = next((of for of in READ if getattr(found, of) != getattr(stated, of)), "")
    expect(not wrong, f"The manifest inside the picture states another {wrong} than the facts.")
    if (found.standing, found.problems) != (stated.standing, stated.problems):
        today = set(found.problems) ^ set(stated.problems)
        named = all(any(part in code.lower() for part in BY_THE_DAY) for code in today)
        expect(today and named, f"The manifest inside the picture reads {found.standing}, not as the facts say.")
        return _otherwise(name, f"The manifest reads {found.standing} today; the facts say {stated.standing}.")
    sealed = inspection.sealed_bytes(stated.file, LIMITS.max_bytes) if stated.file else b""
    if sealed != manifest:
        also, _ = read_manifest(sealed)
        wrong = next((of for of in READ if getattr(also, of) != getattr(found, of)), "")
        expect(not wrong, f"{stated.file} states another {wrong} than the manifest inside the picture.")
        expect(authors_of(sealed) == authors_of(manifest), f"{stated.file} names others than the picture's manifest.")
        expect(
            _agree(_parsed(sealed), _parsed(manifest)),
            f"{stated.file} states something else than the manifest inside the picture.",
        )
        return _otherwise(name, f"{stated.file} holds other words than are read from the picture here.")
    return passed(name, "The picture's bytes state what the facts say; it is the word of whoever wrote it there.")


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError("What stands there of the manifest inside the picture can't be read.") from error


def _agree(sealed: object, read: object, *, whole: bool = False) -> bool:
    """Return True if two readings of a manifest agree where both state something; its assertions must be identical.

    Versions of the reader add fields around the picture's own data, and judge signatures by the current day.
    """
    if isinstance(sealed, dict) and isinstance(read, dict):
        known = sealed.keys() & read.keys()
        if whole and known != sealed.keys() | read.keys():
            return False
        judged = {name for name in known if name.startswith("validation_")}
        return all(_agree(sealed[of], read[of], whole=whole or of == "assertions") for of in known - judged)
    if isinstance(sealed, list) and isinstance(read, list):
        return len(sealed) == len(read) and all(
            _agree(one, other, whole=whole) for one, other in zip(sealed, read, strict=True)
        )
    return sealed == read


def _otherwise(name: str, words: str) -> Check:
    return replace(not_checked(name, words), remarks=(words[0].lower() + words[1:].rstrip("."),))
