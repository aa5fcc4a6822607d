"""``requests`` session that connects only to addresses allowed by the guard.

The host is resolved once, and the connection goes to the checked address. The host name is used in the ``Host``
header, in SNI and for the verification of the certificate. Each redirect is checked in the same way. The environment
(proxies, ``.netrc``) is ignored. Bodies are not read automatically: read them with :func:`read_limited`.

Exchanges can be recorded byte for byte with ``warcio.capture_http``, in any order of imports. Use one session for each
recording: a kept-alive connection stays with the recording in which it was opened.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, ClassVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.util.connection import create_connection
from warcio.capture_http import RecordingHTTPConnection

from exhibit import __version__
from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.machine import raise_machine_fault
from exhibit.network.addresses import join_urls, remove_fragment
from exhibit.network.guard import Guard
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Untyped

MAX_REDIRECTS = 10
USER_AGENT = f"Exhibit/{__version__}"
_MAX_REDIRECT_BODY_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_MAX_TRIED_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """Facts about the connection of a response."""

    host: str  # resolved name, or literal address
    dns_answers: tuple[str, ...]  # all addresses of the name, all checked
    address: str  # address of the peer, from the socket
    port: int  # port of the peer
    tls_version: str | None = None  # such as `TLSv1.3`, or `None` without TLS
    cipher: str | None = None  # name of the cipher suite, or `None` without TLS
    certificates: tuple[bytes, ...] = ()  # chain as sent, in DER, leaf certificate first; empty without TLS


def create_guarded_session(
    guard: Guard, *, timeout: float = 30.0, user_agent: str = USER_AGENT, check: Callable[[str], None] = lambda _: None
) -> requests.Session:
    """Create a streaming session whose connections are all checked by the guard. Read bodies with :func:`read_limited`.

    Requests raise ``RefusedError`` (the guard's reasons, ``too-slow``, ``too-many-redirects``), ``ServiceMissingError``
    for faults of this machine, and the exceptions of ``requests``. Close the responses.

    Args:
        guard: Check of URLs and addresses.
        timeout: Limit in seconds for each of: connecting, waiting for a byte, and receiving all headers.
        user_agent: User-Agent header.
        check: Called before each request and redirect. Raises an error for URLs that must not be requested.
    """
    return _GuardedSession(guard, timeout, user_agent, check)


def read_limited(response: requests.Response, max_bytes: int, seconds: float = 60.0) -> bytes:
    """Read the body of a response of a guarded session, and close it.

    ``seconds`` limits the time for the whole body. ``max_bytes`` counts bytes after decoding of the content encoding.
    Raises ``RefusedError`` with reason ``too-many-bytes`` or ``too-slow``, and ``requests.RequestException``.
    """
    sentence = Sentence("The response exceeds %(bytes)s bytes.", bytes=f"{max_bytes:,}")
    size_error = RefusedError(sentence, reason=Reason.TOO_MANY_BYTES)
    content_length = response.headers.get("Content-Length", "")
    if content_length.isdecimal() and int(content_length) > max_bytes:
        response.close()
        raise size_error
    body = read_beginning(response, max_bytes + 1, seconds)
    if len(body) > max_bytes:
        raise size_error
    return body


def read_beginning(response: requests.Response, max_bytes: int, seconds: float = 60.0) -> bytes:
    """Read the beginning of a body as :func:`read_limited` does, ignoring any further bytes."""
    body = bytearray()
    with response, _enforce_deadline(_get_connection_record(response).socket, seconds):
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) >= max_bytes:
                break
    return bytes(body[:max_bytes])


def get_connection_facts(response: requests.Response) -> ConnectionFacts:
    """Return peer address, TLS version and certificate chain of a guarded session's response, read or unread."""
    return _get_connection_record(response).facts


@dataclass(frozen=True, slots=True)
class _ConnectionRecord:
    facts: ConnectionFacts
    socket: socket.socket


def _get_connection_record(response: requests.Response) -> _ConnectionRecord:
    record = getattr(response.raw, "exhibit_wire", None)
    if not isinstance(record, _ConnectionRecord):
        raise InvalidRequestError("This response was not received in a guarded session.")
    return record


class _GuardedSession(requests.Session):
    def __init__(self, guard: Guard, timeout: float, user_agent: str, check: Callable[[str], None]) -> None:
        super().__init__()
        self.guard = guard
        self.check = check
        self.trust_env = False
        self.max_redirects = MAX_REDIRECTS
        self.headers["User-Agent"] = user_agent
        for scheme in ("http://", "https://"):
            self.mount(scheme, _GuardedAdapter(guard, timeout))

    def get_adapter(self, url: str | bytes) -> Untyped:
        """Check the URL of every request, including redirects."""
        text = url if isinstance(url, str) else url.decode("utf-8", "replace")
        self.guard.check_url(text)
        self.check(text)
        return super().get_adapter(url)  # type: ignore[arg-type]  # requests may pass bytes

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Convert the URL to its standard form, so that all layers down to the socket parse it identically."""
        request.url = remove_fragment(str(request.url))
        return super().prepare_request(request)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Resolve the target of a redirect as browsers do."""
        target = super().get_redirect_target(resp)
        return (join_urls(resp.url, target) or target) if target else target

    def send(self, request: requests.PreparedRequest, **kwargs: Untyped) -> requests.Response:
        """Send without reading the body."""
        try:
            return super().send(request, **(kwargs | {"stream": True}))
        except requests.TooManyRedirects as error:
            raise RefusedError(
                Sentence("The server redirects more than %(times)s times.", times=MAX_REDIRECTS),
                reason=Reason.TOO_MANY_REDIRECTS,
            ) from error


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, guard: Guard, timeout: float) -> None:
        self._guard = guard
        self._timeout = timeout
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Untyped, **kwargs: Untyped) -> None:
        """Configure the pools to create guarded connections."""
        super().init_poolmanager(*args, **kwargs)
        members = {"guard": self._guard}
        plain = type("GuardedHTTP", (_GuardedHTTPConnection,), members)
        secure = type("GuardedHTTPS", (_GuardedHTTPSConnection,), members)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def proxy_manager_for(self, proxy: Untyped, **_kwargs: Untyped) -> Untyped:
        """Refuse proxies, because they would connect to unchecked addresses."""
        raise InvalidRequestError(f"A guarded session does not use the proxy {proxy}.")

    def send(self, request: requests.PreparedRequest, *args: Untyped, **kwargs: Untyped) -> requests.Response:
        """Send with the session's timeout. The body of a redirect is read here, within limits."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        response = super().send(request, *args, **kwargs)
        if response.is_redirect:
            _read_redirect_body(response, self._timeout)
        return response


def _read_redirect_body(redirect: requests.Response, seconds: float) -> None:
    """Read the body of a redirect within limits and drop long bodies. ``requests`` would read it without limits."""
    try:
        body = read_limited(redirect, _MAX_REDIRECT_BODY_BYTES, seconds)
    except (RefusedError, requests.RequestException):
        body = b""
    redirect._content = body  # noqa: SLF001 - where requests stores a body that was read
    redirect._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001


class _GuardedMixin:
    """Mixin for urllib3 connections that connects to addresses resolved by the guard and records the peer."""

    guard: ClassVar[Guard]

    def _new_conn(self: Any) -> socket.socket:
        self.exhibit_answers = self.guard.resolve(self.host, self.port)
        failure: OSError | None = None
        for address in self.exhibit_answers[:_MAX_TRIED_ADDRESSES]:
            try:
                connection = create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except OSError as error:
                raise_machine_fault(error)
                failure = error
                continue
            self.guard.check_addresses(self.host, connection.getpeername()[:1], self.port)
            return connection
        self.guard.check_network()
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"{self.host} does not respond.") from failure
        raise NewConnectionError(self, f"{self.host} cannot be reached: {failure}") from failure

    def getresponse(self: Any) -> HTTPResponse:
        """Receive the response headers within a total time limit."""
        sock = self.sock
        facts = _collect_facts(self.host, tuple(self.exhibit_answers), sock)
        with _enforce_deadline(sock, self.timeout) as is_late:
            response: HTTPResponse = super().getresponse()  # type: ignore[misc]  # urllib3's, by the MRO
            if is_late.is_set():
                response.close()
        response.exhibit_wire = _ConnectionRecord(facts, sock)  # type: ignore[attr-defined]
        return response


# warcio's recording class follows urllib3's class in the MRO, so that recording works in any order of imports.
class _GuardedHTTPConnection(_GuardedMixin, HTTPConnection, RecordingHTTPConnection):  # type: ignore[misc]
    pass


class _GuardedHTTPSConnection(_GuardedMixin, HTTPSConnection, RecordingHTTPConnection):  # type: ignore[misc]
    pass


def _collect_facts(host: str, dns_answers: tuple[str, ...], sock: socket.socket) -> ConnectionFacts:
    address, port = sock.getpeername()[:2]
    endpoints = (host, dns_answers, address, port)
    if not isinstance(sock, ssl.SSLSocket):
        return ConnectionFacts(*endpoints)
    cipher = sock.cipher()
    return ConnectionFacts(*endpoints, sock.version(), cipher[0] if cipher else None, _read_certificates(sock))


def _read_certificates(sock: ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the certificates as sent. Before Python 3.13, only the inner object has the necessary method."""
    if hasattr(sock, "get_unverified_chain"):
        return tuple(sock.get_unverified_chain())
    inner = getattr(sock, "_sslobj", None)
    if inner is not None and hasattr(inner, "get_unverified_chain"):
        return tuple(
            ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_unverified_chain()
        )
    own_certificate = sock.getpeercert(binary_form=True)
    return (own_certificate,) if own_certificate else ()


@contextmanager
def _enforce_deadline(sock: socket.socket, seconds: float | None) -> Iterator[threading.Event]:
    """Close the connection after a total time. A timeout of the socket would restart with each byte.

    Raises ``RefusedError`` with reason ``too-slow`` if the time has run out, even if the block ended without an error.
    """
    timeout_event = threading.Event()

    def close_connection() -> None:
        timeout_event.set()
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(threading.TIMEOUT_MAX if seconds is None else seconds, close_connection)
    timer.daemon = True
    timer.start()
    cause: Exception | None = None
    try:
        yield timeout_event
    except (OSError, HTTPException, HTTPError) as error:
        if not timeout_event.is_set():
            raise
        cause = error
    finally:
        timer.cancel()
    if timeout_event.is_set():  # a truncated response may look complete
        raise RefusedError(Sentence("The server responded too slowly."), reason=Reason.TOO_SLOW) from cause
