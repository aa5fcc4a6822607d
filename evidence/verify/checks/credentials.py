"""Checks ``credentials:NN``: the metadata in a found picture is read again from its bytes.

Metadata is the word of whoever wrote the file. The check shows only that the file contains it.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from evidence.facts.case import CaseFacts, SightingFacts
from evidence.facts.provenance import extract_authors, read_manifest, read_provenance
from evidence.formats.codec import FormatError
from evidence.verdict.result import Check, checked, expect, not_checked, passed
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from exhibit.pictures.metadata import MAKING, read_metadata

MAX_READ = 60  # limit of pictures that are read again
READ_FIELDS = ("signer", "signed_at", "generator", "title", "actions")
BY_THE_DAY = ("expired", "untrusted", "timestamp", "ocsp", "revo")
"""Parts of status codes that depend on the day of reading, such as expiry of a certificate."""


def check_credentials(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Yield a check for each sighting whose facts state metadata of its picture."""
    for place, sighting in enumerate(facts.sightings):
        if sighting.provenance is None and sighting.making is None:
            continue
        name = f"credentials:{sighting.number:02d}"
        if place >= MAX_READ:
            yield not_checked(name, f"Only the first {MAX_READ} pictures are read.")
        else:
            yield checked(name, _check_metadata, inspection, name, sighting)


def _check_metadata(inspection: Inspection, name: str, sighting: SightingFacts) -> Check:
    data = inspection.sealed_bytes(sighting.picture.file, LIMITS.max_bytes)
    if sighting.making is not None:
        metadata = read_metadata(data, LIMITS)
        same = all(getattr(metadata, of) == getattr(sighting.making, of) for of in MAKING)
        expect(same, "The origin stated in the picture file differs from the facts.")
    return _read_manifest(inspection, name, sighting, data)


def _read_manifest(inspection: Inspection, name: str, sighting: SightingFacts, data: bytes) -> Check:
    provenance = sighting.provenance
    if provenance is None:
        return passed(
            name,
            ("The origin stated in the picture file matches the facts. Anyone can write such statements into a file."),
        )
    again = read_provenance(data, sighting.picture.format)
    if again is None:
        return not_checked(
            name,
            ("The content credentials in the picture were not read: the optional component c2pa is not installed."),
        )
    actual, manifest = again
    expect(
        (actual.standing == "none") == (provenance.standing == "none"),
        "The facts state content credentials that are not in the picture.",
    )
    expect(
        bool(provenance.file) == bool(manifest), "The content credentials in the facts are not those in the picture."
    )
    wrong = next((of for of in READ_FIELDS if getattr(actual, of) != getattr(provenance, of)), "")
    expect(not wrong, f"The {wrong} in the content credentials of the picture differs from the facts.")
    if (actual.standing, actual.problems) != (provenance.standing, provenance.problems):
        today = set(actual.problems) ^ set(provenance.problems)
        is_time_dependent = all(any(part in code.lower() for part in BY_THE_DAY) for code in today)
        expect(
            today and is_time_dependent,
            f"The content credentials in the picture are {actual.standing}, contrary to the facts.",
        )
        return _otherwise(
            name, f"The content credentials are {actual.standing} today; the facts state {provenance.standing}."
        )
    sealed_manifest = inspection.sealed_bytes(provenance.file, LIMITS.max_bytes) if provenance.file else b""
    if sealed_manifest != manifest:
        also, _ = read_manifest(sealed_manifest)
        wrong = next((of for of in READ_FIELDS if getattr(also, of) != getattr(actual, of)), "")
        expect(not wrong, f"The {wrong} in {provenance.file} differs from the content credentials in the picture.")
        expect(
            extract_authors(sealed_manifest) == extract_authors(manifest),
            f"{provenance.file} names other parties than the content credentials in the picture.",
        )
        expect(
            _agree(_parsed(sealed_manifest), _parsed(manifest)),
            f"{provenance.file} differs from the content credentials in the picture.",
        )
        return _otherwise(name, f"{provenance.file} contains different text than the picture.")
    return passed(name, ("The content of the picture file matches the facts; it is stated by the author of the file."))


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError("The recorded content credentials cannot be read.") from error


def _agree(sealed_value: object, read_value: object, *, whole: bool = False) -> bool:
    """Return True if two readings of a manifest agree where both state something; its assertions must be identical.

    Versions of the reader add fields around the picture's own data, and judge signatures by the current day.
    """
    if isinstance(sealed_value, dict) and isinstance(read_value, dict):
        common_keys = sealed_value.keys() & read_value.keys()
        if whole and common_keys != sealed_value.keys() | read_value.keys():
            return False
        judged = {name for name in common_keys if name.startswith("validation_")}
        return all(
            _agree(sealed_value[of], read_value[of], whole=whole or of == "assertions") for of in common_keys - judged
        )
    if isinstance(sealed_value, list) and isinstance(read_value, list):
        return len(sealed_value) == len(read_value) and all(
            _agree(sealed_item, read_item, whole=whole)
            for sealed_item, read_item in zip(sealed_value, read_value, strict=True)
        )
    return sealed_value == read_value


def _otherwise(name: str, words: str) -> Check:
    return replace(not_checked(name, words), remarks=(words[0].lower() + words[1:].rstrip("."),))
