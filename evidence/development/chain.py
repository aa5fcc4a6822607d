"""An OpenTimestamps calendar with its own blockchain for development: neither has any legal weight.

A single URL serves the calendar (``POST /digest``, ``GET /timestamp/<commitment>``) and, at ``POST /``, the calls of
Bitcoin Core's JSON-RPC that clients need, and ``generate``, which makes a block at once.
"""

import contextlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.timestamp import Timestamp, make_merkle_tree

from evidence.anchors.opentimestamps.proofs import (
    HEADER_BYTES,
    BlockHeader,
    build_header,
    parse_header,
    write_timestamp,
)
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.digests import Digest
from exhibit.errors import ConfigError, IntegrityError

BITS = 0x207FFFFF  # target of every block, as on ``regtest``: anybody can make one instantly
STAMP = "application/vnd.opentimestamps.v1"
MAX_DIGEST = 64
_TIMESTAMP = re.compile(r"/timestamp/([0-9a-f]{64})")


class Blocks:
    """Headers of 80 bytes in a file, each on top of the previous one; raises ``ConfigError`` if they are invalid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._headers = _read_headers(path)
        except IntegrityError as error:
            hint = "Remove the folder to start a new chain."
            raise ConfigError(f"The development chain in {path} can't be read.", hint=hint) from error
        if not self._headers:
            self.append_block(bytes(32))

    @property
    def tip(self) -> int:
        """Height of the newest block, from 0."""
        return len(self._headers) - 1

    def header(self, height: int) -> bytes | None:
        """Return the 80-byte header at a height, or ``None``."""
        return self._headers[height] if 0 <= height < len(self._headers) else None

    def by_hash(self, text: str) -> bytes | None:
        """Return the 80-byte header of the block with this hash, or ``None``."""
        return next((header for header in self._headers if parse_header(header).text == text), None)

    def append_block(self, merkle_root: bytes) -> int:
        """Make the next block over a Merkle root of 32 bytes; returns its height."""
        with self._lock:
            header = _mine_header(parse_header(self._headers[-1]) if self._headers else None, merkle_root)
            with self._path.open("ab") as file:
                file.write(header)
                file.flush()
                os.fsync(file.fileno())
            self._headers.append(header)
            return self.tip


class Chain:
    """A calendar, which pending proofs name by its URL, and its chain; continued if the folder exists."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._pending = folder / "pending"
        self._proofs = folder / "proofs"
        for path in (self._pending, self._proofs):
            path.mkdir(parents=True, exist_ok=True)
        self.blocks = Blocks(folder / "headers")
        self._lock = threading.Lock()

    @property
    def pending(self) -> int:
        """Number of commitments that wait for a block."""
        return sum(1 for _ in self._pending.iterdir())

    def submit(self, digest: bytes) -> bytes:
        """Accept a digest; returns its pending timestamp."""
        stamp = Timestamp(digest)
        commitment = stamp.ops.add(OpAppend(secrets.token_bytes(8))).ops.add(OpSHA256())
        commitment.attestations.add(PendingAttestation(self.url))
        (self._pending / commitment.msg.hex()).touch()
        return write_timestamp(stamp)

    def mine_block(self) -> int:
        """Make a block that attests all pending commitments; returns its height."""
        with self._lock:
            names = sorted(path.name for path in self._pending.iterdir())
            leaves = [Timestamp(bytes.fromhex(name)) for name in names]
            if not leaves:
                return self.blocks.append_block(Digest.of(secrets.token_bytes(32)).raw)
            root = make_merkle_tree(leaves)
            height = self.blocks.append_block(root.msg)
            root.attestations.add(BitcoinBlockHeaderAttestation(height))
            for name, leaf in zip(names, leaves, strict=True):
                draft = self._proofs / f".{name}"
                draft.write_bytes(write_timestamp(leaf))
                draft.replace(self._proofs / name)
                (self._pending / name).unlink()
            return height

    def mine_every(self, seconds: float, stop: threading.Event) -> None:
        """Make a block whenever a commitment is pending, checking at this interval, until ``stop`` is set."""
        while not stop.wait(seconds):
            if self.pending:
                self.mine_block()

    def answer(self, question: HttpRequest) -> HttpResponse:
        """Serve the calendar and the node."""
        if (question.method, question.path) == ("POST", "/digest"):
            if not 0 < len(question.body) <= MAX_DIGEST:
                return HttpResponse(b"not a digest\n", "text/plain", 400)
            return HttpResponse(self.submit(question.body), STAMP)
        if question.method == "POST":
            return self._answer_call(question.body)
        match = _TIMESTAMP.fullmatch(question.path)
        with contextlib.suppress(FileNotFoundError):
            if match:
                return HttpResponse((self._proofs / match[1]).read_bytes(), STAMP)
        return HttpResponse(b"Pending confirmation in the development chain\n", "text/plain", 404)

    def _answer_call(self, body: bytes) -> HttpResponse:
        try:
            call = json.loads(body)
            identity, method, parameters = call.get("id"), call["method"], call.get("params") or []
            result, error = self._call(str(method), list(parameters)), None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as problem:
            identity, result, error = None, None, {"code": -32600, "message": str(problem)}
        if result is None and error is None:
            error = {"code": -8, "message": "Block not found"}
        answer = json.dumps({"result": result, "error": error, "id": identity}).encode()
        return HttpResponse(answer, "application/json", 500 if error else 200)

    def _call(self, method: str, parameters: list[Any]) -> object:
        if method == "getblockcount":
            return self.blocks.tip
        if method == "getblockhash":
            header = self.blocks.header(int(parameters[0]))
            return parse_header(header).text if header else None
        if method == "getblockheader":
            header = self.blocks.by_hash(str(parameters[0]))
            return header.hex() if header else None
        if method == "generate":
            return [self.mine_block() for _ in range(min(int(parameters[0]), 100))]
        raise KeyError(method)


@contextlib.contextmanager
def run_chain(folder: Path, port: int = 0, every: float | None = None) -> Iterator[Chain]:
    """Run a calendar on loopback for the duration of the ``with`` block.

    At the interval ``every``, in seconds, it makes a block if needed; with ``None``, blocks are made only on request.
    """
    with contextlib.closing(LoopbackServer(port)) as server:
        chain, stop = Chain(folder, server.url), threading.Event()
        miner = threading.Thread(target=chain.mine_every, args=(every or 1.0, stop), daemon=True)
        with server.serve(chain.answer):
            if every is not None:
                miner.start()
            try:
                yield chain
            finally:
                stop.set()
                if every is not None:
                    miner.join()


def _mine_header(previous: BlockHeader | None, merkle_root: bytes) -> bytes:
    moment = max(int(time.time()), 0 if previous is None else int(previous.time.timestamp()) + 1)
    nonce = 0
    while True:
        header = build_header(bytes(32) if previous is None else previous.hash, merkle_root, moment, BITS, nonce)
        candidate = parse_header(header)
        if int.from_bytes(candidate.hash, "little") <= candidate.target:
            return header
        nonce += 1


def _read_headers(path: Path) -> list[bytes]:
    """Return the headers in a file; the remains of an incomplete write at its end are cut off."""
    data = path.read_bytes() if path.exists() else b""
    whole = len(data) - len(data) % HEADER_BYTES
    if whole != len(data):
        os.truncate(path, whole)
    headers = [data[start : start + HEADER_BYTES] for start in range(0, whole, HEADER_BYTES)]
    previous = bytes(32)
    for header in headers:
        parsed = parse_header(header)
        if parsed.previous != previous:
            raise IntegrityError("a block doesn't follow the one before")
        previous = parsed.hash
    return headers
