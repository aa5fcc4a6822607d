"""Small ONNX networks, written byte by byte.

They average colours over a grid, which is a sufficient descriptor for tests.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from exhibit.digests import Digest
from exhibit.ports import Signer
from indexer.picture.card import read_card
from registry.fingerprints.model_files import RecallClaim, SignedCard

SIDE, GRID = 64, 4
WIDTH = 3 * GRID * GRID
LEVELS = 2

CARD = f"""
name = "colours"
version = "1"
licence = "CC0-1.0"
source = "made by a test"
[input]
width = {SIDE}
height = {SIDE}
mean = [128, 128, 128]
deviation = [64, 64, 64]
[output]
width = {WIDTH}
"""


def network(*, side: int = SIDE, rows: bool = False, elsewhere: bool = False, kind: int = 1) -> bytes:
    """Return an ONNX file: input ``x`` (n, 3, side, side), output ``z`` of 48 components.

    Args:
        side: Side of the input in pixels.
        rows: Give the output as three rows of 16.
        elsewhere: Store the weights in another file.
        kind: ONNX element type of the input; 1 is float32, 2 uint8.
    """
    window = side // GRID
    cast = _node("Cast", "x", "c", _integer("to", 1)) if kind == LEVELS else b""
    pool = _node(
        "AveragePool",
        "c" if cast else "x",
        "p",
        _integers("kernel_shape", window, window),
        _integers("strides", window, window),
    )
    shape = [2, 1][not rows]
    flatten = _node("Flatten", "p", "z", _integer("axis", shape)) if not rows else _rows()
    weights = (
        _field(5, _field(8, b"w") + _field(2, 1) + _field(1, 1) + _field(14, 1) + _external()) if elsewhere else b""
    )
    output = _value("z", [None, 3, GRID * GRID] if rows else [None, WIDTH], 1 if cast else kind)
    graph = cast + pool + flatten + _field(2, b"g") + weights + _field(11, _value("x", [None, 3, side, side], kind))
    return _field(1, 8) + _field(8, _field(2, 13)) + _field(7, graph + _field(12, output))


def _rows() -> bytes:
    shape = b"".join(number.to_bytes(8, "little", signed=True) for number in (0, 3, GRID * GRID))
    tensor = _field(1, 3) + _field(2, 7) + _field(9, shape) + _field(8, b"s")
    return _field(5, tensor) + _field(1, _texts(1, "p", "s") + _texts(2, "z") + _field(4, b"Reshape"))


def heavy_network(side: int, products: int = 0) -> bytes:
    """Return :func:`network` with side x side zeros beside it, multiplied ``products`` times without effect."""
    shape = side.to_bytes(8, "little") * 2
    zeros = _field(5, _field(1, 2) + _field(2, 7) + _field(9, shape) + _field(8, b"s"))
    nodes = _field(1, _texts(1, "s") + _texts(2, "h0") + _field(4, b"ConstantOfShape"))
    for number in range(products):
        nodes += _field(1, _texts(1, f"h{number}", "h0") + _texts(2, f"h{number + 1}") + _field(4, b"MatMul"))
    nodes += _node("ReduceMax", f"h{products}", "m", _integer("keepdims", 0))
    nodes += _field(1, _texts(1, "y", "m") + _texts(2, "z") + _field(4, b"Add"))
    window = SIDE // GRID
    sizes = _integers("kernel_shape", window, window), _integers("strides", window, window)
    graph = _node("AveragePool", "x", "p", *sizes) + _node("Flatten", "p", "y", _integer("axis", 1)) + nodes
    graph += _field(2, b"g") + zeros + _field(11, _value("x", [None, 3, SIDE, SIDE], 1))
    return _field(1, 8) + _field(8, _field(2, 13)) + _field(7, graph + _field(12, _value("z", [None, WIDTH], 1)))


def _external() -> bytes:
    return _field(13, _field(1, b"location") + _field(2, b"weights.bin"))


def _node(kind: str, source: str, target: str, *attributes: bytes) -> bytes:
    return _field(1, _texts(1, source) + _texts(2, target) + _field(4, kind.encode()) + b"".join(attributes))


def _integers(name: str, *values: int) -> bytes:
    return _field(5, _field(1, name.encode()) + b"".join(_field(8, value) for value in values) + _field(20, 7))


def _integer(name: str, value: int) -> bytes:
    return _field(5, _field(1, name.encode()) + _field(3, value) + _field(20, 2))


def _value(name: str, sides: Sequence[int | None], kind: int) -> bytes:
    shape = b"".join(_field(1, _field(2, b"n") if side is None else _field(1, side)) for side in sides)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, kind) + _field(2, shape)))


def _texts(number: int, *texts: str) -> bytes:
    return b"".join(_field(number, text.encode()) for text in texts)


def _field(number: int, value: int | bytes) -> bytes:
    """Return one field of a Protocol Buffers message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def network_files(folder: Path) -> tuple[Path, Path]:
    """Write a network and its card into a folder."""
    (folder / "net.onnx").write_bytes(network())
    (folder / "net.toml").write_text(CARD)
    return folder / "net.onnx", folder / "net.toml"


def signed_card(
    signer: Signer,
    data: bytes = b"",
    *,
    author: str = "Heron",
    terms: str = "",
    price: str = "",
    made_at: datetime = datetime(2026, 11, 20, tzinfo=UTC),
    card: str = CARD,
    **edits: tuple[float, float],
) -> SignedCard:
    """Return the card of a network before it is signed; ``edits`` are the claimed R@1 and R@10 of each edit."""
    data = data or network()
    recalls = edits or {"crop50": (0.5, 0.9)}
    by_edit = {edit: {"first": first, "few": few, "rare": 0, "never": 0} for edit, (first, few) in recalls.items()}
    claim = RecallClaim(
        made_at, "colours@1 measured with --works 60", Digest.from_bytes(b"photographs"), 4, 14, 52, 1.5, by_edit
    )
    digest_and_size = Digest.from_bytes(data), len(data)
    return SignedCard(
        "exhibit-model/1",
        read_card(card),
        *digest_and_size,
        author,
        signer.public_key,
        terms,
        price,
        made_at,
        claim,
        b"",
    )
