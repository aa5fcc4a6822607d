"""Kinds of timestamps and certificate chains, valid and invalid, each with the result expected of every verifier.

``kinds()`` of :mod:`tests.assets.timestamp_table` makes them; :func:`bundle_of` puts any of them into an otherwise
complete bundle, with a trust list that pins their roots: an entry of a corpus is ``bundle_of([kind])`` and
``{kind.check: kind.state}``.
"""

# ruff: noqa: E501, ANN401, B008 - what a table's lines may say

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from eth_hash.auto import keccak

from evidence.anchors.evm.kind import TrustedLedger
from evidence.anchors.opentimestamps.kind import TrustedChain
from evidence.anchors.opentimestamps.proofs import parse_header
from evidence.anchors.rfc3161.kind import TrustedAuthority
from evidence.bundle.bag import AnchorRecord
from evidence.formats.codec import to_plain
from evidence.verdict.trust import Trust
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from tests.assets.make_vectors import BASE, FOLDER
from tests.assets.tampering import read_files, update_bag
from tests.assets.timestamp_forge import (
    ISSUING,
    MOMENT,
    ROOT,
    UNIT,
    CertificateHolder,
    Shape,
    common_name,
    der_integer,
    der_sequence,
    key_of,
    reply,
    tlv,
)

CHAIN = 7
"""Chain ID of the EVM chain whose blocks are pinned."""
ANCHORS_PATH, MANIFEST_PATH = "proofs/anchors/index.json", "data/manifest.json"
GOOD, BAD, STRANGE = "passed", "failed", "not checked"
SUFFIX = {"rfc3161": "tsr", "opentimestamps": "ots", "evm": "json"}
Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class StampKind:
    """One kind.

    Attributes:
        name: Description.
        state: Expected state of its check.
        reply: DER of the reply.
        material: Accompanying certificates, DER.
        roots: Pinned roots, DER.
        latest: Time by which the digest existed, if the check passes.
        openssl: True if ``openssl ts -verify`` accepts it.
        why: Reason for a different result of OpenSSL.
        sort: Kind of the receipt.
        headers: Accompanying blocks by file name.
        blocks: Pinned headers of an EVM chain, with descriptions.
    """

    name: str
    state: str
    reply: bytes
    material: tuple[bytes, ...]
    roots: tuple[bytes, ...]
    latest: str = ""
    openssl: bool = False
    why: str = ""
    sort: str = "rfc3161"
    headers: tuple[tuple[str, bytes], ...] = ()
    blocks: tuple[tuple[str, bytes], ...] = ()

    @property
    def file(self) -> str:
        """Path of the receipt."""
        return f"proofs/anchors/kind-{hashlib.sha256(self.name.encode()).hexdigest()[:12]}.{SUFFIX[self.sort]}"

    @property
    def check(self) -> str:
        """Name of the check."""
        return f"anchor:{self.file.rpartition('/')[2]}"


def pem(der: bytes) -> bytes:
    """Encode a certificate as PEM, whatever its contents."""
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n".encode()


@cache
def base_files() -> tuple[Files, Trust]:
    """Return a complete bundle and its trust list."""
    trust = Trust.from_json((FOLDER / f"{BASE}.trust.json").read_bytes())
    return read_files(FOLDER / f"{BASE}.zip"), trust


def bundle_of(kinds: Sequence[StampKind]) -> tuple[Files, Trust]:
    """Return a bundle with these timestamps beside its own receipts, and the trust list that pins their roots."""
    whole_files, trust = base_files()
    files = dict(whole_files)
    records = json.loads(files[ANCHORS_PATH])
    for kind in kinds:
        material = {}
        for der in kind.material:
            data = pem(der)
            material[f"proofs/material/certificate-{hashlib.sha256(data).hexdigest()[:16]}.pem"] = data
        for name, data in kind.headers:
            material[f"proofs/material/{kind.check[12:24]}/{name}"] = data
        digest = Digest.from_bytes(files[MANIFEST_PATH])
        record = AnchorRecord(kind.file, kind.sort, "Kind", True, digest, tuple(material))  # noqa: FBT003 - a field
        files |= {kind.file: kind.reply, **material}
        records.append(to_plain(record))
    files[ANCHORS_PATH] = encode_canonical(records)
    pinned = dict.fromkeys(kind.roots for kind in kinds if kind.roots)
    authorities = tuple(
        TrustedAuthority(f"Kind {place}", tuple(pem(root).decode() for root in roots), True, "A trial.")  # noqa: FBT003
        for place, roots in enumerate(pinned)
    )
    chains, ledgers = (*trust.chains, build_chain(kinds)), (*trust.ledgers, build_ledger(kinds))
    return update_bag(files), replace(
        trust, authorities=(*trust.authorities, *authorities), chains=chains, ledgers=ledgers
    )


def build_chain(kinds: Sequence[StampKind]) -> TrustedChain:
    """Return a chain that pins the headers of these kinds. Only a header of 80 bytes has a hash."""
    hashes = [
        Digest.from_hex(parse_header(data).display_hash)
        for kind in kinds for _, data in kind.headers
        if len(data) == 80 and kind.state != STRANGE
    ]  # fmt: skip
    return TrustedChain("Kinds", "regtest", 0.0, (*dict.fromkeys(hashes), Digest(b"\1" * 32)), True, "A trial.")  # noqa: FBT003


def build_ledger(kinds: Sequence[StampKind]) -> TrustedLedger:
    """Return a ledger that pins the blocks of these kinds."""
    headers = [header for kind in kinds for _, header in kind.blocks]
    hashes = tuple(Digest(keccak(header)) for header in dict.fromkeys(headers))
    return TrustedLedger("Kinds", CHAIN, hashes or (Digest(b"\1" * 32),), True, "A trial.")  # noqa: FBT003


def build_kind(
    name: str, state: str, shape: Shape = Shape(), *, unit: CertificateHolder = UNIT, issuing: Sequence[CertificateHolder] = (ISSUING,), root: CertificateHolder = ROOT,
    roots: Sequence[bytes] | None = None, inside: Sequence[bytes] | None = None, extra_certificates: Sequence[bytes] = (), latest: str = "",
    openssl: bool | None = None, openssl_reason: str = "",
) -> StampKind:  # fmt: skip
    """Return a kind with a chain from the unit over the issuing authorities, the unit's own first, to a root."""
    ders, above = [], [*issuing, root]
    for place, holder in enumerate([unit, *issuing]):
        ders.append(holder.certificate(above[place]))
    issuer = above[0].subject or common_name(above[0].name)
    digest = hashlib.sha256(base_files()[0][MANIFEST_PATH]).digest()
    data = reply(shape, digest, unit, ders[0], issuer, ders if inside is None else [ders[0], *inside])
    pinned = (root.certificate(root),) if roots is None else tuple(roots)
    late = latest or (f"{MOMENT:%Y-%m-%dT%H:%M:%SZ}" if state == GOOD else "")
    return StampKind(
        name,
        state,
        data,
        tuple(extra_certificates),
        pinned,
        late,
        state == GOOD if openssl is None else openssl,
        openssl_reason,
    )


def replace_extensions(holder: CertificateHolder, *extensions: bytes) -> CertificateHolder:
    """Return the holder with only these extensions."""
    return replace(holder, extensions=extensions)


def rsa(bits: int, **other: Any) -> dict[str, Any]:
    """Return arguments that give a unit an RSA key."""
    return {"unit": replace(UNIT, key=key_of(f"rsa{bits}", "unit")), **other}


def accuracy(seconds: int | None = None, milli: int | None = None, micro: int | None = None) -> bytes:
    """Return the accuracy of a clock."""
    parts = [] if seconds is None else [der_integer(seconds)]
    parts += [tlv(tag, der_integer(value)[2:]) for tag, value in ((0x80, milli), (0x81, micro)) if value is not None]
    return der_sequence(*parts)


def split_kinds(kinds: Iterable[StampKind], size: int = 60) -> Iterator[list[StampKind]]:
    """Split kinds into groups that fit into a bundle.

    Kinds with an unknown signer are grouped by their pinned roots.
    """
    by_roots: dict[tuple[bytes, ...], list[StampKind]] = {}
    for kind in kinds:
        by_roots.setdefault(kind.roots if kind.state == STRANGE else (), []).append(kind)
    for group in by_roots.values():
        for start in range(0, len(group), size):
            yield group[start : start + size]
