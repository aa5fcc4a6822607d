"""The test vectors for verifiers in other languages: a valid bundle, changed ones as pieces to join, building blocks.

``python -m tests.assets.make_vectors`` seals a new bundle with its trust list into ``tests/assets/vectors/`` and makes
all other vectors from it. Run it when a format, or a file that each bundle contains, has changed.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle.bag import encode_public_key
from evidence.formats.codec import to_plain
from evidence.formats.container import create_member, iterate_zip_chunks
from evidence.keys.ed25519 import KeySigner
from evidence.log import merkle
from evidence.log.notes import format_verifier_key, sign_note
from evidence.log.proofs import Renewal, SliceTree, create_renewal_files
from evidence.verdict.trust import Trust, load_trust
from evidence.verify.verifier import Verifier
from exhibit.clock import parse_rfc3339
from exhibit.entries import compute_commitment, encode_canonical
from tests.assets.bundle_changes import Change, Files, flip_bit, remove_file
from tests.assets.tampering import read_files, update_bag

FOLDER = Path(__file__).parent / "vectors"
BASE = "bundle"
BLOCK = 24
TSR, OTS = "proofs/anchors/manifest-test-authority.tsr", "proofs/anchors/checkpoint-test-chain.ots"


BROKEN: dict[str, Change] = {
    "a sealed picture changed": flip_bit("data/work/01.jpg"),
    "the facts changed": flip_bit("data/facts.json"),
    "the manifest changed": flip_bit("data/manifest.json"),
    "the signature changed": flip_bit("proofs/signature"),
    "the key changed": flip_bit("proofs/key.json"),
    "the log's entry changed": flip_bit("proofs/log/entry.json"),
    "the inclusion proof changed": flip_bit("proofs/log/inclusion.json", lambda data: data.index(b'"path":["') + 20),
    "the checkpoint's root changed": flip_bit("proofs/log/checkpoint", lambda data: data.index(b"\n", 20) + 6),
    "the consistency proof changed": flip_bit("proofs/log/consistency.json",
        lambda data: data.index(b'"path":["') + 20),
    "a stamp's time changed": flip_bit(TSR, lambda data: data.index(b"\x18", data.index(b"\x04\x20") + 34) + 9),
    "a stamp's signature changed": flip_bit(TSR, lambda data: len(data) - 3),
    "a proof of blocks changed": flip_bit(OTS, lambda _: 40),
    "a block header changed": flip_bit("proofs/material/block-1.header", lambda _: 70),
    "a picture missing": remove_file("data/work/01.jpg"),
    "the log's entry missing": remove_file("proofs/log/entry.json"),
    "a file too many": lambda files: {**files, "data/extra.txt": b"x"},
    "deep JSON": lambda files: {**files, "proofs/log/entry.json": b"[" * 2000 + b"]" * 2000},
    "another format": lambda files: {
        **files, "data/manifest.json": files["data/manifest.json"].replace(b"exhibit-bundle/1", b"exhibit-bundle/9")
    },
}  # fmt: skip


DEVICE = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
LATER = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96))))


def _countersign(files: Files) -> Files:
    stem = f"proofs/countersignatures/{DEVICE.public_key.hex()[:16]}"
    signature = DEVICE.sign(files["data/manifest.json"])
    return {**files, f"{stem}.pem": encode_public_key(DEVICE.public_key), f"{stem}.sig": signature}


def _withhold(files: Files) -> Files:
    listed = {"files": ["data/work/01.jpg"], "reason": "The original is for the court."}
    return {**remove_file("data/work/01.jpg")(files), "proofs/withheld.json": encode_canonical(listed)}


def _renew(files: Files) -> Files:
    """Add an entry to the log and a checkpoint over it, signed with a key that is not and need not be pinned."""
    entry, proof = (json.loads(files[f"proofs/log/{name}.json"]) for name in ("entry", "inclusion"))
    leaf = merkle.compute_leaf_hash(encode_canonical({name: entry[name] for name in ("commitment", "time", "type")}))
    first, more = bytes.fromhex(proof["path"][0]), merkle.compute_leaf_hash(b"one more")
    nodes = {(1, 0): first, (0, 2): leaf, (0, 3): more}
    root = merkle.compute_node_hash(first, merkle.compute_node_hash(leaf, more))
    path = merkle.prove_consistency(3, 4, lambda level, index: nodes[level, index])
    note = sign_note("log.tests.example", 4, root, LATER).note
    return {**files, **create_renewal_files([Renewal(note, tuple(path))])}


def _keys(trust: Trust, revoked: str | None, *, device_revoked: str | None = None) -> list[dict[str, Any]]:
    """Return the keys of the trust list and a device key, with the times from which they are revoked."""
    [key] = trust.keys
    of_device = replace(key, public=DEVICE.public_key, use="device")
    times = [None if time is None else parse_rfc3339(time) for time in (revoked, device_revoked)]
    pairs = zip((key, of_device), times, strict=True)
    return [to_plain(replace(time, revoked=since)) for time, since in pairs]


EARLY, LATE = "2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"
VARIANTS: dict[str, tuple[Change, tuple[str | None, str | None]]] = {
    "a sealed picture withheld": (_withhold, (None, None)),
    "counter-signed": (_countersign, (None, None)),
    "counter-signed by a device whose key was revoked": (_countersign, (None, LATE)),
    "a sealing key revoked after the log was timestamped": (dict, (LATE, None)),
    "a sealing key revoked before": (dict, (EARLY, None)),
    "renewed by a later checkpoint": (_renew, (None, None)),
}


def pieces(base: bytes, target: bytes) -> list[Any]:
    """Describe the target as slices of the base (``[start, length]``) and hexadecimal text, to be joined in order."""
    places = {base[start : start + BLOCK]: start for start in range(len(base) - BLOCK, -1, -1)}
    parts: list[Any] = []
    literal, at = bytearray(), 0
    while at < len(target):
        start = places.get(target[at : at + BLOCK])
        if start is None:
            literal.append(target[at])
            at += 1
            continue
        length = BLOCK
        while (
            at + length < len(target)
            and base[start + length : start + length + 1] == target[at + length : at + length + 1]
        ):
            length += 1
        if literal:
            parts.append(literal.hex())
            literal = bytearray()
        parts.append([start, length])
        at += length
    return [*parts, literal.hex()] if literal else parts


def join_pieces(base: bytes, parts: list[Any]) -> bytes:
    """Join pieces: the inverse of :func:`pieces`."""
    return b"".join(
        bytes.fromhex(piece) if isinstance(piece, str) else base[piece[0] : piece[0] + piece[1]] for piece in parts
    )


def broken_bundles(folder: Path) -> list[dict[str, Any]]:
    """Return every broken bundle with the verifier's report."""
    trust = load_trust(FOLDER / f"{BASE}.trust.json")
    return [_vector(folder, name, change, trust) for name, change in BROKEN.items()]


def variants(folder: Path) -> list[dict[str, Any]]:
    """Return every unusual but valid bundle, with the keys to pin and the verifier's report."""
    trust = load_trust(FOLDER / f"{BASE}.trust.json")
    vectors = []
    for name, (change, (revoked, device_revoked)) in VARIANTS.items():
        keys = _keys(trust, revoked, device_revoked=device_revoked)
        vectors.append({**_vector(folder, name, change, with_keys(trust, keys)), "keys": keys})
    return vectors


def with_keys(trust: Trust, keys: list[dict[str, Any]]) -> Trust:
    """Return the trust list with other keys."""
    return Trust.from_json(encode_canonical({**to_plain(trust), "keys": keys}))


def _vector(folder: Path, name: str, change: Change, trust: Trust) -> dict[str, Any]:
    base = FOLDER / f"{BASE}.zip"
    files = update_bag(change(read_files(base)))
    data = b"".join(iterate_zip_chunks(create_member(path, content) for path, content in files.items()))
    (folder / "bundle.zip").write_bytes(data)
    verdict = Verifier(trust).verify(folder / "bundle.zip")
    return {
        "name": name,
        "base": base.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "exit_code": int(verdict.outcome),
        "not_passed": {check.name: str(check.state) for check in verdict.checks if check.state != "passed"},
        "pieces": pieces(base.read_bytes(), data),
    }


def primitives() -> dict[str, Any]:
    """Return small examples of each building block, made with fixed keys and salts."""
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    opening = {"b": [1, 2.5, 1e21], "a": '雪 " \\ \n', "\ue000": None, "😀": True}
    salt = bytes(range(32, 64))
    commitment, _ = compute_commitment(opening, salt)
    leaves = [merkle.compute_leaf_hash(str(number).encode()) for number in range(7)]
    tree, smaller = SliceTree(leaves), SliceTree(leaves[:3])
    note = sign_note("log.example", 7, tree.root, signer)
    node = tree._get_node_hash
    return {
        "canonical": {"value": opening, "bytes": encode_canonical(opening).hex()},
        "commitment": {"opening": opening, "salt": salt.hex(), "commitment": commitment.hex()},
        "merkle": {
            "leaves": [str(number).encode().hex() for number in range(7)],
            "root": tree.root.hex(),
            "inclusion": {"index": 4, "size": 7,
            "path": [node_hash.hex() for node_hash in merkle.prove_inclusion(4, 7, node)]},
            "consistency": {
                "old": 3, "old_root": smaller.root.hex(), "new": 7,
                "path": [node_hash.hex() for node_hash in merkle.prove_consistency(3, 7, node)],
            },
        },
        "note": {"text": note.note, "vkey": format_verifier_key("log.example", signer.public_key)},
        "signature": {
            "public": signer.public_key.hex(), "message": b"exhibit".hex(), "signature": signer.sign(b"exhibit").hex(),
        },
    }  # fmt: skip


def main() -> None:
    """Write all files."""
    from tempfile import TemporaryDirectory

    from tests.assets.bundles import make_scene

    with TemporaryDirectory() as name:
        scratch = Path(name)
        scene = make_scene(scratch / "scene", with_drawings=False)
        scene.write(FOLDER / f"{BASE}.zip")
        (FOLDER / f"{BASE}.trust.json").write_bytes(scene.trust.to_json())
        vectors = {
            "broken.json": broken_bundles(scratch),
            "variants.json": variants(scratch),
            "primitives.json": primitives(),
        }
    for file, value in vectors.items():
        (FOLDER / file).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
