"""The wire-exact record: the bytes of requests and responses, after TLS, as WARC 1.1 (ISO 28500:2017).

The bytes are intercepted where ``warcio`` does it, between the socket and Python's HTTP parser; here they become record
blocks unchanged, whereas ``warcio`` itself would rewrite the headers from its parsed form.
"""

import base64
import contextlib
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from warcio.capture_http import RecordingHTTPConnection

from exhibit.clock import now, rfc3339

TRUNCATED = {"too-many-bytes": "length", "too-slow": "time", "no-answer": "disconnect"}


@dataclass(slots=True)
class Exchange:
    """One request and its response, while they are recorded."""

    started_at: datetime = field(default_factory=now)  # aware, UTC
    url: str = ""  # empty until the request line is known
    peer: str = ""  # IP address of the server
    request: bytearray = field(default_factory=bytearray)
    response: bytearray = field(default_factory=bytearray)  # as far as it was read
    truncated: str = ""  # reason of an incomplete response, as in the WARC standard; empty if it was left unread


class WireRecorder:
    """Records what the connections of one thread send and receive.

    Has the methods that ``warcio``'s connections call.
    """

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._open: Exchange | None = None

    def start(self) -> None:
        """Start recording a request."""
        self._open = Exchange()
        self.exchanges.append(self._open)

    def start_tunnel(self) -> None:
        """Ignore a CONNECT request to a proxy; guarded sessions have none."""
        self._open = None

    def extract_url(self, data: bytes, host: str, port: int, default_port: int) -> None:
        """Set the request's URL from its first line."""
        if self._open and not self._open.url:
            target = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[1]
            name = f"[{host}]" if ":" in host else host
            host_and_port = name if port == default_port else f"{name}:{port}"
            self._open.url = f"{'https' if default_port == 443 else 'http'}://{host_and_port}{target}"

    def set_remote_ip(self, address: str | None) -> None:
        """Set the server address of the response that starts."""
        if self._open and address:
            self._open.peer = address

    def write_request(self, data: bytes) -> None:
        """Record sent bytes."""
        if self._open:
            self._open.request += data

    def write_response(self, data: bytes) -> None:
        """Record received bytes."""
        assert isinstance(data, bytes), "a buffer (of readinto) would also hold what wasn't read"
        if self._open:
            self._open.response += data

    def done(self) -> None:
        """Stop recording: the response has been read, or abandoned."""
        self._open = None

    def mark_truncated(self, reason: str) -> None:
        """Mark the last response as truncated, if the reason implies that."""
        if self.exchanges and self.exchanges[-1].response:
            self.exchanges[-1].truncated = TRUNCATED.get(reason, "")


@contextlib.contextmanager
def record_exchanges() -> Iterator[WireRecorder]:
    """Record what this thread's guarded sessions exchange; start before a session's first request."""
    recorder = WireRecorder()
    RecordingHTTPConnection.local.recorder = recorder
    try:
        yield recorder
    finally:
        RecordingHTTPConnection.local.recorder = None


def write_warc(exchanges: Sequence[Exchange], info: Mapping[str, str]) -> bytes:
    """Return an uncompressed WARC file: a ``warcinfo`` record, then response and request of each exchange."""
    started_at = exchanges[0].started_at if exchanges else now()
    fields = "".join(f"{name}: {value}\r\n" for name, value in info.items()).encode()
    records = [_record("warcinfo", started_at, {"Content-Type": "application/warc-fields"}, fields)[1]]
    for exchange in exchanges:
        target_headers = {"WARC-Target-URI": exchange.url}
        if exchange.peer:
            target_headers["WARC-IP-Address"] = exchange.peer
        concurrent_header = {}
        if exchange.response:
            extra = {"Content-Type": "application/http; msgtype=response"}
            if exchange.truncated:
                extra["WARC-Truncated"] = exchange.truncated
            identity, record = _record(
                "response", exchange.started_at, target_headers | extra, bytes(exchange.response)
            )
            concurrent_header = {"WARC-Concurrent-To": identity}
            records.append(record)
        if exchange.request:
            extra = {"Content-Type": "application/http; msgtype=request", **concurrent_header}
            records.append(_record("request", exchange.started_at, target_headers | extra, bytes(exchange.request))[1])
    return b"".join(records)


def _record(kind: str, date: datetime, headers: Mapping[str, str], block: bytes) -> tuple[str, bytes]:
    """Return the record's id and its bytes."""
    identity = f"<urn:uuid:{uuid.uuid4()}>"
    lines = {
        "WARC-Type": kind,
        "WARC-Record-ID": identity,
        "WARC-Date": rfc3339(date),
        **headers,
        "WARC-Block-Digest": f"sha256:{base64.b32encode(hashlib.sha256(block).digest()).decode()}",
        "Content-Length": str(len(block)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return identity, b"WARC/1.1\r\n" + head.encode() + b"\r\n" + block + b"\r\n\r\n"
