"""The source of each field of a case's facts, used by the sheet, the verdict and their tests.

A field is *checked* (recomputed from sealed bytes by a check), *recorded* by the installation, *declared* by the owner
or the person who decided, or *stated* by a third party. A check may also confirm a statement: that it was recorded so
in the log at that time, or that it follows from other sealed statements. It remains a statement then.
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


WORDS = {
    FieldOrigin.RECORDED: "recorded by the installation",
    FieldOrigin.DECLARED: "declared",
    FieldOrigin.STATED: "stated by a third party",
    FieldOrigin.CHECKED: "stated in the bundle",
}
"""Phrases for the source of a field that no check confirms."""


@dataclass(frozen=True, slots=True)
class Backing:
    """Source of a field, the check that fails if the field is wrong, and the bytes that the check examines."""

    standing: FieldOrigin
    check: str = ""  # name of the check without the number after the colon; empty if there is none
    source: str = ""  # input of the check


_PROOF = ("sequence", "type", "time", "commitment", "salt", "opening", "size", "path[]", "checkpoint")
_PICTURE = {
    "facts": (("digest", "size", "file"), "the sealed file"),
    "pictures": (("format", "width", "height"), "the header of the picture file"),
}
_ENTRY = "the log entry and its opening"
_RECORD = "the crawl record in the slice to which the log entry commits"
_EXCHANGES = "the recorded exchanges"
_SEALED_FILES = "the sealed files"
_ANSWERS = "the stored responses of the archive"


def _list_checked(check: str, source: str, *paths: str) -> Iterator[tuple[str, Backing]]:
    yield from ((path, Backing(FieldOrigin.CHECKED, check, source)) for path in paths)


def _list_backings(
    standing: FieldOrigin, *paths: str, check: str = "", source: str = ""
) -> Iterator[tuple[str, Backing]]:
    yield from ((path, Backing(standing, check, source)) for path in paths)


def _prefix_paths(place: str, paths: Iterable[str]) -> list[str]:
    return [f"{place}.{path}" for path in paths]


def _picture(place: str) -> Iterator[tuple[str, Backing]]:
    for check, (paths, source) in _PICTURE.items():
        yield from _list_checked(check, source, *_prefix_paths(place, paths))
    yield from _list_backings(FieldOrigin.RECORDED, f"{place}.incomplete")


def _case() -> Iterator[tuple[str, Backing]]:
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


def _work() -> Iterator[tuple[str, Backing]]:
    declared_fields = ("title", "author", "rights_statement", "first_publication", "created", "holder", "credit")
    official = ("registrations[].office", "registrations[].number", "registrations[].date")
    yield from _list_backings(
        FieldOrigin.DECLARED, *_prefix_paths("work", (*declared_fields, *official)), check="registration", source=_ENTRY
    )
    recorded = ("work.number", "work.registered_at")
    yield from _list_backings(FieldOrigin.RECORDED, *recorded, check="registration", source=_ENTRY)
    for place in ("work.registration", "work.further_registrations[]"):
        yield from _list_backings(
            FieldOrigin.RECORDED,
            *_prefix_paths(place, _PROOF),
            check="registration",
            source="the signed checkpoint of the log",
        )
    yield from _picture("work.pictures[]")
    yield from _list_backings(FieldOrigin.DECLARED, "work.attachments[].title", "work.attachments[].role")
    yield from _list_checked("facts", "the sealed file", "work.attachments[].digest", "work.attachments[].file")
    yield from _list_backings(FieldOrigin.RECORDED, "work.earlier_registration", "work.public_page")


def _sightings() -> Iterator[tuple[str, Backing]]:
    place = "sightings[]"
    served = ("page_url", "image_url", "final_url", "status", "headers[][]", "peer", "certificate", "period")
    record = ("picture", "seen", *served)
    yield from _list_checked("facts", "the matches that name it", f"{place}.number")
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths(place, served), check="slice", source=_RECORD)
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths(place, ("first_seen", "last_seen", "crawl", "visibility"))
    )
    yield from _list_backings(FieldOrigin.STATED, f"{place}.context")
    other = f"{place}.elsewhere[]"
    statement_fields = ("kind", "by", "of", "stated", "where")
    yield from _list_backings(
        FieldOrigin.STATED, *_prefix_paths(other, statement_fields), check="elsewhere", source=_ANSWERS
    )
    yield from _list_backings(FieldOrigin.RECORDED, f"{other}.same", check="elsewhere", source=_ANSWERS)
    yield from _list_backings(FieldOrigin.RECORDED, f"{other}.learnt")
    yield from _list_checked("facts", _SEALED_FILES, f"{other}.file")
    yield from _picture(f"{place}.picture")
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths(f"{place}.slice.record", record), check="slice", source=_RECORD
    )
    yield from _list_checked(
        "slice", "the tree of the slice", *_prefix_paths(f"{place}.slice", ("index", "count", "path[]"))
    )
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths(f"{place}.slice.log", _PROOF),
        check="slice",
        source="the signed checkpoint of the log",
    )
    visit = f"{place}.captures[]"
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths(visit, ("method", "outcome", "started", "finished", "files[]")),
        check="capture", source=_EXCHANGES,
    )  # fmt: skip
    yield from _list_checked("capture", _EXCHANGES, f"{visit}.image")
    yield from _list_backings(FieldOrigin.RECORDED, f"{visit}.sentence")
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths(f"{place}.provenance", ("standing", "problems[]")),
        check="credentials",
        source="the picture file",
    )
    manifest = ("signer", "signed_at", "generator", "title", "file", "actions[]")
    yield from _list_backings(
        FieldOrigin.STATED,
        *_prefix_paths(f"{place}.provenance", manifest),
        check="credentials",
        source="the picture file",
    )
    yield from _list_backings(
        FieldOrigin.STATED, *_prefix_paths(f"{place}.making", ("source_type", "aigc")),
        check="credentials", source="the picture file",
    )  # fmt: skip


def _matches() -> Iterator[tuple[str, Backing]]:
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
    sums = ("related", "exposure")
    yield from _list_backings(
        FieldOrigin.RECORDED, *_prefix_paths(verification, sums), check="odds", source="the sealed values and weights"
    )
    follows = "the sealed values and calibration"
    yield from _list_backings(FieldOrigin.RECORDED, f"{verification}.probability", check="probability", source=follows)
    yield from _list_checked("facts", "the list of calibrations", f"{verification}.calibration")
    words = ("decision", "hamming", "inliers", "pipeline", "reasons[]", "in_place", "drift", "further[][]", "figures")
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths(verification, words))
    bounds = [f"{decision}.{name}" for decision in ("certain", "review") for name in ("photographs", "failed")]
    bounds += [f"{decision}.at_most_in_a_million" for decision in ("certain", "review")]
    calibration_fields = ("name", "made", "data", "prior", "photographs", *bounds)
    yield from _list_backings(
        FieldOrigin.RECORDED,
        *_prefix_paths("calibrations[]", calibration_fields),
        check="probability",
        source="the sealed calibration",
    )
    yield from _list_checked("facts", _SEALED_FILES, "calibrations[].digest", "calibrations[].file")
    yield from _list_checked("facts", _SEALED_FILES, "weighings[].digest", "weighings[].file")
    yield from _list_backings(FieldOrigin.RECORDED, "weighings[].pipeline", check="odds", source="the sealed weights")


def _decision() -> Iterator[tuple[str, Backing]]:
    search = ("checked_at", "searched", "covered", "result", "reasons[]", "partly")
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths("licence_check", search))
    yield from _list_backings(FieldOrigin.DECLARED, *_prefix_paths("decision", ("decision", "by", "at", "reason")))
    yield from _list_backings(FieldOrigin.RECORDED, "decision.demonstration")
    yield from _list_checked("facts", _SEALED_FILES, "decision.passkey.file", "decision.passkey.digest")
    signed = [*_prefix_paths("decision.passkey.log", _PROOF), *_prefix_paths("decision.passkey.key", _PROOF)]
    yield from _list_backings(
        FieldOrigin.RECORDED, *signed, check="decision", source="the signed checkpoint of the log"
    )
    witness = ("kind", "name", "development", "state", "subject", "time", "qualified")
    yield from _list_backings(FieldOrigin.RECORDED, *_prefix_paths("witnesses[]", witness))


def _table() -> dict[str, Backing]:
    table: dict[str, Backing] = {}
    for part in (_case(), _work(), _sightings(), _matches(), _decision()):
        for path, backing in part:
            assert path not in table, path
            table[path] = backing
    return table


BACKINGS = _table()
"""Backing of each field by its path; ``[]`` stands for any element of a list."""
