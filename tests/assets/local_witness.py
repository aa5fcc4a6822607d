"""A log witness (C2SP tlog-witness) that shares no code with the product, queried over HTTP."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "witness.tests.example"


@dataclass
class LocalWitness:
    """The state of the witness: sizes and roots by origin.

    ``answer``, if set, replaces the response. ``between`` holds checkpoints from other clients; the next of them is
    recorded before each request.
    """

    url: str
    time: int = 1_760_000_000
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    logs: dict[str, bytes] = field(default_factory=dict)
    checkpoints: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)
    answer: tuple[int, bytes] | None = None
    between: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def raw(self) -> bytes:
        """Algorithm byte and public key."""
        return b"\x04" + self.key.public_key().public_bytes_raw()

    @property
    def identity(self) -> bytes:
        """Key ID."""
        return hashlib.sha256(f"{NAME}\n".encode() + self.raw).digest()[:4]

    @property
    def vkey(self) -> str:
        """Public key as text."""
        return f"{NAME}+{self.identity.hex()}+{base64.b64encode(self.raw).decode()}"

    def add_log(self, vkey: str) -> None:
        """Start witnessing a log."""
        name, _, rest = vkey.partition("+")
        self.logs[name] = base64.b64decode(rest.partition("+")[2])[1:]

    def respond(self, body: bytes) -> tuple[int, bytes]:  # noqa: PLR0911 - one for each status
        """Return the status and body of the response to a request."""
        self.requests.append(body)
        if self.answer is not None:
            return self.answer
        proof, separator, note = body.decode().partition("\n\n")
        if not separator:
            return 400, b""
        first, *path = proof.split("\n")
        text, _, signature = note.rpartition("\n\n")
        origin, size, root = text.split("\n")[:3]
        if origin not in self.logs:
            return 404, b""
        try:
            signed = base64.b64decode(signature.split(" ")[2])[4:]
            Ed25519PublicKey.from_public_bytes(self.logs[origin]).verify(signed, f"{text}\n".encode())
        except InvalidSignature:
            return 403, b""
        if self.between:
            self.checkpoints[origin] = self.between.pop(0)
        known_size, known_root = self.checkpoints.get(origin, (0, b""))
        if int(first.removeprefix("old ")) != known_size:
            return 409, f"{known_size}\n".encode()
        new_root = base64.b64decode(root)
        if known_size and not is_consistent(
            known_size, int(size), known_root, new_root, [base64.b64decode(step) for step in path]
        ):
            return 422, b""
        self.checkpoints[origin] = (int(size), new_root)
        message = f"cosignature/v1\ntime {self.time}\n{text}\n".encode()
        line = base64.b64encode(self.identity + self.time.to_bytes(8, "big") + self.key.sign(message)).decode()
        return 200, f"— another.example AAAAAAAAAAAA\n— {NAME} {line}\n".encode()


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: list[bytes]) -> bool:
    """Return True if a consistency proof holds, verified step by step (RFC 9162, 2.1.4.2)."""
    if old == new:
        return old_root == new_root and not path
    steps = [old_root, *path] if old & (old - 1) == 0 else path
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _hash_node(step, fr), _hash_node(step, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _hash_node(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (old_root, new_root, 0)


def _hash_node(first: bytes, second: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + first + second).digest()


@contextmanager
def running_witness() -> Iterator[LocalWitness]:
    """Run a witness on a local port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = (404, b"") if self.path != "/w/add-checkpoint" else witness.respond(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        witness = LocalWitness(f"http://127.0.0.1:{server.server_port}/w")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield witness
        finally:
            server.shutdown()
            thread.join()
