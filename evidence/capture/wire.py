"""Exact record of requests and responses, after TLS, as WARC 1.1 (ISO 28500:2017).

The bytes are intercepted by ``warcio`` between the socket and Python's HTTP parser. This module writes them unchanged
as record blocks, whereas ``warcio`` would rewrite the headers from their parsed form.
"""

import base64
import contextlib
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from warcio.capture_http import RecordingHTTPConnection

from exhibit.clock import format_rfc3339, now

TRUNCATION_REASONS = {"too-many-bytes": "length", "too-slow": "time", "no-answer": "disconnect"}


@dataclass(slots=True)
class Exchange:
    """One request and its response, while they are recorded."""

    started_at: datetime = field(default_factory=now)  # aware, UTC
    url: str = ""  # empty until the request line is known
    peer: str = ""  # IP address of the server
    request: bytearray = field(default_factory=bytearray)
    response: bytearray = field(default_factory=bytearray)  # bytes read so far
    truncation: str = ""  # WARC reason of an incomplete response; empty if it was not read to its end


class WireRecorder:
    """Recorder of the bytes that the connections of one thread send and receive.

    It implements the methods that ``warcio``'s connections call.
    """

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._current_exchange: Exchange | None = None

    def start(self) -> None:
        """Start recording a request."""
        self._current_exchange = Exchange()
        self.exchanges.append(self._current_exchange)

    def start_tunnel(self) -> None:
        """Ignore a CONNECT request to a proxy; guarded sessions have none."""
        self._current_exchange = None

    def extract_url(self, data: bytes, host: str, port: int, default_port: int) -> None:
        """Set the request's URL from its request line."""
        if self._current_exchange and not self._current_exchange.url:
            target = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[1]
            name = f"[{host}]" if ":" in host else host
            host_and_port = name if port == default_port else f"{name}:{port}"
            self._current_exchange.url = f"{'https' if default_port == 443 else 'http'}://{host_and_port}{target}"

    def set_remote_ip(self, address: str | None) -> None:
        """Set the server address of the current exchange."""
        if self._current_exchange and address:
            self._current_exchange.peer = address

    def write_request(self, data: bytes) -> None:
        """Record sent bytes."""
        if self._current_exchange:
            self._current_exchange.request += data

    def write_response(self, data: bytes) -> None:
        """Record received bytes."""
        assert isinstance(data, bytes), "a buffer (of readinto) would also hold what wasn't read"
        if self._current_exchange:
            self._current_exchange.response += data

    def done(self) -> None:
        """Stop recording, because the response was read or abandoned."""
        self._current_exchange = None

    def mark_truncated(self, reason: str) -> None:
        """Mark the last response as truncated if the failure code implies it."""
        if self.exchanges and self.exchanges[-1].response:
            self.exchanges[-1].truncation = TRUNCATION_REASONS.get(reason, "")


@contextlib.contextmanager
def record_exchanges() -> Iterator[WireRecorder]:
    """Record the exchanges of this thread's guarded sessions; must be entered before a session's first request."""
    recorder = WireRecorder()
    RecordingHTTPConnection.local.recorder = recorder
    try:
        yield recorder
    finally:
        RecordingHTTPConnection.local.recorder = None


def encode_warc(exchanges: Sequence[Exchange], info: Mapping[str, str]) -> bytes:
    """Encode an uncompressed WARC file: a ``warcinfo`` record, then response and request of each exchange."""
    started_at = exchanges[0].started_at if exchanges else now()
    fields = "".join(f"{name}: {value}\r\n" for name, value in info.items()).encode()
    records = [_build_record("warcinfo", started_at, {"Content-Type": "application/warc-fields"}, fields)[1]]
    for exchange in exchanges:
        target_headers = {"WARC-Target-URI": exchange.url}
        if exchange.peer:
            target_headers["WARC-IP-Address"] = exchange.peer
        concurrent_header = {}
        if exchange.response:
            extra_headers = {"Content-Type": "application/http; msgtype=response"}
            if exchange.truncation:
                extra_headers["WARC-Truncated"] = exchange.truncation
            record_id, record = _build_record(
                "response", exchange.started_at, target_headers | extra_headers, bytes(exchange.response)
            )
            concurrent_header = {"WARC-Concurrent-To": record_id}
            records.append(record)
        if exchange.request:
            extra_headers = {"Content-Type": "application/http; msgtype=request", **concurrent_header}
            records.append(
                _build_record("request", exchange.started_at, target_headers | extra_headers, bytes(exchange.request))[
                    1
                ]
            )
    return b"".join(records)


def _build_record(kind: str, date: datetime, headers: Mapping[str, str], block: bytes) -> tuple[str, bytes]:
    """Build a WARC record; return its id and its bytes."""
    record_id = f"<urn:uuid:{uuid.uuid4()}>"
    fields = {
        "WARC-Type": kind,
        "WARC-Record-ID": record_id,
        "WARC-Date": format_rfc3339(date),
        **headers,
        "WARC-Block-Digest": f"sha256:{base64.b32encode(hashlib.sha256(block).digest()).decode()}",
        "Content-Length": str(len(block)),
    }
    header_text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return record_id, b"WARC/1.1\r\n" + header_text.encode() + b"\r\n" + block + b"\r\n\r\n"
