"""Checks of bytes: sealed files against the manifest, pictures, the bag, the tools and the container."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from evidence.bundle import bag
from evidence.bundle.manifest import FACTS_PATH, MANIFEST_PATH, ManifestFile
from evidence.facts.case import CaseFacts, PictureFacts
from evidence.formats.codec import FormatError
from evidence.formats.container import Contents, Member, read_all, zip_chunks
from evidence.log.proofs import LATER_CHECKPOINT, RENEWALS_PATH
from evidence.standalone import KNOWN_TOOLS
from evidence.verdict.result import CONTAINER_CHANGED, Check, State, checked, expect, failed, not_checked, passed
from evidence.verify.checks.inspection import Inspection
from exhibit.digests import Digest
from exhibit.errors import ExhibitError, UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, inspect
from exhibit.types import PictureInfo

MAX_TAG_BYTES = 8 << 20
BAG = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", bag.TAG_MANIFEST)
ALWAYS = (bag.SIGNATURE_PATH, bag.KEY_PATH, bag.KEY_PEM_PATH)
OF_THE_LOG = (bag.ENTRY_PATH, bag.INCLUSION_PATH, bag.CHECKPOINT_PATH, bag.CONSISTENCY_PATH)
READ_PATHS = (*ALWAYS, *OF_THE_LOG, bag.ANCHORS_PATH, bag.WITHHELD_PATH)
LIMITS = Limits(max_bytes=64 << 20)
JPEG = {"MPO": "JPEG"}  # most programs read a multi-picture JPEG as its first picture
SMALL = 64
"""Side in pixels below which a picture is not compared with its reduced one: each pixel weighs too much there."""
MAX_REDUCED = 200  # limit of reduced pictures that are compared with their originals
CELLS, UNLIKE, AT_LEAST = 8, 16.0, 512
"""Settings for comparing a picture with its reduced one.

Rows and columns of fields whose mean colours are compared, the allowed difference in levels, and the least longer side
in pixels at which both are decoded: with fewer pixels, the edges of fields move.
"""


def check_contents(inspection: Inspection) -> Iterator[Check]:
    """Check ``files``, one ``file:`` each, ``bag`` and ``tools``."""
    yield checked("files", _listing, inspection)
    for file in inspection.manifest.files:
        yield _check_file(inspection, file)
    yield checked("bag", _bag, inspection)
    yield _check_tools(inspection)


def check_unread(inspection: Inspection, receipts: frozenset[str]) -> Iterator[Check]:
    """Report files under ``proofs/`` that no check reads and that belong to no receipt (``proofs``)."""
    present = [name for name in inspection.contents.names if name.startswith("proofs/")]
    known_paths = receipts.union(READ_PATHS)
    unread = [name for name in present if name not in known_paths and not _is_one_of_many(name, present)]
    if unread:
        yield not_checked("proofs", f"{some(unread)} is not covered by any check.")


def _is_one_of_many(name: str, present: list[str]) -> bool:
    """Return True for a counter-signature, or a later checkpoint that the list of renewals may name."""
    later = RENEWALS_PATH in present and (name == RENEWALS_PATH or LATER_CHECKPOINT.fullmatch(name) is not None)
    return later or name.startswith(bag.COUNTERSIGNATURES)


def check_container(contents: Contents, members: list[Member], *, other_state: State) -> Check:
    """Check that the ZIP is byte for byte the one that these contents give (``container``).

    A changed ZIP fails only if other checks failed, as ``other_state`` states.
    """
    same = contents.same_bytes_as(zip_chunks(members))
    if same is None:
        return not_checked("container", "An unpacked folder has no ZIP container to compare.")
    if same:
        return passed("container", "The ZIP is byte-for-byte identical to the ZIP written for these contents.")
    remarks = f" ({'; '.join(contents.remarks)})" if contents.remarks else ""
    if other_state is State.FAILED:
        return failed(
            "container", (f"The ZIP differs from the ZIP that was written{remarks}, and other checks failed as well.")
        )
    return passed("container", f"{CONTAINER_CHANGED}: the ZIP differs from the ZIP that was written{remarks}.")


def _listing(inspection: Inspection) -> str:
    listed = {file.path for file in inspection.manifest.files} | {MANIFEST_PATH}
    present, withheld = set(inspection.contents.names), inspection.withheld
    data = {name for name in present if name.startswith("data/")}
    other_names = {name for name in present - data if not name.startswith("proofs/")}
    extra = sorted((data - listed) | (other_names - {*BAG, *bag.TOOLS}))
    missing = sorted((listed - data - withheld) | ({*BAG, *bag.TOOLS, *ALWAYS} - present))
    allowed = withheld <= listed - data - {FACTS_PATH, MANIFEST_PATH}
    expect(allowed, "The list of withheld files contains files that are present or must not be withheld.")
    groups = ((extra, "extra"), (missing, "missing"))
    words = ", ".join(f"{len(names)} {what} ({some(names)})" for names, what in groups if names)
    expect(not words, f"The bundle does not contain the expected files: {words}.")
    withheld_text = f"; withheld from this copy: {some(sorted(withheld))}" if withheld else ""
    beside = ", and no others outside proofs/"
    if left_over := inspection.contents.left_over:
        names = some([ascii(name)[1:-1] for name in left_over])
        beside = f"; not part of the bundle: {len(left_over)} files left by a file manager: {names}"
    return f"All {len(listed) - len(withheld)} sealed files are present{withheld_text}{beside}."


def some(names: list[str]) -> str:
    """Join the first few of several names."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _check_file(inspection: Inspection, file: ManifestFile) -> Check:
    name = f"file:{file.path}"
    measurement = inspection.measurements.get(file.path)
    if measurement is None:
        if file.path in inspection.withheld and file.path not in inspection.broken:
            suffix = f"; replaced by {file.stand_in}" if file.stand_in else ""
            return not_checked(name, f"Withheld from this copy; its digest is sealed{suffix}.")
        return failed(name, inspection.broken.get(file.path, "The file is missing."))
    if (measurement.size, measurement.sha256, measurement.sha512) != (file.size, file.sha256, file.sha512):
        return failed(
            name, f"The file differs from the sealed file: SHA-256 is {measurement.sha256}, not {file.sha256}."
        )
    return passed(name, f"{file.size} bytes, SHA-256 {file.sha256}, SHA-512 agrees.")


def _bag(inspection: Inspection) -> str:
    names = [name for name in inspection.contents.names if not name.startswith("data/") and name not in BAG]
    for name in (*names, *BAG):
        expect(name not in inspection.broken, inspection.broken.get(name, ""))
    tags = {name: inspection.measurements[name].sha256 for name in names}
    expected = bag.bag_files(inspection.manifest, frozenset(inspection.left_out), tags)
    for name in BAG:
        measurement = inspection.measurements.get(name)
        if measurement is None:
            raise FormatError(f"{name} is missing.")
        if measurement.sha256 != Digest.of(expected[name]):
            raise FormatError(f"{name} does not match the files: {_difference(inspection, name, expected[name])}.")
    return f"A BagIt bag (RFC 8493) whose {len(tags)} files outside data/ have the listed digests."


def _difference(inspection: Inspection, name: str, expected: bytes) -> str:
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
    digests = {name: inspection.measurements[name].sha256 for name in bag.TOOLS if name in inspection.measurements}
    unknown = [name for name, digest in digests.items() if digest.hex not in KNOWN_TOOLS[name]]
    if unknown or len(digests) != len(bag.TOOLS):
        what = " and ".join(unknown) or "A tool"
        return not_checked(
            "tools", f"{what} in the bundle is not known to this verifier. Do not run it without reading it."
        )
    return passed("tools", "VERIFY.md and verify.py are known to this verifier.")


def check_pictures(inspection: Inspection, facts: CaseFacts) -> Check:
    """Check format and size of each picture against the facts, and against its reduced picture (``pictures``)."""
    every = dict.fromkeys((*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)))
    unread, remaining, several = "", MAX_REDUCED, []
    for picture in every:
        file = picture.file
        try:
            info, stand_in = (
                inspect(inspection.sealed_bytes(file, LIMITS.max_bytes), LIMITS),
                _stand_in(inspection, picture),
            )
            remaining -= bool(stand_in)
            if info.frames > 1 and info.format not in JPEG:
                several.append(f"{file} contains {info.frames} pictures, of which one is compared")
            if remaining < 0:
                unread = f"Only the first {MAX_REDUCED} reduced pictures are compared with their originals."
            if wrong := _unlike(inspection, picture, info, stand_in if remaining >= 0 else ""):
                return failed("pictures", wrong)
        except ExhibitError as error:
            if isinstance(error, UnreadablePictureError) and error.reason == "not-a-picture":
                return failed("pictures", f"{file} is not a picture.")
            unread = f"{file}: {error.message}"
    if unread:
        return replace(not_checked("pictures", unread), remarks=tuple(several))
    words = f"{len(every)} pictures have the formats and sizes that the facts state."
    return replace(passed("pictures", words), remarks=tuple(several))


def _unlike(inspection: Inspection, picture: PictureFacts, info: PictureInfo, stand_in: str) -> str:
    """Return a sentence if a picture differs from what the facts state or from its reduced picture; else empty."""
    actual, expected = ((JPEG.get(item.format, item.format), item.width, item.height) for item in (info, picture))
    if actual != expected:
        return f"{picture.file} is a {actual[0]} of {actual[1]}×{actual[2]}, which differs from the facts."
    if stand_in and np.abs(_fields(inspection, picture.file) - _fields(inspection, stand_in)).max() > UNLIKE:
        return f"{stand_in} shows a different picture than {picture.file}, which it replaces."
    return ""


def _stand_in(inspection: Inspection, picture: PictureFacts) -> str:
    """Return the reduced picture of a sealed one if both are here and large enough to compare; else an empty string."""
    file = inspection.manifest.file(picture.file)
    if file is None or file.stand_in is None or not inspection.is_sealed(file.stand_in):
        return ""
    return file.stand_in if min(picture.width, picture.height) >= SMALL else ""


def _fields(inspection: Inspection, file: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the mean colours of the fields of a picture: CELLS² × 3 levels."""
    pixels = decode(inspection.sealed_bytes(file, LIMITS.max_bytes), LIMITS, at_least=AT_LEAST).pixels
    downs, acrosses = (np.arange(CELLS + 1) * side // CELLS for side in pixels.shape[:2])
    fields = [pixels[a:b, c:d] for a, b in pairwise(downs) for c, d in pairwise(acrosses)]
    return np.array([field.mean(axis=(0, 1)) for field in fields])
