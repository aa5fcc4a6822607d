"""Oblivious pseudorandom function: 2HashDH over P-256, similar to RFC 9497, using only x coordinates of elements.

The client blinds the point of an element with a random number, the server multiplies it by its key and sees only a
random point, and the client removes the random number. Hashing to the curve is P256_XMD:SHA-256_SSWU_RO_ of RFC 9380 in
pure Python, because no available library implements it. Multiplication is OpenSSL's ECDH, which returns only x, so a
point and its negation are equivalent. The duration of hashing depends slightly on the element, but cannot be measured
from outside.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)

from exhibit.errors import InvalidRequestError

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DOMAIN = b"exhibit-blind/1 P256_XMD:SHA-256_SSWU_RO_"
_A, _Z, _L = -3, -10, 48
_CURVE = SECP256R1()


def _expand_message(message: bytes, domain: bytes, length: int) -> bytes:
    """Compute ``expand_message_xmd`` with SHA-256 (RFC 9380, 5.3.1)."""
    tail = domain + bytes([len(domain)])
    first = hashlib.sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + tail).digest()
    block = hashlib.sha256(first + b"\1" + tail).digest()
    output = block
    for number in range(2, -(-length // 32) + 1):
        mixed_bytes = bytes(first_byte ^ block_byte for first_byte, block_byte in zip(first, block, strict=True))
        block = hashlib.sha256(mixed_bytes + bytes([number]) + tail).digest()
        output += block
    return output[:length]


def _map_to_curve(u: int) -> tuple[int, int]:
    """Apply the simplified SWU map onto P-256 (RFC 9380, 6.6.2)."""
    zu = _Z * u * u % P
    denominator = (zu * zu + zu) % P
    x = (B * pow(_Z * _A, -1, P) if denominator == 0 else -B * pow(_A, -1, P) * (1 + pow(denominator, -1, P))) % P
    for candidate in (x, zu * x % P):
        square = (candidate**3 + _A * candidate + B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return candidate, y if y % 2 == u % 2 else P - y
    raise AssertionError  # unreachable: one of the two candidates is always a square


def hash_to_curve(element: bytes, domain: bytes = DOMAIN) -> tuple[int, int]:
    """Compute the point of an element, x and y (RFC 9380, ``hash_to_curve``)."""
    uniform = _expand_message(element, domain, 2 * _L)
    (x1, y1), (x2, y2) = (_map_to_curve(int.from_bytes(part, "big") % P) for part in (uniform[:_L], uniform[_L:]))
    if x1 == x2:  # infeasible to find; addition would need the formula for doubling, or give infinity
        raise AssertionError
    slope = (y2 - y1) * pow(x2 - x1, -1, P) % P
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def _multiply(key: EllipticCurvePrivateKey, x: bytes) -> bytes:
    try:
        point = EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\2" + x)
    except ValueError:
        raise InvalidRequestError("This is not the x coordinate of a point of P-256.") from None
    return key.exchange(ECDH(), point)


def _compute_output(element: bytes, x: bytes) -> bytes:
    return hashlib.sha256(len(element).to_bytes(2, "big") + element + x + b"exhibit-blind/1 output").digest()


class OprfServer:
    """Server side, which has the key: evaluates blinded points, and computes outputs of its own elements."""

    def __init__(self, seed: bytes) -> None:
        """Derive the key from ``seed``, a secret of at least 48 bytes."""
        self._key = derive_private_key(int.from_bytes(seed, "big") % (ORDER - 1) + 1, _CURVE)

    def evaluate(self, x: bytes) -> bytes:
        """Multiply a blinded point by the key, both as x coordinates (32 bytes).

        Raises:
            InvalidRequestError: ``x`` is not the x coordinate of a point.
        """
        return _multiply(self._key, x)

    def compute_output(self, element: bytes) -> bytes:
        """Compute the function's value for an element, 32 bytes."""
        return _compute_output(element, _multiply(self._key, hash_to_curve(element)[0].to_bytes(32, "big")))


@dataclass(frozen=True, slots=True)
class OprfClient:
    """Client side for one element, with a random blinding factor."""

    element: bytes
    blinding_factor: int = field(default_factory=lambda: secrets.randbelow(ORDER - 1) + 1, repr=False)

    def blind(self) -> bytes:
        """Return the blinded point's x coordinate, 32 bytes."""
        return _multiply(
            derive_private_key(self.blinding_factor, _CURVE), hash_to_curve(self.element)[0].to_bytes(32, "big")
        )

    def compute_output(self, evaluated: bytes) -> bytes:
        """Compute the function's value, 32 bytes, from the server's response.

        Raises:
            InvalidRequestError: The response is not the x coordinate of a point.
        """
        inverse_key = derive_private_key(pow(self.blinding_factor, -1, ORDER), _CURVE)
        return _compute_output(self.element, _multiply(inverse_key, evaluated))
