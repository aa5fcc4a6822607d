"""Receipts in blocks of a consortium chain that its validators sealed, and trust lists that pin validators."""

# ruff: noqa: E501 - a table, a kind a line

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import rlp
from eth_hash.auto import keccak
from eth_keys import keys as eth_keys

from evidence.anchors.evm.kind import TrustedLedger
from evidence.verdict.trust import Trust
from exhibit.entries import encode_canonical
from tests.assets.receipt_kinds import build_header_bytes, evm_kind
from tests.assets.timestamp_kinds import CHAIN, STRANGE, StampKind

KEYS = [eth_keys.PrivateKey(bytes([number]) * 32) for number in range(1, 5)]
ADDRESSES = tuple(key.public_key.to_canonical_address() for key in KEYS)
VANITY = b"v" * 32
Seals = Callable[[bytes], Sequence[Any]]


def make_sealer(*which: int) -> Seals:
    """Return a function that seals with some of :data:`KEYS`."""
    return lambda digest: [KEYS[number].sign_msg_hash(digest).to_bytes() for number in which]


def seal_block(
    seals: Seals, *, ibft: bool = False, change_extra: Callable[[list[Any]], Any] = lambda fields: fields
) -> StampKind:
    """Return a receipt in a QBFT or IBFT 2.0 block with these seals; ``change_extra`` changes the extra data with them."""
    overrides = {}

    def header(root: bytes) -> bytes:
        extra: list[Any] = [VANITY, list(ADDRESSES), b"" if ibft else []]
        turn = b"\0\0\0\x02" if ibft else b"\x02"
        hashed_extra, signed_extra = (extra, [*extra, turn]) if ibft else ([*extra, b"", []], [*extra, turn, []])
        fields = rlp.decode(build_header_bytes(root))
        digest = keccak(rlp.encode([*fields[:12], rlp.encode(signed_extra), *fields[13:]]))
        overrides["sealed"] = rlp.encode(change_extra([*extra, turn, list(seals(digest))])).hex()
        return bytes(rlp.encode([*fields[:12], rlp.encode(hashed_extra), *fields[13:]]))

    def rewrite(data: bytes) -> bytes:
        return encode_canonical(json.loads(data) | overrides)

    return evm_kind("a sealed block", STRANGE, header=header, pinned=False, rewrite=rewrite)


def ledger(*, validators: Sequence[bytes] = ADDRESSES, quorum: int = 3) -> TrustedLedger:
    """Return an entry of a trust list that pins validators and no block."""
    return TrustedLedger("Consortium", CHAIN, (), True, "A trial.", tuple(validators), quorum)  # noqa: FBT003 - a field


def add_ledger(trust: Trust, pinned: TrustedLedger) -> Trust:
    """Add an entry to the ledgers of a trust list."""
    return replace(trust, ledgers=(*trust.ledgers, pinned))


STATES = {
    "three of four": (seal_block(make_sealer(0, 1, 2)), ledger(), "passed"),
    "all, in another order": (seal_block(make_sealer(3, 1, 0, 2)), ledger(), "passed"),
    "three by IBFT 2.0": (seal_block(make_sealer(1, 2, 3), ibft=True), ledger(), "passed"),
    "two": (seal_block(make_sealer(0, 1)), ledger(), "not checked"),
    "one three times": (seal_block(make_sealer(0, 0, 0)), ledger(), "not checked"),
    "none": (seal_block(make_sealer()), ledger(), "not checked"),
    "three that aren't pinned": (seal_block(make_sealer(0, 1, 2)), ledger(validators=[b"a" * 20, *ADDRESSES[3:]], quorum=2), "not checked"),
    "four are asked for": (seal_block(make_sealer(0, 1, 2)), ledger(quorum=4), "not checked"),
    "seals of another block": (seal_block(lambda _: make_sealer(0, 1, 2)(b"o" * 32)), ledger(), "not checked"),
    "seals that can't be": (seal_block(lambda _: [b"", b"s" * 64, bytes(65), b"\xff" * 65]), ledger(), "not checked"),
    "another round": (seal_block(make_sealer(0, 1, 2), change_extra=lambda fields: [*fields[:3], b"\x07", fields[4]]), ledger(), "not checked"),
    "another vanity": (seal_block(make_sealer(0, 1, 2), change_extra=lambda fields: [b"w" * 32, *fields[1:]]), ledger(), "failed"),
    "extra data that is none": (seal_block(make_sealer(0, 1, 2), change_extra=lambda _: b"nonsense"), ledger(), "failed"),
    "too many seals": (seal_block(lambda _: [b"s" * 65] * 257), ledger(), "failed"),
    "a seal that is a list": (seal_block(lambda _: [[b"s"]]), ledger(), "failed"),
}  # fmt: skip
"""Receipts, the trust list's entry and the state of the check, by description."""
