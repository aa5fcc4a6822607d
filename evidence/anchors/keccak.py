"""Keccak-256 as Ethereum uses it: the Keccak team's submission with its padding, from before SHA-3 was standardised.

``hashlib`` has SHA3-256 only, which pads differently. A few hundred bytes take about a millisecond.
Source: The Keccak reference 3.0, sections 1.2 and 2; Ethereum Yellow Paper, 3.
"""

RATE = 136
_MASK = (1 << 64) - 1


def keccak256(data: bytes) -> bytes:
    """The hash, 32 bytes."""
    padded = bytearray(data)
    padded += bytes(RATE - len(data) % RATE)
    padded[len(data)] |= 0x01
    padded[-1] |= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), RATE):
        for index in range(RATE // 8):
            place = start + 8 * index
            lanes[index] ^= int.from_bytes(padded[place : place + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permuted(a: list[int]) -> list[int]:
    """Keccak-f[1600] over 25 lanes of 64 bits; lane (x, y) stands at x + 5y."""
    for constant in _ROUNDS:
        parity = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        spread = [parity[x - 1] ^ _rotated(parity[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * 25
        for source, (target, by) in enumerate(_MOVES):
            moved[target] = _rotated(a[source] ^ spread[source % 5], by)
        a = [
            moved[lane] ^ (~moved[row + (x + 1) % 5] & moved[row + (x + 2) % 5])
            for row in range(0, 25, 5)
            for x, lane in enumerate(range(row, row + 5))
        ]
        a[0] ^= constant
    return a


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK


def _moves() -> tuple[tuple[int, int], ...]:
    """For each lane where it goes and by how many bits it is turned (steps rho and pi)."""
    turned = [0] * 25
    x, y = 1, 0
    for step in range(24):
        turned[x + 5 * y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return tuple((lane // 5 + 5 * ((2 * (lane % 5) + 3 * (lane // 5)) % 5), turned[lane]) for lane in range(25))


def _round_constants() -> tuple[int, ...]:
    """The 24 constants of step iota, from their shift register."""
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


_MOVES = _moves()
_ROUNDS = _round_constants()
