"""Changes of a bundle's files, and those for which all verifiers report the same."""

import hashlib
import json
from collections.abc import Callable
from functools import partial

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation

from evidence.anchors.opentimestamps.proofs import parse_attestations, read_proof, write_proof
from exhibit.digests import Digest
from exhibit.entries import encode_canonical

Files = dict[str, bytes]
Change = Callable[[Files], Files]


def position_of_share(share: float) -> Callable[[bytes], int]:
    """Return a function that returns the offset at this share of a file's length."""
    return lambda data: int(len(data) * share)


def flip_bit(name: str, find: Callable[[bytes], int] = position_of_share(0.5)) -> Change:  # noqa: B008 - a function
    """Flip one bit of a file."""

    def change(files: Files) -> Files:
        data = bytearray(files[name])
        data[find(files[name])] ^= 1
        return {**files, name: bytes(data)}

    return change


def remove_file(name: str) -> Change:
    """Remove a file."""
    return lambda files: {other: data for other, data in files.items() if other != name}


def set_file(name: str, data: bytes) -> Change:
    """Add or replace a file."""
    return lambda files: {**files, name: data}


def edit_json(name: str, change: Callable[[dict[str, object]], object]) -> Change:
    """Change values in a JSON file."""

    def edit(files: Files) -> Files:
        plain = json.loads(files[name])
        change(plain)
        return {**files, name: encode_canonical(plain)}

    return edit


def facts_and_manifest(change: Callable[[dict[str, object]], object]) -> Change:
    """Change the facts and update the manifest to match; signatures and log entries stay as they were."""

    def edit(files: Files) -> Files:
        new = edit_json("data/facts.json", change)(files)
        data = new["data/facts.json"]

        def fit(manifest: dict[str, object]) -> None:
            for file in manifest["files"]:  # type: ignore[attr-defined]
                if file["path"] == "data/facts.json":
                    digests = {"sha256": Digest.from_bytes(data).hex, "sha512": hashlib.sha512(data).hexdigest()}
                    file.update(size=len(data), **digests)

        return edit_json("data/manifest.json", fit)(new)

    return edit


def add_giant_height(files: Files) -> Files:
    """Add a proof that names a block whose height has 6,000 digits."""
    magic = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"
    block_attestation = b"\x00" + bytes.fromhex("0588960d73d71901") + b"\xb8\x17" + b"\xff" * 2999 + b"\x01"
    return {**files, OTS: magic + Digest.from_bytes(files["proofs/log/checkpoint"]).raw + block_attestation}


def add_wrong_path(files: Files) -> Files:
    """Change a proof so that a second path leads to another value, which it claims is the same block."""
    stamp = read_proof(files[OTS])
    [(height, _)] = parse_attestations(files[OTS]).blocks
    stamp.attestations.add(BitcoinBlockHeaderAttestation(height))
    return {**files, OTS: write_proof(stamp)}


EVM = "proofs/anchors/evm-checkpoint-test-ledger.json"
OTS = "proofs/anchors/checkpoint-test-chain.ots"
STAMP: dict[str, Callable[[bytes], int]] = {
    "head": lambda _: 1,
    "time": lambda data: data.index(b"\x18", data.index(b"\x04\x20")) + 9,
    "digest": lambda data: data.index(b"\x04\x20") + 9,
    "signature": lambda data: len(data) - 3,
    "last certificate": lambda data: data.rindex(b"\x30\x82", 0, len(data) - 700) + 60,
}
CHANGES: dict[str, Change] = {
    **{f"{name} flipped": flip_bit(name) for name in (
        "bagit.txt", "bag-info.txt", "tagmanifest-sha256.txt", "verify.py", "data/facts.json", "data/exhibit.pdf",
        "data/manifest.json", "data/work/01.jpg", "data/matches/01/alignment.json", "data/calibrations/01.json",
        "proofs/signature", "proofs/key.json", "proofs/key.pem", "proofs/log/entry.json",
        "proofs/log/inclusion.json", "proofs/log/consistency.json", "proofs/log/checkpoint",
        "proofs/anchors/manifest-test-authority.tsr", "proofs/anchors/checkpoint-test-chain.ots",
        "proofs/anchors/index.json",
    )},
    **{
        f"{name} stamp flipped in its {what}": flip_bit(f"proofs/anchors/{name}-test-authority.tsr", find)
        for name in ("manifest", "checkpoint")
        for what, find in STAMP.items()
    },
    **{
        f"block proof flipped at {place}": flip_bit(OTS, position_of_share(place / 8))
        for place in range(8)
    },
    **{
        f"receipt of a chain flipped at {place}": flip_bit(EVM, position_of_share(place / 8))
        for place in range(8)
    },
    **{
        f"receipt of a chain with a {field} below zero": edit_json(EVM, partial(dict.update, **{field: -1}))
        for field in ("chain", "transaction", "log")
    },
    "a long receipt of a chain": edit_json(EVM, lambda receipt: receipt.update(nodes=["00" * (1 << 16)])),
    "a block of a giant height": add_giant_height,
    "a wrong path to a block besides the right one": add_wrong_path,
    **{f"checkpoint flipped at {place}": flip_bit("proofs/log/checkpoint",
        position_of_share(place / 8)) for place in range(8)},
    "facts missing": remove_file("data/facts.json"),
    "manifest missing": remove_file("data/manifest.json"),
    "signature missing": remove_file("proofs/signature"),
    "picture missing": remove_file("data/work/01.jpg"),
    "log missing": remove_file("proofs/log/entry.json"),
    "checkpoint missing": remove_file("proofs/log/checkpoint"),
    "receipt missing": remove_file("proofs/anchors/manifest-test-authority.tsr"),
    "a file too many": set_file("data/extra.txt", b"x"),
    "a file too many among the proofs": set_file("proofs/material/extra.html", b"x"),
    "another program": set_file("READ-ME.exe", b"x"),
    "facts of another case": facts_and_manifest(lambda facts: facts.update(number="C-8")),
    "an unknown field": facts_and_manifest(lambda facts: facts.update(extra=1)),
    "a field of another type": facts_and_manifest(lambda facts: facts.update(bundle="1")),
    "deep JSON": set_file("proofs/log/entry.json", b"[" * 100_000 + b"]" * 100_000),
    "JSON with a name twice": set_file("proofs/log/inclusion.json", b'{"index":2,"index":2,"path":[],"size":3}'),
    "no UTF-8": set_file("proofs/log/checkpoint", b"\xff\xfe\n\n\n"),
    "a huge file of JSON": set_file("proofs/log/entry.json", b'"' + b"x" * (17 << 20) + b'"'),
    "another schema": edit_json("data/manifest.json", lambda manifest: manifest.update(format="exhibit-bundle/9")),
    "a receipt twice": set_file("proofs/anchors/index.json", b"[]"),
    "withheld facts": set_file("proofs/withheld.json", encode_canonical({"files": ["data/facts.json"], "reason": ""})),
}  # fmt: skip
