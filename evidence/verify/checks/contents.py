"""Checks of bytes: the sealed files against the manifest, the bag, the tools and the container."""

from collections.abc import Iterator

from evidence.bundle.bag import (
    ANCHORS_PATH,
    CHECKPOINT_PATH,
    CONSISTENCY_PATH,
    COUNTERSIGNATURES,
    ENTRY_PATH,
    INCLUSION_PATH,
    KEY_PATH,
    KEY_PEM_PATH,
    SIGNATURE_PATH,
    TAG_MANIFEST,
    TOOLS,
    WITHHELD_PATH,
    bag_files,
)
from evidence.bundle.manifest import FACTS_PATH, MANIFEST_PATH, ManifestFile
from evidence.formats.container import Contents, Member, read_all, zip_chunks
from evidence.log.proofs import LATER_CHECKPOINT, RENEWALS_PATH
from evidence.standalone import KNOWN_TOOLS
from evidence.verdict.result import CONTAINER_CHANGED, Check, State, failed, not_checked, passed
from evidence.verify.checks.inspection import Inspection
from exhibit.digests import Digest

MAX_TAG_BYTES = 8 << 20
BAG = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", TAG_MANIFEST)
ALWAYS = (SIGNATURE_PATH, KEY_PATH, KEY_PEM_PATH)
READ = (*ALWAYS, ENTRY_PATH, INCLUSION_PATH, CHECKPOINT_PATH, CONSISTENCY_PATH, ANCHORS_PATH, WITHHELD_PATH)


def check_contents(inspection: Inspection) -> Iterator[Check]:
    """``files``, one ``file:`` each, ``bag`` and ``tools``."""
    yield _check_listing(inspection)
    for file in inspection.manifest.files:
        yield _check_file(inspection, file)
    yield _check_bag(inspection)
    yield _check_tools(inspection)


def check_unread(inspection: Inspection, receipts: frozenset[str]) -> Iterator[Check]:
    """``proofs``, when some file under ``proofs/`` is read by no check: nobody vouches for it.

    Args:
        inspection: the bundle.
        receipts: files of receipts and what belongs to them.
    """
    present = [name for name in inspection.contents.names if name.startswith("proofs/")]
    known = {*READ, *receipts}
    unread = [name for name in present if name not in known and not _is_one_of_many(name, present)]
    if unread:
        yield not_checked("proofs", f"Nobody vouches for {_some(unread)}: no check reads it.")


def _is_one_of_many(name: str, present: list[str]) -> bool:
    """Whether a counter-signature, or a later checkpoint that the list of them may name."""
    later = RENEWALS_PATH in present and (name == RENEWALS_PATH or LATER_CHECKPOINT.fullmatch(name) is not None)
    return later or name.startswith(COUNTERSIGNATURES)


def check_container(contents: Contents, members: list[Member], *, others: State) -> Check:
    """``container``: whether the ZIP is byte for byte the one that these contents give.

    Args:
        contents: as read.
        members: the same files with sizes and checksums.
        others: the worst state of all other checks.
    """
    same = contents.same_bytes_as(zip_chunks(members))
    if same is None:
        return not_checked("container", "An unpacked folder has no container to compare.")
    if same:
        return passed("container", "The ZIP is byte for byte the one that these contents give.")
    remarks = f" ({'; '.join(contents.remarks)})" if contents.remarks else ""
    if others is State.FAILED:
        return failed("container", f"The ZIP isn't the one that was written{remarks}, and other checks failed too.")
    return passed("container", f"{CONTAINER_CHANGED}: the ZIP isn't the one that was written{remarks}.")


def container_members(inspection_contents: Contents, sizes: dict[str, tuple[int, int]]) -> list[Member]:
    """The files as members of the one ZIP they would give; sizes and CRC-32 by name."""

    def member(name: str) -> Member:
        size, crc = sizes[name]
        return Member(name, size, crc, lambda: inspection_contents.chunks(name))

    return [member(name) for name in sizes]


def _check_listing(inspection: Inspection) -> Check:
    listed = {file.path for file in inspection.manifest.files} | {MANIFEST_PATH}
    present = set(inspection.contents.names)
    data = {name for name in present if name.startswith("data/")}
    others = {name for name in present - data if not name.startswith("proofs/")}
    extra = sorted((data - listed) | (others - {*BAG, *TOOLS}))
    missing = sorted((listed - data - inspection.withheld) | ({*BAG, *TOOLS, *ALWAYS} - present))
    if inspection.withheld & {FACTS_PATH, MANIFEST_PATH, *data} or not inspection.withheld <= listed:
        return failed("files", "The list of withheld files names files that are there, or that can't be withheld.")
    if extra or missing:
        words = [f"{len(extra)} extra ({_some(extra)})" if extra else "", _missing(missing)]
        return failed("files", f"The bundle doesn't hold the files it should: {', '.join(filter(None, words))}.")
    held = f"; withheld from this copy: {_some(sorted(inspection.withheld))}" if inspection.withheld else ""
    told = f"All {len(listed) - len(inspection.withheld)} sealed files are there{held}"
    return passed("files", f"{told}{_beside(inspection.contents.left_over)}.")


def _beside(left_over: tuple[str, ...]) -> str:
    """What lies beside the bundle's own files, in words."""
    if not left_over:
        return ", and no other outside of proofs/"
    return f"; beside the bundle lie {len(left_over)} that a file manager left and nobody vouches for: " + _some(
        [ascii(name)[1:-1] for name in left_over]
    )


def _missing(names: list[str]) -> str:
    return f"{len(names)} missing ({_some(names)})" if names else ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _check_file(inspection: Inspection, file: ManifestFile) -> Check:
    name = f"file:{file.path}"
    found = inspection.measured.get(file.path)
    if found is None:
        if file.path in inspection.withheld and file.path not in inspection.broken:
            shown = f"; {file.stand_in} stands in for it" if file.stand_in else ""
            return not_checked(name, f"Withheld from this copy; its digest is sealed{shown}.")
        return failed(name, inspection.broken.get(file.path, "The file is missing."))
    if (found.size, found.sha256, found.sha512) != (file.size, file.sha256, file.sha512):
        return failed(name, f"The bytes aren't those that were sealed: SHA-256 is {found.sha256}, not {file.sha256}.")
    return passed(name, f"{file.size} bytes, SHA-256 {file.sha256}, SHA-512 agrees.")


def _check_bag(inspection: Inspection) -> Check:
    names = [name for name in inspection.contents.names if not name.startswith("data/") and name not in BAG]
    if broken := [name for name in (*names, *BAG) if name in inspection.broken]:
        return failed("bag", inspection.broken[broken[0]])
    tags = {name: inspection.measured[name].sha256 for name in names}
    expected = bag_files(inspection.manifest, frozenset(inspection.left_out), tags)
    for name in BAG:
        found = inspection.measured.get(name)
        if found is None:
            return failed("bag", f"{name} is missing.")
        if found.sha256 != Digest.of(expected[name]):
            return failed("bag", f"{name} doesn't fit the files: {_difference(inspection, name, expected[name])}.")
    return passed("bag", f"A BagIt bag (RFC 8493) whose {len(tags)} files outside of data/ have their listed digests.")


def _difference(inspection: Inspection, name: str, expected: bytes) -> str:
    """The first line that differs, in words."""
    if inspection.measured[name].size > MAX_TAG_BYTES:
        return "it is too large"
    found = set(read_all(inspection.contents, name, MAX_TAG_BYTES).splitlines())
    wanted = set(expected.splitlines())
    for line in sorted(wanted - found) or sorted(found - wanted):
        _, _, path = line.partition(b"  ")
        return f"see {(path or line).decode('utf-8', 'backslashreplace')[:120]}"
    return "its lines are written differently"


def _check_tools(inspection: Inspection) -> Check:
    digests = {name: inspection.measured[name].sha256 for name in TOOLS if name in inspection.measured}
    unknown = [name for name, digest in digests.items() if digest.hex not in KNOWN_TOOLS[name]]
    if unknown or len(digests) != len(TOOLS):
        what = " and ".join(unknown) or "A tool"
        return not_checked("tools", f"{what} in the bundle isn't one this verifier knows: don't run it unread.")
    return passed("tools", "VERIFY.md and verify.py are those that this verifier knows.")
