"""Check this bundle with Python alone (3.8 or newer, no packages, no network).

    python3 -I verify.py         the folder in which this file lies
    python3 -I verify.py PATH    another unpacked folder, or a ZIP

With -I Python takes nothing from the folder in which you are: a file of the bundle could bear the name of one of
Python's own.

Checked here: every digest, the bag, the seal digest, the log's entry and its place under the log's checkpoint, and that
the sealed figures and the sealed calibration give the sealed probabilities. That the calibration's bounds follow from
its counts isn't computed here; that the facts state them as it does is checked.
Not checked here, because Python brings no means for it: signatures and witnesses of time. The lines to check those with
openssl, ots and bagit are printed. Nothing here is trusted because it lies in the bundle: who signed and who witnessed
is for you to find out from elsewhere.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import io
import json
import math
import re
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Iterator, Tuple, Union  # noqa: UP035 - Python 3.8

PIECE = 1 << 20
LIMIT = 16 << 20
MAX_EXPANSION = 100
MANIFEST = "data/manifest.json"
FACTS = "data/facts.json"
OWN_TAGS = {"tagmanifest-sha256.txt"}
HELD = {"low-information", "collage", "page", "negative", "lens", "mark"}
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
HASH = re.compile(r"[0-9a-f]{64}")


class BrokenError(Exception):
    """A check failed; the message says which."""


UNREADABLE = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ArithmeticError, ValueError,
    KeyError, TypeError, IndexError, AttributeError,
)  # fmt: skip


class Folder:
    """An unpacked bundle."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
        links = [path for path in root.rglob("*") if path.is_symlink()]
        if links:
            raise BrokenError(f"the folder holds a link: {links[0].name}")

    def open(self, name: str) -> IO[bytes]:
        """A file for reading bytes."""
        return (self.root / name).open("rb")


class Zip:
    """A zipped bundle."""

    def __init__(self, path: str) -> None:
        self.zip = zipfile.ZipFile(path)
        files = [info for info in self.zip.infolist() if not info.filename.endswith("/")]
        self.names = {info.filename for info in files}
        if len(self.names) != len(files):
            raise BrokenError("a name stands twice in the ZIP")
        if sum(info.file_size for info in files) > 4 * LIMIT + MAX_EXPANSION * Path(path).stat().st_size:
            raise BrokenError("the ZIP would unpack to more than any bundle does")
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in files):
            raise BrokenError("the ZIP is packed by a method that isn't read here: unpack it first")

    def open(self, name: str) -> IO[bytes]:
        """A file for reading bytes."""
        return self.zip.open(name)


Bundle = Union[Folder, Zip]  # noqa: UP007 - Python 3.8
Digests = Tuple[int, str, str]  # noqa: UP006 - Python 3.8


def digests(bundle: Bundle, name: str) -> Digests:
    """Size, SHA-256 and SHA-512 of a file."""
    if not NAME.fullmatch(name):
        raise BrokenError(f"a name that a bundle can't have: {name[:80]!a}")
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    with bundle.open(name) as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            sha256.update(piece)
            sha512.update(piece)
            size += len(piece)
    return size, sha256.hexdigest(), sha512.hexdigest()


def read(bundle: Bundle, name: str) -> bytes:
    """The bytes of a small file."""
    if name not in bundle.names:
        raise BrokenError(f"{name} is missing")
    with bundle.open(name) as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise BrokenError(f"{name} is too large")
    return data


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON."""
    if len(dict(pairs)) != len(pairs):
        raise BrokenError("a name stands twice in one object")
    return dict(pairs)


def load(bundle: Bundle, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of a small file."""
    return json.loads(read(bundle, name).decode(), object_pairs_hook=unique)


def load_canonical(bundle: Bundle, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of a small file without fractions, in its one form."""
    value = load(bundle, name)
    if canonical(value) != read(bundle, name):
        raise BrokenError(f"{name} isn't in its one canonical form (RFC 8785)")
    return value


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Canonical JSON (RFC 8785) of objects that hold only text and whole numbers under plain names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_bag(bundle: Bundle, found: dict[str, Digests]) -> str:
    """The digests that the bag lists (RFC 8493), and that nothing is missing or extra."""
    lists = (("manifest-sha256.txt", 1), ("manifest-sha512.txt", 2), ("tagmanifest-sha256.txt", 1))
    for name, place in lists:
        listed = {}
        for line in read(bundle, name).decode().splitlines():
            digest, _, path = line.partition("  ")
            listed[path] = digest
        wanted = {n for n in bundle.names if n.startswith("data/") != name.startswith("tag")} - OWN_TAGS
        if set(listed) != wanted:
            raise BrokenError(f"{name} lists other files: {', '.join(sorted(set(listed) ^ wanted)[:3])}")
        for path in sorted(listed):
            if found[path][place] != listed[path]:
                raise BrokenError(f"{path} has another digest than {name} says")
    return f"{len(found)} files have the digests that the bag lists"


def check_manifest(bundle: Bundle, found: dict[str, Digests]) -> str:
    """Every sealed file against the manifest."""
    manifest = load_canonical(bundle, MANIFEST)
    withheld = withheld_from(bundle)
    listed = {MANIFEST}
    if not withheld <= {entry["path"] for entry in manifest["files"]} - {FACTS, MANIFEST}:
        raise BrokenError("the list of withheld files names files that can't be withheld")
    for entry in manifest["files"]:
        listed.add(entry["path"])
        if entry["path"] in withheld and entry["path"] not in found:
            continue
        if found.get(entry["path"]) != (entry["size"], entry["sha256"], entry["sha512"]):
            raise BrokenError(f"{entry['path']} isn't the file that was sealed")
    extra = {name for name in found if name.startswith("data/")} - listed
    if extra:
        raise BrokenError(f"data/ holds a file that wasn't sealed: {min(extra)}")
    words = f"{len(listed) - 1 - len(withheld)} sealed files are those that the manifest lists"
    return words + (f", {len(withheld)} are withheld" if withheld else "")


def withheld_from(bundle: Bundle) -> set[str]:
    """Sealed files that this copy of the bundle says it doesn't hold."""
    if "proofs/withheld.json" not in bundle.names:
        return set()
    return set(load_canonical(bundle, "proofs/withheld.json")["files"])


def check_entry(bundle: Bundle, found: dict[str, Digests]) -> str:
    """The log's entry: what it commits to is this seal."""
    entry, key = load_canonical(bundle, "proofs/log/entry.json"), load_canonical(bundle, MANIFEST)["key"]["public"]
    signature = read(bundle, "proofs/signature").hex()
    if entry["type"] != "seal" or not HASH.fullmatch(entry["salt"]):
        raise BrokenError("the log's entry isn't about a seal, or has a salt that can't be one")
    commitment = hashlib.sha256(bytes.fromhex(entry["salt"]) + canonical(entry["opening"])).hexdigest()
    if commitment != entry["commitment"]:
        raise BrokenError("the log's entry commits to something else")
    if entry["opening"] != {"key": key, "manifest": found[MANIFEST][1], "signature": signature}:
        raise BrokenError("the log's entry is about another seal digest, key or signature")
    return f"entry {entry['sequence']} of the log commits to this seal digest, key and signature"


def check_inclusion(bundle: Bundle, found: dict[str, Digests]) -> str:  # noqa: ARG001 - called like the others
    """The entry's place under the checkpoint's root (RFC 9162, 2.1.3.2)."""
    entry, proof = (load_canonical(bundle, f"proofs/log/{name}.json") for name in ("entry", "inclusion"))
    lines = read(bundle, "proofs/log/checkpoint").decode().split("\n")
    root, size = base64.b64decode(lines[2]), int(lines[1])
    leaf = canonical({"commitment": entry["commitment"], "time": entry["time"], "type": entry["type"]})
    current = hashlib.sha256(b"\x00" + leaf).digest()
    position_in_log = position = entry["sequence"]
    last = size - 1
    if (proof["size"], proof["index"], type(position)) != (size, position, int) or not 0 <= position <= last:
        raise BrokenError("the inclusion proof is about another entry or checkpoint")
    for text in proof["path"]:
        sibling = bytes.fromhex(text)
        if last == 0 or not HASH.fullmatch(text):
            raise BrokenError("the inclusion proof is too long, or holds something that is no hash")
        if position % 2 or position == last:
            current = hashlib.sha256(b"\x01" + sibling + current).digest()
            while position and not position % 2:
                position, last = position >> 1, last >> 1
        else:
            current = hashlib.sha256(b"\x01" + current + sibling).digest()
        position, last = position >> 1, last >> 1
    if last or current != root:
        raise BrokenError("the entry isn't included under the checkpoint's root")
    return f"entry {position_in_log} is included under the root of {size} entries of {lines[0]}"


def check_probability(bundle: Bundle, found: dict[str, Digests]) -> str:
    """Every probability follows from the figures and the calibration that the facts name."""
    facts = load(bundle, FACTS)
    calibrations: dict[str, Any] = {}
    withheld, counted, left = withheld_from(bundle), 0, 0
    for stated in facts.get("calibrations", ()):
        calibrations[stated["digest"]] = None
        if stated["file"] not in withheld or stated["file"] in found:
            calibrations[stated["digest"]] = stated_calibration(bundle, found, stated)
    for match in facts["matches"]:
        one = match["verification"]
        if one.get("probability") is None:
            continue
        if one.get("calibration") not in calibrations:
            raise BrokenError(f"match {match['number']} has a probability without a calibration")
        calibration = calibrations[one["calibration"]]
        if calibration is None:
            left += 1
            continue
        value = probability(one, calibration)
        if not abs(value - one["probability"]) <= 0.0002:
            raise BrokenError(f"match {match['number']}: the figures give {value:.4f}, not {one['probability']:.4f}")
        counted += 1
    words = f"{counted} probabilities follow from the sealed figures and calibrations"
    return words + (f", {left} can't be checked: their calibration is withheld" if left else "")


def stated_calibration(bundle: Bundle, found: dict[str, Digests], stated: dict[str, Any]) -> dict[str, Any]:
    """A calibration of which the facts say what it says itself."""
    if found.get(stated["file"], ("", ""))[1] != stated["digest"]:
        raise BrokenError(f"{stated['file']} isn't the calibration that the facts state")
    calibration: dict[str, Any] = load(bundle, stated["file"])
    bounds, scores = calibration["bounds"], [score for score, _ in calibration["knots"]]
    rising = scores == sorted(set(scores)) and len(calibration["weights"]) == len(calibration["figures"])
    if calibration["format"] != "exhibit-calibration/1" or set(bounds) != {"certain", "review"} or not rising:
        raise BrokenError(f"{stated['file']} isn't a calibration, or contradicts itself")
    told = {**bounds, **{name: calibration[name] for name in ("name", "made", "data")}}
    for name, value in told.items():
        if canonical(stated[name]) != canonical(value):
            raise BrokenError(f"the facts state another {name} of the calibration than {stated['file']}")
    return calibration


def probability(one: dict[str, Any], calibration: dict[str, Any]) -> float:
    """A weighted sum of figures, and the straight lines between the knots."""
    if one["pipeline"] != calibration["pipeline"]:
        raise BrokenError("a calibration is for figures of another version of the comparison")
    if HELD.intersection(one["reasons"]):
        raise BrokenError("no calibration says anything of such figures")
    figures = {
        "log-inliers": math.log(1 + one["inliers"]),
        "dense": one["dense"],
        "hash": max(0.0, 1 - one["hamming"] / 128),
        "overlap-work": one["overlap_work"],
        "overlap-picture": one["overlap_picture"],
        "placed": float(one.get("in_place") is not None),
        "in-place": one.get("in_place") or 0.0,
        "drift": min(one.get("drift") or 0.0, 2.0),
        "imprecise": float("imprecise" in one["reasons"]),
        "shared-overlay": float("shared-overlay" in one["reasons"]),
    }
    terms = [calibration["weights"][place] * figures[name] for place, name in enumerate(calibration["figures"])]
    score, knots = calibration["intercept"] + math.fsum(terms), calibration["knots"]
    if not math.isfinite(score):
        raise BrokenError("the figures are beyond what can be computed")
    left, low = knots[0]
    for right, high in knots:
        if score < right:
            return float(low if right == left else low + (high - low) * (score - left) / (right - left))
        left, low = right, high
    return float(low)


def stamped(reply: bytes) -> int | None:
    """Seconds since 1970 at which an RFC 3161 reply says it was made, or ``None``."""
    match = re.search(rb"\x18[\x0f-\x16](\d{14})(?:\.\d+)?Z", reply)
    return calendar.timegm(time.strptime(match.group(1).decode(), "%Y%m%d%H%M%S")) if match else None


def lines_for_the_rest(bundle: Bundle) -> Iterator[str]:
    """The commands that check what Python alone can't, run in the unpacked folder."""
    yield "the owner's signature (OpenSSL 3; compare the key with one that you got from the owner):"
    key = "openssl pkeyutl -verify -pubin -inkey proofs/key.pem -rawin"
    yield f"    {key} -in data/manifest.json -sigfile proofs/signature"
    if "proofs/anchors/index.json" in bundle.names:
        for record in load_canonical(bundle, "proofs/anchors/index.json"):
            if not HASH.fullmatch(record["digest"]) or not {record["file"], *record["material"]} <= bundle.names:
                raise BrokenError("the list of receipts names a file that isn't there, or no digest")
            mark = " (development)" if record["development"] else ""
            yield f"{record['file']}, called {record['witness'][:60]!r}{mark}:"
            yield from ("    " + line for line in anchor_lines(bundle, record))
    yield "digests and bag, once more by other programs:"
    yield "    sha256sum --check --quiet manifest-sha256.txt tagmanifest-sha256.txt"
    yield "    sha512sum --check --quiet manifest-sha512.txt"
    yield "    bagit.py --validate ."


def anchor_lines(bundle: Bundle, record: dict[str, Any]) -> Iterator[str]:
    """The commands for one receipt whose names and digest were checked."""
    if record["kind"] == "evm":
        yield "ask a node or an explorer of that chain for the block whose hash is the Keccak-256 of header;"
        yield "any Ethereum library follows nodes from its root of receipts to the log of " + record["digest"]
    elif record["kind"] == "opentimestamps":
        yield f"ots verify -d {record['digest']} {record['file']}"
    elif record["kind"] == "rfc3161":
        at = stamped(read(bundle, record["file"]))
        when = f" -attime {at}" if at else ""
        chain = [name for name in record["material"] if "/certificate-" in name]
        if chain:
            yield f"cat {' '.join(chain)} > ../chain.pem"
        helpers = " -untrusted ../chain.pem" if chain else ""
        yield f"openssl ts -verify -digest {record['digest']} -in {record['file']} -CAfile ROOT.pem{helpers}{when}"
    else:
        yield "a kind of receipt that isn't known here"


def say(text: str) -> None:
    """One line to the reader; what a terminal would obey or not show is replaced."""
    sys.stdout.write("".join(sign if sign.isprintable() else "?" for sign in text) + "\n")


def run(bundle: Bundle) -> int:
    """All checks; returns the exit code."""
    found = {name: digests(bundle, name) for name in sorted(bundle.names)}
    if MANIFEST not in found:
        raise BrokenError(f"{MANIFEST} is missing")
    say(f"seal digest  {found[MANIFEST][1]}")
    code = 0
    checks = [("bag", check_bag), ("manifest", check_manifest)]
    if "proofs/log/entry.json" in bundle.names:
        checks += [("entry", check_entry), ("inclusion", check_inclusion)]
    else:
        say("not checked  entry, inclusion: the bundle holds no log entry")
    if FACTS in bundle.names:
        checks.append(("probability", check_probability))
    for name, check in checks:
        try:
            say(f"passed       {name}: {check(bundle, found)}")
        except BrokenError as error:
            code = 1
            say(f"FAILED       {name}: {error}")
        except UNREADABLE as error:
            code = 1
            say(f"FAILED       {name}: a file can't be read ({type(error).__name__})")
    say("not checked  signatures and witnesses of time: see the lines below; ROOT.pem is the root certificate of the")
    say("             authority, which you get from the authority, not from the bundle")
    for line in lines_for_the_rest(bundle):
        say(line)
    return code


def main(arguments: list[str]) -> int:
    """Open the folder or ZIP and check it."""
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        for line in __doc__.splitlines():
            say(line)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    path = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    try:
        if not path.is_dir() and not zipfile.is_zipfile(str(path)):
            say(f"error: {path} is neither a folder nor a ZIP")
            return 2
        return run(Folder(path) if path.is_dir() else Zip(str(path)))
    except BrokenError as error:
        say(f"FAILED       {error}")
        return 1
    except UNREADABLE as error:
        say(f"FAILED       the bundle can't be read: {error}")
        return 1


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
