"""Changes of every kind to a sealed bundle. Each must be detected, by a check that covers it."""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.common import Progress, Row
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.bundle.bag import AnchorProof, ConsistencyProof, Proofs, compute_checkpoint_digest, key_files
from evidence.bundle.manifest import MANIFEST_PATH, Manifest, SealingKey
from evidence.bundle.sealing import seal_opening
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.log.proofs import LogProof
from evidence.verdict.result import CONTAINER_CHANGED, Verdict
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from tests.assets.bundles import RECORDS, Scene, append_entry, make_scene, reseal
from tests.assets.folder_log import FolderLogStore
from tests.assets.tampering import read_files, update_bag, write_zip
from tests.assets.timestamp_authorities import stamping

Files = dict[str, bytes]
INDEX = "proofs/anchors/index.json"
FORGERS = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One changed bundle.

    Attributes:
        path: Path of the bundle.
        expected: Names or prefixes of checks, at least one of which must detect it; any check if empty.
    """

    path: Path
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """A sealed bundle, other data of its owner, and forgers.

    Attributes:
        folder: Folder for changed bundles.
        scene: The genuine case.
        raw: Its bundle.
        files: Files of the bundle.
        sibling: Another bundle of the same owner, log and timestamp authority.
        forgers: Cases with other keys, logs, authorities and chains.
    """

    folder: Path
    scene: Scene
    raw: bytes
    files: Files
    sibling: Files
    forgers: tuple[tuple[Scene, Rfc3161Anchor], ...]

    def write(self, files: Files, *expected: str, fit: bool = True) -> Change:
        """Write a changed bundle. Its bag is made consistent unless the change is about the bag."""
        return Change(write_zip(self.folder / "changed.zip", update_bag(files) if fit else files), expected)


@contextmanager
def make_world(folder: Path) -> Iterator[World]:
    """Create a world whose timestamp authorities run for the duration of the ``with`` block."""
    scenes = []
    for number in range(1 + FORGERS):
        place = folder / f"scene-{number}"
        place.mkdir(parents=True)
        scenes.append(make_scene(place, seed=number + 1))
    scene = scenes[0]
    raw = scene.write(folder / "bundle.zip").read_bytes()
    with stamping(scene) as anchor:
        other = with_timestamps(reseal(scene, replace(scene.facts, number="C-8")), anchor)
    sibling = read_files(other.write(folder / "sibling.zip"))
    forgers = []
    for each in scenes[1:]:
        with stamping(each) as own:
            forgers += [(with_timestamps(vary_reason(each, number), own), own) for number in range(4)]
    yield World(folder, scene, raw, read_files(folder / "bundle.zip"), sibling, tuple(forgers))


def vary_reason(scene: Scene, number: int) -> Scene:
    """Seal the case again with another reason of the decision."""
    decision = replace(scene.facts.decision, reason=f"A copy of my work, {number}.")
    return reseal(scene, replace(scene.facts, decision=decision))


def with_timestamps(scene: Scene, anchor: Rfc3161Anchor) -> Scene:
    """Return the case with new consistency proofs, and timestamps on its seal digest and its checkpoint."""
    entry = scene.proofs.entry
    assert entry is not None
    slice_proof = scene.facts.sightings[0].slice
    earlier = [scene.facts.work.registration, slice_proof.log if slice_proof else None]
    sizes = sorted({proof.size for proof in earlier if proof is not None})
    consistency = tuple(ConsistencyProof(size, tuple(scene.log.consistency(size, entry.size))) for size in sizes)
    digests = (scene.sealed_case.seal, compute_checkpoint_digest(entry.checkpoint))
    anchors = tuple(AnchorProof(digest, anchor.submit(digest)) for digest in digests)
    return replace(scene, proofs=Proofs(entry, consistency, anchors))


def corrupt(data: bytes, draw: Random) -> bytes:
    """Change one bit, one byte or a range of the data, or truncate them."""
    place = draw.randrange(len(data))
    way = draw.randrange(4)
    if way == 0:
        return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
    if way == 1:
        return data[:place] + bytes([data[place] ^ draw.randrange(1, 256)]) + data[place + 1 :]
    if way == 2:
        other = draw.randbytes(min(8, len(data) - place))
        return (
            data[:place] + other + data[place + len(other) :] if other != data[place : place + len(other)] else data[1:]
        )
    return data[:place]


def checks_of(name: str) -> tuple[str, ...]:
    """Return the checks, one of which must detect a change of this file even if bag and ZIP are consistent."""
    special = {
        MANIFEST_PATH: ("manifest", "signature"),
        "proofs/signature": ("signature",),
        "proofs/key.json": ("key",),
        "proofs/key.pem": ("key",),
        "proofs/log/entry.json": ("entry", "inclusion"),
        "proofs/log/inclusion.json": ("inclusion",),
        "proofs/log/checkpoint": ("inclusion", "checkpoint", "consistency"),
        "proofs/log/consistency.json": ("consistency",),
        INDEX: ("anchors", "anchor:", "proofs"),
    }
    if name in special:
        return special[name]
    if name.startswith("data/"):
        return (f"file:{name}",)
    return ("anchor:",) if name.startswith("proofs/") else ("bag", "tools")


def bits_in_the_zip(world: World, draw: Random) -> Change:
    """Flip one to eight bits anywhere in the ZIP."""
    raw = bytearray(world.raw)
    for place in draw.sample(range(len(raw)), draw.randrange(1, 9)):
        raw[place] ^= 1 << draw.randrange(8)
    path = world.folder / "changed.zip"
    path.write_bytes(raw)
    return Change(path)


def changed_file(world: World, draw: Random) -> Change:
    """Change one file."""
    name = draw.choice([name for name in world.files if name not in BAG_FILES])
    return world.write({**world.files, name: corrupt(world.files[name], draw)}, *checks_of(name))


def changed_list(world: World, draw: Random) -> Change:
    """Change one of the bag's own files."""
    name = draw.choice(BAG_FILES)
    return world.write({**world.files, name: corrupt(world.files[name], draw)}, "bag", "files", fit=False)


def removed_file(world: World, draw: Random) -> Change:
    """Remove one file."""
    name = draw.choice([name for name in world.files if name not in {*BAG_FILES, MANIFEST_PATH}])
    rest = {other: data for other, data in world.files.items() if other != name}
    without_log = ("entry", "inclusion", "checkpoint", "consistency", "time")
    return world.write(rest, "files", *checks_of(name), *(without_log if name.startswith("proofs/") else ()))


def added_file(world: World, draw: Random) -> Change:
    """Add an unsealed file."""
    folder = draw.choice(
        ["data", "data/work", "data/sightings/02", "proofs", "proofs/anchors", "proofs/material", "notes"]
    )
    name = f"{folder}/{draw.randrange(10**6)}.{draw.choice(['jpg', 'json', 'html', 'txt'])}"
    return world.write({**world.files, name: draw.randbytes(draw.randrange(1, 200))}, "files", "proofs")


def swapped_files(world: World, draw: Random) -> Change:
    """Exchange two files."""
    names = [name for name in world.files if name not in BAG_FILES]
    while True:
        first, second = draw.sample(names, 2)
        if world.files[first] != world.files[second]:
            swap = {first: world.files[second], second: world.files[first]}
            return world.write({**world.files, **swap}, *checks_of(first), *checks_of(second))


def proofs_of_another(world: World, draw: Random) -> Change:
    """Replace all or some proofs by those of another bundle of the same owner, or of a stranger."""
    stranger, _ = draw.choice(world.forgers)
    source = world.sibling if draw.random() < 0.5 else read_files(stranger.write(world.folder / "stranger.zip"))
    proofs = sorted(name for name in source if name.startswith("proofs/") and source[name] != world.files.get(name))
    selected = proofs if draw.random() < 0.3 else draw.sample(proofs, draw.randrange(1, len(proofs)))
    return world.write({**world.files, **{name: source[name] for name in selected}})


def edited_manifest(world: World, draw: Random) -> Change:
    """Change a sealed file, and update all digests in the manifest."""
    name = draw.choice([name for name in world.files if name.startswith("data/") and name != MANIFEST_PATH])
    return world.write(
        update_manifest({**world.files, name: corrupt(world.files[name], draw)}, draw), "signature", "manifest"
    )


def another_key(world: World, draw: Random) -> Change:
    """Change a sealed file, and sign everything again with another key."""
    name = draw.choice(["data/facts.json", "data/exhibit.pdf", "data/work/01.jpg", RECORDS[1]])
    key = KeySigner(Ed25519PrivateKey.generate())
    public = key.public_key.hex()
    files = update_manifest({**world.files, name: corrupt(world.files[name], draw)}, draw, public=public)
    try:
        manifest = Manifest.from_json(files[MANIFEST_PATH])
        files.update(key_files(replace(manifest, key=SealingKey("Ed25519", key.public_key, "operator"))))
    finally:
        files["proofs/signature"] = key.sign(files[MANIFEST_PATH])
    if draw.random() < 0.5:
        entry = json.loads(files["proofs/log/entry.json"])
        opening = {
            "key": public,
            "manifest": Digest.of(files[MANIFEST_PATH]).hex,
            "signature": files["proofs/signature"].hex(),
        }
        entry.update(
            opening=opening, commitment=hashlib.sha256(bytes.fromhex(entry["salt"]) + canonical(opening)).hexdigest()
        )
        files["proofs/log/entry.json"] = canonical(entry)
    return world.write(files, "key", "entry", "inclusion")


def update_manifest(files: Files, draw: Random, public: str | None = None) -> Files:
    """Return the files with a manifest that matches them, and sometimes with another change."""
    manifest = json.loads(files[MANIFEST_PATH])
    for file in manifest["files"]:
        data = files[file["path"]]
        file.update(size=len(data), sha256=hashlib.sha256(data).hexdigest(), sha512=hashlib.sha512(data).hexdigest())
    if draw.random() < 0.3:
        manifest["matter"]["bundle"] = draw.randrange(2, 99)
    if public is not None:
        manifest["key"]["public"] = public
    return {**files, MANIFEST_PATH: canonical(manifest)}


def truncated_log(world: World, draw: Random) -> Change:
    """Replace the checkpoint that covers the seal by an earlier one of the same log, with a shortened path."""
    facts = world.scene.facts
    slice_proof = facts.sightings[0].slice
    assert facts.work.registration is not None
    assert slice_proof is not None
    earlier = draw.choice([facts.work.registration, slice_proof.log])
    inclusion = json.loads(world.files["proofs/log/inclusion.json"])
    path = inclusion["path"][: draw.randrange(len(inclusion["path"]) + 1)]
    inclusion.update(size=earlier.size, path=path)
    files = {**world.files, "proofs/log/checkpoint": earlier.checkpoint.encode()}
    if draw.random() < 0.5:
        inclusion["index"] = draw.randrange(earlier.size)
    files["proofs/log/inclusion.json"] = canonical(inclusion)
    return world.write(files, "inclusion", "entry")


def forked_log(world: World, draw: Random) -> Change:
    """Sign a second history of the log that contains the seal, and omits or changes earlier entries."""
    scene = world.scene
    key = scene.log_key if draw.random() < 0.7 else KeySigner(Ed25519PrivateKey.generate())
    place = world.folder / f"fork-{draw.randrange(10**9)}"
    fork = Log(FolderLogStore(place), key, scene.log.origin)
    for number in range(draw.randrange(5)):
        append_entry(fork, EntryType.REGISTRATION, {"work": f"W-{number}", "picture": draw.randbytes(32).hex()})
    entry = append_entry(fork, EntryType.SEAL, seal_opening(scene.sealed_case))
    proofs = Proofs(entry, _forged_consistency(fork, entry, scene, draw), scene.proofs.anchors)
    if draw.random() < 0.5:
        anchors = tuple(anchor for anchor in proofs.anchors if anchor.digest == scene.sealed_case.seal)
        proofs = replace(proofs, anchors=anchors)
    return Change(scene.write(world.folder / "changed.zip", proofs), ("consistency", "checkpoint"))


def _forged_consistency(fork: Log, entry: LogProof, scene: Scene, draw: Random) -> tuple[ConsistencyProof, ...]:
    """Return proofs of the fork from the sizes in the facts, the genuine proofs, or none."""
    sizes = [size for size in (1, 2) if size <= entry.size]
    if draw.random() < 0.3:
        return ()
    if draw.random() < 0.3:
        return scene.proofs.consistency
    return tuple(ConsistencyProof(size, tuple(fork.consistency(size, entry.size))) for size in sizes)


def stamp_dated_back(world: World, draw: Random) -> Change:
    """Backdate a timestamp or block, or use an older timestamp of the same authority instead of a later one."""
    way = draw.randrange(3)
    if way == 0:
        name = draw.choice([name for name in world.files if name.endswith(".tsr")])
        return world.write(
            {**world.files, name: _earlier_digits(world.files[name], draw)}, f"anchor:{name.split('/')[-1]}"
        )
    if way == 1:
        [name] = [name for name in world.files if name.endswith(".header")]
        header = bytearray(world.files[name])
        header[68:72] = (int.from_bytes(header[68:72], "little") - draw.randrange(1, 10**8)).to_bytes(4, "little")
        return world.write({**world.files, name: bytes(header)}, "anchor:")
    stamps = sorted(name for name in world.files if name.endswith(".tsr"))
    [target] = draw.sample(stamps, 1)
    source = draw.choice([name for name in world.sibling if name.endswith(".tsr")])
    return world.write({**world.files, target: world.sibling[source]}, f"anchor:{target.split('/')[-1]}")


def _earlier_digits(reply: bytes, draw: Random) -> bytes:
    """Move the first time in a reply back by years."""
    match = re.search(rb"20\d{12}", reply)
    assert match is not None
    year = int(match[0][:4]) - draw.randrange(1, 20)
    return reply[: match.start()] + str(year).encode() + reply[match.start() + 4 :]


def forged_as_a_whole(world: World, draw: Random) -> Change:
    """Forge everything: key, log, authority, chain. It is consistent, but nothing in it is trusted."""
    scene, _ = draw.choice(world.forgers)
    decision = replace(scene.facts.decision, reason=f"Forged {draw.randrange(10**9)}.")
    early = scene.facts.opened_at - timedelta(days=draw.randrange(1, 3000))
    facts = replace(scene.facts, decision=decision, opened_at=early)
    again = reseal(scene, facts)
    anchors = tuple(anchor for anchor in scene.proofs.anchors if anchor.digest != scene.sealed_case.seal)
    proofs = replace(again.proofs, anchors=anchors if draw.random() < 0.1 else ())
    whole = scene if draw.random() < 0.5 else replace(again, proofs=proofs)
    return Change(whole.write(world.folder / "changed.zip"), ("key", "checkpoint", "time"))


BAG_FILES = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha256.txt")
KINDS: Mapping[str, tuple[int, Callable[[World, Random], Change]]] = {
    "bits flipped anywhere in the ZIP": (30, bits_in_the_zip),
    "a file changed, bag and ZIP made to fit": (20, changed_file),
    "a list of the bag changed": (4, changed_list),
    "a file removed, bag and ZIP made to fit": (6, removed_file),
    "a file added, bag and ZIP made to fit": (4, added_file),
    "two files exchanged, bag and ZIP made to fit": (6, swapped_files),
    "proofs of another bundle": (6, proofs_of_another),
    "manifest edited, all digests made to fit": (8, edited_manifest),
    "sealed anew by another key": (4, another_key),
    "log truncated": (3, truncated_log),
    "log forked": (3, forked_log),
    "stamp or block dated back": (4, stamp_dated_back),
    "forged as a whole": (2, forged_as_a_whole),
}
"""Each kind with its share in percent."""


FAILED = "a check fails"
UNKNOWN = "a check says unknown or not checked"
CONTAINER = "the container alone"
SENTENCE = "a check says something else"
NOTHING = "unnoticed"
OUTCOMES = (FAILED, UNKNOWN, CONTAINER, SENTENCE, NOTHING)


@dataclass(frozen=True, slots=True)
class Finding:
    """Result for one change.

    Attributes:
        kind: Kind of the change.
        outcome: One of :data:`OUTCOMES`.
        named: Whether a check that covers the change detected it.
        number: Number of the change, with which it can be repeated.
    """

    kind: str
    outcome: str
    is_attributed: bool
    number: int


def measure(changes: int, seed: int = 1) -> list[Row]:
    """Make this number of changes and verify each. Returns one row for each kind."""
    findings = find(changes, seed)
    rows = [_row(kind, [finding for finding in findings if finding.kind == kind]) for kind in KINDS]
    return [*rows, _row("all", findings)]


def find(changes: int, seed: int = 1) -> list[Finding]:
    """Return the result of each change, in a new world."""
    with TemporaryDirectory() as name, make_world(Path(name)) as world:
        return find_in(world, changes, seed)


def find_in(world: World, changes: int, seed: int = 1) -> list[Finding]:
    """Return the result of each change. Kinds are used according to their shares."""
    progress = Progress("changes", changes)
    kinds = [kind for kind, (share, _) in KINDS.items() for _ in range(share)]
    findings = []
    original = Verifier(world.scene.trust).verify(world.folder / "bundle.zip")
    for number in range(changes):
        kind = kinds[number * 37 % len(kinds)]
        change = KINDS[kind][1](world, Random(f"{seed} {number}"))
        verdict = Verifier(world.scene.trust).verify(change.path)
        findings.append(judge_change(kind, number, change, verdict, original))
        progress(number + 1)
        _tidy(world)
    return findings


def judge_change(kind: str, number: int, change: Change, verdict: Verdict, original: Verdict) -> Finding:
    """Compare a verdict with that of the unchanged bundle."""
    before = {check.name: check for check in original.checks}
    states = {
        check.name for check in verdict.checks if check.name in before and check.state != before[check.name].state
    }
    states |= {check.name for check in verdict.failures}
    states |= before.keys() - {check.name for check in verdict.checks}
    sentences = {check.name for check in verdict.checks if check != before.get(check.name)}
    container = any(check.sentence.startswith(CONTAINER_CHANGED) for check in verdict.checks)
    outcome = FAILED if verdict.failures else UNKNOWN if states else CONTAINER if container else SENTENCE
    if not sentences and not states:
        outcome = NOTHING
    noticed = states or sentences
    is_attributed = not change.expected or any(name.startswith(change.expected) for name in noticed)
    return Finding(kind, outcome, is_attributed and outcome != NOTHING, number)


def _tidy(world: World) -> None:
    for fork in world.folder.glob("fork-*"):
        shutil.rmtree(fork)


def _row(kind: str, findings: Sequence[Finding]) -> Row:
    counts = Counter(item.outcome for item in findings)
    attributed = sum(item.is_attributed for item in findings)
    return {"change": kind, "changes": len(findings), **{item: counts[item] for item in OUTCOMES}, "named": attributed}
