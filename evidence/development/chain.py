"""OpenTimestamps calendar with its own blockchain for development, without legal weight.

A single URL serves the calendar (``POST /digest``, ``GET /timestamp/<commitment>``) and, at ``POST /``, the calls of
Bitcoin Core's JSON-RPC that clients need, including ``generate``, which creates a block immediately.
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

COMPACT_TARGET = 0x207FFFFF  # target of every block, as on ``regtest``: anybody can create a block instantly
TIMESTAMP_TYPE = "application/vnd.opentimestamps.v1"
MAX_DIGEST_BYTES = 64
_TIMESTAMP_PATH = re.compile(r"/timestamp/([0-9a-f]{64})")


class BlockFile:
    """File of 80-byte block headers that form a chain; raises ``ConfigError`` if they are invalid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._headers = _read_headers(path)
        except IntegrityError as error:
            hint = "Remove the folder to start a new chain."
            raise ConfigError(f"The development chain in {path} cannot be read.", hint=hint) from error
        if not self._headers:
            self.append_block(bytes(32))

    @property
    def tip_height(self) -> int:
        """Height of the newest block, from 0."""
        return len(self._headers) - 1

    def get_header(self, height: int) -> bytes | None:
        """Return the 80-byte header at a height, or ``None``."""
        return self._headers[height] if 0 <= height < len(self._headers) else None

    def find_header(self, text: str) -> bytes | None:
        """Return the 80-byte header of the block with this hash, or ``None``."""
        return next((header for header in self._headers if parse_header(header).display_hash == text), None)

    def append_block(self, merkle_root: bytes) -> int:
        """Create the next block with a Merkle root of 32 bytes, and return its height."""
        with self._lock:
            header = _mine_header(parse_header(self._headers[-1]) if self._headers else None, merkle_root)
            with self._path.open("ab") as file:
                file.write(header)
                file.flush()
                os.fsync(file.fileno())
            self._headers.append(header)
            return self.tip_height


class Chain:
    """Calendar with its chain; an existing folder is continued. Pending proofs contain the calendar's URL."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._pending = folder / "pending"
        self._proofs = folder / "proofs"
        for path in (self._pending, self._proofs):
            path.mkdir(parents=True, exist_ok=True)
        self.blocks = BlockFile(folder / "headers")
        self._lock = threading.Lock()

    @property
    def pending_count(self) -> int:
        """Number of commitments that are pending."""
        return sum(1 for _ in self._pending.iterdir())

    def submit(self, digest: bytes) -> bytes:
        """Accept a digest, and return its pending timestamp."""
        timestamp = Timestamp(digest)
        commitment = timestamp.ops.add(OpAppend(secrets.token_bytes(8))).ops.add(OpSHA256())
        commitment.attestations.add(PendingAttestation(self.url))
        (self._pending / commitment.msg.hex()).touch()
        return write_timestamp(timestamp)

    def mine_block(self) -> int:
        """Create a block that attests all pending commitments, and return its height."""
        with self._lock:
            names = sorted(path.name for path in self._pending.iterdir())
            leaves = [Timestamp(bytes.fromhex(name)) for name in names]
            if not leaves:
                return self.blocks.append_block(Digest.from_bytes(secrets.token_bytes(32)).raw)
            root = make_merkle_tree(leaves)
            height = self.blocks.append_block(root.msg)
            root.attestations.add(BitcoinBlockHeaderAttestation(height))
            for name, leaf in zip(names, leaves, strict=True):
                temporary_file = self._proofs / f".{name}"
                temporary_file.write_bytes(write_timestamp(leaf))
                temporary_file.replace(self._proofs / name)
                (self._pending / name).unlink()
            return height

    def mine_every(self, seconds: float, stop: threading.Event) -> None:
        """Create a block at each interval if a commitment is pending, until ``stop`` is set."""
        while not stop.wait(seconds):
            if self.pending_count:
                self.mine_block()

    def handle_request(self, request: HttpRequest) -> HttpResponse:
        """Respond to a request to the calendar or the node."""
        if (request.method, request.path) == ("POST", "/digest"):
            if not 0 < len(request.body) <= MAX_DIGEST_BYTES:
                return HttpResponse(b"not a digest\n", "text/plain", 400)
            return HttpResponse(self.submit(request.body), TIMESTAMP_TYPE)
        if request.method == "POST":
            return self._handle_call(request.body)
        match = _TIMESTAMP_PATH.fullmatch(request.path)
        with contextlib.suppress(FileNotFoundError):
            if match:
                return HttpResponse((self._proofs / match[1]).read_bytes(), TIMESTAMP_TYPE)
        return HttpResponse(b"Pending confirmation in the development chain\n", "text/plain", 404)

    def _handle_call(self, body: bytes) -> HttpResponse:
        try:
            call = json.loads(body)
            identity, method, parameters = call.get("id"), call["method"], call.get("params") or []
            result, error = self._execute_call(str(method), list(parameters)), None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error_cause:
            identity, result, error = None, None, {"code": -32600, "message": str(error_cause)}
        if result is None and error is None:
            error = {"code": -8, "message": "Block not found"}
        response = json.dumps({"result": result, "error": error, "id": identity}).encode()
        return HttpResponse(response, "application/json", 500 if error else 200)

    def _execute_call(self, method: str, parameters: list[Any]) -> object:
        if method == "getblockcount":
            return self.blocks.tip_height
        if method == "getblockhash":
            header = self.blocks.get_header(int(parameters[0]))
            return parse_header(header).display_hash if header else None
        if method == "getblockheader":
            header = self.blocks.find_header(str(parameters[0]))
            return header.hex() if header else None
        if method == "generate":
            return [self.mine_block() for _ in range(min(int(parameters[0]), 100))]
        raise KeyError(method)


@contextlib.contextmanager
def run_chain(folder: Path, port: int = 0, interval: float | None = None) -> Iterator[Chain]:
    """Run a calendar on loopback for the duration of the ``with`` block.

    Blocks are created at the interval in seconds if commitments are pending; with ``None``, only on request.
    """
    with contextlib.closing(LoopbackServer(port)) as server:
        chain, stop = Chain(folder, server.url), threading.Event()
        miner = threading.Thread(target=chain.mine_every, args=(interval or 1.0, stop), daemon=True)
        with server.serve(chain.handle_request):
            if interval is not None:
                miner.start()
            try:
                yield chain
            finally:
                stop.set()
                if interval is not None:
                    miner.join()


def _mine_header(previous: BlockHeader | None, merkle_root: bytes) -> bytes:
    timestamp = max(int(time.time()), 0 if previous is None else int(previous.time.timestamp()) + 1)
    nonce = 0
    while True:
        header = build_header(
            bytes(32) if previous is None else previous.hash, merkle_root, timestamp, COMPACT_TARGET, nonce
        )
        candidate = parse_header(header)
        if int.from_bytes(candidate.hash, "little") <= candidate.target:
            return header
        nonce += 1


def _read_headers(path: Path) -> list[bytes]:
    """Read the headers in a file, after removing an incomplete header at its end."""
    data = path.read_bytes() if path.exists() else b""
    complete_size = len(data) - len(data) % HEADER_BYTES
    if complete_size != len(data):
        os.truncate(path, complete_size)
    headers = [data[start : start + HEADER_BYTES] for start in range(0, complete_size, HEADER_BYTES)]
    previous = bytes(32)
    for header in headers:
        parsed_header = parse_header(header)
        if parsed_header.previous != previous:
            raise IntegrityError("a block does not follow the previous one")
        previous = parsed_header.hash
    return headers
