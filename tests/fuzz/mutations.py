"""Changes of bytes as an attacker or chance would make them; the same number gives the same change."""

import random
from collections.abc import Sequence

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)
_WORDS = (
    b"<",
    b">",
    b'"',
    b"'",
    b"\0",
    b"&#x",
    b"url(",
    b"/*",
    b"]]>",
    b"{",
    b"[",
    b"-1",
    b"1e999",
    b"\xff\xfe",
    b"PK\x03\x04",
)


def mutate(seeds: Sequence[bytes], number: int) -> bytes:
    """Return the seeds first, then changes of them."""
    if number < len(seeds):
        return seeds[number]
    chance = random.Random(number)
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 4, 16, 256)))
        kind = chance.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at:end] = b""
        elif kind == 2:
            data[at:at] = data[at:end] * chance.choice((1, 2, 100))
        elif kind == 3:
            size = chance.choice((1, 2, 4))
            value = chance.choice(_NUMBERS) & ((1 << 8 * size) - 1)
            data[at : at + size] = value.to_bytes(size, chance.choice(("big", "little")))
        elif kind == 4:
            data[at:at] = chance.choice(_WORDS)
        elif kind == 5:
            other = chance.choice(seeds)
            begin = chance.randrange(len(other) + 1)
            data[at:end] = other[begin : begin + 256]
        else:
            data = data[:at]
    return bytes(data)
