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
from exhibit.entries import canonical
from tests.assets.receipt_kinds import evm_kind, header_of
from tests.assets.stamp_kinds import CHAIN, STRANGE, StampKind

KEYS = [eth_keys.PrivateKey(bytes([number]) * 32) for number in range(1, 5)]
ADDRESSES = tuple(key.public_key.to_canonical_address() for key in KEYS)
VANITY = b"v" * 32
Seals = Callable[[bytes], Sequence[Any]]


def seals_of(*which: int) -> Seals:
    """Return a function that seals with some of :data:`KEYS`."""
    return lambda digest: [KEYS[number].sign_msg_hash(digest).to_bytes() for number in which]


def sealed_block(
    seals: Seals, *, ibft: bool = False, told: Callable[[list[Any]], Any] = lambda fields: fields
) -> StampKind:
    """Return a receipt in a QBFT or IBFT 2.0 block with these seals; ``told`` changes the extra data with them."""
    made = {}

    def header(root: bytes) -> bytes:
        extra: list[Any] = [VANITY, list(ADDRESSES), b"" if ibft else []]
        turn = b"\0\0\0\x02" if ibft else b"\x02"
        hashed, covered = (extra, [*extra, turn]) if ibft else ([*extra, b"", []], [*extra, turn, []])
        fields = rlp.decode(header_of(root))
        digest = keccak(rlp.encode([*fields[:12], rlp.encode(covered), *fields[13:]]))
        made["sealed"] = rlp.encode(told([*extra, turn, list(seals(digest))])).hex()
        return bytes(rlp.encode([*fields[:12], rlp.encode(hashed), *fields[13:]]))

    def rewrite(data: bytes) -> bytes:
        return canonical(json.loads(data) | made)

    return evm_kind("a sealed block", STRANGE, header=header, pinned=False, rewrite=rewrite)


def ledger(*, validators: Sequence[bytes] = ADDRESSES, quorum: int = 3) -> TrustedLedger:
    """Return an entry of a trust list that pins validators and no block."""
    return TrustedLedger("Consortium", CHAIN, (), True, "A trial.", tuple(validators), quorum)  # noqa: FBT003 - a field


def with_ledger(trust: Trust, pinned: TrustedLedger) -> Trust:
    """Add an entry to the ledgers of a trust list."""
    return replace(trust, ledgers=(*trust.ledgers, pinned))


STATES = {
    "three of four": (sealed_block(seals_of(0, 1, 2)), ledger(), "passed"),
    "all, in another order": (sealed_block(seals_of(3, 1, 0, 2)), ledger(), "passed"),
    "three by IBFT 2.0": (sealed_block(seals_of(1, 2, 3), ibft=True), ledger(), "passed"),
    "two": (sealed_block(seals_of(0, 1)), ledger(), "not checked"),
    "one three times": (sealed_block(seals_of(0, 0, 0)), ledger(), "not checked"),
    "none": (sealed_block(seals_of()), ledger(), "not checked"),
    "three that aren't pinned": (sealed_block(seals_of(0, 1, 2)), ledger(validators=[b"a" * 20, *ADDRESSES[3:]], quorum=2), "not checked"),
    "four are asked for": (sealed_block(seals_of(0, 1, 2)), ledger(quorum=4), "not checked"),
    "seals of another block": (sealed_block(lambda _: seals_of(0, 1, 2)(b"o" * 32)), ledger(), "not checked"),
    "seals that can't be": (sealed_block(lambda _: [b"", b"s" * 64, bytes(65), b"\xff" * 65]), ledger(), "not checked"),
    "another round": (sealed_block(seals_of(0, 1, 2), told=lambda fields: [*fields[:3], b"\x07", fields[4]]), ledger(), "not checked"),
    "another vanity": (sealed_block(seals_of(0, 1, 2), told=lambda fields: [b"w" * 32, *fields[1:]]), ledger(), "failed"),
    "extra data that is none": (sealed_block(seals_of(0, 1, 2), told=lambda _: b"nonsense"), ledger(), "failed"),
    "too many seals": (sealed_block(lambda _: [b"s" * 65] * 257), ledger(), "failed"),
    "a seal that is a list": (sealed_block(lambda _: [[b"s"]]), ledger(), "failed"),
}  # fmt: skip
"""Receipts, the trust list's entry and the state of the check, by description."""
