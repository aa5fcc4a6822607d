"""A ``requests`` session that connects only to addresses allowed by the guard.

The host is resolved once, and the connection goes to the checked address, while the name is used in the ``Host``
header, in SNI and for the verification of the certificate. Each redirect is checked in the same way. The environment
(proxies, ``.netrc``) is ignored. Bodies are not read automatically: read them with :func:`read_limited`.

Exchanges can be recorded with ``warcio.capture_http`` in the usual way, wire-exact and in any order of imports. Use
one session for each recording: a kept-alive connection stays with the recording in which it was made.
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
from exhibit.errors import RefusedError, WrongUseError
from exhibit.machine import blame_machine
from exhibit.network.addresses import joined, without_fragment
from exhibit.network.guard import Guard
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Untyped

MAX_REDIRECTS = 10
USER_AGENT = f"Exhibit/{__version__}"
_REDIRECT_BODY = 64 * 1024
_PIECE = 64 * 1024
_TRIED_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """Facts about the connection of a response."""

    host: str  # resolved name, or literal address
    answers: tuple[str, ...]  # all addresses of the name, all checked
    address: str  # address of the peer, from the socket
    port: int  # port of the peer
    tls_version: str | None = None  # such as `TLSv1.3`, or `None` without TLS
    cipher: str | None = None  # name of the cipher suite, or `None` without TLS
    certificates: tuple[bytes, ...] = ()  # chain as sent, the peer's own first, each in DER; empty without TLS


def guarded_session(
    guard: Guard, *, timeout: float = 30.0, user_agent: str = USER_AGENT, check: Callable[[str], None] = lambda _: None
) -> requests.Session:
    """Create a streaming session whose connections are all checked by the guard. Read bodies with :func:`read_limited`.

    Requests raise ``RefusedError`` (the guard's reasons, ``too-slow``, ``too-many-redirects``), ``ServiceMissingError``
    for faults of this machine, and the exceptions of ``requests``. Close the responses.

    Args:
        guard: Check of URLs and addresses.
        timeout: Limit in seconds for each of: connecting, waiting for a byte, and receiving all headers.
        user_agent: User-Agent header.
        check: Raises an error for URLs that must not be requested for other reasons. Called before each redirect, too.
    """
    return _GuardedSession(guard, timeout, user_agent, check)


def read_limited(response: requests.Response, max_bytes: int, seconds: float = 60.0) -> bytes:
    """Read the body of a response of a guarded session, and close it.

    The seconds are a limit for the whole body. Bytes are counted after decoding of the content encoding. Raises
    ``RefusedError`` with reason ``too-many-bytes`` or ``too-slow``, and ``requests.RequestException``.
    """
    large = Sentence("The response exceeds %(bytes)s bytes.", bytes=f"{max_bytes:,}")
    too_large = RefusedError(large, reason=Reason.TOO_MANY_BYTES)
    content_length = response.headers.get("Content-Length", "")
    if content_length.isdecimal() and int(content_length) > max_bytes:
        response.close()
        raise too_large
    body = read_beginning(response, max_bytes + 1, seconds)
    if len(body) > max_bytes:
        raise too_large
    return body


def read_beginning(response: requests.Response, max_bytes: int, seconds: float = 60.0) -> bytes:
    """Read the beginning of a body as :func:`read_limited` does, ignoring any further bytes."""
    body = bytearray()
    with response, _deadline(_wire(response).socket, seconds):
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) >= max_bytes:
                break
    return bytes(body[:max_bytes])


def connection_facts(response: requests.Response) -> ConnectionFacts:
    """Return peer address, TLS version and certificate chain of a guarded session's response, read or unread."""
    return _wire(response).facts


@dataclass(frozen=True, slots=True)
class _Wire:
    facts: ConnectionFacts
    socket: socket.socket


def _wire(response: requests.Response) -> _Wire:
    wire = getattr(response.raw, "exhibit_wire", None)
    if not isinstance(wire, _Wire):
        raise WrongUseError("This response doesn't come from a guarded session.")
    return wire


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
        """Write the URL in its standard form, so that all layers down to the socket parse it alike."""
        request.url = without_fragment(str(request.url))
        return super().prepare_request(request)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Resolve the target of a redirect as browsers do."""
        target = super().get_redirect_target(resp)
        return (joined(resp.url, target) or target) if target else target

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
        """Make the pools create guarded connections."""
        super().init_poolmanager(*args, **kwargs)
        members = {"guard": self._guard}
        plain = type("GuardedHTTP", (_GuardedHTTPConnection,), members)
        secure = type("GuardedHTTPS", (_GuardedHTTPSConnection,), members)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def proxy_manager_for(self, proxy: Untyped, **_kwargs: Untyped) -> Untyped:
        """Refuse proxies: they would connect to unchecked addresses."""
        raise WrongUseError(f"A guarded session doesn't go through the proxy {proxy}.")

    def send(self, request: requests.PreparedRequest, *args: Untyped, **kwargs: Untyped) -> requests.Response:
        """Send with the session's timeout. The body of a redirect is read here, within limits."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        response = super().send(request, *args, **kwargs)
        if response.is_redirect:
            _settle(response, self._timeout)
        return response


def _settle(redirect: requests.Response, seconds: float) -> None:
    """Read a redirect's body within limits, because ``requests`` would read it without any. Long bodies are dropped."""
    try:
        body = read_limited(redirect, _REDIRECT_BODY, seconds)
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
        for address in self.exhibit_answers[:_TRIED_ADDRESSES]:
            try:
                connection = create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except OSError as error:
                blame_machine(error)
                failure = error
                continue
            self.guard.check_answers(self.host, connection.getpeername()[:1], self.port)
            return connection
        self.guard.check_network()
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"{self.host} doesn't answer.") from failure
        raise NewConnectionError(self, f"{self.host} can't be reached: {failure}") from failure

    def getresponse(self: Any) -> HTTPResponse:
        """Receive the response headers within a total time limit."""
        live = self.sock
        facts = _facts(self.host, tuple(self.exhibit_answers), live)
        with _deadline(live, self.timeout) as late:
            response: HTTPResponse = super().getresponse()  # type: ignore[misc]  # urllib3's, by the MRO
            if late.is_set():
                response.close()
        response.exhibit_wire = _Wire(facts, live)  # type: ignore[attr-defined]
        return response


# warcio's recording class comes after urllib3's own, so that recording works in any order of imports.
class _GuardedHTTPConnection(_GuardedMixin, HTTPConnection, RecordingHTTPConnection):  # type: ignore[misc]
    pass


class _GuardedHTTPSConnection(_GuardedMixin, HTTPSConnection, RecordingHTTPConnection):  # type: ignore[misc]
    pass


def _facts(host: str, answers: tuple[str, ...], live: socket.socket) -> ConnectionFacts:
    address, port = live.getpeername()[:2]
    endpoints = (host, answers, address, port)
    if not isinstance(live, ssl.SSLSocket):
        return ConnectionFacts(*endpoints)
    cipher = live.cipher()
    return ConnectionFacts(*endpoints, live.version(), cipher[0] if cipher else None, _certificates(live))


def _certificates(live: ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the chain as sent. The method is public since Python 3.13; before, it exists on the inner object."""
    if hasattr(live, "get_unverified_chain"):
        return tuple(live.get_unverified_chain())
    inner = getattr(live, "_sslobj", None)
    if inner is not None and hasattr(inner, "get_unverified_chain"):
        return tuple(ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain())
    own = live.getpeercert(binary_form=True)
    return (own,) if own else ()


@contextmanager
def _deadline(live: socket.socket, seconds: float | None) -> Iterator[threading.Event]:
    """Close the connection after a total time, because a timeout of the socket would restart with each byte.

    Raises ``RefusedError`` with reason ``too-slow`` in that case, whatever was being read.
    """
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            socket.socket.shutdown(live, socket.SHUT_RDWR)

    timer = threading.Timer(threading.TIMEOUT_MAX if seconds is None else seconds, cut)
    timer.daemon = True
    timer.start()
    cause: Exception | None = None
    try:
        yield late
    except (OSError, HTTPException, HTTPError) as error:
        if not late.is_set():
            raise
        cause = error
    finally:
        timer.cancel()
    if late.is_set():  # a truncated response may look complete
        raise RefusedError(Sentence("The server responded too slowly."), reason=Reason.TOO_SLOW) from cause
