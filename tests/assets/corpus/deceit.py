"""A forger whose keys, log and timestamp authority are pinned, so that all seals, log entries and timestamps match.

An :class:`Invention` changes the facts before sealing, the manifest before signing, the proofs before the bag's lists
are updated, the bag's own files, or the trust list; :func:`forge_bundle` makes a bundle of it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from evidence.anchors.rfc3161.kind import TrustedAuthority
from evidence.bundle.bag import AnchorRecord, create_key_files
from evidence.bundle.manifest import Manifest
from evidence.formats.codec import FormatError, to_plain
from evidence.log.notes import parse_note
from evidence.verdict.trust import Trust
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import IntegrityError
from tests.assets.bundle_changes import Files
from tests.assets.bundles import Scene, append_entry
from tests.assets.resealing import FACTS, MANIFEST, Facts, manifest_entry, rewrite_repeated_facts
from tests.assets.tampering import update_bag
from tests.assets.timestamp_forge import ISSUING, ROOT, UNIT, Shape, common_name, reply, tlv
from tests.assets.timestamp_kinds import ANCHORS_PATH, pem
from tests.assets.timestamp_services import LABEL

Edit = Callable[[Any], object]
Lie = Callable[[Facts, Files, Scene], object]
LOG = "proofs/log/"


@dataclass(frozen=True)
class Invention:
    """One kind of change. Parts that are None are left unchanged.

    Attributes:
        facts: Change of the facts before anything is sealed.
        manifest: Change of the manifest before it is signed.
        proofs: Change of the proofs before the bag's lists are updated.
        bag: Last change, after which nothing is updated.
        trust: Change of the trust list.
        shape: Form of the timestamps.
    """

    facts: Lie | None = None
    manifest: Edit | None = None
    proofs: Callable[[Files], object] | None = None
    bag: Callable[[Files], object] | None = None
    trust: Edit | None = None
    shape: Shape | None = None


def set_value(plain: Any, path: str, value: object) -> None:  # noqa: ANN401 - JSON
    """Set a value in JSON: ``...`` removes it, a function maps the current value, and ``+`` in the path appends."""
    *way, last = path.split(".")
    for step in way:
        plain = plain[int(step) if isinstance(plain, list) else step]
    place: Any = int(last) if isinstance(plain, list) and last != "+" else last
    if last == "+":
        plain.append(value)
    elif value is ...:
        del plain[place]
    else:
        plain[place] = (
            value(plain[place] if place in plain or isinstance(plain, list) else None) if callable(value) else value
        )


def forge_timestamp(shape: Shape | None, digest: bytes) -> bytes:
    """Return a timestamp of the forger's own authority, dated in two hours."""
    time = tlv(0x18, f"{now() + timedelta(hours=2):%Y%m%d%H%M%S}Z".encode())
    ders = [UNIT.certificate(ISSUING), ISSUING.certificate(ROOT)]
    return reply(shape or Shape(time=time), digest, UNIT, ders[0], common_name(ISSUING.name), ders)


def forge_bundle(scene: Scene, whole: Files, invention: Invention) -> tuple[Files, Trust]:
    """Return the bundle with everything that the forger can make consistent, and the trust list that pins his keys."""
    files = {name: data for name, data in whole.items() if not name.startswith("proofs/")}
    facts = json.loads(files[FACTS])
    if invention.facts is not None:
        invention.facts(facts, files, scene)
    if files[FACTS] == whole[FACTS]:
        files[FACTS] = encode_canonical(facts)
        rewrite_repeated_facts(facts, files)
    _seal_facts(scene, files, invention.manifest)
    _log_facts(scene, files, facts)
    _add_timestamps(files, invention.shape)
    if invention.proofs is not None:
        invention.proofs(files)
    files = update_bag(files)
    if invention.bag is not None:
        invention.bag(files)
    return files, _change_trust(scene.trust, invention.trust)


def _seal_facts(scene: Scene, files: Files, change: Edit | None) -> None:
    manifest = json.loads(files[MANIFEST])
    known_entries = {entry["path"]: entry for entry in manifest["files"]}
    names = sorted(name for name in files if name.startswith("data/") and name != MANIFEST)
    # As a similar file
    alike = {name: known_entries.get(name, known_entries.get(re.sub(r"\d\d", "01", name), {})) for name in names}
    manifest["files"] = [manifest_entry(name, files[name], alike[name]) for name in names]
    if change is not None:
        change(manifest)
    files[MANIFEST] = encode_canonical(manifest)
    files["proofs/signature"] = scene.owner_key.sign(files[MANIFEST])
    try:
        files.update(create_key_files(Manifest.from_json(files[MANIFEST])))
    except (FormatError, ValueError):  # not a key in a valid form
        files.update({"proofs/key.json": b"{}", "proofs/key.pem": b""})


def _log_facts(scene: Scene, files: Files, facts: Facts) -> None:
    seal, key = Digest.from_bytes(files[MANIFEST]), json.loads(files[MANIFEST])["key"]
    opening = {"manifest": seal.hex, "key": key.get("public"), "signature": files["proofs/signature"].hex()}
    entry = to_plain(append_entry(scene.log, EntryType.SEAL, opening))
    files[f"{LOG}checkpoint"] = entry.pop("checkpoint").encode()
    files[f"{LOG}inclusion.json"] = encode_canonical(
        {"index": entry["sequence"], "size": entry.pop("size"), "path": entry.pop("path")}
    )
    files[f"{LOG}entry.json"] = encode_canonical(entry)
    size = parse_note(files[f"{LOG}checkpoint"].decode()).size
    proofs = [proof for proof in _objects(facts) if "checkpoint" in proof]
    sizes = sorted({old for old in map(checkpoint_size, proofs) if 0 < old < size})
    paths = [{"size": old, "path": [proof.hex() for proof in scene.log.prove_consistency(old, size)]} for old in sizes]
    files[f"{LOG}consistency.json"] = encode_canonical(paths)


def checkpoint_size(proof: dict[str, Any]) -> int:
    """Return the number of entries in the checkpoint of a proof; 0 if the proof is unreadable."""
    try:
        return parse_note(proof["checkpoint"]).size
    except (IntegrityError, TypeError, AttributeError):
        return 0


def _objects(plain: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Yield every object in JSON."""
    if isinstance(plain, dict):
        yield plain
    for inner in plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ():
        yield from _objects(inner)


def _add_timestamps(files: Files, shape: Shape | None) -> None:
    records = []
    for subject, name in (("manifest", MANIFEST), ("checkpoint", f"{LOG}checkpoint")):
        file = f"proofs/anchors/{subject}-deceiver.tsr"
        digest = hashlib.sha256(files[name]).digest()
        files[file] = forge_timestamp(shape, digest)
        records.append(to_plain(AnchorRecord(file, "rfc3161", "Deceiver", True, Digest(digest), ())))  # noqa: FBT003
    files[ANCHORS_PATH] = encode_canonical(sorted(records, key=lambda record: record["file"]))


def _change_trust(trust: Trust, change: Edit | None) -> Trust:
    authority = TrustedAuthority("Deceiver", (pem(ROOT.certificate(ROOT)).decode(),), development=True, label=LABEL)
    trust = replace(trust, authorities=(authority,))
    if change is None:
        return trust
    plain = to_plain(trust)
    change(plain)
    return Trust.from_json(encode_canonical(plain))
