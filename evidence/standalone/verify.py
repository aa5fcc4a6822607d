"""Check this bundle with Python alone (3.8 or newer, no packages, no network).

    python3 -I verify.py         the folder in which this file lies
    python3 -I verify.py PATH    another unpacked folder, or a ZIP

With -I Python takes nothing from the folder in which you are: a file of the bundle could bear the name of one of
Python's own.

Checked here: every digest, the bag, the seal digest, the log's entries of the seal and of the registrations with their
places in it, whose registrations they are, and that the sealed figures and calibrations give the sealed probabilities
(not that a calibration's bounds follow from counts).
Not checked here: the order of times; signatures and witnesses of time, for which Python brings no means: the lines to
check those with openssl, ots and bagit are printed. Nothing is trusted because it lies in the bundle: who signed and
who witnessed is for you to find out from elsewhere.
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
PIECE = 1 << 20
LISTS = ("manifest-sha256.txt", "manifest-sha512.txt")
OWN = {"bagit.txt", "bag-info.txt", "VERIFY.md", "verify.py", *LISTS}
PART = "(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|$))[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
NAME = re.compile(rf"(?=.{{1,{MAX_NAME}}}$){PART}(?:/{PART})*")
PLAIN = r"[^\x00-\x1f\x7f/\\:]*[^\x00-\x1f\x7f/\\: .]"
PATH = re.compile(rf"(?!\ufeff){PLAIN}(?:/{PLAIN})*/?")
LEFT_OVER = re.compile(r"(?is)(?:.*/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)")
TIMES = rb"\n\0 \0.{32}|UT(?:\x05\0.{5}|\t\0.{9}|\r\0.{13})|UX(?:\x08\0.{8}|\x0c\0.{12})|Ux(?:\0\0|\x04\0.{4})"
EXTRA = re.compile(rb"(?s)(?:" + TIMES + rb"|ux\x0b\0.{11})*")
HASH = re.compile(r"[0-9a-f]{64}")
TEXT = r'"(?:[^"\\]|\\.)*"'
SIGNS = {"D": '"[0-9a-f]{64}"', "N": "(?:0|[1-9][0-9]*)", "T": TEXT, "[": r"\[", "]": r"\]", "{": r"\{", "+": r"\+"}
SIGNS["B"], SIGNS["H"] = "(?:true|false)", '"[0-9a-f]{128}"'
SIGNS["M"] = r'"([1-9][0-9]{3}(?:-[0-9]{2}){2}T(?:[0-9]{2}:){2}[0-5][0-9])\.[0-9]{6}Z"'
"""The canonical text of the lists that are checked here: digests, numbers, text and moments by their letter."""


class BrokenError(Exception):
    """A check failed; the message says which."""


def need(holds: object, problem: str) -> None:
    """Raise ``BrokenError`` with the problem unless something holds."""
    if not holds:
        raise BrokenError(problem)


class Folder:
    """An unpacked bundle."""

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]
        need(all(path.is_file() and not path.is_symlink() for path in paths), "the folder contains a link or a device")
        self.sort_out([path.relative_to(root).as_posix() for path in paths])

    def sort_out(self, names: list[str]) -> None:
        """Tell the bundle's files from those that file managers left; names of folders end with a slash."""
        parts = [name.lower().split("/") for name in names]
        folders = {"/".join(segments[:depth]) for segments in parts for depth in range(1, len(segments))}
        places = {name.lower() for name in names}
        need(len(places) == len(names) and not folders & places, "two names refer to the same path")
        self.left_over = {name for name in names if LEFT_OVER.fullmatch(name)}
        self.names = {name for name in names if not name.endswith("/")} - self.left_over

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a file."""
        with (self.root / name).open("rb") as file:
            yield from iter(lambda: file.read(PIECE), b"")


class Zip(Folder):
    """A zipped bundle, read by the strict ZIP profile of docs/reference/bundle-format.md."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self.members: dict[str, Any] = {}
        total = self.file.seek(0, 2)
        end = struct.unpack("<4s4H2IH", self.at(total - 22, 22))
        count, size, start = end[4:7]
        fits = (
            end == (b"PK\5\6", 0, 0, count, count, size, total - 22 - size, 0)
            and 0 < count <= MAX_ENTRIES
            and size <= MAX_DIRECTORY
        )
        need(fits, "the end record of the ZIP is missing or wrong, or data follow it")
        raw, reached = self.at(start, size + 22), 0
        marks = [raw.count(mark) for mark in (b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7")]
        need(marks == [count, 1, 0, 0], "the directory of the ZIP contains other data")
        raw = raw[:size]
        for _ in range(count):
            reached, raw = self.member(raw, reached)
        need(not raw and reached == start, "the ZIP has a gap before its directory or its end")
        whole = sum(member[4] for member in self.members.values())
        need(whole <= FREE_EXPANSION + MAX_EXPANSION * total, "the ZIP would unpack to more than any bundle")
        self.sort_out(list(self.members))
        top = min(self.names, default="").partition("/")[0] + "/"
        if top + "bagit.txt" in self.names and all(name.startswith(top) for name in self.names):
            self.names = {name[len(top) :] for name in self.names}
            self.members.update({name: self.members[top + name] for name in self.names})

    def at(self, place: int, size: int) -> bytes:
        """Bytes of the ZIP."""
        self.file.seek(place)
        return self.file.read(size)

    def member(self, raw: bytes, reached: int) -> Tuple[int, bytes]:  # noqa: UP006 - Python 3.8
        """One member, by its entry in the directory and by its own header; where it ends, and the entries after it."""
        by, version, flags, method, _, *sizes, length, more, comment, disk, _, mode, offset = struct.unpack_from(
            "<4xxB3HI3I5H2I", raw
        )
        name, extra, after = raw[46:][:length], raw[46 + length :][:more], raw[46 + length + more :]
        head = self.at(offset, 30)
        *early, length, more = struct.unpack_from("<3I2H", head, 14)
        rest = self.at(offset + 30, length + more)
        start = offset + 30 + length + more
        behind = struct.pack("<4s3I", b"PK\7\x08", *sizes) if flags & 8 else b""
        folder, kind, text = name.endswith(b"/"), mode >> 16 & 0o170000, name.decode()
        good = (
            raw[:4] == b"PK\1\2" and offset == reached and text not in self.members and PATH.fullmatch(text),
            by in (0, 3, 10, 11, 14, 19) and version <= 20 and not flags & ~0x080E and not comment and not disk,
            sizes[1] == sizes[2] and not behind if method == 0 else method == 8,
            kind in (0, 0o040000 if folder else 0o100000) and not (sizes[1] if folder else mode & 0x18),
            head[:14] == b"PK\3\4" + raw[6:16] and rest[:length] == name,
            all(
                local_value == central_value or (behind and not local_value)
                for local_value, central_value in zip(early, sizes)  # noqa: B905 - Python 3.8
            ),
            EXTRA.fullmatch(extra) and EXTRA.fullmatch(rest[length:]),
            self.at(start + sizes[1], len(behind)) == behind,
        )
        need(all(good), f"programs may read {text[:80]!a} in the ZIP differently")
        self.members[text] = (start, method, *sizes)
        return start + sizes[1] + len(behind), after

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, exactly those that the ZIP declares."""
        start, method, crc, packed, size = self.members[name]
        unpacker, output, count = zlib.decompressobj(-15), 0, 0
        for place in range(start, start + packed, PIECE):
            data = self.at(place, min(PIECE, start + packed - place))
            while data:
                piece = unpacker.decompress(data, PIECE) if method else data
                data, output, count = unpacker.unconsumed_tail, zlib.crc32(piece, output), count + len(piece)
                need(count <= size, f"{name} is longer than the ZIP declares")
                yield piece
        whole = (output, count) == (crc, size) and (not method or (unpacker.eof and not unpacker.unused_data))
        need(whole, f"{name} does not contain the bytes that the ZIP declares")


Digests = Tuple[int, str, str]  # noqa: UP006 - Python 3.8
FileDigests = Dict[str, Digests]  # noqa: UP006 - Python 3.8


def digests(bundle: Folder, name: str) -> Digests:
    """Size, SHA-256 and SHA-512 of a file."""
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    for piece in bundle.pieces(name):
        sha256.update(piece)
        sha512.update(piece)
        size += len(piece)
    return size, sha256.hexdigest(), sha512.hexdigest()


def read_file(bundle: Folder, name: str) -> bytes:
    """The bytes of a small file."""
    need(name in bundle.names, f"{name} is missing")
    data = b""
    for piece in bundle.pieces(name):
        data += piece
        need(len(data) <= MAX_JSON, f"{name} is too large")
    return data


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON."""
    need(len(dict(pairs)) == len(pairs), "a name occurs twice in one object")
    return dict(pairs)


def number(text: str) -> float:
    """A number of JSON, below 2 to the 53rd."""
    value = int(text) if text.lstrip("-").isdigit() else float(text)
    need(abs(value) < 1 << 53, "a number is too large")
    return value


def load(bundle: Folder, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of a small file."""
    text = read_file(bundle, name).decode()
    bare = re.sub(f"(?s){TEXT}?", "", text)  # a string that isn't closed reaches to the end
    depth = max(itertools.accumulate((sign in "[{") - (sign in "]}") for sign in bare), default=0)
    need(depth <= MAX_DEPTH, f"{name} is nested too deeply")
    return json.loads(text, object_pairs_hook=unique, parse_int=number, parse_float=number, parse_constant=number)


def load_canonical(bundle: Folder, name: str, form: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of a small file without fractions, in its one form and with exactly the fields of its format."""
    data, value = read_file(bundle, name), load(bundle, name)
    need(canonical(value) == data, f"{name} is not in canonical form (RFC 8785)")
    pattern = re.sub(r"\b[BDHMNT]\b|[\[\]{+]", lambda sign: SIGNS[sign[0]], form)
    fits = re.fullmatch(f"(?s){pattern or '.*'}", data.decode())
    need(fits, f"{name} does not have the fields of its format")
    for moment in fits.groups() if fits else ():
        time.strptime(moment, "%Y-%m-%dT%H:%M:%S")
    return value


def expect_format(value: Any, name: str, expected: str) -> None:  # noqa: ANN401 - any JSON value
    """Check that a file is in the format that is read here."""
    actual = value["format"]
    need(actual == expected, f"{name} was written in the format {actual}, which this version of Exhibit does not read")


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Canonical JSON (RFC 8785) of objects that hold only text and whole numbers under plain names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_bag(bundle: Folder, file_digests: FileDigests) -> str:
    """The bag's own files (RFC 8493), which follow from the rest; and that nothing is missing or extra."""
    data = sorted(name for name in file_digests if name.startswith("data/"))
    tags = sorted(set(file_digests) - {*data, "tagmanifest-sha256.txt"})
    own = {name for name in tags if not name.startswith("proofs/")}
    need(
        {SIGNATURE, KEY, KEY_PEM} <= bundle.names,
        "signature or key is missing",
    )
    need(own == OWN, f"missing, or not a file of a bundle: {', '.join(sorted(own ^ OWN)[:3])}")
    for name, place, listed in ((LISTS[0], 1, data), (LISTS[1], 2, data), ("tagmanifest-sha256.txt", 1, tags)):
        lines = "".join(f"{file_digests[path][place]}  {path}\n" for path in listed).encode()
        wrong = set(read_file(bundle, name).split(b"\n")) ^ set(lines.split(b"\n"))
        path = min(wrong, default=b"").partition(b"  ")[2].decode(errors="replace")
        need(read_file(bundle, name) == lines, f"{name} lists files or digests that differ from the bundle: {path}")
    manifest, size = manifest_of(bundle), sum(file_digests[name][0] for name in data)
    agent = " ".join(re.split("[ \t\r\n]+", "{name} {version}".format(**manifest["software"]))).strip(" ")
    info = f"Bag-Software-Agent: {agent}\nBagging-Date: {manifest['sealed_at'][:10]}\nExternal-Identifier: sha-256:"
    info += f"{file_digests[MANIFEST][1]}\nPayload-Oxum: {size}.{len(data)}\n"
    need(read_file(bundle, "bag-info.txt") == info.encode(), "bag-info.txt does not match the files")
    form = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    need(read_file(bundle, "bagit.txt") == form, "bagit.txt does not match the files")
    return f"{len(file_digests)} files have the digests that the bag lists"


def manifest_of(bundle: Folder) -> Any:  # noqa: ANN401 - JSON
    """The manifest, in its format."""
    file = '{"media_type":T,"path":T,"role":T,"sha256":D,"sha512":H,"size":N,"stand_in":(?:T|null)}'
    model = '{"digest":(?:D|null),"name":T,"version":T}'
    expect_format(load(bundle, MANIFEST), MANIFEST, BUNDLE_FORMAT)
    form = f'{{"files":[{file}(?:,{file})*],"format":T,"key":{{"algorithm":"Ed25519","holder":T,'
    form += '"public":D},"matter":{"bundle":(?!0)N,"case":T,"owner":T},"sealed_at":M,"software":{"models":'
    form += f'[(?:{model}(?:,{model})*)?],"name":T,"pipeline":T,"version":T}}}}'
    return load_canonical(bundle, MANIFEST, form)


def check_manifest(bundle: Folder, file_digests: FileDigests) -> str:
    """Every sealed file against the manifest."""
    files, withheld = manifest_of(bundle)["files"], withheld_from(bundle)
    listed = [entry["path"] for entry in files]
    holds = listed == sorted(set(listed)) and FACTS in listed and all(item.startswith("data/") for item in listed)
    need(holds and MANIFEST not in listed, "the list in the manifest is not sorted, or contains files outside data/")
    allowed = set(listed) - {FACTS, *file_digests}
    need(withheld <= allowed, "the list of withheld files contains files that are present or must not be withheld")
    stand_ins = {item["path"] for item in files if (item["role"], item["stand_in"]) == ("stand-in", None)}
    need({item["stand_in"] for item in files} <= {None, *stand_ins}, "a replacement file is not listed as such")
    for entry in files:
        if entry["path"] not in withheld:
            expected = (entry["size"], entry["sha256"], entry["sha512"])
            need(file_digests.get(entry["path"]) == expected, f"{entry['path']} is not the sealed file")
    extra = {name for name in file_digests if name.startswith("data/")} - {MANIFEST, *listed}
    need(not extra, f"data/ contains a file that was not sealed: {min(extra, default='')}")
    words = f"{len(listed) - len(withheld)} sealed files match the manifest"
    return words + (f", {len(withheld)} are withheld" if withheld else "")


def withheld_from(bundle: Folder) -> set[str]:
    """Sealed files that this copy of the bundle says it doesn't hold."""
    form = '{"files":[(?:T(?:,T)*)?],"reason":T}'
    files = load_canonical(bundle, WITHHELD, form)["files"] if WITHHELD in bundle.names else []
    need(len(set(files)) == len(files), f"{WITHHELD} names a file twice")
    return set(files)


def entry_of(bundle: Folder) -> Any:  # noqa: ANN401 - JSON
    """The log's entry, in its format."""
    return load_canonical(bundle, ENTRY, '{"commitment":D,"opening":{.*},"salt":D,"sequence":N,"time":M,"type":T}')


def check_entry(bundle: Folder, file_digests: FileDigests) -> str:
    """The log's entry: what it commits to is this seal."""
    entry, key = entry_of(bundle), manifest_of(bundle)["key"]["public"]
    signature = read_file(bundle, SIGNATURE).hex()
    need(entry["type"] == "seal", "the log entry is not a seal")
    opened(entry)
    opening = {"key": key, "manifest": file_digests[MANIFEST][1], "signature": signature}
    need(entry["opening"] == opening, "the log entry is for a different seal digest, key or signature")
    return f"entry {entry['sequence']} of the log commits to this seal digest, key and signature"


def check_key(bundle: Folder, file_digests: FileDigests) -> str:  # noqa: ARG001 - called like the others
    """The key's files are of the manifest's key, and that is one by which a signature holds for one text only."""
    key = manifest_of(bundle)["key"]
    raw = bytes.fromhex(key["public"])
    der = base64.b64encode(bytes.fromhex(SPKI) + raw).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n".encode()
    same = (read_file(bundle, KEY_PEM), read_file(bundle, KEY)) == (pem, canonical(key))
    need(same, "proofs/key.pem or proofs/key.json is not the key in the manifest")
    y = int.from_bytes(raw, "little") & ~(1 << 255)
    sound = y < 2**255 - 19 and y not in SMALL_ORDER
    need(sound, "the manifest's key is a point of small order, or not in canonical form")
    return "the key files contain the key in the manifest"


def opened(entry: dict[str, Any]) -> None:
    """Check that an entry commits to its opening."""
    commitment = hashlib.sha256(bytes.fromhex(entry["salt"]) + canonical(entry["opening"])).hexdigest()
    need(commitment == entry["commitment"], "the log entry commits to different content")


def load_facts(bundle: Folder) -> Any:  # noqa: ANN401 - JSON
    """The facts, in the format that is read here."""
    facts = load(bundle, FACTS)
    expect_format(facts, FACTS, FACTS_FORMAT)
    return facts


def check_registration(bundle: Folder, file_digests: FileDigests) -> str:  # noqa: ARG001 - called like the others
    """The log's entries of the work's pictures: they are the owner's, and lie under their checkpoints."""
    facts = load_facts(bundle)
    work, owner = facts["work"], facts["owner"]["name"]
    proofs = [proof for proof in (work["registration"], *work["further_registrations"]) if proof]
    for proof in proofs:
        opened(proof)
        included(proof, {"index": proof["sequence"], **proof}, proof["checkpoint"])
        about = proof["opening"]["picture"] in [picture["digest"] for picture in work["pictures"]]
        about = about and proof["type"] == "registration" and proof["opening"].get("owner_name") == owner
        need(about, "the log entry is for a different owner or picture, or is not a registration")
        opening = proof["opening"]
        field_names = [name for name in REGISTERED_FIELDS if proof is work["registration"] or name in opening]
        same = (
            all(opening.get(name) == work[name] for name in field_names) and str(opening.get("work")) == work["number"]
        )
        need(same, "the log entry and the facts differ on the work")
    registered_digests = {proof["opening"]["picture"] for proof in proofs}
    silent = [
        f"{place:02d}" for place, proof in enumerate(work["pictures"], 1) if proof["digest"] not in registered_digests
    ]
    words = f"{len(proofs)} log entries register the owner's pictures"
    return words + (f"; not checked for {', '.join(silent)}: no entry registers these" if silent else "")


def check_inclusion(bundle: Folder, file_digests: FileDigests) -> str:  # noqa: ARG001 - called like the others
    """The entry's place under the checkpoint's root."""
    proof = load_canonical(bundle, INCLUSION, '{"index":N,"path":[(?:D(?:,D)*)?],"size":N}')
    return included(entry_of(bundle), proof, read_file(bundle, CHECKPOINT).decode())


def included(entry: dict[str, Any], proof: dict[str, Any], checkpoint: str) -> str:
    """Check the place of an entry under a root (RFC 9162, 2.1.3.2)."""
    lines = checkpoint.split("\n")
    root, size, position = base64.b64decode(lines[2]), int(lines[1]), entry["sequence"]
    leaf = canonical({"commitment": entry["commitment"], "time": entry["time"], "type": entry["type"]})
    current, last = hashlib.sha256(b"\x00" + leaf).digest(), size - 1
    about = (proof["size"], proof["index"], type(position)) == (size, position, int) and 0 <= position <= last
    need(about, "the inclusion proof is for a different entry or checkpoint")
    need(all(map(HASH.fullmatch, proof["path"])), "the inclusion proof contains an invalid hash")
    for sibling in map(bytes.fromhex, proof["path"]):
        need(last, "the inclusion proof is too long")
        if position % 2 or position == last:
            current = hashlib.sha256(b"\x01" + sibling + current).digest()
            while position and not position % 2:
                position, last = position >> 1, last >> 1
        else:
            current = hashlib.sha256(b"\x01" + current + sibling).digest()
        position, last = position >> 1, last >> 1
    need(not last and current == root, "the entry is not included under the root of the checkpoint")
    return f"entry {entry['sequence']} is included under the root of {size} entries of {lines[0]}"


def check_probability(bundle: Folder, file_digests: FileDigests) -> str:
    """Every probability follows from the figures and the calibration that the facts name."""
    facts = load_facts(bundle)
    calibrations: dict[str, Any] = {}
    withheld, checked_count, missing_count = withheld_from(bundle), 0, 0
    for calibration_facts in facts["calibrations"]:
        calibrations[calibration_facts["digest"]] = None
        if calibration_facts["file"] not in withheld or calibration_facts["file"] in file_digests:
            calibrations[calibration_facts["digest"]] = stated_calibration(bundle, file_digests, calibration_facts)
    for match in facts["matches"]:
        verification, number = match["verification"], match["number"]
        if verification["probability"] is None:
            continue
        need(verification["calibration"] in calibrations, f"match {number} has a probability without a calibration")
        calibration = calibrations[verification["calibration"]]
        if calibration is None:
            missing_count += 1
            continue
        value, sealed_value = probability(verification, calibration), verification["probability"]
        need(
            abs(value - sealed_value) <= TOLERANCE,
            f"match {number}: the values give {value:.4f}, not {sealed_value:.4f}",
        )
        checked_count += 1
    words = f"{checked_count} probabilities match the sealed values and calibrations"
    return words + (
        f", {missing_count} cannot be checked because their calibration is withheld" if missing_count else ""
    )


def stated_calibration(bundle: Folder, file_digests: FileDigests, calibration_facts: dict[str, Any]) -> dict[str, Any]:
    """A calibration of which the facts say what it says itself."""
    file = calibration_facts["file"]
    need(
        file_digests.get(file, ("", ""))[1] == calibration_facts["digest"],
        f"{file} is not the calibration named in the facts",
    )
    calibration: dict[str, Any] = load(bundle, file)
    expect_format(calibration, file, CALIBRATION_FORMAT)
    bounds, scores = calibration["bounds"], [score for score, _ in calibration["knots"]]
    sound = scores == sorted(set(scores)) and len(calibration["weights"]) == len(calibration["figures"])
    sound = sound and set(bounds) == {"certain", "review"}
    need(sound, f"{file} is not a calibration, or contradicts itself")
    field_names = ("name", "made", "data", "prior", "photographs")
    for name, value in {**bounds, **{field_name: calibration[field_name] for field_name in field_names}}.items():
        same = canonical(calibration_facts[name]) == canonical(value)
        need(same, f"the {name} of the calibration in the facts differs from {file}")
    return calibration


def probability(verification: dict[str, Any], calibration: dict[str, Any]) -> float:
    """A weighted sum of figures, and the straight lines between the knots."""
    fits = verification["pipeline"] == calibration["pipeline"] and not set(RESTRICTING_REASONS) & set(
        verification["reasons"]
    )
    need(fits, "a calibration does not cover these values or this comparison version")
    figures = {
        "log-inliers": math.log(1 + verification["inliers"]), "dense": verification["dense"],
        "hash": max(0.0, 1 - verification["hamming"] / UNRELATED),
        "overlap-work": verification["overlap_work"], "overlap-picture": verification["overlap_picture"],
        "placed": float(verification["in_place"] is not None), "in-place": verification["in_place"] or 0.0,
        "drift": min(verification["drift"] or 0.0, FAR_DRIFT),
            "imprecise": float("imprecise" in verification["reasons"]),
        "shared-overlay": float("shared-overlay" in verification["reasons"]),
    }  # fmt: skip
    terms = [calibration["weights"][place] * figures[name] for place, name in enumerate(calibration["figures"])]
    score, knots = calibration["intercept"] + math.fsum(terms), calibration["knots"]
    need(math.isfinite(score), "the values cannot be computed")
    left, low = knots[0]
    for right, high in knots:
        if score < right:
            return float(low if right == left else low + (high - low) * (score - left) / (right - left))
        left, low = right, high
    return float(low)


def lines_for_the_rest(bundle: Folder) -> Iterator[str]:
    """The commands that check what Python alone can't, run in the unpacked folder."""
    yield "the owner's signature (OpenSSL 3; compare the key with one obtained from the owner):"
    public = manifest_of(bundle)["key"]["public"]
    yield f"    printf {SPKI}{public} | xxd -r -p > ../owner.der"
    key = "openssl pkeyutl -verify -pubin -keyform DER -inkey ../owner.der -rawin"
    yield f"    {key} -in data/manifest.json -sigfile proofs/signature"
    pattern = '{"development":B,"digest":D,"file":T,"kind":T,"material":[(?:T(?:,T)*)?],"witness":T}'
    for record in (
        load_canonical(bundle, ANCHORS, f"[(?:{pattern}(?:,{pattern})*)?]") if ANCHORS in bundle.names else ()
    ):
        is_listed = HASH.fullmatch(record["digest"]) and {record["file"], *record["material"]} <= bundle.names
        need(is_listed, "the list of receipts names a missing file, or no digest")
        mark = " (development)" if record["development"] else ""
        yield f"{record['file']}, named {record['witness'][:60]!r}{mark}:"
        yield from ("    " + line for line in anchor_lines(bundle, record))
    yield "digests and bag, verified with other programs:"
    yield "    sha256sum --check --quiet manifest-sha256.txt tagmanifest-sha256.txt"
    yield "    sha512sum --check --quiet manifest-sha512.txt"
    yield "    bagit.py --validate ."


def anchor_lines(bundle: Folder, record: dict[str, Any]) -> Iterator[str]:
    """The commands for one receipt whose names and digest were checked."""
    if record["kind"] == "evm":
        yield ("query a node or an explorer of that chain for the block whose hash is the Keccak-256 of header;")
        yield "any Ethereum library follows nodes from its root of receipts to the log of " + record["digest"]
    elif record["kind"] == "cosignature":
        yield f"head -n -1 {record['file']} | sha256sum    (must be {record['digest']})"
        yield (
            "its last line is the signature of a log witness over the checkpoint; see docs/reference/verify-by-hand.md"
        )
    elif record["kind"] == "opentimestamps":
        yield f"ots verify -d {record['digest']} {record['file']}"
    elif record["kind"] == "rfc3161":
        stamp = re.search(rb"\x18[\x0f-\x16](\d{14})(?:\.\d+)?Z", read_file(bundle, record["file"]))
        at = calendar.timegm(time.strptime(stamp.group(1).decode(), "%Y%m%d%H%M%S")) if stamp else 0
        chain = [name for name in record["material"] if "/certificate-" in name]
        if chain:
            yield f"cat {' '.join(chain)} > ../chain.pem"
        more = (" -untrusted ../chain.pem" if chain else "") + (f" -attime {at}" if at else "")
        yield f"openssl ts -verify -digest {record['digest']} -in {record['file']} -CAfile ROOT.pem{more}"
    else:
        yield "unknown kind of receipt"


def say(text: str) -> None:
    """One line to the reader; what a terminal would obey or not show is replaced."""
    sys.stdout.write("".join(sign if sign.isprintable() else "?" for sign in text) + "\n")


def run(bundle: Folder) -> int:
    """All checks; returns the exit code."""
    wrong = [name for name in bundle.names if not NAME.fullmatch(name)]
    need(not wrong, f"a name that is not allowed in a bundle: {wrong[:1]!a}")
    file_digests = {name: digests(bundle, name) for name in sorted(bundle.names)}
    for name in sorted(bundle.left_over):
        digests(bundle, name)
        say(f"extra file   {name}: left by a file manager, not part of the bundle")
    need(MANIFEST in file_digests, f"{MANIFEST} is missing")
    say(f"seal digest  {file_digests[MANIFEST][1]}")
    code, checks = 0, [("bag", check_bag), ("manifest", check_manifest), ("key", check_key)]
    if ENTRY in bundle.names:
        checks += [("entry", check_entry), ("inclusion", check_inclusion)]
    else:
        say("not checked  entry, inclusion: the bundle contains no log entry")
    for name, check in [*checks, ("registration", check_registration), ("probability", check_probability)]:
        try:
            say(f"passed       {name}: {check(bundle, file_digests)}")
        except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
            code = 1
            say(f"FAILED       {name}: {error if isinstance(error, BrokenError) else f'{error!r}'[:200]}")
    say("not checked  signatures and timestamps: use the commands below; ROOT.pem is the root certificate of the")
    say("             authority; obtain it from the authority, not from the bundle")
    for line in lines_for_the_rest(bundle):
        say(line)
    return code


def is_zip(path: Path) -> bool:
    """Whether a file begins or ends as a ZIP does."""
    with path.open("rb") as file:
        begins = file.read(4) == b"PK\3\4"
        file.seek(max(0, file.seek(0, 2) - 22 - 0xFFFF))
        return begins or b"PK\5\6" in file.read()


def looked_into(path: Path) -> Tuple[bool, list[str]]:  # noqa: UP006 - Python 3.8
    """Whether a folder or ZIP is a bundle, and the bundles in one that is none, such as a package for a court.

    A ZIP that can't be read, or whose beginning and end are of different ZIPs, counts as one: its check refuses it.
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
    files = sorted(name for name in names if not name.endswith("/") and not LEFT_OVER.fullmatch(name))
    tops = {name.partition("/")[0] for name in files}
    starts = ["", *(f"{top}/" for top in tops if len(tops) == 1 and not path.is_dir())]
    folders = [name[: -len("/bagit.txt")] for name in files if name.endswith("/bagit.txt")]
    marks = ["bagit.txt"] if path.is_dir() else ["bagit.txt", MANIFEST]
    is_bundle = any(start + name in files for start in starts for name in marks)
    return is_bundle, folders + [name for name in files if name.lower().endswith(".zip")]


def main(arguments: list[str]) -> int:
    """Open the folder or ZIP and check it."""
    helped = arguments[:1] in (["-h"], ["--help"])
    if len(arguments) > 1 or helped:
        sys.stdout.write(__doc__)
        return 0 if helped else 2
    path = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    try:
        is_bundle, names = looked_into(path) if path.is_dir() or (path.is_file() and is_zip(path)) else (False, [])
        if is_bundle:
            return run(Folder(path) if path.is_dir() else Zip(path))
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
        say(f"FAILED       {error if isinstance(error, BrokenError) else f'the bundle cannot be read: {error!r}'}")
        return 1
    if names:
        say(
            f"error: {path} is not a bundle: it contains {len(names)}. Unpack it if it is a ZIP, and "
            "give the bundles one by one:"
        )
        for name in names[:1000]:
            say(f"    {name}")
    else:
        say(f"error: {path} is neither a folder that contains bagit.txt nor a bundle's ZIP")
    return 2


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
