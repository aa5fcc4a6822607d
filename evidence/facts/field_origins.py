"""The source of each field of a case's facts, used by the sheet, the verdict and their tests.

A field is *checked* (recomputed from sealed bytes by a check), *recorded* by the installation, *declared* by the owner
or the author of the decision, or *stated* by a third party. A check may also confirm that a statement was recorded in
the log at that time, or that it follows from other sealed statements. It is still a statement and not a checked fact.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class FieldOrigin(StrEnum):
    """Source of a field."""

    CHECKED = "checked"
    RECORDED = "recorded"
    DECLARED = "declared"
    STATED = "stated"


ORIGIN_LABELS = {
    FieldOrigin.RECORDED: "recorded by the installation",
    FieldOrigin.DECLARED: "declared",
    FieldOrigin.STATED: "stated by a third party",
    FieldOrigin.CHECKED: "stated in the bundle",
}
"""Descriptions of field origins, for fields that no check confirms."""


@dataclass(frozen=True, slots=True)
class FieldBacking:
    """Origin of a field, the check that fails if the field is wrong, and the input of the check."""

    origin: FieldOrigin
    check: str = ""  # name of the check without the number after the colon; empty if there is none
    source: str = ""  # description of the input of the check


_PROOF_FIELDS = ("sequence", "type", "time", "commitment", "salt", "opening", "size", "path[]", "checkpoint")
_PICTURE_FIELDS = {
    "facts": (("digest", "size", "file"), "the sealed file"),
    "pictures": (("format", "width", "height"), "the header of the picture file"),
}
_ENTRY_SOURCE = "the log entry and its opening"
_RECORD_SOURCE = "the crawl record to which the log entry commits"
_EXCHANGES = "the recorded exchanges"
_SEALED_FILES = "the sealed files"
_ARCHIVE_RESPONSES = "the stored responses of the archive"


def _list_checked(check: str, source: str, *paths: str) -> Iterator[tuple[str, FieldBacking]]:
    yield from ((path, FieldBacking(FieldOrigin.CHECKED, check, source)) for path in paths)


def _list_backings(
    origin: FieldOrigin, *paths: str, check: str = "", source: str = ""
) -> Iterator[tuple[str, FieldBacking]]:
    yield from ((path, FieldBacking(origin, check, source)) for path in paths)


def _prefix_paths(place: str, paths: Iterable[str]) -> list[str]:
    return [f"{place}.{path}" for path in paths]


def _list_picture_fields(place: str) -> Iterator[tuple[str, FieldBacking]]:
    for check, (paths, source) in _PICTURE_FIELDS.items():
        yield from _list_checked(check, source, *_prefix_paths(place, paths))
    yield from _list_backings(FieldOrigin.RECORDED, f"{place}.incomplete")


def _list_case_fields() -> Iterator[tuple[str, FieldBacking]]:
    yield from _list_backings(FieldOrigin.RECORDED, "number", "bundle", "language", "opened_at", "written_at")
    yield from _list_checked("facts", "the formats that the verifier reads", "format")
    yield from _list_backings(FieldOrigin.RECORDED, "not_checked[]")
    yield from _list_backings(FieldOrigin.DECLARED, "owner.name", check="key", source="the trust list")
    yield from _list_backings(FieldOrigin.DECLARED, "owner.identity")
    yield from _list_backings(
        FieldOrigin.RECORDED, "party.kind", "party.name", check="party", source="the page URLs of the sightings"
    )
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths("software", ("name", "version", "pipeline")))
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths("software.models[]", ("name", "version", "digest")))
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths("made_with", ("time_zone", "versions[][]", "documents"))
    )
    yield from _list_checked("facts", "the list of sealed files", "left_out[].file")
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths("left_out[]", ("role", "digest", "why", "since")))


def _list_work_fields() -> Iterator[tuple[str, FieldBacking]]:
    declared_fields = ("title", "author", "rights_statement", "first_publication", "created", "holder", "credit")
    registration_fields = ("registrations[].office", "registrations[].number", "registrations[].date")
    yield from _list_backings(
        FieldOrigin.DECLARED,
        *_prefix_paths("work", (*declared_fields, *registration_fields)),
        check="registration",
        source=_ENTRY_SOURCE,
    )
    recorded_fields = ("work.number", "work.registered_at")
    yield from _list_backings(FieldOrigin.RECORDED, *recorded_fields, check="registration", source=_ENTRY_SOURCE)
    for place in ("work.registration", "work.further_registrations[]"):
        yield from _list_backings(
            FieldOrigin.RECORDED,
            *_prefix_paths(place, _PROOF_FIELDS),
            check="registration",
            source="the signed checkpoint of the log",
        )
    yield from _list_picture_fields("work.pictures[]")
    yield from _list_backings(FieldOrigin.DECLARED, "work.attachments[].title", "work.attachments[].role")
    yield from _list_checked("facts", "the sealed file", "work.attachments[].digest", "work.attachments[].file")
    yield from _list_backings(FieldOrigin.RECORDED, "work.earlier_registration", "work.public_page")


def _list_sighting_fields() -> Iterator[tuple[str, FieldBacking]]:
    place = "sightings[]"
    response_fields = ("page_url", "image_url", "final_url", "status", "headers[][]", "peer", "certificate", "period")
    record_fields = ("picture", "seen", *response_fields)
    yield from _list_checked("facts", "the matches that name it", f"{place}.number")
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths(place, response_fields), check="slice", source=_RECORD_SOURCE
    )
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths(place, ("first_seen", "last_seen", "crawl", "visibility"))
    )
    yield from _list_backings(FieldOrigin.STATED, f"{place}.context")
    statement_path = f"{place}.elsewhere[]"
    statement_fields = ("kind", "by", "of", "stated", "where")
    yield from _list_backings(
        FieldOrigin.STATED,
        *_prefix_paths(statement_path, statement_fields),
        check="elsewhere",
        source=_ARCHIVE_RESPONSES,
    )
    yield from _list_backings(
        FieldOrigin.RECORDED, f"{statement_path}.same", check="elsewhere", source=_ARCHIVE_RESPONSES
    )
    yield from _list_backings(FieldOrigin.RECORDED, f"{statement_path}.learnt")
    yield from _list_checked("facts", _SEALED_FILES, f"{statement_path}.file")
    yield from _list_picture_fields(f"{place}.picture")
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths(f"{place}.slice.record", record_fields),
        check="slice",
        source=_RECORD_SOURCE,
    )
    yield from _list_checked(
        "slice", "the hash tree of the crawl records", *_prefix_paths(f"{place}.slice", ("index", "count", "path[]"))
    )
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths(f"{place}.slice.log", _PROOF_FIELDS),
        check="slice",
        source="the signed checkpoint of the log",
    )
    capture_path = f"{place}.captures[]"
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths(capture_path, ("method", "outcome", "started", "finished", "files[]")),
        check="capture", source=_EXCHANGES,
    )  # fmt: skip
    yield from _list_checked("capture", _EXCHANGES, f"{capture_path}.image")
    yield from _list_backings(FieldOrigin.RECORDED, f"{capture_path}.sentence")
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths(f"{place}.provenance", ("standing", "problems[]")),
        check="credentials",
        source="the picture file",
    )
    manifest_fields = ("signer", "signed_at", "generator", "title", "file", "actions[]")
    yield from _list_backings(
        FieldOrigin.STATED,
        *_prefix_paths(f"{place}.provenance", manifest_fields),
        check="credentials",
        source="the picture file",
    )
    yield from _list_backings(
        FieldOrigin.STATED, *_prefix_paths(f"{place}.making", ("source_type", "aigc")),
        check="credentials", source="the picture file",
    )  # fmt: skip


def _list_match_fields() -> Iterator[tuple[str, FieldBacking]]:
    place, verification = "matches[]", "matches[].verification"
    yield from _list_checked("facts", _SEALED_FILES, *_prefix_paths(place, ("work_picture", "picture", "sightings[]")))
    yield from _list_backings(FieldOrigin.RECORDED, f"{place}.number")
    yield from _list_checked(
        "facts", _SEALED_FILES, *_prefix_paths(place, ("overlay", "side_by_side", "difference", "points"))
    )
    yield from _list_backings(FieldOrigin.RECORDED, f"{place}.words[]", check="words", source="the sealed values")
    measured_fields = ("dense", "mirrored", "rotation", "overlap_work", "overlap_picture", "transform[]", "survival[]")
    piece_fields = ("pieces[].box[]", "pieces[].transform[]")
    yield from _list_checked(
        "match", "the pixels of both pictures", *_prefix_paths(verification, (*measured_fields, *piece_fields))
    )
    sum_fields = ("related", "exposure")
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths(verification, sum_fields),
        check="odds",
        source="the sealed values and weights",
    )
    probability_source = "the sealed values and calibration"
    yield from _list_backings(
        FieldOrigin.RECORDED, f"{verification}.probability", check="probability", source=probability_source
    )
    yield from _list_checked("facts", "the list of calibrations", f"{verification}.calibration")
    other_fields = (
        "decision",
        "hamming",
        "inliers",
        "pipeline",
        "reasons[]",
        "in_place",
        "drift",
        "further[][]",
        "figures",
    )
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths(verification, other_fields))
    bound_fields = [f"{decision}.{name}" for decision in ("certain", "review") for name in ("photographs", "failed")]
    bound_fields += [f"{decision}.at_most_in_a_million" for decision in ("certain", "review")]
    calibration_fields = ("name", "made", "data", "prior", "photographs", *bound_fields)
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths("calibrations[]", calibration_fields),
        check="probability",
        source="the sealed calibration",
    )
    yield from _list_checked("facts", _SEALED_FILES, "calibrations[].digest", "calibrations[].file")
    yield from _list_checked("facts", _SEALED_FILES, "weighings[].digest", "weighings[].file")
    yield from _list_backings(FieldOrigin.RECORDED, "weighings[].pipeline", check="odds", source="the sealed weights")


def _list_decision_fields() -> Iterator[tuple[str, FieldBacking]]:
    search_fields = ("checked_at", "searched", "covered", "result", "reasons[]", "partly")
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths("licence_check", search_fields))
    yield from _list_backings(FieldOrigin.DECLARED, *_prefix_paths("decision", ("decision", "by", "at", "reason")))
    yield from _list_backings(FieldOrigin.RECORDED, "decision.demonstration")
    yield from _list_checked("facts", _SEALED_FILES, "decision.passkey.file", "decision.passkey.digest")
    signed_fields = [
        *_prefix_paths("decision.passkey.log", _PROOF_FIELDS),
        *_prefix_paths("decision.passkey.key", _PROOF_FIELDS),
    ]
    yield from _list_backings(
        FieldOrigin.RECORDED, *signed_fields, check="decision", source="the signed checkpoint of the log"
    )
    timestamp_fields = ("kind", "name", "development", "state", "subject", "time", "qualified")
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths("timestamps[]", timestamp_fields))


def _build_table() -> dict[str, FieldBacking]:
    table: dict[str, FieldBacking] = {}
    for part in (
        _list_case_fields(),
        _list_work_fields(),
        _list_sighting_fields(),
        _list_match_fields(),
        _list_decision_fields(),
    ):
        for path, backing in part:
            assert path not in table, path
            table[path] = backing
    return table


BACKINGS = _build_table()
"""Origin and check of each field, by the path of the field; ``[]`` stands for any element of a list."""
