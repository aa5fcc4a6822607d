"""Checks of bytes: sealed files against the manifest, pictures, the bag, the tools and the container."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from evidence.bundle import bag
from evidence.bundle.manifest import FACTS_PATH, MANIFEST_PATH, ManifestFile
from evidence.facts.case import CaseFacts, PictureFacts
from evidence.formats.codec import FormatError
from evidence.formats.container import Contents, Member, iterate_zip_chunks, read_all
from evidence.log.proofs import LATER_CHECKPOINT_PATH, RENEWALS_PATH
from evidence.standalone import KNOWN_TOOLS
from evidence.verdict.result import (
    CONTAINER_CHANGED,
    Check,
    State,
    expect,
    fail_check,
    pass_check,
    run_check,
    skip_check,
)
from evidence.verify.checks.inspection import Inspection
from exhibit.digests import Digest
from exhibit.errors import ExhibitError, UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, inspect
from exhibit.types import PictureInfo

MAX_TAG_BYTES = 8 << 20
BAG_FILES = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", bag.TAG_MANIFEST)
REQUIRED_PATHS = (bag.SIGNATURE_PATH, bag.KEY_PATH, bag.KEY_PEM_PATH)
LOG_PATHS = (bag.ENTRY_PATH, bag.INCLUSION_PATH, bag.CHECKPOINT_PATH, bag.CONSISTENCY_PATH)
READ_PATHS = (*REQUIRED_PATHS, *LOG_PATHS, bag.ANCHORS_PATH, bag.WITHHELD_PATH)
LIMITS = Limits(max_bytes=64 << 20)
JPEG_FORMATS = {"MPO": "JPEG"}  # most programs read a multi-picture JPEG as its first picture
MIN_COMPARED_SIDE = 64
"""Shorter side in pixels below which a picture is not compared with its reduced version: single pixels dominate."""
MAX_REDUCED = 200  # maximum number of reduced pictures that are compared with their originals
FIELDS_PER_SIDE, MAX_FIELD_DIFFERENCE, MIN_DECODED_SIDE = 8, 16.0, 512
"""Settings for the comparison of a picture with its reduced version.

In order: number of rows and of columns of fields whose mean colours are compared; allowed difference in levels; and
minimum longer side in pixels at which both are decoded, because the edges of fields shift with fewer pixels.
"""


def check_contents(inspection: Inspection) -> Iterator[Check]:
    """Check ``files``, one ``file:`` each, ``bag`` and ``tools``."""
    yield run_check("files", _check_listing, inspection)
    for file in inspection.manifest.files:
        yield _check_file(inspection, file)
    yield run_check("bag", _check_bag, inspection)
    yield _check_tools(inspection)


def check_unread(inspection: Inspection, receipts: frozenset[str]) -> Iterator[Check]:
    """Report files under ``proofs/`` that neither a check nor a receipt uses (``proofs``)."""
    present = [name for name in inspection.contents.names if name.startswith("proofs/")]
    known_paths = receipts.union(READ_PATHS)
    unread_names = [name for name in present if name not in known_paths and not _is_repeatable(name, present)]
    if unread_names:
        yield skip_check("proofs", f"Not covered by any check: {join_first_names(unread_names)}.")


def _is_repeatable(name: str, present: list[str]) -> bool:
    """Return True for a counter-signature, and for files of renewals if the bundle has a list of renewals."""
    is_renewal = RENEWALS_PATH in present and (
        name == RENEWALS_PATH or LATER_CHECKPOINT_PATH.fullmatch(name) is not None
    )
    return is_renewal or name.startswith(bag.COUNTERSIGNATURES_FOLDER)


def check_container(contents: Contents, members: list[Member], *, other_state: State) -> Check:
    """Check that the ZIP is byte-for-byte identical to a new ZIP of these contents (``container``).

    A changed ZIP fails only if other checks failed (``other_state``).
    """
    is_same = contents.has_same_bytes(iterate_zip_chunks(members))
    if is_same is None:
        return skip_check("container", "An unpacked folder has no ZIP container to compare.")
    if is_same:
        return pass_check("container", "The ZIP is byte-for-byte identical to the ZIP written for these contents.")
    remarks = f" ({'; '.join(contents.remarks)})" if contents.remarks else ""
    if other_state is State.FAILED:
        return fail_check(
            "container", (f"The ZIP differs from the ZIP that was written{remarks}, and other checks also failed.")
        )
    return pass_check("container", f"{CONTAINER_CHANGED}: the ZIP differs from the ZIP that was written{remarks}.")


def _check_listing(inspection: Inspection) -> str:
    listed_paths = {file.path for file in inspection.manifest.files} | {MANIFEST_PATH}
    present, withheld = set(inspection.contents.names), inspection.withheld
    data = {name for name in present if name.startswith("data/")}
    other_names = {name for name in present - data if not name.startswith("proofs/")}
    extra_names = sorted((data - listed_paths) | (other_names - {*BAG_FILES, *bag.TOOL_FILES}))
    missing_names = sorted(
        (listed_paths - data - withheld) | ({*BAG_FILES, *bag.TOOL_FILES, *REQUIRED_PATHS} - present)
    )
    is_allowed = withheld <= listed_paths - data - {FACTS_PATH, MANIFEST_PATH}
    expect(is_allowed, "The list of withheld files contains files that are present or must not be withheld.")
    groups = ((extra_names, "extra"), (missing_names, "missing"))
    problems = ", ".join(f"{len(names)} {problem} ({join_first_names(names)})" for names, problem in groups if names)
    expect(not problems, f"The bundle does not contain the expected files: {problems}.")
    withheld_text = f"; withheld from this copy: {join_first_names(sorted(withheld))}" if withheld else ""
    suffix = ", and there are no others outside proofs/"
    if left_over_names := inspection.contents.leftover_files:
        names = join_first_names([ascii(name)[1:-1] for name in left_over_names])
        suffix = f"; not part of the bundle: {len(left_over_names)} files left by a file manager: {names}"
    return f"All {len(listed_paths) - len(withheld)} sealed files are present{withheld_text}{suffix}."


def join_first_names(names: list[str]) -> str:
    """Join the first three names with commas."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _check_file(inspection: Inspection, file: ManifestFile) -> Check:
    name = f"file:{file.path}"
    measurement = inspection.measurements.get(file.path)
    if measurement is None:
        if file.path in inspection.withheld and file.path not in inspection.unreadable_files:
            suffix = f"; replaced by {file.stand_in}" if file.stand_in else ""
            return skip_check(name, f"Withheld from this copy; its digest is sealed{suffix}.")
        return fail_check(name, inspection.unreadable_files.get(file.path, "The file is missing."))
    if (measurement.size, measurement.sha256, measurement.sha512) != (file.size, file.sha256, file.sha512):
        return fail_check(
            name, f"The file differs from the sealed file: SHA-256 is {measurement.sha256}, not {file.sha256}."
        )
    return pass_check(name, f"{file.size} bytes, SHA-256 {file.sha256}, SHA-512 matches.")


def _check_bag(inspection: Inspection) -> str:
    names = [name for name in inspection.contents.names if not name.startswith("data/") and name not in BAG_FILES]
    for name in (*names, *BAG_FILES):
        expect(name not in inspection.unreadable_files, inspection.unreadable_files.get(name, ""))
    tag_digests = {name: inspection.measurements[name].sha256 for name in names}
    expected = bag.create_bag_files(inspection.manifest, frozenset(inspection.withheld_files), tag_digests)
    for name in BAG_FILES:
        measurement = inspection.measurements.get(name)
        if measurement is None:
            raise FormatError(f"{name} is missing.")
        if measurement.sha256 != Digest.from_bytes(expected[name]):
            raise FormatError(
                f"{name} does not match the files: {_describe_difference(inspection, name, expected[name])}."
            )
    return f"A BagIt bag (RFC 8493) whose {len(tag_digests)} files outside data/ have the listed digests."


def _describe_difference(inspection: Inspection, name: str, expected: bytes) -> str:
    """Describe the first differing line."""
    if inspection.measurements[name].size > MAX_TAG_BYTES:
        return "it is too large"
    actual_lines = set(read_all(inspection.contents, name, MAX_TAG_BYTES).splitlines())
    expected_lines = set(expected.splitlines())
    for line in sorted(expected_lines - actual_lines) or sorted(actual_lines - expected_lines):
        _, _, path = line.partition(b"  ")
        return f"see {(path or line).decode('utf-8', 'backslashreplace')[:120]}"
    return "its lines are formatted differently"


def _check_tools(inspection: Inspection) -> Check:
    digests = {name: inspection.measurements[name].sha256 for name in bag.TOOL_FILES if name in inspection.measurements}
    unknown_names = [name for name, digest in digests.items() if digest.hex not in KNOWN_TOOLS[name]]
    if unknown_names or len(digests) != len(bag.TOOL_FILES):
        subject = " and ".join(unknown_names) or "A tool"
        return skip_check(
            "tools", f"{subject} in the bundle is not known to this verifier. Do not run it without reading it."
        )
    return pass_check("tools", "VERIFY.md and verify.py are known to this verifier.")


def check_pictures(inspection: Inspection, facts: CaseFacts) -> Check:
    """Check format and size of each picture against the facts, and against its reduced picture (``pictures``)."""
    pictures = dict.fromkeys((*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)))
    unread_reason, remaining, remarks = "", MAX_REDUCED, []
    for picture in pictures:
        file = picture.file
        try:
            info, stand_in = (
                inspect(inspection.read_sealed_file(file, LIMITS.max_bytes), LIMITS),
                _find_reduced_picture(inspection, picture),
            )
            remaining -= bool(stand_in)
            if info.frames > 1 and info.format not in JPEG_FORMATS:
                remarks.append(f"{file} contains {info.frames} pictures, of which one is compared")
            if remaining < 0:
                unread_reason = f"Only the first {MAX_REDUCED} reduced pictures are compared with their originals."
            if difference := _describe_picture_difference(
                inspection, picture, info, stand_in if remaining >= 0 else ""
            ):
                return fail_check("pictures", difference)
        except ExhibitError as error:
            if isinstance(error, UnreadablePictureError) and error.reason == "not-a-picture":
                return fail_check("pictures", f"{file} is not a picture.")
            unread_reason = f"{file}: {error.message}"
    if unread_reason:
        return replace(skip_check("pictures", unread_reason), remarks=tuple(remarks))
    sentence = f"{len(pictures)} pictures have the formats and sizes in facts.json."
    return replace(pass_check("pictures", sentence), remarks=tuple(remarks))


def _describe_picture_difference(
    inspection: Inspection, picture: PictureFacts, info: PictureInfo, reduced_path: str
) -> str:
    """Return a sentence if a picture differs from the facts or from its reduced version; else empty."""
    actual, expected = (
        (JPEG_FORMATS.get(shape.format, shape.format), shape.width, shape.height) for shape in (info, picture)
    )
    if actual != expected:
        return f"{picture.file} is a {actual[0]} of {actual[1]}×{actual[2]}, which does not match facts.json."
    if (
        reduced_path
        and np.abs(
            _compute_field_means(inspection, picture.file) - _compute_field_means(inspection, reduced_path)
        ).max()
        > MAX_FIELD_DIFFERENCE
    ):
        return f"{reduced_path} does not show the same picture as {picture.file}, which it replaces."
    return ""


def _find_reduced_picture(inspection: Inspection, picture: PictureFacts) -> str:
    """Return the path of a picture's reduced version if both are suitable for a comparison; else empty."""
    file = inspection.manifest.get_file(picture.file)
    if file is None or file.stand_in is None or not inspection.is_sealed(file.stand_in):
        return ""
    return file.stand_in if min(picture.width, picture.height) >= MIN_COMPARED_SIDE else ""


def _compute_field_means(inspection: Inspection, file: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Compute the mean colours of the fields of a picture: shape (FIELDS_PER_SIDE², 3), in levels."""
    pixels = decode(inspection.read_sealed_file(file, LIMITS.max_bytes), LIMITS, at_least=MIN_DECODED_SIDE).pixels
    row_edges, column_edges = (np.arange(FIELDS_PER_SIDE + 1) * side // FIELDS_PER_SIDE for side in pixels.shape[:2])
    fields = [
        pixels[top:bottom, left:right] for top, bottom in pairwise(row_edges) for left, right in pairwise(column_edges)
    ]
    return np.array([field.mean(axis=(0, 1)) for field in fields])
