"""A ``requests`` session that reaches only what the guard allows.

The host is resolved once; the connection goes to the very address that was checked, while the name stays in the
``Host`` header, in SNI and in the verification of the certificate. Redirects pass the same check one by one. Nothing
of the environment (proxies, ``.netrc``) is read. Bodies are never read unasked: take them with :func:`read_limited`.

Exchanges can be recorded with ``warcio.capture_http`` in the usual way, wire-exact and in any order of imports. Use
one session for one recording: a kept-alive connection stays with the recording in which it was made.
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
    """What is known of the connection that brought a response."""

    host: str  # the name that was resolved, or the literal address
    answers: tuple[str, ...]  # every address that the name had, all of them checked
    address: str  # the one that was connected to, as the socket tells it
    port: int  # the peer's port
    tls_version: str | None = None  # such as `TLSv1.3`, or `None` without TLS
    cipher: str | None = None  # name of the cipher suite, or `None` without TLS
    certificates: tuple[bytes, ...] = ()  # as sent, the peer's own first, each in DER; empty without TLS


def guarded_session(
    guard: Guard, *, timeout: float = 30.0, user_agent: str = USER_AGENT, check: Callable[[str], None] = lambda _: None
) -> requests.Session:
    """A session whose every connection the guard has checked. It streams: read bodies with :func:`read_limited`.

    The timeout is seconds to connect, without a byte, and until the last header, each. ``check`` raises for a URL that
    isn't to be requested for another reason; it is asked before each redirect, too. Requests raise ``RefusedError``
    (the guard's reasons, ``too-slow``, ``too-many-redirects``), and ``ServiceMissingError`` for what this machine
    lacks, besides what ``requests`` raises. Close the responses.
    """
    return _GuardedSession(guard, timeout, user_agent, check)


def read_limited(response: requests.Response, max_bytes: int, seconds: float = 60.0) -> bytes:
    """Read the body of a response of a guarded session, and close it.

    The seconds are for the whole body, however slowly it drips; bytes count after its content encoding has been undone.
    Raises ``RefusedError`` with reason ``too-many-bytes`` or ``too-slow``, and ``requests.RequestException``.
    """
    large = Sentence("The answer has more than %(bytes)s bytes.", bytes=f"{max_bytes:,}")
    too_large = RefusedError(large, reason=Reason.TOO_MANY_BYTES)
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        response.close()
        raise too_large
    body = read_beginning(response, max_bytes + 1, seconds)
    if len(body) > max_bytes:
        raise too_large
    return body


def read_beginning(response: requests.Response, max_bytes: int, seconds: float = 60.0) -> bytes:
    """Read the first bytes of a body as :func:`read_limited`, but without refusing more: nothing more is asked for."""
    body = bytearray()
    with response, _deadline(_wire(response).socket, seconds):
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) >= max_bytes:
                break
    return bytes(body[:max_bytes])


def connection_facts(response: requests.Response) -> ConnectionFacts:
    """Peer address, TLS version and certificate chain of a response of a guarded session, read or unread."""
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
        """Every request passes here, redirected ones too."""
        text = url if isinstance(url, str) else url.decode("utf-8", "replace")
        self.guard.check_url(text)
        self.check(text)
        return super().get_adapter(url)  # type: ignore[arg-type]  # bytes are what requests may pass on

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Write the address as the standard does, so that whoever reads it on the way to the socket reads the same."""
        request.url = without_fragment(str(request.url))
        return super().prepare_request(request)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Read where a redirect leads as browsers do."""
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
        """Let the pools make guarded connections."""
        super().init_poolmanager(*args, **kwargs)
        members = {"guard": self._guard}
        plain = type("GuardedHTTP", (_GuardedHTTPConnection,), members)
        secure = type("GuardedHTTPS", (_GuardedHTTPSConnection,), members)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def proxy_manager_for(self, proxy: Untyped, **_kwargs: Untyped) -> Untyped:
        """A proxy would connect to addresses that nobody has checked."""
        raise WrongUseError(f"A guarded session doesn't go through the proxy {proxy}.")

    def send(self, request: requests.PreparedRequest, *args: Untyped, **kwargs: Untyped) -> requests.Response:
        """Send with the session's time limit; the body of a redirect is read here, within limits."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        response = super().send(request, *args, **kwargs)
        if response.is_redirect:
            _settle(response, self._timeout)
        return response


def _settle(redirect: requests.Response, seconds: float) -> None:
    """Read a redirect's body, because ``requests`` would read it without any limit; a long one is dropped."""
    try:
        body = read_limited(redirect, _REDIRECT_BODY, seconds)
    except (RefusedError, requests.RequestException):
        body = b""
    redirect._content = body  # noqa: SLF001 - the one place where requests keeps a body that has been read
    redirect._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001


class _GuardedMixin:
    """Connects to what the guard resolved, and remembers the peer; mixed into urllib3's connections."""

    guard: ClassVar[Guard]

    def _new_conn(self: Any) -> socket.socket:
        self.exhibit_answers = self.guard.resolve(self.host, self.port)
        failure: OSError | None = None
        for address in self.exhibit_answers[:_TRIED_ADDRESSES]:
            try:
                found = create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except OSError as error:
                blame_machine(error)
                failure = error
                continue
            self.guard.check_answers(self.host, found.getpeername()[:1], self.port)
            return found
        self.guard.check_network()
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"{self.host} doesn't answer.") from failure
        raise NewConnectionError(self, f"{self.host} can't be reached: {failure}") from failure

    def getresponse(self: Any) -> HTTPResponse:
        """The head of the response, within the time limit however slowly it drips."""
        live = self.sock
        facts = _facts(self.host, tuple(self.exhibit_answers), live)
        with _deadline(live, self.timeout) as late:
            response: HTTPResponse = super().getresponse()  # type: ignore[misc]  # urllib3's, by the MRO
            if late.is_set():
                response.close()
        response.exhibit_wire = _Wire(facts, live)  # type: ignore[attr-defined]
        return response


# The recording class of warcio stands behind urllib3's own, so that recording works in any order of imports.
class _GuardedHTTPConnection(_GuardedMixin, HTTPConnection, RecordingHTTPConnection):  # type: ignore[misc]
    pass


class _GuardedHTTPSConnection(_GuardedMixin, HTTPSConnection, RecordingHTTPConnection):  # type: ignore[misc]
    pass


def _facts(host: str, answers: tuple[str, ...], live: socket.socket) -> ConnectionFacts:
    address, port = live.getpeername()[:2]
    known = (host, answers, address, port)
    if not isinstance(live, ssl.SSLSocket):
        return ConnectionFacts(*known)
    cipher = live.cipher()
    return ConnectionFacts(*known, live.version(), cipher[0] if cipher else None, _certificates(live))


def _certificates(live: ssl.SSLSocket) -> tuple[bytes, ...]:
    """The chain as sent. Public since Python 3.13; before that the same call stands on the inner object."""
    if hasattr(live, "get_unverified_chain"):
        return tuple(live.get_unverified_chain())
    inner = getattr(live, "_sslobj", None)
    if inner is not None and hasattr(inner, "get_unverified_chain"):
        return tuple(ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain())
    own = live.getpeercert(binary_form=True)
    return (own,) if own else ()


@contextmanager
def _deadline(live: socket.socket, seconds: float | None) -> Iterator[threading.Event]:
    """Cut the connection when the time is over; a time limit on the socket would start anew with each byte.

    Raises ``RefusedError`` with reason ``too-slow`` then, whatever was being read.
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
    if late.is_set():  # what was cut off may read like what ended
        raise RefusedError(Sentence("The server answers too slowly."), reason=Reason.TOO_SLOW) from cause
