"""OpenTimestamps proofs and EVM receipts, valid and hostile, each with the result expected of all verifiers."""

# ruff: noqa: ANN401, B008, E501, PLR0915 - a table, a kind a line; a forger writes anything
# fmt: off

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import rlp
from eth_hash.auto import keccak

from evidence.anchors.evm.proofs import EVENT_TOPIC, build_trie_proof
from evidence.anchors.opentimestamps.proofs import build_header, parse_header
from exhibit.entries import encode_canonical
from tests.assets.timestamp_kinds import BAD, CHAIN, GOOD, MANIFEST_PATH, STRANGE, StampKind, base_files

EASIEST, TIME = 0x207FFFFF, 1_795_176_000
MAGIC = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94"
BITCOIN, PENDING, LITECOIN = (bytes.fromhex(tag) for tag in ("0588960d73d71901", "83dfe30d2ef90c8e", "06869a0d73d71b45"))
SHA256 = b"\x08"


def kinds() -> Iterator[StampKind]:
    """Yield all kinds."""
    yield from _valid_proofs()
    yield from _invalid_proofs()
    yield from _valid_receipts()
    yield from _invalid_receipts()


def seal_digest() -> bytes:
    """Return the timestamped digest."""
    return hashlib.sha256(base_files()[0][MANIFEST_PATH]).digest()


def varint(number: int) -> bytes:
    """Encode a number in its shortest form."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def attestation(tag: bytes, payload: bytes) -> bytes:
    """Return an attestation."""
    return b"\x00" + tag + varint(len(payload)) + payload


def append_operation(data: bytes, *, before: bool = False) -> bytes:
    """Return an operation that appends data to the message, or prepends it."""
    return (b"\xf1" if before else b"\xf0") + varint(len(data)) + data


def build_block(root: bytes, bits: int = EASIEST, *, worked: bool = True) -> bytes:
    """Return a header whose hash meets its target, or misses it if ``worked`` is False."""
    headers = (build_header(bytes(32), root, TIME, bits, nonce) for nonce in range(1000))
    return next(header for header in headers if (0 < int.from_bytes(parse_header(header).hash, "little") <= 0x7FFFFF << 232) is worked)


def apply_operations(message: bytes, operations: Sequence[bytes]) -> bytes:
    """Apply operations with short arguments to a message."""
    for operation in operations:
        if operation == SHA256:
            message = hashlib.sha256(message).digest()
        elif operation[:1] == b"\xf0":
            message += operation[2:]
        else:
            message = operation[2:] + message
    return message


LINE = (append_operation(b"nonce"), SHA256)


def _ots_kind(
    name: str, state: str, body: bytes, *, head: bytes = MAGIC + b"\x01\x08", height: str = "5", header: bytes | None = None,
    root: bytes | None = None, digest: bytes | None = None,
) -> StampKind:
    start = seal_digest() if digest is None else digest
    block_header = header if header is not None else build_block(apply_operations(start, LINE) if root is None else root)
    latest = "2026-11-20T14:00:00Z" if state == GOOD else ""
    return StampKind(name, state, head + start + body, (), (), latest, sort="opentimestamps", headers=((f"block-{height}.header", block_header),))


def _line(height: bytes = b"\x05") -> bytes:
    return b"".join(LINE) + attestation(BITCOIN, height)


def _valid_proofs() -> Iterator[StampKind]:
    def good(name: str, body: bytes, **other: Any) -> StampKind:
        return _ots_kind(name, GOOD, body, **other)

    start = seal_digest()
    yield good("a proof of one line", _line())
    before = (append_operation(b"salt", before=True), SHA256)
    yield good("something put before", b"".join(before) + attestation(BITCOIN, b"\x05"), root=apply_operations(start, before))
    yield good("the digest itself as the root", attestation(BITCOIN, b"\x05"), root=start)
    yield good("height 0", _line(b"\x00"), height="0")
    yield good("a height of nine digits", _line(varint(999_999_999)), height="999999999")
    yield good("a calendar that is waited for beside the block", b"\xff" + attestation(PENDING, b"\x05https") + _line())
    yield good("a calendar without an address", b"\xff" + attestation(PENDING, b"\x00") + _line())
    yield good("an attestation of an unknown kind", b"\xff" + attestation(b"whatever", b"\xff" * 8192) + _line())
    yield good("a Litecoin attestation that nobody could read", b"\xff" + attestation(LITECOIN, b"\xff" * 9) + _line())
    yield good("another branch before", b"\xff" + SHA256 + attestation(PENDING, b"\x01a") + _line())
    yield good("a block that isn't at hand beside one that is", b"\xff" + attestation(BITCOIN, b"\x06") + _line())
    yield good("a wrong way to the block beside the right one", b"\xff" + attestation(BITCOIN, b"\x05") + _line())
    same = b"".join(LINE) + attestation(PENDING, b"\x01a")
    yield good("the same operation twice, the second one waiting", b"\xff" + _line() + same)
    yield good("the same operation twice, the first one waiting", b"\xff" + same + _line())
    yield good("the same attestation twice", b"".join(LINE) + b"\xff" + attestation(BITCOIN, b"\x05") + attestation(BITCOIN, b"\x05"))
    deep = (SHA256,) * 255
    yield good("255 operations in a row", b"".join(deep) + attestation(BITCOIN, b"\x05"), root=apply_operations(start, deep))


def _invalid_proofs() -> Iterator[StampKind]:
    def bad(name: str, body: bytes, **other: Any) -> StampKind:
        return _ots_kind(name, BAD, body, **other)

    start = seal_digest()
    end = attestation(BITCOIN, b"\x05")
    yield bad("an empty proof", b"", head=b"", digest=b"")
    yield bad("version 2", _line(), head=MAGIC + b"\x02\x08")
    yield bad("version 1 in two bytes", _line(), head=MAGIC + b"\x81\x00\x08")
    yield bad("a file by SHA-1", _line(), head=MAGIC + b"\x01\x02", digest=start[:20], root=b"r" * 32)
    yield bad("another digest", _line(), digest=b"o" * 32)
    for name, tag in {"SHA-1": 2, "RIPEMD-160": 3, "Keccak": 0x67, "reversing": 0xF2, "hexadecimal": 0xF3, "nobody": 0x42, "a fork": 0xFF}.items():
        yield bad(f"an operation of {name}", bytes([tag]) + SHA256 + end)
        if tag != 0xFF:
            yield bad(f"an operation of {name} beside the line", b"\xff" + bytes([tag]) + attestation(PENDING, b"\x01a") + _line())
    yield bad("an empty argument", b"\xf0\x00" + SHA256 + end)
    yield bad("an argument beyond the limit", b"\xf0" + varint(4097) + b"a" * 4097 + SHA256 + end)
    yield bad("a message beyond the limit", append_operation(b"a" * 4065) + SHA256 + end)
    yield bad("a length in two forms", b"\xf0\x85\x00nonce" + SHA256 + end)
    yield bad("a height in two forms", _line(b"\x85\x00"))
    yield bad("a height in eight bytes", _line(b"\x85" + b"\x80" * 6 + b"\x00"))
    yield bad("a height without end", _line(b"\xff" * 3000))
    yield bad("a length without end", b"\xf0" + b"\xff" * 100_000)
    yield bad("something behind the proof", _line() + b"\x00")
    yield bad("something behind the height", _line(b"\x05\x00"))
    yield bad("an empty height", _line(b""))
    yield bad("an unknown attestation beyond the limit", b"\xff" + attestation(b"whatever", b"a" * 8193) + _line())
    yield bad("an attestation beyond the end", b"".join(LINE) + b"\x00" + BITCOIN + b"\x7f\x05")
    yield bad("an address of two lines", b"\xff" + attestation(PENDING, b"\x03a\nb") + _line())
    yield bad("an address that isn't ASCII", b"\xff" + attestation(PENDING, b"\x02\xc3\xa9") + _line())
    yield bad("an address beyond the limit", b"\xff" + attestation(PENDING, varint(1001) + b"a" * 1001) + _line())
    yield bad("an address with a tail", b"\xff" + attestation(PENDING, b"\x01ab") + _line())
    deep = (SHA256,) * 256
    yield bad("256 operations in a row", b"".join(deep) + end, root=apply_operations(start, deep))
    yield bad("5,000 operations side by side", (b"\xff" + SHA256 + attestation(PENDING, b"\x00")) * 5000 + _line())
    yield bad("100,000 operations in a row", SHA256 * 100_000)
    yield bad("an end too early", _line()[:-1])
    yield bad("no end at all", b"".join(LINE))
    yield bad("a proof beyond the limit", (b"\xff" + attestation(b"whatever", b"a" * 8000)) * 40 + _line())
    yield bad("a header of 79 bytes", _line(), header=build_block(apply_operations(start, LINE))[:79])
    yield bad("a header without work", _line(), header=build_block(apply_operations(start, LINE), worked=False))
    yield bad("a header of another root", _line(), root=b"r" * 32)
    for name, bits in {"no target": 0, "a target below zero": 0x20FFFFFF, "a target beyond all hashes": 0x217FFFFF}.items():
        yield bad(f"a header with {name}", _line(), header=build_header(bytes(32), apply_operations(start, LINE), TIME, bits, 0))
    yield _ots_kind("a proof that is pending", STRANGE, b"".join(LINE) + attestation(PENDING, b"\x05https"))
    yield _ots_kind("a header named with a zero before", STRANGE, _line(), height="05")
    yield _ots_kind("a header of another block", STRANGE, _line(), height="6")
    yield _ots_kind("a Litecoin block alone", STRANGE, b"".join(LINE) + attestation(LITECOIN, b"\x05"))
    yield _ots_kind("a block that isn't pinned", STRANGE, _line(), header=_unpinned_header(apply_operations(start, LINE)))


def _unpinned_header(root: bytes) -> bytes:
    headers = (build_header(bytes(32), root, TIME + 1, EASIEST, nonce) for nonce in range(1000))
    return next(header for header in headers if int.from_bytes(parse_header(header).hash, "little") <= 0x7FFFFF << 232)


def event_log(digest: bytes, event: bytes = EVENT_TOPIC) -> list[Any]:
    """Return a log of the contract."""
    return [b"c" * 20, [event, digest], b"\x01" * 32]


def build_receipt(logs: Any, status: Any = b"\x01", kind: bytes = b"\x02", more: Sequence[Any] = ()) -> bytes:
    """Return the receipt of a transaction."""
    return kind + bytes(rlp.encode([status, b"\x52\x08", b"b" * 256, logs, *more]))


def build_header_bytes(root: Any, *, time: Any = TIME.to_bytes(4, "big"), number: Any = b"\x05", fields: int = 15) -> bytes:
    """Return a block's header with arbitrary values."""
    values: list[Any] = [b"h" * 32] * fields
    values[5], values[8], values[11 if fields > 11 else 0] = root, number, time
    return bytes(rlp.encode(values))


def evm_kind(
    name: str, state: str, receipt: bytes | None = None, *, place: int = 0, other_count: int = 0, log: Any = 0, header: Any = build_header_bytes,
    nodes: Any = None, pinned: bool = True, rewrite: Any = None, **fields: Any,
) -> StampKind:
    """Return a receipt of the seal in a block of an EVM chain."""
    digest = seal_digest()
    value = build_receipt([event_log(digest)]) if receipt is None else receipt
    key = rlp.encode(place)
    pairs = {rlp.encode(item): b"\x02" + b"o" * 40 for item in range(other_count)} | {key: value}
    root, path = build_trie_proof(pairs, key)
    block_header = header(root)
    plain = {
        "chain": CHAIN, "digest": digest.hex(), "format": "exhibit-evm/1", "header": block_header.hex(), "log": log,
        "nodes": [item.hex() for item in (nodes(list(path)) if nodes else path)], "sealed": "", "transaction": place, **fields,
    }
    data = encode_canonical({key: value for key, value in plain.items() if value is not Ellipsis})
    latest = "2026-11-20T12:00:00Z" if state == GOOD else ""
    data = data if rewrite is None else rewrite(data)
    return StampKind(name, state, data, (), (), latest, sort="evm", blocks=((name, block_header),) if pinned else ())


def _valid_receipts() -> Iterator[StampKind]:
    def good(name: str, receipt: bytes | None = None, **other: Any) -> StampKind:
        return evm_kind(name, GOOD, receipt, **other)

    digest = seal_digest()
    yield good("a log of a transaction with a type")
    yield good("a log of a transaction without a type", build_receipt([event_log(digest)], kind=b""))
    yield good("a transaction of the last type", build_receipt([event_log(digest)], kind=b"\x7f"))
    yield good("the second of two logs", build_receipt([event_log(b"o" * 32), event_log(digest)]), log=1)
    yield good("a log with further topics", build_receipt([[b"c" * 20, [EVENT_TOPIC, digest, b"more"], b""]]))
    yield good("a receipt with a further field", build_receipt([event_log(digest)], more=[b"later"]))
    for place, other_count in ((0, 20), (1, 20), (16, 20), (127, 140), (128, 140), (300, 310)):
        yield good(f"transaction {place} of {other_count}", place=place, other_count=other_count)
    for count in (16, 17, 21):
        yield good(f"a header of {count} fields", header=lambda root, count=count: build_header_bytes(root, fields=count))
    yield good("block 0", header=lambda root: build_header_bytes(root, number=b""))


def _invalid_receipts() -> Iterator[StampKind]:
    def bad(name: str, receipt: bytes | None = None, **other: Any) -> StampKind:
        return evm_kind(name, BAD, receipt, **other)

    digest = seal_digest()
    fine = [event_log(digest)]
    for name, status in {"a transaction that failed": b"", "a status of 0": b"\x00", "a status of 2": b"\x02", "a status that is a list": [b"\x01"], "a state's root": b"s" * 32}.items():
        yield bad(name, build_receipt(fine, status=status))
    yield bad("a log that isn't there", log=1)
    yield bad("a log below zero", log=-1)
    yield bad("a log beyond all counting", log=2**52)
    yield bad("a log of another digest", build_receipt([event_log(b"o" * 32)]))
    yield bad("another event", build_receipt([event_log(digest, keccak(b"Anchored(bytes32)"))]))
    yield bad("topics the other way round", build_receipt([[b"c" * 20, [digest, EVENT_TOPIC], b""]]))
    yield bad("topics in a list of their own", build_receipt([[b"c" * 20, [[EVENT_TOPIC], digest], b""]]))
    yield bad("one topic", build_receipt([[b"c" * 20, [EVENT_TOPIC], b""]]))
    yield bad("topics that are bytes", build_receipt([[b"c" * 20, EVENT_TOPIC + digest, b""]]))
    yield bad("a log of four parts", build_receipt([[*event_log(digest), b""]]))
    yield bad("a log of bytes", build_receipt([EVENT_TOPIC + digest]))
    yield bad("logs of bytes", build_receipt(EVENT_TOPIC))
    yield bad("three fields", b"\x02" + rlp.encode([b"\x01", b"", b""]))
    yield bad("a receipt of bytes", rlp.encode(b"x" * 60))
    yield bad("a type without a receipt", b"\x02")
    yield bad("two types", b"\x02" + build_receipt(fine))
    yield bad("something behind the receipt", build_receipt(fine) + b"\x00")
    body = build_receipt(fine, kind=b"")
    yield bad("a length with a zero before", b"\x02" + b"\xfa\x00" + body[1:])
    yield bad("a short list in the long form", b"\x02" + b"\xf8\x04\x01\x80\x80\x80")
    yield bad("a byte in two bytes", build_receipt(fine).replace(b"\x01\x82\x52\x08", b"\x81\x01\x81\x08", 1))
    nested: Any = b""
    for _ in range(20):
        nested = [nested]
    yield bad("lists twenty deep", build_receipt(fine, more=[nested]))
    headers: dict[str, Any] = {
        "a header of 14 fields": lambda root: build_header_bytes(root, fields=14),
        "a header that is bytes": rlp.encode,
        "a header with a tail": lambda root: build_header_bytes(root) + b"\x00",
        "a root of 31 bytes": lambda root: build_header_bytes(root[:31]),
        "a root that is a list": lambda root: build_header_bytes([root]),
        "a time with a zero before": lambda root: build_header_bytes(root, time=b"\x00" + TIME.to_bytes(4, "big")),
        "a time beyond the calendar": lambda root: build_header_bytes(root, time=(253_402_300_800).to_bytes(5, "big")),
        "a time of 33 bytes": lambda root: build_header_bytes(root, time=b"\x01" * 33),
        "a time that is a list": lambda root: build_header_bytes(root, time=[b"\x01"]),
        "a number with a zero before": lambda root: build_header_bytes(root, number=b"\x00\x05"),
        "a number that is a list": lambda root: build_header_bytes(root, number=[]),
        "an empty header": lambda _: b"",
    }
    for name, header in headers.items():
        yield bad(name, header=header)
    for name, nodes in {
        "no nodes": lambda _: [], "a node too many": lambda path: [*path, path[0]], "a node too few": lambda path: path[:-1],
        "nodes the other way round": lambda path: path[::-1], "a flipped node": lambda path: [*path[:-1], path[-1][:-1] + b"\0"],
        "an empty node": lambda path: [b"", *path], "65 nodes": lambda path: path[:1] * 65,
    }.items():
        yield bad(name, place=3, other_count=20, nodes=nodes)
    yield bad("another place in the block", place=3, other_count=20, transaction=4)
    yield bad("a place below zero", transaction=-1)
    yield bad("a place beyond all counting", transaction=2**52)
    yield bad("another digest than listed", digest="ab" * 32)
    yield bad("another format", format="exhibit-evm/2")
    yield bad("an unknown field", extra=1)
    yield bad("a field that lacks", log=0, nodes=None, header=build_header_bytes, rewrite=lambda data: encode_canonical({k: v for k, v in json.loads(data).items() if k != "log"}))
    for name, value in {"text": "7", "nothing": None, "true": True, "a list": [7]}.items():
        yield bad(f"a chain that is {name}", chain=value)
    yield bad("a place with a fraction", rewrite=lambda data: data.replace(b'"transaction":0', b'"transaction":0.5'))
    yield bad("a place written as 0.0", rewrite=lambda data: data.replace(b'"transaction":0', b'"transaction":0.0'))
    yield bad("a place written as -0", rewrite=lambda data: data.replace(b'"transaction":0', b'"transaction":-0'))
    yield bad("capital letters", rewrite=lambda data: data.replace(b'"header":"f', b'"header":"F'))
    yield bad("half a byte", rewrite=lambda data: data.replace(b'"header":"f', b'"header":"'))
    yield bad("a blank", rewrite=lambda data: data + b"\n")
    yield bad("a mark of bytes before", rewrite=lambda data: b"\xef\xbb\xbf" + data)
    yield bad("a list", rewrite=lambda data: b"[" + data + b"]")
    yield bad("a number", rewrite=lambda _: b"7")
    yield bad("nothing", rewrite=lambda _: b"null")
    yield bad("deep lists", rewrite=lambda _: b"[" * 5000 + b"]" * 5000)
    yield bad("more than is read", nodes=lambda path: [*path, b"n" * (1 << 16)])
    yield evm_kind("a block that nobody compared", STRANGE, pinned=False, header=lambda root: build_header_bytes(root, number=b"\x06"))
    yield evm_kind("another chain's number", STRANGE, chain=8)
    pending = encode_canonical({"chain": CHAIN, "digest": digest.hex(), "format": "exhibit-evm-pending/1", "transaction": ""})
    yield evm_kind("a transaction that waits", STRANGE, rewrite=lambda _: pending)
    yield evm_kind("a transaction that waits and says more", BAD, rewrite=lambda _: pending.replace(b'"digest"', b'"d":1,"digest"'))
