"""Broken bundles for verifiers in other languages: each is a good one with a few bytes changed, told as pieces to join.

``python -m tests.assets.broken_vectors`` writes ``vectors/broken.json`` and ``vectors/primitives.json`` anew.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence import merkle
from evidence.container import member_of, zip_chunks
from evidence.keys import KeySigner
from evidence.notes import sign_note, verifier_key
from evidence.slices import SliceTree
from evidence.trust import load_trust
from evidence.verify import verify
from exhibit.entries import canonical, commit
from tests.assets.changes import Change, flipped, without
from tests.assets.tampering import files_of, rebagged

FOLDER = Path(__file__).parent / "vectors"
BASE = "bundle-facts-2"
BLOCK = 24
TSR, OTS = "proofs/anchors/manifest-test-authority.tsr", "proofs/anchors/checkpoint-test-chain.ots"


BROKEN: dict[str, Change] = {
    "a sealed picture changed": flipped("data/work/01.jpg"),
    "the facts changed": flipped("data/facts.json"),
    "the manifest changed": flipped("data/manifest.json"),
    "the signature changed": flipped("proofs/signature"),
    "the key changed": flipped("proofs/key.json"),
    "the log's entry changed": flipped("proofs/log/entry.json"),
    "the inclusion proof changed": flipped("proofs/log/inclusion.json", lambda data: data.index(b'"path":["') + 20),
    "the checkpoint's root changed": flipped("proofs/log/checkpoint", lambda data: data.index(b"\n", 20) + 6),
    "the consistency proof changed": flipped("proofs/log/consistency.json", lambda data: data.index(b'"path":["') + 20),
    "a stamp's time changed": flipped(TSR, lambda data: data.index(b"\x18", data.index(b"\x04\x20") + 34) + 9),
    "a stamp's signature changed": flipped(TSR, lambda data: len(data) - 3),
    "a proof of blocks changed": flipped(OTS, lambda _: 40),
    "a block header changed": flipped("proofs/material/block-1.header", lambda _: 70),
    "a picture missing": without("data/work/01.jpg"),
    "the log's entry missing": without("proofs/log/entry.json"),
    "a file too many": lambda files: {**files, "data/extra.txt": b"x"},
    "deep JSON": lambda files: {**files, "proofs/log/entry.json": b"[" * 2000 + b"]" * 2000},
    "another format": lambda files: {
        **files, "data/manifest.json": files["data/manifest.json"].replace(b"exhibit-bundle/1", b"exhibit-bundle/9")
    },
}  # fmt: skip


def pieces(base: bytes, target: bytes) -> list[Any]:
    """The target as stretches of the base (``[start, length]``) and hexadecimal text, to be joined in order."""
    places = {base[start : start + BLOCK]: start for start in range(len(base) - BLOCK, -1, -1)}
    found: list[Any] = []
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
            found.append(literal.hex())
            literal = bytearray()
        found.append([start, length])
        at += length
    return [*found, literal.hex()] if literal else found


def joined(base: bytes, parts: list[Any]) -> bytes:
    """The inverse of :func:`pieces`."""
    return b"".join(bytes.fromhex(one) if isinstance(one, str) else base[one[0] : one[0] + one[1]] for one in parts)


def broken(folder: Path) -> list[dict[str, Any]]:
    """Every broken bundle with what the verifier says of it."""
    base, trust = FOLDER / f"{BASE}.zip", load_trust(FOLDER / f"{BASE}.trust.json")
    vectors = []
    for name, change in BROKEN.items():
        files = rebagged(change(files_of(base)))
        data = b"".join(zip_chunks(member_of(path, content) for path, content in files.items()))
        (folder / "broken.zip").write_bytes(data)
        verdict = verify(folder / "broken.zip", trust)
        states = {check.name: str(check.state) for check in verdict.checks if check.state != "passed"}
        vectors.append(
            {
                "name": name,
                "base": f"{BASE}.zip",
                "sha256": hashlib.sha256(data).hexdigest(),
                "exit_code": int(verdict.outcome),
                "not_passed": states,
                "pieces": pieces(base.read_bytes(), data),
            }
        )
    return vectors


def primitives() -> dict[str, Any]:
    """Small examples of each building block, made with fixed keys and salts."""
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    opening = {"b": [1, 2.5, 1e21], "a": '雪 " \\ \n', "\ue000": None, "😀": True}
    salt = bytes(range(32, 64))
    commitment, _ = commit(opening, salt)
    leaves = [merkle.leaf_hash(str(number).encode()) for number in range(7)]
    tree, smaller = SliceTree(leaves), SliceTree(leaves[:3])
    note = sign_note("log.example", 7, tree.root, signer)
    node = tree._node
    return {
        "canonical": {"value": opening, "bytes": canonical(opening).hex()},
        "commitment": {"opening": opening, "salt": salt.hex(), "commitment": commitment.hex()},
        "merkle": {
            "leaves": [str(number).encode().hex() for number in range(7)],
            "root": tree.root.hex(),
            "inclusion": {"index": 4, "size": 7, "path": [one.hex() for one in merkle.inclusion(4, 7, node)]},
            "consistency": {
                "old": 3, "old_root": smaller.root.hex(), "new": 7,
                "path": [one.hex() for one in merkle.consistency(3, 7, node)],
            },
        },
        "note": {"text": note.note, "vkey": verifier_key("log.example", signer.public_key)},
        "signature": {
            "public": signer.public_key.hex(), "message": b"exhibit".hex(), "signature": signer.sign(b"exhibit").hex(),
        },
    }  # fmt: skip


def main() -> None:
    """Write both files."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        written = {"broken.json": broken(Path(name)), "primitives.json": primitives()}
    for file, value in written.items():
        (FOLDER / file).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
