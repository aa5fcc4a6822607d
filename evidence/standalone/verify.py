"""Check this bundle with Python alone (3.8 or newer, no packages, no network).

    python3 -I verify.py         the folder in which this file lies
    python3 -I verify.py PATH    another unpacked folder, or a ZIP

With -I, Python imports nothing from the current folder: a file in the bundle could have the name of a Python module.

Checked: all digests, the bag, the seal digest, the log entries of the seal and of the registrations, their inclusion
in the log, the owner of the registrations, and that the sealed values and calibrations give the sealed probabilities
(but not that the bounds of a calibration follow from counts).
Not checked: the order of times, signatures and timestamps. Python has no functions for signatures and timestamps; the
program prints the commands that verify them with openssl, ots and bagit. Nothing is trusted because it is in the
bundle: verify the identity of signers and timestamp services with other sources.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import itertools
import json
import math
import re
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple  # noqa: UP035 - Python 3.8

# Written by `python -m tools.standalone`:
MANIFEST = "data/manifest.json"
FACTS = "data/facts.json"
ENTRY = "proofs/log/entry.json"
INCLUSION = "proofs/log/inclusion.json"
CHECKPOINT = "proofs/log/checkpoint"
ANCHORS = "proofs/anchors/index.json"
WITHHELD = "proofs/withheld.json"
SIGNATURE = "proofs/signature"
KEY = "proofs/key.json"
KEY_PEM = "proofs/key.pem"
BUNDLE_FORMAT = "exhibit-bundle/1"
FACTS_FORMAT = "exhibit-facts/1"
CALIBRATION_FORMAT = "exhibit-calibration/1"
REGISTERED_FIELDS = (
    "title",
    "author",
    "first_publication",
    "registered_at",
    "registrations",
    "rights_statement",
    "created",
    "credit",
    "holder",
)
MAX_JSON = 16777216
MAX_DEPTH = 64
MAX_ENTRIES = 10000
MAX_DIRECTORY = 10240000
MAX_NAME = 200
FREE_EXPANSION = 67108864
MAX_EXPANSION = 100
SPKI = "302a300506032b6570032100"
SMALL_ORDER = (
    0,
    1,
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
    57896044618658097711785492504343953926634992332820282019728792003956564819948,
)
RESTRICTING_REASONS = (
    "collage",
    "derived",
    "hash",
    "low-information",
    "mark",
    "negative",
    "page",
    "pieces",
    "plain",
    "series",
)
TOLERANCE = 0.0002
UNRELATED = 128
FAR_DRIFT = 2.0
# Written by hand from here on.
CHUNK = 1 << 20
MANIFEST_FILES = ("manifest-sha256.txt", "manifest-sha512.txt")
OWN_FILES = {"bagit.txt", "bag-info.txt", "VERIFY.md", "verify.py", *MANIFEST_FILES}
NAME_PART = "(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|$))[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
NAME = re.compile(rf"(?=.{{1,{MAX_NAME}}}$){NAME_PART}(?:/{NAME_PART})*")
PLAIN_PART = r"[^\x00-\x1f\x7f/\\:]*[^\x00-\x1f\x7f/\\: .]"
PATH = re.compile(rf"(?!\ufeff){PLAIN_PART}(?:/{PLAIN_PART})*/?")
SYSTEM_FILE = re.compile(r"(?is)(?:.*/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)")
TIME_FIELDS = rb"\n\0 \0.{32}|UT(?:\x05\0.{5}|\t\0.{9}|\r\0.{13})|UX(?:\x08\0.{8}|\x0c\0.{12})|Ux(?:\0\0|\x04\0.{4})"
EXTRA_FIELDS = re.compile(rb"(?s)(?:" + TIME_FIELDS + rb"|ux\x0b\0.{11})*")
HASH = re.compile(r"[0-9a-f]{64}")
TEXT_PATTERN = r'"(?:[^"\\]|\\.)*"'
FORM_PATTERNS = {
    "D": '"[0-9a-f]{64}"',
    "N": "(?:0|[1-9][0-9]*)",
    "T": TEXT_PATTERN,
    "[": r"\[",
    "]": r"\]",
    "{": r"\{",
    "+": r"\+",
}
FORM_PATTERNS["B"], FORM_PATTERNS["H"] = "(?:true|false)", '"[0-9a-f]{128}"'
FORM_PATTERNS["M"] = r'"([1-9][0-9]{3}(?:-[0-9]{2}){2}T(?:[0-9]{2}:){2}[0-5][0-9])\.[0-9]{6}Z"'
"""Patterns of canonical JSON by the letter used in forms: digests, numbers, text, times and punctuation."""


class CheckError(Exception):
    """A check failed; the message states the problem."""


def require(condition: object, problem: str) -> None:
    """Raise ``CheckError`` with the problem unless something holds."""
    if not condition:
        raise CheckError(problem)


class Folder:
    """An unpacked bundle."""

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]
        require(
            all(path.is_file() and not path.is_symlink() for path in paths), "the folder contains a link or a device"
        )
        self.set_names([path.relative_to(root).as_posix() for path in paths])

    def set_names(self, names: list[str]) -> None:
        """Separate the bundle's files from those that file managers add; names of folders end with a slash."""
        split_names = [name.lower().split("/") for name in names]
        folders = {"/".join(segments[:depth]) for segments in split_names for depth in range(1, len(segments))}
        lower_names = {name.lower() for name in names}
        require(len(lower_names) == len(names) and not folders & lower_names, "two names refer to the same path")
        self.left_over = {name for name in names if SYSTEM_FILE.fullmatch(name)}
        self.names = {name for name in names if not name.endswith("/")} - self.left_over

    def read_chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        with (self.root / name).open("rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")


class Zip(Folder):
    """A zipped bundle, read by the strict ZIP profile of docs/reference/bundle-format.md."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self.members: dict[str, Any] = {}
        total = self.file.seek(0, 2)
        end = struct.unpack("<4s4H2IH", self.read_at(total - 22, 22))
        count, size, start = end[4:7]
        is_valid = (
            end == (b"PK\5\6", 0, 0, count, count, size, total - 22 - size, 0)
            and 0 < count <= MAX_ENTRIES
            and size <= MAX_DIRECTORY
        )
        require(is_valid, "the end record of the ZIP is missing or wrong, or is followed by other data")
        raw, position = self.read_at(start, size + 22), 0
        counts = [raw.count(mark) for mark in (b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7")]
        require(counts == [count, 1, 0, 0], "the central directory of the ZIP contains additional data")
        raw = raw[:size]
        for _ in range(count):
            position, raw = self.read_member(raw, position)
        require(
            not raw and position == start,
            "the ZIP contains additional bytes before its central directory or its end record",
        )
        unpacked_size = sum(member[4] for member in self.members.values())
        require(
            unpacked_size <= FREE_EXPANSION + MAX_EXPANSION * total,
            "the ZIP would be larger than any bundle when unpacked",
        )
        self.set_names(list(self.members))
        top_folder = min(self.names, default="").partition("/")[0] + "/"
        if top_folder + "bagit.txt" in self.names and all(name.startswith(top_folder) for name in self.names):
            self.names = {name[len(top_folder) :] for name in self.names}
            self.members.update({name: self.members[top_folder + name] for name in self.names})

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes of the ZIP from an offset."""
        self.file.seek(offset)
        return self.file.read(size)

    def read_member(self, raw: bytes, position: int) -> Tuple[int, bytes]:  # noqa: UP006 - Python 3.8
        """Check a member by its directory entry and local header; returns its end, and the remaining entries."""
        creator, version, flags, method, _, *sizes, length, extra_size, comment, disk, _, mode, offset = (
            struct.unpack_from("<4xxB3HI3I5H2I", raw)
        )
        name, extra, remaining = raw[46:][:length], raw[46 + length :][:extra_size], raw[46 + length + extra_size :]
        local_header = self.read_at(offset, 30)
        *local_values, length, extra_size = struct.unpack_from("<3I2H", local_header, 14)
        local_fields = self.read_at(offset + 30, length + extra_size)
        start = offset + 30 + length + extra_size
        descriptor = struct.pack("<4s3I", b"PK\7\x08", *sizes) if flags & 8 else b""
        is_folder, file_type, path = name.endswith(b"/"), mode >> 16 & 0o170000, name.decode()
        conditions = (
            raw[:4] == b"PK\1\2" and offset == position and path not in self.members and PATH.fullmatch(path),
            creator in (0, 3, 10, 11, 14, 19) and version <= 20 and not flags & ~0x080E and not comment and not disk,
            sizes[1] == sizes[2] and not descriptor if method == 0 else method == 8,
            file_type in (0, 0o040000 if is_folder else 0o100000) and not (sizes[1] if is_folder else mode & 0x18),
            local_header[:14] == b"PK\3\4" + raw[6:16] and local_fields[:length] == name,
            all(
                local_value == central_value or (descriptor and not local_value)
                for local_value, central_value in zip(local_values, sizes)  # noqa: B905 - Python 3.8
            ),
            EXTRA_FIELDS.fullmatch(extra) and EXTRA_FIELDS.fullmatch(local_fields[length:]),
            self.read_at(start + sizes[1], len(descriptor)) == descriptor,
        )
        require(all(conditions), f"programs may interpret {path[:80]!a} in the ZIP differently")
        self.members[path] = (start, method, *sizes)
        return start + sizes[1] + len(descriptor), remaining

    def read_chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file, exactly as many as the ZIP declares."""
        start, method, crc, packed_size, size = self.members[name]
        unpacker, crc_value, count = zlib.decompressobj(-15), 0, 0
        for offset in range(start, start + packed_size, CHUNK):
            data = self.read_at(offset, min(CHUNK, start + packed_size - offset))
            while data:
                chunk = unpacker.decompress(data, CHUNK) if method else data
                data, crc_value, count = unpacker.unconsumed_tail, zlib.crc32(chunk, crc_value), count + len(chunk)
                require(count <= size, f"{name} is longer than the ZIP declares")
                yield chunk
        is_complete = (crc_value, count) == (crc, size) and (not method or (unpacker.eof and not unpacker.unused_data))
        require(is_complete, f"{name} does not contain the bytes that the ZIP declares")


FileSummary = Tuple[int, str, str]  # noqa: UP006 - Python 3.8
FileSummaries = Dict[str, FileSummary]  # noqa: UP006 - Python 3.8


def compute_digests(bundle: Folder, name: str) -> FileSummary:
    """Return size, SHA-256 and SHA-512 of a file."""
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    for chunk in bundle.read_chunks(name):
        sha256.update(chunk)
        sha512.update(chunk)
        size += len(chunk)
    return size, sha256.hexdigest(), sha512.hexdigest()


def read_file(bundle: Folder, name: str) -> bytes:
    """Return the bytes of a small file."""
    require(name in bundle.names, f"{name} is missing")
    data = b""
    for chunk in bundle.read_chunks(name):
        data += chunk
        require(len(data) <= MAX_JSON, f"{name} is too large")
    return data


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object, and reject duplicate names."""
    require(len(dict(pairs)) == len(pairs), "a name occurs twice in one object")
    return dict(pairs)


def parse_number(text: str) -> float:
    """Parse a JSON number below 2**53."""
    value = int(text) if text.lstrip("-").isdigit() else float(text)
    require(abs(value) < 1 << 53, "a number is too large")
    return value


def load_json(bundle: Folder, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Load the JSON of a small file."""
    text = read_file(bundle, name).decode()
    punctuation = re.sub(f"(?s){TEXT_PATTERN}?", "", text)  # an unclosed string extends to the end
    depth = max(itertools.accumulate((char in "[{") - (char in "]}") for char in punctuation), default=0)
    require(depth <= MAX_DEPTH, f"{name} contains JSON that is nested too deeply")
    return json.loads(
        text,
        object_pairs_hook=build_object,
        parse_int=parse_number,
        parse_float=parse_number,
        parse_constant=parse_number,
    )


def load_canonical(bundle: Folder, name: str, form: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """Load a small file of canonical JSON without fractions, with exactly the fields of its format."""
    data, value = read_file(bundle, name), load_json(bundle, name)
    require(to_canonical(value) == data, f"{name} is not in canonical form (RFC 8785)")
    pattern = re.sub(r"\b[BDHMNT]\b|[\[\]{+]", lambda sign: FORM_PATTERNS[sign[0]], form)
    match = re.fullmatch(f"(?s){pattern or '.*'}", data.decode())
    require(match, f"{name} does not have the fields of its format")
    for time_text in match.groups() if match else ():
        time.strptime(time_text, "%Y-%m-%dT%H:%M:%S")
    return value


def expect_format(value: Any, name: str, expected: str) -> None:  # noqa: ANN401 - any JSON value
    """Check that a file is in the expected format."""
    actual = value["format"]
    require(
        actual == expected, f"{name} was written in the format {actual}, which this version of Exhibit does not read"
    )


def to_canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Encode objects with only text, integers and plain names as canonical JSON (RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_bag(bundle: Folder, file_digests: FileSummaries) -> str:
    """Check the files of the bag (RFC 8493), which follow from the others; no file may be missing or extra."""
    data = sorted(name for name in file_digests if name.startswith("data/"))
    tag_names = sorted(set(file_digests) - {*data, "tagmanifest-sha256.txt"})
    own_names = {name for name in tag_names if not name.startswith("proofs/")}
    require(
        {SIGNATURE, KEY, KEY_PEM} <= bundle.names,
        "signature or key is missing",
    )
    require(own_names == OWN_FILES, f"missing or unexpected files: {', '.join(sorted(own_names ^ OWN_FILES)[:3])}")
    for name, column, paths in (
        (MANIFEST_FILES[0], 1, data),
        (MANIFEST_FILES[1], 2, data),
        ("tagmanifest-sha256.txt", 1, tag_names),
    ):
        lines = "".join(f"{file_digests[path][column]}  {path}\n" for path in paths).encode()
        different_lines = set(read_file(bundle, name).split(b"\n")) ^ set(lines.split(b"\n"))
        path = min(different_lines, default=b"").partition(b"  ")[2].decode(errors="replace")
        require(read_file(bundle, name) == lines, f"{name} lists files or digests that differ from the bundle: {path}")
    manifest, size = load_manifest(bundle), sum(file_digests[name][0] for name in data)
    agent = " ".join(re.split("[ \t\r\n]+", "{name} {version}".format(**manifest["software"]))).strip(" ")
    info = f"Bag-Software-Agent: {agent}\nBagging-Date: {manifest['sealed_at'][:10]}\nExternal-Identifier: sha-256:"
    info += f"{file_digests[MANIFEST][1]}\nPayload-Oxum: {size}.{len(data)}\n"
    require(read_file(bundle, "bag-info.txt") == info.encode(), "bag-info.txt does not match the files")
    form = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    require(read_file(bundle, "bagit.txt") == form, "bagit.txt does not match the files")
    return f"{len(file_digests)} files have the digests that the bag lists"


def load_manifest(bundle: Folder) -> Any:  # noqa: ANN401 - JSON
    """Load the manifest and check its format."""
    file = '{"media_type":T,"path":T,"role":T,"sha256":D,"sha512":H,"size":N,"stand_in":(?:T|null)}'
    model = '{"digest":(?:D|null),"name":T,"version":T}'
    expect_format(load_json(bundle, MANIFEST), MANIFEST, BUNDLE_FORMAT)
    form = f'{{"files":[{file}(?:,{file})*],"format":T,"key":{{"algorithm":"Ed25519","holder":T,'
    form += '"public":D},"matter":{"bundle":(?!0)N,"case":T,"owner":T},"sealed_at":M,"software":{"models":'
    form += f'[(?:{model}(?:,{model})*)?],"name":T,"pipeline":T,"version":T}}}}'
    return load_canonical(bundle, MANIFEST, form)


def check_manifest(bundle: Folder, file_digests: FileSummaries) -> str:
    """Check every sealed file against the manifest."""
    files, withheld = load_manifest(bundle)["files"], load_withheld(bundle)
    listed_paths = [entry["path"] for entry in files]
    is_valid_list = (
        listed_paths == sorted(set(listed_paths))
        and FACTS in listed_paths
        and all(item.startswith("data/") for item in listed_paths)
    )
    require(
        is_valid_list and MANIFEST not in listed_paths,
        "the list in the manifest is not sorted, or contains files outside data/",
    )
    absent_paths = set(listed_paths) - {FACTS, *file_digests}
    require(
        withheld <= absent_paths, "the list of withheld files contains files that are present or must not be withheld"
    )
    stand_ins = {item["path"] for item in files if (item["role"], item["stand_in"]) == ("stand-in", None)}
    require({item["stand_in"] for item in files} <= {None, *stand_ins}, "a replacement file is not listed as such")
    for entry in files:
        if entry["path"] not in withheld:
            expected = (entry["size"], entry["sha256"], entry["sha512"])
            require(file_digests.get(entry["path"]) == expected, f"{entry['path']} differs from the sealed file")
    extra_names = {name for name in file_digests if name.startswith("data/")} - {MANIFEST, *listed_paths}
    require(not extra_names, f"data/ contains a file that was not sealed: {min(extra_names, default='')}")
    sentence = f"{len(listed_paths) - len(withheld)} sealed files match the manifest"
    return sentence + (f", {len(withheld)} are withheld" if withheld else "")


def load_withheld(bundle: Folder) -> set[str]:
    """Return the sealed files that this copy of the bundle states as withheld."""
    form = '{"files":[(?:T(?:,T)*)?],"reason":T}'
    files = load_canonical(bundle, WITHHELD, form)["files"] if WITHHELD in bundle.names else []
    require(len(set(files)) == len(files), f"{WITHHELD} lists a file twice")
    return set(files)


def load_entry(bundle: Folder) -> Any:  # noqa: ANN401 - JSON
    """Load the log entry of the seal and check its format."""
    return load_canonical(bundle, ENTRY, '{"commitment":D,"opening":{.*},"salt":D,"sequence":N,"time":M,"type":T}')


def check_entry(bundle: Folder, file_digests: FileSummaries) -> str:
    """Check that the log entry commits to this seal."""
    entry, key = load_entry(bundle), load_manifest(bundle)["key"]["public"]
    signature = read_file(bundle, SIGNATURE).hex()
    require(entry["type"] == "seal", "the log entry is not a seal")
    check_opening(entry)
    opening = {"key": key, "manifest": file_digests[MANIFEST][1], "signature": signature}
    require(entry["opening"] == opening, "the log entry is for a different seal digest, key or signature")
    return f"entry {entry['sequence']} of the log commits to this seal digest, key and signature"


def check_key(bundle: Folder, file_digests: FileSummaries) -> str:  # noqa: ARG001 - called like the others
    """Check that the key files contain the key in the manifest, and that the key is not of small order."""
    key = load_manifest(bundle)["key"]
    raw = bytes.fromhex(key["public"])
    der = base64.b64encode(bytes.fromhex(SPKI) + raw).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n".encode()
    is_same = (read_file(bundle, KEY_PEM), read_file(bundle, KEY)) == (pem, to_canonical(key))
    require(is_same, "proofs/key.pem or proofs/key.json is not the key in the manifest")
    y = int.from_bytes(raw, "little") & ~(1 << 255)
    is_sound = y < 2**255 - 19 and y not in SMALL_ORDER
    require(is_sound, "the manifest's key is not secure: it is of small order, or not in canonical form")
    return "the key files contain the key in the manifest"


def check_opening(entry: dict[str, Any]) -> None:
    """Check that an entry commits to its opening."""
    commitment = hashlib.sha256(bytes.fromhex(entry["salt"]) + to_canonical(entry["opening"])).hexdigest()
    require(commitment == entry["commitment"], "the log entry commits to different content")


def load_facts(bundle: Folder) -> Any:  # noqa: ANN401 - JSON
    """Load the facts and check their format."""
    facts = load_json(bundle, FACTS)
    expect_format(facts, FACTS, FACTS_FORMAT)
    return facts


def check_registration(bundle: Folder, file_digests: FileSummaries) -> str:  # noqa: ARG001 - called like the others
    """Check the log entries of the work's pictures: their owner, and their inclusion under their checkpoints."""
    facts = load_facts(bundle)
    work, owner = facts["work"], facts["owner"]["name"]
    proofs = [proof for proof in (work["registration"], *work["further_registrations"]) if proof]
    for proof in proofs:
        check_opening(proof)
        verify_inclusion(proof, {"index": proof["sequence"], **proof}, proof["checkpoint"])
        is_related = proof["opening"]["picture"] in [picture["digest"] for picture in work["pictures"]]
        is_related = is_related and proof["type"] == "registration" and proof["opening"].get("owner_name") == owner
        require(is_related, "the log entry is for a different owner or picture, or is not a registration")
        opening = proof["opening"]
        field_names = [name for name in REGISTERED_FIELDS if proof is work["registration"] or name in opening]
        is_same = (
            all(opening.get(name) == work[name] for name in field_names) and str(opening.get("work")) == work["number"]
        )
        require(is_same, "the log entry and facts.json contain different information about the work")
    registered_digests = {proof["opening"]["picture"] for proof in proofs}
    unregistered = [
        f"{place:02d}" for place, proof in enumerate(work["pictures"], 1) if proof["digest"] not in registered_digests
    ]
    sentence = f"{len(proofs)} log entries register the owner's pictures"
    return sentence + (
        f"; not checked for {', '.join(unregistered)}: no log entry registers these pictures" if unregistered else ""
    )


def check_inclusion(bundle: Folder, file_digests: FileSummaries) -> str:  # noqa: ARG001 - called like the others
    """Check the inclusion of the entry under the root of the checkpoint."""
    proof = load_canonical(bundle, INCLUSION, '{"index":N,"path":[(?:D(?:,D)*)?],"size":N}')
    return verify_inclusion(load_entry(bundle), proof, read_file(bundle, CHECKPOINT).decode())


def verify_inclusion(entry: dict[str, Any], proof: dict[str, Any], checkpoint: str) -> str:
    """Verify the inclusion of an entry under a root (RFC 9162, 2.1.3.2)."""
    lines = checkpoint.split("\n")
    root, size, position = base64.b64decode(lines[2]), int(lines[1]), entry["sequence"]
    leaf = to_canonical({"commitment": entry["commitment"], "time": entry["time"], "type": entry["type"]})
    current, last = hashlib.sha256(b"\x00" + leaf).digest(), size - 1
    is_matching = (proof["size"], proof["index"], type(position)) == (size, position, int) and 0 <= position <= last
    require(is_matching, "the inclusion proof is for a different entry or checkpoint")
    require(all(map(HASH.fullmatch, proof["path"])), "the inclusion proof contains an invalid hash")
    for sibling in map(bytes.fromhex, proof["path"]):
        require(last, "the inclusion proof is too long")
        if position % 2 or position == last:
            current = hashlib.sha256(b"\x01" + sibling + current).digest()
            while position and not position % 2:
                position, last = position >> 1, last >> 1
        else:
            current = hashlib.sha256(b"\x01" + current + sibling).digest()
        position, last = position >> 1, last >> 1
    require(not last and current == root, "the checkpoint does not include the entry")
    return f"the checkpoint of {lines[0]}, {size} entries, includes entry {entry['sequence']}"


def check_probability(bundle: Folder, file_digests: FileSummaries) -> str:
    """Check that every probability follows from the values and the calibration that the facts name."""
    facts = load_facts(bundle)
    calibrations: dict[str, Any] = {}
    withheld, checked_count, missing_count = load_withheld(bundle), 0, 0
    for calibration_facts in facts["calibrations"]:
        calibrations[calibration_facts["digest"]] = None
        if calibration_facts["file"] not in withheld or calibration_facts["file"] in file_digests:
            calibrations[calibration_facts["digest"]] = load_calibration(bundle, file_digests, calibration_facts)
    for match in facts["matches"]:
        verification, number = match["verification"], match["number"]
        if verification["probability"] is None:
            continue
        require(verification["calibration"] in calibrations, f"match {number} has a probability without a calibration")
        calibration = calibrations[verification["calibration"]]
        if calibration is None:
            missing_count += 1
            continue
        value, sealed_value = compute_probability(verification, calibration), verification["probability"]
        require(
            abs(value - sealed_value) <= TOLERANCE,
            f"match {number}: the values give {value:.4f}, not {sealed_value:.4f}",
        )
        checked_count += 1
    sentence = f"{checked_count} probabilities follow from the measurements and calibrations in the bundle"
    return sentence + (
        f", {missing_count} cannot be checked because their calibration is withheld" if missing_count else ""
    )


def load_calibration(bundle: Folder, file_digests: FileSummaries, calibration_facts: dict[str, Any]) -> dict[str, Any]:
    """Load a calibration and compare it with the facts."""
    file = calibration_facts["file"]
    require(
        file_digests.get(file, ("", ""))[1] == calibration_facts["digest"],
        f"{file} is not the calibration listed in facts.json",
    )
    calibration: dict[str, Any] = load_json(bundle, file)
    expect_format(calibration, file, CALIBRATION_FORMAT)
    bounds, scores = calibration["bounds"], [score for score, _ in calibration["knots"]]
    is_valid = scores == sorted(set(scores)) and len(calibration["weights"]) == len(calibration["figures"])
    is_valid = is_valid and set(bounds) == {"certain", "review"}
    require(is_valid, f"{file} is not a valid calibration")
    field_names = ("name", "made", "data", "prior", "photographs")
    for name, value in {**bounds, **{field_name: calibration[field_name] for field_name in field_names}}.items():
        is_same = to_canonical(calibration_facts[name]) == to_canonical(value)
        require(is_same, f"the {name} of the calibration in facts.json differs from {file}")
    return calibration


def compute_probability(verification: dict[str, Any], calibration: dict[str, Any]) -> float:
    """Compute a probability: a weighted sum of values, interpolated linearly between the knots."""
    is_covered = verification["pipeline"] == calibration["pipeline"] and not set(RESTRICTING_REASONS) & set(
        verification["reasons"]
    )
    require(is_covered, "a calibration does not cover these values or this comparison version")
    values = {
        "log-inliers": math.log(1 + verification["inliers"]), "dense": verification["dense"],
        "hash": max(0.0, 1 - verification["hamming"] / UNRELATED),
        "overlap-work": verification["overlap_work"], "overlap-picture": verification["overlap_picture"],
        "placed": float(verification["in_place"] is not None), "in-place": verification["in_place"] or 0.0,
        "drift": min(verification["drift"] or 0.0, FAR_DRIFT),
            "imprecise": float("imprecise" in verification["reasons"]),
        "shared-overlay": float("shared-overlay" in verification["reasons"]),
    }  # fmt: skip
    terms = [calibration["weights"][index] * values[name] for index, name in enumerate(calibration["figures"])]
    score, knots = calibration["intercept"] + math.fsum(terms), calibration["knots"]
    require(math.isfinite(score), "the values cannot be computed")
    left_score, low = knots[0]
    for right_score, high in knots:
        if score < right_score:
            return float(
                low
                if right_score == left_score
                else low + (high - low) * (score - left_score) / (right_score - left_score)
            )
        left_score, low = right_score, high
    return float(low)


def list_commands(bundle: Folder) -> Iterator[str]:
    """Yield the commands for the checks that need other programs, to run in the unpacked folder."""
    yield "the signature (OpenSSL 3; compare the key with one obtained from the owner):"
    public = load_manifest(bundle)["key"]["public"]
    yield f"    printf {SPKI}{public} | xxd -r -p > ../owner.der"
    key = "openssl pkeyutl -verify -pubin -keyform DER -inkey ../owner.der -rawin"
    yield f"    {key} -in data/manifest.json -sigfile proofs/signature"
    pattern = '{"development":B,"digest":D,"file":T,"kind":T,"material":[(?:T(?:,T)*)?],"service":T}'
    for record in (
        load_canonical(bundle, ANCHORS, f"[(?:{pattern}(?:,{pattern})*)?]") if ANCHORS in bundle.names else ()
    ):
        is_listed = HASH.fullmatch(record["digest"]) and {record["file"], *record["material"]} <= bundle.names
        require(is_listed, "the list of receipts contains an invalid digest or lists a missing file")
        suffix = " (development)" if record["development"] else ""
        yield f"{record['file']}, name in the bundle {record['service'][:60]!r}{suffix}:"
        yield from ("    " + line for line in list_receipt_commands(bundle, record))
    yield "digests and bag, verified with other programs:"
    yield "    sha256sum --check --quiet manifest-sha256.txt tagmanifest-sha256.txt"
    yield "    sha512sum --check --quiet manifest-sha512.txt"
    yield "    bagit.py --validate ."


def list_receipt_commands(bundle: Folder, record: dict[str, Any]) -> Iterator[str]:
    """Yield the commands for one receipt; its names and digest must have been checked."""
    if record["kind"] == "evm":
        yield (
            "query a node or an explorer of that chain for the block whose hash is the Keccak-256 hash of the field "
            "header;"
        )
        yield "with nodes, any Ethereum library proves that its receipts root covers the log of " + record["digest"]
    elif record["kind"] == "cosignature":
        yield f"head -n -1 {record['file']} | sha256sum    (must be {record['digest']})"
        yield (
            "its last line is the signature of a log witness over the checkpoint; see docs/reference/verify-by-hand.md"
        )
    elif record["kind"] == "opentimestamps":
        yield f"ots verify -d {record['digest']} {record['file']}"
    elif record["kind"] == "rfc3161":
        timestamp = re.search(rb"\x18[\x0f-\x16](\d{14})(?:\.\d+)?Z", read_file(bundle, record["file"]))
        seconds = calendar.timegm(time.strptime(timestamp.group(1).decode(), "%Y%m%d%H%M%S")) if timestamp else 0
        chain = [name for name in record["material"] if "/certificate-" in name]
        if chain:
            yield f"cat {' '.join(chain)} > ../chain.pem"
        options = (" -untrusted ../chain.pem" if chain else "") + (f" -attime {seconds}" if seconds else "")
        yield f"openssl ts -verify -digest {record['digest']} -in {record['file']} -CAfile ROOT.pem{options}"
    else:
        yield "unknown kind of receipt"


def print_line(text: str) -> None:
    """Print a line; characters that control a terminal or are invisible are replaced."""
    sys.stdout.write("".join(char if char.isprintable() else "?" for char in text) + "\n")


def run_checks(bundle: Folder) -> int:
    """Run all checks; returns the exit code."""
    invalid_names = [name for name in bundle.names if not NAME.fullmatch(name)]
    require(not invalid_names, f"a name that is not allowed in a bundle: {invalid_names[:1]!a}")
    file_digests = {name: compute_digests(bundle, name) for name in sorted(bundle.names)}
    for name in sorted(bundle.left_over):
        compute_digests(bundle, name)
        print_line(f"extra file   {name}: left by a file manager, not part of the bundle")
    require(MANIFEST in file_digests, f"{MANIFEST} is missing")
    print_line(f"seal digest  {file_digests[MANIFEST][1]}")
    code, checks = 0, [("bag", check_bag), ("manifest", check_manifest), ("key", check_key)]
    if ENTRY in bundle.names:
        checks += [("entry", check_entry), ("inclusion", check_inclusion)]
    else:
        print_line("not checked  entry, inclusion: the bundle contains no log entry")
    for name, check in [*checks, ("registration", check_registration), ("probability", check_probability)]:
        try:
            print_line(f"passed       {name}: {check(bundle, file_digests)}")
        except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
            code = 1
            print_line(f"FAILED       {name}: {error if isinstance(error, CheckError) else f'{error!r}'[:200]}")
    print_line(
        "not checked  signatures and timestamps: use the commands below; ROOT.pem is the root certificate of the"
    )
    print_line("             authority; obtain it from the authority, not from the bundle")
    for line in list_commands(bundle):
        print_line(line)
    return code


def is_zip(path: Path) -> bool:
    """Return True if a file starts or ends like a ZIP."""
    with path.open("rb") as file:
        starts_as_zip = file.read(4) == b"PK\3\4"
        file.seek(max(0, file.seek(0, 2) - 22 - 0xFFFF))
        return starts_as_zip or b"PK\5\6" in file.read()


def find_bundles(path: Path) -> Tuple[bool, list[str]]:  # noqa: UP006 - Python 3.8
    """Return True if a folder or ZIP is a bundle, and the names of the bundles in it, such as in a package for a court.

    An unreadable ZIP, or one whose start and end are of different ZIPs, counts as a bundle; the check rejects it.
    """
    try:
        if path.is_dir():
            names = [item.relative_to(path).as_posix() for item in itertools.islice(path.rglob("*"), MAX_ENTRIES)]
        else:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()[:MAX_ENTRIES]
                first = min((entry.header_offset for entry in archive.infolist()), default=0)
            with path.open("rb") as file:
                if first and file.read(4) == b"PK\3\4":
                    return True, []
    except Exception:  # noqa: BLE001 - a hostile file may raise anything
        return True, []
    files = sorted(name for name in names if not name.endswith("/") and not SYSTEM_FILE.fullmatch(name))
    top_names = {name.partition("/")[0] for name in files}
    prefixes = ["", *(f"{top}/" for top in top_names if len(top_names) == 1 and not path.is_dir())]
    folders = [name[: -len("/bagit.txt")] for name in files if name.endswith("/bagit.txt")]
    marker_names = ["bagit.txt"] if path.is_dir() else ["bagit.txt", MANIFEST]
    is_bundle = any(start + name in files for start in prefixes for name in marker_names)
    return is_bundle, folders + [name for name in files if name.lower().endswith(".zip")]


def main(arguments: list[str]) -> int:
    """Open the folder or ZIP and run the checks."""
    is_help = arguments[:1] in (["-h"], ["--help"])
    if len(arguments) > 1 or is_help:
        sys.stdout.write(__doc__)
        return 0 if is_help else 2
    path = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    try:
        is_bundle, names = find_bundles(path) if path.is_dir() or (path.is_file() and is_zip(path)) else (False, [])
        if is_bundle:
            return run_checks(Folder(path) if path.is_dir() else Zip(path))
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
        print_line(
            f"FAILED       {error if isinstance(error, CheckError) else f'the bundle cannot be read: {error!r}'}"
        )
        return 1
    if names:
        print_line(
            f"error: {path} is not a bundle: it contains {len(names)}. Unpack it if it is a ZIP, and "
            "verify the bundles one by one:"
        )
        for name in names[:1000]:
            print_line(f"    {name}")
    else:
        print_line(f"error: {path} is neither a folder that contains bagit.txt nor a bundle's ZIP")
    return 2


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
