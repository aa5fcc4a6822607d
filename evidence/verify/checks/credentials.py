"""Checks ``credentials:NN``: read the metadata of a found picture again from its bytes.

Metadata is a statement of the author of the file. The check shows only that the file contains the statement.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from evidence.facts.case import CaseFacts, SightingFacts
from evidence.facts.provenance import extract_authors, read_manifest, read_provenance
from evidence.formats.codec import FormatError
from evidence.verdict.result import Check, expect, pass_check, run_check, skip_check
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from exhibit.pictures.metadata import ORIGIN_FIELDS, read_metadata

MAX_READ = 60  # maximum number of pictures that are read again
READ_FIELDS = ("signer", "signed_at", "generator", "title", "actions")
TIME_DEPENDENT_CODES = ("expired", "untrusted", "timestamp", "ocsp", "revo")
"""Parts of status codes that depend on the date of the check, such as the expiry of a certificate."""


def check_credentials(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Yield a check for each sighting whose facts state metadata of its picture."""
    for index, sighting in enumerate(facts.sightings):
        if sighting.provenance is None and sighting.making is None:
            continue
        name = f"credentials:{sighting.number:02d}"
        if index >= MAX_READ:
            yield skip_check(name, f"Only the first {MAX_READ} pictures are read.")
        else:
            yield run_check(name, _check_metadata, inspection, name, sighting)


def _check_metadata(inspection: Inspection, name: str, sighting: SightingFacts) -> Check:
    data = inspection.read_sealed_file(sighting.picture.file, LIMITS.max_bytes)
    if sighting.making is not None:
        metadata = read_metadata(data, LIMITS)
        is_same = all(getattr(metadata, field) == getattr(sighting.making, field) for field in ORIGIN_FIELDS)
        expect(is_same, "The origin stated in the picture file does not match facts.json.")
    return _check_manifest(inspection, name, sighting, data)


def _check_manifest(inspection: Inspection, name: str, sighting: SightingFacts, data: bytes) -> Check:
    provenance = sighting.provenance
    if provenance is None:
        return pass_check(
            name,
            ("The origin stated in the picture file matches facts.json. Anyone can write such statements into a file."),
        )
    result = read_provenance(data, sighting.picture.format)
    if result is None:
        return skip_check(
            name,
            ("The content credentials in the picture were not read: the optional component c2pa is not installed."),
        )
    actual, manifest = result
    expect(
        (actual.standing == "none") == (provenance.standing == "none"),
        "facts.json contains content credentials that are not in the picture.",
    )
    expect(
        bool(provenance.file) == bool(manifest), "The content credentials in facts.json are not those in the picture."
    )
    wrong_field = next((field for field in READ_FIELDS if getattr(actual, field) != getattr(provenance, field)), "")
    problem = f"The {wrong_field} in the content credentials of the picture does not match facts.json."
    expect(not wrong_field, problem)
    if (actual.standing, actual.problems) != (provenance.standing, provenance.problems):
        changed_problems = set(actual.problems) ^ set(provenance.problems)
        is_time_dependent = all(any(part in code.lower() for part in TIME_DEPENDENT_CODES) for code in changed_problems)
        expect(
            changed_problems and is_time_dependent,
            f"The content credentials in the picture are {actual.standing}; facts.json states {provenance.standing}.",
        )
        return _skip_with_remark(
            name, f"The content credentials are {actual.standing} today; facts.json states {provenance.standing}."
        )
    sealed_manifest = inspection.read_sealed_file(provenance.file, LIMITS.max_bytes) if provenance.file else b""
    if sealed_manifest != manifest:
        sealed_provenance, _ = read_manifest(sealed_manifest)
        wrong_field = next(
            (field for field in READ_FIELDS if getattr(sealed_provenance, field) != getattr(actual, field)), ""
        )
        expect(
            not wrong_field,
            f"The {wrong_field} in {provenance.file} differs from the content credentials in the picture.",
        )
        expect(
            extract_authors(sealed_manifest) == extract_authors(manifest),
            f"The authors named in {provenance.file} differ from those in the content credentials of the picture.",
        )
        expect(
            _is_consistent(_parse_json(sealed_manifest), _parse_json(manifest)),
            f"{provenance.file} differs from the content credentials in the picture.",
        )
        return _skip_with_remark(name, f"The text in {provenance.file} differs from that in the picture.")
    return pass_check(
        name,
        (
            "The content credentials and metadata in the picture file are as recorded in facts.json. "
            "Anyone can write such statements into a file."
        ),
    )


def _parse_json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError("The recorded content credentials cannot be read.") from error


def _is_consistent(sealed_value: object, read_value: object, *, is_exact: bool = False) -> bool:
    """Return True if two readings of a manifest agree in their common keys; the assertions must be identical.

    Newer versions of the reader add keys around the data of the picture, and validate signatures as of the current day.
    """
    if isinstance(sealed_value, dict) and isinstance(read_value, dict):
        common_keys = sealed_value.keys() & read_value.keys()
        if is_exact and common_keys != sealed_value.keys() | read_value.keys():
            return False
        validation_keys = {name for name in common_keys if name.startswith("validation_")}
        return all(
            _is_consistent(sealed_value[key], read_value[key], is_exact=is_exact or key == "assertions")
            for key in common_keys - validation_keys
        )
    if isinstance(sealed_value, list) and isinstance(read_value, list):
        return len(sealed_value) == len(read_value) and all(
            _is_consistent(sealed_item, read_item, is_exact=is_exact)
            for sealed_item, read_item in zip(sealed_value, read_value, strict=True)
        )
    return sealed_value == read_value


def _skip_with_remark(name: str, sentence: str) -> Check:
    return replace(skip_check(name, sentence), remarks=(sentence[0].lower() + sentence[1:].rstrip("."),))
