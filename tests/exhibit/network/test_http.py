import datetime as dt
import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from warcio.archiveiterator import ArchiveIterator
from warcio.capture_http import capture_http
from warcio.cli import main as warcio_main
from warcio.warcwriter import WARCWriter

from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.network.guard import Guard
from exhibit.network.http import USER_AGENT, create_guarded_session, get_connection_facts, read_beginning, read_limited
from tests import CHECKOUT

LOOPBACK = Guard(allowed_networks=("127.0.0.1/32",))
PICTURE = bytes(range(256)) * 40


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stop = threading.Event()
    received: list[tuple[str, str, str]] = []

    def do_GET(self) -> None:
        self.received.append((self.path, self.headers["Host"], self.headers["User-Agent"]))
        name, _, rest = self.path[1:].partition("?")
        getattr(self, f"_{name}")(unquote(rest))

    def _picture(self, _: str) -> None:
        self._answer(PICTURE)

    def _zipped(self, _: str) -> None:
        self._answer(gzip.compress(bytes(5_000_000)), ("Content-Encoding", "gzip"))

    def _chunked(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(PICTURE), 1000):
            piece = PICTURE[start : start + 1000]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"go")

    def _endless_redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()
        self._endless("")

    def _endless(self, _: str) -> None:
        self.close_connection = True
        try:
            while not self.stop.is_set():
                self.wfile.write(bytes(100_000))
        except OSError:
            pass

    def _stream(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        self._endless("")

    def _drip(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self._drop_by_drop()

    def _slow_head(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self._drop_by_drop()

    def _drop_by_drop(self) -> None:
        self.close_connection = True
        try:
            while not self.stop.wait(0.02):
                self.wfile.write(b"x")
        except OSError:
            pass

    def _answer(self, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "image/x-test")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Log nothing."""


def _serve(context: ssl.SSLContext | None = None) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    _Site.stop.clear()
    _Site.received.clear()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    _Site.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def site() -> Iterator[str]:
    for server in _serve():
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with create_guarded_session(LOOPBACK, timeout=5) as http_session:
        yield http_session


def test_allowed_page_is_fetched_with_its_facts(site: str, session: requests.Session) -> None:
    response = session.get(f"{site}/picture")
    facts = get_connection_facts(response)
    assert read_limited(response, 20_000) == PICTURE
    assert (facts.address, facts.dns_answers, facts.tls_version) == ("127.0.0.1", ("127.0.0.1",), None)
    assert facts.certificates == ()
    assert site.endswith(f":{facts.port}")
    assert get_connection_facts(response) == facts
    assert _Site.received == [("/picture", site.removeprefix("http://"), USER_AGENT)]


def test_private_addresses_are_refused_by_default_without_a_request(site: str) -> None:
    with create_guarded_session(Guard()) as strict:
        for url in (site, site.replace("127.0.0.1", "localhost"), site.replace("127.0.0.1", "0x7f000001")):
            with pytest.raises(RefusedError) as refused:
                strict.get(f"{url}/picture")
            assert refused.value.reason == "private-address"
    assert _Site.received == []


@pytest.mark.parametrize("kind", ["redirect", "endless_redirect"])
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.2/", "private-address"),
        ("http://169.254.169.254/latest/meta-data", "private-address"),
        ("//[::1]/", "private-address"),
        ("http://2130706434/", "private-address"),
        ("file:///etc/passwd", "scheme"),
        ("http://user:secret@127.0.0.1/", "credentials"),
        ("http://93.184.216.34:22/", "port"),
    ],
)
def test_redirect_is_checked_like_any_url(
    site: str, session: requests.Session, kind: str, target: str, reason: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        session.get(f"{site}/{kind}?{target}")
    assert refused.value.reason == reason


def test_allowed_redirects_are_followed_up_to_a_limit(site: str, session: requests.Session) -> None:
    response = session.get(f"{site}/redirect?/redirect?/picture")
    assert read_limited(response, 20_000) == PICTURE
    assert [each.status_code for each in response.history] == [302, 302]
    assert get_connection_facts(response.history[0]).address == "127.0.0.1"
    (loop,) = [f"{site}/redirect?/redirect"]
    with pytest.raises(RefusedError) as refused:
        session.get(loop.replace("redirect?/redirect", "redirect?" + "/redirect?" * 12 + "/picture"))
    assert refused.value.reason == "too-many-redirects"


def test_name_is_resolved_once_and_checked_address_is_used(
    site: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, port: int, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the real one
        if not host.endswith(".test"):
            return real(host, port, *args, **kwargs)
        resolved.append(host)
        address = "127.0.0.1" if len(resolved) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = site.replace("127.0.0.1", "rebinding.test")
    response = session.get(f"{url}/picture")
    assert read_limited(response, 20_000) == PICTURE
    assert resolved == ["rebinding.test"]
    assert get_connection_facts(response).dns_answers == ("127.0.0.1",)
    assert _Site.received[0][1].startswith("rebinding.test:")
    with create_guarded_session(LOOPBACK) as later, pytest.raises(RefusedError) as refused:
        later.get(f"{url}/picture")
    assert refused.value.reason == "private-address"


def test_proxy_environment_is_ignored(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with create_guarded_session(LOOPBACK) as session:
        assert read_limited(session.get(f"{site}/picture"), 20_000) == PICTURE
        with pytest.raises(InvalidRequestError):
            session.get(f"{site}/picture", proxies={"http": "http://127.0.0.1:9"})


def test_oversized_body_is_refused(site: str, session: requests.Session) -> None:
    for path in ("picture", "chunked", "stream", "zipped"):
        with pytest.raises(RefusedError) as refused:
            read_limited(session.get(f"{site}/{path}"), 9_000)
        assert refused.value.reason == "too-many-bytes"


def test_body_of_exact_limit_is_read(site: str, session: requests.Session) -> None:
    for path in ("picture", "chunked"):
        assert read_limited(session.get(f"{site}/{path}"), len(PICTURE)) == PICTURE


def test_beginning_of_a_response_body_can_be_read(site: str, session: requests.Session) -> None:
    for path in ("picture", "chunked"):
        assert read_beginning(session.get(f"{site}/{path}"), 9_000) == PICTURE[:9_000]
        assert read_beginning(session.get(f"{site}/{path}"), 20_000) == PICTURE
    for path in ("stream", "zipped"):
        assert len(read_beginning(session.get(f"{site}/{path}"), 9_000)) == 9_000
    with pytest.raises(RefusedError) as refused:
        read_beginning(session.get(f"{site}/drip"), 9_000, seconds=0.2)
    assert refused.value.reason == "too-slow"


def test_slowly_sent_response_body_times_out(site: str, session: requests.Session) -> None:
    with pytest.raises(RefusedError) as refused:
        read_limited(session.get(f"{site}/drip"), 9_000, seconds=0.2)
    assert refused.value.reason == "too-slow"


def test_slowly_sent_response_header_times_out(site: str) -> None:
    with create_guarded_session(LOOPBACK, timeout=1) as session, pytest.raises(RefusedError) as refused:
        session.get(f"{site}/slow_head")
    assert refused.value.reason == "too-slow"


def test_closed_port_is_a_connection_error() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with create_guarded_session(LOOPBACK) as session, pytest.raises(requests.ConnectionError):
            session.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")


def test_response_of_other_http_client_is_rejected() -> None:
    with pytest.raises(InvalidRequestError):
        get_connection_facts(requests.Response())


def test_exchange_is_recorded_as_transmitted(site: str, session: requests.Session, tmp_path: Path) -> None:
    path = tmp_path / "exchange.warc"
    with path.open("wb") as out, capture_http(WARCWriter(out, gzip=False, warc_version="1.1")):
        for name in ("redirect?/picture", "chunked"):
            assert read_limited(session.get(f"{site}/{name}"), 20_000) == PICTURE
    with pytest.raises(SystemExit) as ended:
        warcio_main(["check", str(path)])
    assert ended.value.code == 0
    with path.open("rb") as stream:
        kinds = [
            (record.rec_type, record.rec_headers["WARC-Target-URI"].removeprefix(site), record.content_stream().read())
            for record in ArchiveIterator(stream)
        ]
    expected = [
        (kind, url) for url in ("/redirect?/picture", "/picture", "/chunked") for kind in ("request", "response")
    ]
    assert sorted((kind, url) for kind, url, _ in kinds) == sorted(expected)
    bodies = {url: body for kind, url, body in kinds if kind == "response"}
    assert bodies["/picture"] == bodies["/chunked"] == PICTURE
    raw = path.read_bytes()
    assert b"Transfer-Encoding: chunked" in raw
    assert b"\r\n3e8\r\n" in raw
    assert b"WARC-IP-Address: 127.0.0.1" in raw


_CAPTURE = """
import sys
{first}
{second}
from io import BytesIO
from warcio.capture_http import capture_http
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session, read_limited
with capture_http() as writer, create_guarded_session(Guard(allowed_networks=("127.0.0.1/32",))) as session:
    read_limited(session.get(sys.argv[1]), 20000)
print(writer.get_contents().count(b"WARC-Type: response"))
"""


@pytest.mark.parametrize(
    "order", [("import requests", "import exhibit.network.http"), ("import warcio.capture_http", "")]
)
def test_recording_works_in_any_import_order(site: str, order: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CAPTURE.format(first=order[0], second=order[1]), f"{site}/picture"],
        capture_output=True,
        text=True,
        check=True,
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert done.stdout.strip() == "1"


def _certificate(name: str, issuer: tuple[x509.Certificate, Any] | None) -> tuple[x509.Certificate, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    is_authority = issuer is None
    signer = key if issuer is None else issuer[1]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate, key


def test_tls_name_is_verified_and_chain_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = _certificate("authority.test", None)
    own = _certificate("photos.test", authority)
    pem = serialization.Encoding.PEM
    (tmp_path / "roots.pem").write_bytes(authority[0].public_bytes(pem))
    chain = own[0].public_bytes(pem) + authority[0].public_bytes(pem)
    secret = own[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "own.pem").write_bytes(chain + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    names: list[str] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: real("127.0.0.1" if host.endswith(".test") else host, *a, **k)
    )
    for server in _serve(context):
        with create_guarded_session(LOOPBACK, timeout=5) as session:
            session.verify = str(tmp_path / "roots.pem")
            out = BytesIO()
            with capture_http(WARCWriter(out, gzip=False)):
                response = session.get(f"https://photos.test:{server.server_port}/picture")
                assert read_limited(response, 20_000) == PICTURE
            facts = get_connection_facts(response)
            with pytest.raises(requests.exceptions.SSLError):
                session.get(f"https://other.test:{server.server_port}/picture")
        assert names == ["photos.test", "other.test"]
        assert facts.address == "127.0.0.1"
        assert facts.tls_version is not None
        assert facts.tls_version.startswith("TLSv1.")
        assert facts.cipher
        der = serialization.Encoding.DER
        assert facts.certificates == (own[0].public_bytes(der), authority[0].public_bytes(der))
        assert f"WARC-Target-URI: https://photos.test:{server.server_port}/picture".encode() in out.getvalue()
