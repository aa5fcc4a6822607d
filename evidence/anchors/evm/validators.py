"""Who sealed a block of a consortium's chain: the addresses that signed its header.

Sources: QBFT and IBFT 2.0 as Besu and GoQuorum write them (fields of a header's extra data: vanity, validators, vote,
round, seals; a seal signs the Keccak-256 of the header without seals and with the round); SEC 1, version 2, 4.1.6
(recovering a key from a signature) on secp256k1 (SEC 2).
"""

from collections.abc import Iterator

from evidence.anchors.evm import rlp
from evidence.anchors.evm.account import ORDER
from evidence.anchors.evm.rlp import keccak256
from exhibit.errors import IntegrityError

EXTRA = 12
"""The place of the extra data in a header."""
MAX_SEALS = 256
_P = 2**256 - 2**32 - 977
_G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    1,
)
Point = tuple[int, int, int]  # in Jacobian coordinates; a third one of zero is the point at infinity


def forms(extra: bytes) -> Iterator[tuple[bytes, bytes, list[rlp.Item]]]:
    """What a block's hash covers of its extra data, what the seals cover, and the seals, in each form that fits it."""
    try:
        fields = rlp.as_list(rlp.decode(extra))
        if len(fields) == 5:
            seals = rlp.as_list(fields[4])
            yield rlp.encode([*fields[:3], b"", []]), rlp.encode([*fields[:4], []]), seals  # QBFT: round 0
            yield rlp.encode(fields[:3]), rlp.encode(fields[:4]), seals  # IBFT 2.0
    except IntegrityError:
        return


def sealers(header: bytes, told: bytes) -> frozenset[bytes]:
    """The addresses (20 bytes each) whose seals stand in the extra data that a node told of a block.

    ``header`` is the one that gives the block's hash (RLP). Raises ``IntegrityError`` when they don't belong together,
    or there are more than :data:`MAX_SEALS`; a seal that can't be one counts for nobody.
    """
    fields = rlp.as_list(rlp.decode(header))
    for hashed, covered, seals in forms(told):
        if hashed == fields[EXTRA]:
            if len(seals) > MAX_SEALS:
                raise IntegrityError(f"The block has {len(seals)} seals, more than the {MAX_SEALS} that are read.")
            digest = keccak256(rlp.encode([*fields[:EXTRA], covered, *fields[EXTRA + 1 :]]))
            return frozenset(filter(None, (signer(digest, rlp.as_bytes(seal)) for seal in seals)))
    raise IntegrityError("The seals of the block's validators don't belong to its header.")


def signer(digest: bytes, seal: bytes) -> bytes | None:
    """The address that signed 32 bytes with a seal (r, s and the parity of R, 65 bytes), or ``None``."""
    r, s = int.from_bytes(seal[:32], "big"), int.from_bytes(seal[32:64], "big")
    if len(seal) != 65 or seal[64] > 1 or not (0 < r < ORDER and 0 < s < ORDER):
        return None
    square = (pow(r, 3, _P) + 7) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if y * y % _P != square:
        return None
    inverse = pow(r, -1, ORDER)
    one = _times(-int.from_bytes(digest, "big") * inverse % ORDER, _G)
    x, y, z = _sum(one, _times(s * inverse % ORDER, (r, y if y % 2 == seal[64] else _P - y, 1)))
    if not z:
        return None
    over = pow(z, -1, _P)
    return keccak256((x * over**2 % _P).to_bytes(32, "big") + (y * over**3 % _P).to_bytes(32, "big"))[12:]


def _sum(one: Point, other: Point) -> Point:
    (x1, y1, z1), (x2, y2, z2) = one, other
    if not z1 or not z2:
        return one if z1 else other
    u1, u2, s1, s2 = x1 * z2**2 % _P, x2 * z1**2 % _P, y1 * z2**3 % _P, y2 * z1**3 % _P
    if u1 == u2:
        return _double(one) if s1 == s2 else (0, 1, 0)
    h, r = u2 - u1, s2 - s1
    v = u1 * h * h % _P
    x = (r * r - h**3 - 2 * v) % _P
    return x, (r * (v - x) - s1 * h**3) % _P, h * z1 * z2 % _P


def _double(one: Point) -> Point:
    x, y, z = one
    s, m = 4 * x * y * y % _P, 3 * x * x % _P
    twice = (m * m - 2 * s) % _P
    return twice, (m * (s - twice) - 8 * y**4) % _P, 2 * y * z % _P


def _times(factor: int, one: Point) -> Point:
    found = (0, 1, 0)
    for bit in f"{factor:b}":
        found = _double(found)
        if bit == "1":
            found = _sum(found, one)
    return found
