"""Changes of every kind to a sealed bundle. A check that covers the change must detect it."""

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
from evidence.bundle.bag import AnchorProof, ConsistencyProof, Proofs, compute_checkpoint_digest, create_key_files
from evidence.bundle.manifest import MANIFEST_PATH, Manifest, SealingKey
from evidence.bundle.sealing import build_seal_opening
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.log.proofs import LogProof
from evidence.verdict.result import CONTAINER_CHANGED, Verdict
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from tests.assets.bundles import RECORDS, Scene, append_entry, make_scene, reseal
from tests.assets.folder_log import FolderLogStore
from tests.assets.tampering import read_files, update_bag, write_zip
from tests.assets.timestamp_authorities import stamping

Files = dict[str, bytes]
ANCHOR_INDEX_PATH = "proofs/anchors/index.json"
FORGER_COUNT = 3


@dataclass(frozen=True, slots=True)
class BundleChange:
    """One changed bundle.

    Attributes:
        path: Path of the bundle.
        expected: Names or prefixes of checks. At least one of them must detect the change; any check if empty.
    """

    path: Path
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestWorld:
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

    def write(self, files: Files, *expected: str, fix_bag: bool = True) -> BundleChange:
        """Write a changed bundle. Its bag is made consistent unless the change is about the bag."""
        return BundleChange(write_zip(self.folder / "changed.zip", update_bag(files) if fix_bag else files), expected)


@contextmanager
def make_world(folder: Path) -> Iterator[TestWorld]:
    """Create a world with timestamp authorities that run for the duration of the block."""
    scenes = []
    for number in range(1 + FORGER_COUNT):
        scene_folder = folder / f"scene-{number}"
        scene_folder.mkdir(parents=True)
        scenes.append(make_scene(scene_folder, seed=number + 1))
    scene = scenes[0]
    bundle_bytes = scene.write(folder / "bundle.zip").read_bytes()
    with stamping(scene) as anchor:
        sibling_scene = add_timestamps(reseal(scene, replace(scene.facts, number="C-8")), anchor)
    sibling = read_files(sibling_scene.write(folder / "sibling.zip"))
    forgers = []
    for forger_scene in scenes[1:]:
        with stamping(forger_scene) as forger_anchor:
            forgers += [
                (add_timestamps(vary_reason(forger_scene, number), forger_anchor), forger_anchor) for number in range(4)
            ]
    yield TestWorld(folder, scene, bundle_bytes, read_files(folder / "bundle.zip"), sibling, tuple(forgers))


def vary_reason(scene: Scene, number: int) -> Scene:
    """Seal the case again with another reason for the decision."""
    decision = replace(scene.facts.decision, reason=f"A copy of my work, {number}.")
    return reseal(scene, replace(scene.facts, decision=decision))


def add_timestamps(scene: Scene, anchor: Rfc3161Anchor) -> Scene:
    """Return the case with new consistency proofs, and timestamps on its seal digest and its checkpoint."""
    entry = scene.proofs.entry
    assert entry is not None
    slice_proof = scene.facts.sightings[0].slice
    earlier_proofs = [scene.facts.work.registration, slice_proof.log if slice_proof else None]
    sizes = sorted({proof.size for proof in earlier_proofs if proof is not None})
    consistency = tuple(ConsistencyProof(size, tuple(scene.log.prove_consistency(size, entry.size))) for size in sizes)
    digests = (scene.sealed_case.seal_digest, compute_checkpoint_digest(entry.checkpoint))
    anchors = tuple(AnchorProof(digest, anchor.submit(digest)) for digest in digests)
    return replace(scene, proofs=Proofs(entry, consistency, anchors))


def corrupt(data: bytes, rng: Random) -> bytes:
    """Change a bit, a byte or a range of the data, or truncate it."""
    offset = rng.randrange(len(data))
    method = rng.randrange(4)
    if method == 0:
        return data[:offset] + bytes([data[offset] ^ 1 << rng.randrange(8)]) + data[offset + 1 :]
    if method == 1:
        return data[:offset] + bytes([data[offset] ^ rng.randrange(1, 256)]) + data[offset + 1 :]
    if method == 2:
        replacement = rng.randbytes(min(8, len(data) - offset))
        return (
            data[:offset] + replacement + data[offset + len(replacement) :]
            if replacement != data[offset : offset + len(replacement)]
            else data[1:]
        )
    return data[:offset]


def list_expected_checks(name: str) -> tuple[str, ...]:
    """Return the checks of which one must detect a change of this file, even if bag and ZIP are consistent."""
    checks_by_path = {
        MANIFEST_PATH: ("manifest", "signature"),
        "proofs/signature": ("signature",),
        "proofs/key.json": ("key",),
        "proofs/key.pem": ("key",),
        "proofs/log/entry.json": ("entry", "inclusion"),
        "proofs/log/inclusion.json": ("inclusion",),
        "proofs/log/checkpoint": ("inclusion", "checkpoint", "consistency"),
        "proofs/log/consistency.json": ("consistency",),
        ANCHOR_INDEX_PATH: ("anchors", "anchor:", "proofs"),
    }
    if name in checks_by_path:
        return checks_by_path[name]
    if name.startswith("data/"):
        return (f"file:{name}",)
    return ("anchor:",) if name.startswith("proofs/") else ("bag", "tools")


def flip_zip_bits(world: TestWorld, rng: Random) -> BundleChange:
    """Flip one to eight bits anywhere in the ZIP."""
    bundle_bytes = bytearray(world.raw)
    for offset in rng.sample(range(len(bundle_bytes)), rng.randrange(1, 9)):
        bundle_bytes[offset] ^= 1 << rng.randrange(8)
    path = world.folder / "changed.zip"
    path.write_bytes(bundle_bytes)
    return BundleChange(path)


def change_file(world: TestWorld, rng: Random) -> BundleChange:
    """Change one file."""
    name = rng.choice([name for name in world.files if name not in BAG_FILES])
    return world.write({**world.files, name: corrupt(world.files[name], rng)}, *list_expected_checks(name))


def change_bag_file(world: TestWorld, rng: Random) -> BundleChange:
    """Change one of the bag's own files."""
    name = rng.choice(BAG_FILES)
    return world.write({**world.files, name: corrupt(world.files[name], rng)}, "bag", "files", fix_bag=False)


def remove_file(world: TestWorld, rng: Random) -> BundleChange:
    """Remove one file."""
    name = rng.choice([name for name in world.files if name not in {*BAG_FILES, MANIFEST_PATH}])
    remaining_files = {other: data for other, data in world.files.items() if other != name}
    log_checks = ("entry", "inclusion", "checkpoint", "consistency", "time")
    return world.write(
        remaining_files, "files", *list_expected_checks(name), *(log_checks if name.startswith("proofs/") else ())
    )


def add_file(world: TestWorld, rng: Random) -> BundleChange:
    """Add an unsealed file."""
    folder = rng.choice(
        ["data", "data/work", "data/sightings/02", "proofs", "proofs/anchors", "proofs/material", "notes"]
    )
    name = f"{folder}/{rng.randrange(10**6)}.{rng.choice(['jpg', 'json', 'html', 'txt'])}"
    return world.write({**world.files, name: rng.randbytes(rng.randrange(1, 200))}, "files", "proofs")


def swap_files(world: TestWorld, rng: Random) -> BundleChange:
    """Exchange two files."""
    names = [name for name in world.files if name not in BAG_FILES]
    while True:
        first, second = rng.sample(names, 2)
        if world.files[first] != world.files[second]:
            swapped = {first: world.files[second], second: world.files[first]}
            return world.write({**world.files, **swapped}, *list_expected_checks(first), *list_expected_checks(second))


def replace_proofs(world: TestWorld, rng: Random) -> BundleChange:
    """Replace all or some proofs by those of another bundle, of the same owner or of a forger."""
    forger, _ = rng.choice(world.forgers)
    source = world.sibling if rng.random() < 0.5 else read_files(forger.write(world.folder / "stranger.zip"))
    proofs = sorted(name for name in source if name.startswith("proofs/") and source[name] != world.files.get(name))
    selected = proofs if rng.random() < 0.3 else rng.sample(proofs, rng.randrange(1, len(proofs)))
    return world.write({**world.files, **{name: source[name] for name in selected}})


def edit_manifest(world: TestWorld, rng: Random) -> BundleChange:
    """Change a sealed file, and update all digests in the manifest."""
    name = rng.choice([name for name in world.files if name.startswith("data/") and name != MANIFEST_PATH])
    return world.write(
        update_manifest({**world.files, name: corrupt(world.files[name], rng)}, rng), "signature", "manifest"
    )


def sign_with_another_key(world: TestWorld, rng: Random) -> BundleChange:
    """Change a sealed file, and sign everything again with another key."""
    name = rng.choice(["data/facts.json", "data/exhibit.pdf", "data/work/01.jpg", RECORDS[1]])
    key = KeySigner(Ed25519PrivateKey.generate())
    public_key = key.public_key.hex()
    files = update_manifest({**world.files, name: corrupt(world.files[name], rng)}, rng, public=public_key)
    try:
        manifest = Manifest.from_json(files[MANIFEST_PATH])
        files.update(create_key_files(replace(manifest, key=SealingKey("Ed25519", key.public_key, "operator"))))
    finally:
        files["proofs/signature"] = key.sign(files[MANIFEST_PATH])
    if rng.random() < 0.5:
        entry = json.loads(files["proofs/log/entry.json"])
        opening = {
            "key": public_key,
            "manifest": Digest.from_bytes(files[MANIFEST_PATH]).hex,
            "signature": files["proofs/signature"].hex(),
        }
        entry.update(
            opening=opening,
            commitment=hashlib.sha256(bytes.fromhex(entry["salt"]) + encode_canonical(opening)).hexdigest(),
        )
        files["proofs/log/entry.json"] = encode_canonical(entry)
    return world.write(files, "key", "entry", "inclusion")


def update_manifest(files: Files, rng: Random, public: str | None = None) -> Files:
    """Return the files with a manifest that matches them, and sometimes with another change."""
    manifest = json.loads(files[MANIFEST_PATH])
    for file in manifest["files"]:
        data = files[file["path"]]
        file.update(size=len(data), sha256=hashlib.sha256(data).hexdigest(), sha512=hashlib.sha512(data).hexdigest())
    if rng.random() < 0.3:
        manifest["matter"]["bundle"] = rng.randrange(2, 99)
    if public is not None:
        manifest["key"]["public"] = public
    return {**files, MANIFEST_PATH: encode_canonical(manifest)}


def truncate_log(world: TestWorld, rng: Random) -> BundleChange:
    """Replace the checkpoint by an earlier one of the same log that does not cover the seal, with a shortened path."""
    facts = world.scene.facts
    slice_proof = facts.sightings[0].slice
    assert facts.work.registration is not None
    assert slice_proof is not None
    earlier_proof = rng.choice([facts.work.registration, slice_proof.log])
    inclusion = json.loads(world.files["proofs/log/inclusion.json"])
    path = inclusion["path"][: rng.randrange(len(inclusion["path"]) + 1)]
    inclusion.update(size=earlier_proof.size, path=path)
    files = {**world.files, "proofs/log/checkpoint": earlier_proof.checkpoint.encode()}
    if rng.random() < 0.5:
        inclusion["index"] = rng.randrange(earlier_proof.size)
    files["proofs/log/inclusion.json"] = encode_canonical(inclusion)
    return world.write(files, "inclusion", "entry")


def fork_log(world: TestWorld, rng: Random) -> BundleChange:
    """Sign a forked log that contains the seal, but omits or changes earlier entries."""
    scene = world.scene
    key = scene.log_key if rng.random() < 0.7 else KeySigner(Ed25519PrivateKey.generate())
    fork_folder = world.folder / f"fork-{rng.randrange(10**9)}"
    fork = Log(FolderLogStore(fork_folder), key, scene.log.origin)
    for number in range(rng.randrange(5)):
        append_entry(fork, EntryType.REGISTRATION, {"work": f"W-{number}", "picture": rng.randbytes(32).hex()})
    entry = append_entry(fork, EntryType.SEAL, build_seal_opening(scene.sealed_case))
    proofs = Proofs(entry, _forge_consistency(fork, entry, scene, rng), scene.proofs.anchors)
    if rng.random() < 0.5:
        anchors = tuple(anchor for anchor in proofs.anchors if anchor.digest == scene.sealed_case.seal_digest)
        proofs = replace(proofs, anchors=anchors)
    return BundleChange(scene.write(world.folder / "changed.zip", proofs), ("consistency", "checkpoint"))


def _forge_consistency(fork: Log, entry: LogProof, scene: Scene, rng: Random) -> tuple[ConsistencyProof, ...]:
    """Return consistency proofs of the fork for the sizes in the facts, the genuine proofs, or none."""
    sizes = [size for size in (1, 2) if size <= entry.size]
    if rng.random() < 0.3:
        return ()
    if rng.random() < 0.3:
        return scene.proofs.consistency
    return tuple(ConsistencyProof(size, tuple(fork.prove_consistency(size, entry.size))) for size in sizes)


def backdate_timestamp(world: TestWorld, rng: Random) -> BundleChange:
    """Backdate a timestamp or block, or replace a timestamp by an older one of the same authority."""
    method = rng.randrange(3)
    if method == 0:
        name = rng.choice([name for name in world.files if name.endswith(".tsr")])
        return world.write(
            {**world.files, name: _backdate_reply(world.files[name], rng)}, f"anchor:{name.split('/')[-1]}"
        )
    if method == 1:
        [name] = [name for name in world.files if name.endswith(".header")]
        header = bytearray(world.files[name])
        header[68:72] = (int.from_bytes(header[68:72], "little") - rng.randrange(1, 10**8)).to_bytes(4, "little")
        return world.write({**world.files, name: bytes(header)}, "anchor:")
    timestamp_names = sorted(name for name in world.files if name.endswith(".tsr"))
    [target] = rng.sample(timestamp_names, 1)
    source = rng.choice([name for name in world.sibling if name.endswith(".tsr")])
    return world.write({**world.files, target: world.sibling[source]}, f"anchor:{target.split('/')[-1]}")


def _backdate_reply(reply: bytes, rng: Random) -> bytes:
    """Backdate the first time in a timestamp reply by years."""
    match = re.search(rb"20\d{12}", reply)
    assert match is not None
    year = int(match[0][:4]) - rng.randrange(1, 20)
    return reply[: match.start()] + str(year).encode() + reply[match.start() + 4 :]


def forge_everything(world: TestWorld, rng: Random) -> BundleChange:
    """Forge key, log, authority and chain. The bundle is consistent, but the trust list contains none of them."""
    scene, _ = rng.choice(world.forgers)
    decision = replace(scene.facts.decision, reason=f"Forged {rng.randrange(10**9)}.")
    opened_at = scene.facts.opened_at - timedelta(days=rng.randrange(1, 3000))
    facts = replace(scene.facts, decision=decision, opened_at=opened_at)
    resealed_scene = reseal(scene, facts)
    anchors = tuple(anchor for anchor in scene.proofs.anchors if anchor.digest != scene.sealed_case.seal_digest)
    proofs = replace(resealed_scene.proofs, anchors=anchors if rng.random() < 0.1 else ())
    forged_scene = scene if rng.random() < 0.5 else replace(resealed_scene, proofs=proofs)
    return BundleChange(forged_scene.write(world.folder / "changed.zip"), ("key", "checkpoint", "time"))


BAG_FILES = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha256.txt")
CHANGE_KINDS: Mapping[str, tuple[int, Callable[[TestWorld, Random], BundleChange]]] = {
    "bits flipped anywhere in the ZIP": (30, flip_zip_bits),
    "a file changed, bag and ZIP made to fit": (20, change_file),
    "a list of the bag changed": (4, change_bag_file),
    "a file removed, bag and ZIP made to fit": (6, remove_file),
    "a file added, bag and ZIP made to fit": (4, add_file),
    "two files exchanged, bag and ZIP made to fit": (6, swap_files),
    "proofs of another bundle": (6, replace_proofs),
    "manifest edited, all digests made to fit": (8, edit_manifest),
    "sealed anew by another key": (4, sign_with_another_key),
    "log truncated": (3, truncate_log),
    "log forked": (3, fork_log),
    "stamp or block dated back": (4, backdate_timestamp),
    "forged as a whole": (2, forge_everything),
}
"""Weight in percent and function of each kind."""


CHECK_FAILED = "a check fails"
CHECK_UNKNOWN = "a check says unknown or not checked"
CONTAINER_ONLY = "the container alone"
SENTENCE_CHANGED = "a check says something else"
UNDETECTED = "unnoticed"
OUTCOMES = (CHECK_FAILED, CHECK_UNKNOWN, CONTAINER_ONLY, SENTENCE_CHANGED, UNDETECTED)


@dataclass(frozen=True, slots=True)
class Finding:
    """Result for one change.

    Attributes:
        kind: Kind of the change.
        outcome: One of :data:`OUTCOMES`.
        is_attributed: True if a check that covers the change detected it.
        number: Number of the change, which reproduces it with the same seed.
    """

    kind: str
    outcome: str
    is_attributed: bool
    number: int


def measure(changes: int, seed: int = 1) -> list[Row]:
    """Make this number of changes and verify each. Returns one row per kind."""
    findings = verify_changes(changes, seed)
    rows = [_build_row(kind, [finding for finding in findings if finding.kind == kind]) for kind in CHANGE_KINDS]
    return [*rows, _build_row("all", findings)]


def verify_changes(changes: int, seed: int = 1) -> list[Finding]:
    """Make and verify changes in a new world. Returns the result of each."""
    with TemporaryDirectory() as name, make_world(Path(name)) as world:
        return verify_changes_in(world, changes, seed)


def verify_changes_in(world: TestWorld, changes: int, seed: int = 1) -> list[Finding]:
    """Make and verify changes. Returns the result of each. Kinds are used according to their weights."""
    progress = Progress("changes", changes)
    kinds = [kind for kind, (weight, _) in CHANGE_KINDS.items() for _ in range(weight)]
    findings = []
    original = Verifier(world.scene.trust).verify(world.folder / "bundle.zip")
    for number in range(changes):
        kind = kinds[number * 37 % len(kinds)]
        change = CHANGE_KINDS[kind][1](world, Random(f"{seed} {number}"))
        verdict = Verifier(world.scene.trust).verify(change.path)
        findings.append(judge_change(kind, number, change, verdict, original))
        progress(number + 1)
        _remove_forks(world)
    return findings


def judge_change(kind: str, number: int, change: BundleChange, verdict: Verdict, original: Verdict) -> Finding:
    """Compare a verdict with that of the unchanged bundle."""
    checks_before = {check.name: check for check in original.checks}
    states = {
        check.name
        for check in verdict.checks
        if check.name in checks_before and check.state != checks_before[check.name].state
    }
    states |= {check.name for check in verdict.failures}
    states |= checks_before.keys() - {check.name for check in verdict.checks}
    sentences = {check.name for check in verdict.checks if check != checks_before.get(check.name)}
    is_container_changed = any(check.sentence.startswith(CONTAINER_CHANGED) for check in verdict.checks)
    outcome = (
        CHECK_FAILED
        if verdict.failures
        else CHECK_UNKNOWN
        if states
        else CONTAINER_ONLY
        if is_container_changed
        else SENTENCE_CHANGED
    )
    if not sentences and not states:
        outcome = UNDETECTED
    changed_checks = states or sentences
    is_attributed = not change.expected or any(name.startswith(change.expected) for name in changed_checks)
    return Finding(kind, outcome, is_attributed and outcome != UNDETECTED, number)


def _remove_forks(world: TestWorld) -> None:
    for fork in world.folder.glob("fork-*"):
        shutil.rmtree(fork)


def _build_row(kind: str, findings: Sequence[Finding]) -> Row:
    counts = Counter(item.outcome for item in findings)
    attributed = sum(item.is_attributed for item in findings)
    return {"change": kind, "changes": len(findings), **{item: counts[item] for item in OUTCOMES}, "named": attributed}
