"""TLS certificates of servers, which are recorded with each image but never cause a refusal, and HTTP/2.

Scrapy accepts any certificate. Exhibit therefore checks each one once per crawl, in a separate handshake with the
server that responded: its chain against the authorities that ``certifi`` lists, as OpenSSL does (RFC 5280, 6), and its
names according to RFC 9525. Only the handshake is sent. Revocation is not checked.

HTTP/2 (RFC 9113) is used, with Scrapy's implementation, for servers that offer it; Scrapy itself would use it for all
servers or for none. The first responses of a server use HTTP/1.1, and the handshake shows whether it offers HTTP/2
(ALPN, RFC 7301). If its HTTP/2 fails, HTTP/1.1 is used until the crawl ends.
"""

import asyncio
import socket
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import certifi
from OpenSSL import SSL, crypto
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import DownloadCancelledError, DownloadTimeoutError
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address

from crawler.fetching.responses import CERTIFICATE, Crawler, Response, Server, get_server
from crawler.state.crawl import Crawl
from exhibit.errors import InvalidRequestError
from exhibit.network.addresses import parse_literal_address

_TIMEOUT_SECONDS = 5.0
_MAX_CHECKS = 200
"""Maximum certificates checked in one crawl; further ones are recorded without a check."""
NOT_CHECKED = "not-checked"
_PROBLEM_NAMES = {
    9: "not-yet-valid",
    10: "expired",
    **dict.fromkeys((18, 19), "self-signed"),
    **dict.fromkeys((2, 20, 21), "unknown-issuer"),
}
"""Names for OpenSSL's ``X509_V_ERR_…`` (X509_STORE_CTX_get_error(3)); all other codes become ``invalid``."""
PROTOCOLS = [b"h2", b"http/1.1"] if find_spec("h2") and find_spec("priority") else [b"http/1.1"]
"""Protocols offered in a handshake: HTTP/2 if the optional dependency ``http2`` is installed."""


class CertificateMiddleware:
    """Downloader middleware that records the certificate of each TLS response."""

    def __init__(self, crawl: Crawl) -> None:
        self._authorities, self._http2 = crawl.authorities, crawl.http2
        self._checks: dict[tuple[str, int, str], asyncio.Task[str]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "CertificateMiddleware":
        """Create the middleware, as Scrapy requires."""
        return cls(crawler.spider.crawl)

    async def process_response(self, request: Request, response: Response) -> Response:
        """Record the certificate of the server that responded."""
        request.meta[CERTIFICATE] = ""
        if response.certificate is not None and response.ip_address is not None:
            request.meta[CERTIFICATE] = await self._describe_certificate(response)
        return response

    async def _describe_certificate(self, response: Response) -> str:
        """Return the problems of the certificate, or ``valid``, and its SHA-256."""
        digest = _compute_digest(response.certificate)
        server = get_server(response.url)
        key = *server, digest
        if key not in self._checks and len(self._checks) < _MAX_CHECKS:
            address = str(response.ip_address)
            check = asyncio.to_thread(check_certificate, server, address, digest, self._authorities, self._http2)
            self._checks[key] = asyncio.ensure_future(check)
        verdict = await asyncio.shield(self._checks[key]) if key in self._checks else NOT_CHECKED
        return f"{verdict} sha256:{digest}"


def load_authorities(ca_bundle: Path | None) -> SSL.Context:
    """Load the certificate authorities of a file (PEM), or those of certifi.

    Raises:
        InvalidRequestError: The file contains no certificates in PEM.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_alpn_protos(PROTOCOLS)
    try:
        context.load_verify_locations(str(ca_bundle or certifi.where()))
    except SSL.Error as error:
        message = f"No certificates can be read from {ca_bundle}."
        raise InvalidRequestError(message, hint="Set ca_bundle to a file with PEM certificates.") from error
    return context


def check_certificate(server: Server, address: str, digest: str, authorities: SSL.Context, http2: set[Server]) -> str:
    """Return ``valid``, or the problems of a server's certificate, joined by commas.

    The result is ``not-checked`` if the server cannot be reached again, or presents another certificate than before.

    Args:
        server: Name and port.
        address: IP address that responded.
        digest: SHA-256 of the certificate presented before, in hexadecimal.
        authorities: Trusted certificate authorities.
        http2: Servers that offer HTTP/2; the server is added if it does.
    """
    host, port = server
    problems: set[str] = set()

    def record_problem(_: SSL.Connection, __: crypto.X509, code: int, ___: int, is_valid: int) -> bool:
        if not is_valid:
            problems.add(_PROBLEM_NAMES.get(code, "invalid"))
        return True

    try:
        with socket.create_connection((address, port), _TIMEOUT_SECONDS) as raw_socket:
            connection = SSL.Connection(authorities, raw_socket)
            connection.set_verify(SSL.VERIFY_PEER, record_problem)
            _perform_handshake(raw_socket, connection, host)
            if connection.get_alpn_proto_negotiated() == b"h2":
                http2.add(server)
            leaf = connection.get_peer_certificate()
            if leaf is None or _compute_digest(leaf) != digest:
                return NOT_CHECKED
            try:
                (verify_hostname if parse_literal_address(host) is None else verify_ip_address)(connection, host)
            except (CertificateError, VerificationError):
                problems.add("other-name")
    except (OSError, SSL.Error, ValueError):  # ValueError: the host name cannot be in a certificate
        return NOT_CHECKED
    return ",".join(sorted(problems)) or "valid"


def _compute_digest(certificate: Any) -> str:  # noqa: ANN401 - pyOpenSSL's and Twisted's
    """Return the SHA-256 of the DER encoding in hexadecimal."""
    return certificate.digest("sha256").decode("ascii").replace(":", "").lower()  # type: ignore[no-any-return]


def _perform_handshake(raw_socket: socket.socket, connection: SSL.Connection, host: str) -> None:
    """Perform the handshake, and abort it after a time limit, even if the server keeps sending."""
    if parse_literal_address(host) is None:
        connection.set_tlsext_host_name(host.encode("ascii"))
    connection.set_connect_state()
    raw_socket.settimeout(None)
    timer = threading.Timer(_TIMEOUT_SECONDS, raw_socket.shutdown, (socket.SHUT_RDWR,))
    timer.daemon = True
    timer.start()
    try:
        connection.do_handshake()
    finally:
        timer.cancel()


class HttpsDownloadHandler(HTTP11DownloadHandler):
    """Scrapy download handler for ``https``, with HTTP/1.1 or HTTP/2."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._http2_servers: set[tuple[str, int]] = crawler.spider.crawl.http2
        self._http2: Any = None

    async def download_request(self, request: Request) -> Response:
        """Download a response; raises the errors of Scrapy's handlers."""
        server = get_server(request.url)
        if server in self._http2_servers:
            try:
                return await self._download_with_http2(request)
            except (DownloadCancelledError, DownloadTimeoutError):
                raise  # too large or too slow: HTTP/1.1 would not help
            except Exception:  # noqa: BLE001 - an untrusted server's frames may cause any error
                self._http2_servers.discard(server)
        return await super().download_request(request)

    async def _download_with_http2(self, request: Request) -> Response:
        if self._http2 is None:
            from scrapy.core.downloader.handlers.http2 import H2DownloadHandler  # noqa: PLC0415 - an optional component

            self._http2 = H2DownloadHandler(self.crawler)
        return await self._http2.download_request(request)

    async def close(self) -> None:
        """Close all connections."""
        if self._http2 is not None:
            await self._http2.close()
        await super().close()
