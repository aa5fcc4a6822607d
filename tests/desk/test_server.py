"""Test that the web server survives slow clients, large bodies and a full disk, and stops cleanly."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from importlib import import_module
from pathlib import Path

import pytest

from desk import server
from desk.access_classes import KIB, MAX_REQUEST_BYTES, MIB
from registry.services.services import Services
from tests import CHECKOUT
from tests.assets.local_web_server import LARGE, RunningServer, parse, read_all, run_test_server
from tests.assets.processes import free_port, peak_memory, reset_peak_memory, wait_until
from workers import wiring

SLOW_POST = b"POST /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\n"
GET_LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def site(folder: Path) -> Iterator[RunningServer]:
    with run_test_server(threads=2) as http_server:
        yield http_server


def test_slowly_sent_request_bodies_block_no_thread_and_arrive_complete(site: RunningServer) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(site.connect(SLOW_POST))) for _ in range(20)]
        for _ in range(6):
            for client in slow:
                client.sendall(b"a")
            assert site.request() == (200, b"0 bytes")
        assert {parse(read_all(client)) for client in slow} == {(200, b"6 bytes")}


def test_slowly_sent_request_headers_block_no_thread(site: RunningServer) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(site.connect(b"GET / HTTP/1.1\r\nX: "))) for _ in range(20)]
        wait_until(lambda: site.connections == len(slow), 20)
        assert site.request() == (200, b"0 bytes")


def test_responses_that_clients_do_not_read_block_no_thread_and_use_little_memory(site: RunningServer) -> None:
    before = reset_peak_memory()
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(site.connect(GET_LARGE, reads_slowly=True))) for _ in range(40)]
        wait_until(lambda: site.pages.closed.count("/large") == len(slow), 20)
        assert site.request() == (200, b"0 bytes")
        assert peak_memory() - before < 40 * MIB  # of 160


def test_large_response_arrives_complete(site: RunningServer) -> None:
    status, body = site.request("/large")
    assert (status, len(body)) == (200, LARGE)


def test_network_thread_reads_no_files(site: RunningServer) -> None:
    request = b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with closing(site.connect(request, reads_slowly=True)) as client:
        assert len(parse(read_all(client))[1]) == LARGE
    assert site.pages.readers
    assert site.main_thread not in site.pages.readers


def test_head_request_has_no_body_and_keeps_the_connection(site: RunningServer) -> None:
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with closing(site.connect(GET_LARGE.replace(b"GET", b"HEAD"))) as client:
        header_bytes = client.recv(1 << 16)
        assert header_bytes.startswith(b"HTTP/1.1 200")
        assert f"content-length: {LARGE}".encode() in header_bytes.lower()
        assert header_bytes.endswith(b"\r\n\r\n")
        client.sendall(last)
        assert parse(read_all(client)) == (200, b"0 bytes")


def test_body_arrives_complete_with_or_without_content_length(site: RunningServer) -> None:
    assert site.request("/", b"a" * 3 * MIB, method="POST") == (200, f"{3 * MIB} bytes".encode())
    chunk = b"%x\r\n%s\r\n" % (100 * KIB, b"a" * 100 * KIB)
    header_bytes = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with closing(site.connect(header_bytes + chunk * 5 + b"0\r\n\r\n")) as client:
        assert parse(read_all(client)) == (200, f"{500 * KIB} bytes".encode())


def test_oversized_body_is_rejected_by_its_length(site: RunningServer) -> None:
    with closing(site.connect(SLOW_POST.replace(b" 6", f" {MAX_REQUEST_BYTES + 1}".encode()))) as client:
        assert parse(read_all(client))[0] == 413
    with closing(site.connect(SLOW_POST.replace(b" 6", f" {MAX_REQUEST_BYTES}".encode()) + b"a")):
        wait_until(lambda: site.connections == 1, 20)
    assert site.pages.requested == []


def test_request_body_that_exceeds_free_disk_space_is_rejected(
    site: RunningServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(server, "is_full", lambda path: path == folder)
        assert site.request("/", b"a" * MIB, method="POST")[0] == 507
        full.setattr(server, "is_full", lambda _: False)
        full.setattr(server.Request, "reserve", 1 << 60)
        assert site.request("/", b"a" * MIB, method="POST")[0] == 507
        assert site.request("/", b"a" * KIB, method="POST")[0] == 200
    assert site.request("/", b"a" * MIB, method="POST")[0] == 200
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "missing"))
    assert site.request("/", b"a" * MIB, method="POST")[0] == 507
    assert site.pages.requested == ["/", "/"]


def test_new_clients_are_served_while_others_hold_all_connections() -> None:
    with run_test_server(connections=20) as site, ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(closing(site.connect(b"GET / HTTP/1.1\r\nX: ")))
        assert site.request() == (200, b"0 bytes")
        assert site.connections <= 20


def test_address_forwarded_by_a_proxy_reaches_the_site(site: RunningServer) -> None:
    """Test that Django trusts as many forwarded addresses as the setting ``proxies`` specifies."""
    assert site.request("/forwarded", b"", "X-Forwarded-For: 192.0.2.1, 192.0.2.2")[1] == b"192.0.2.1, 192.0.2.2"


SMALL_SITE = """
import sys
from pathlib import Path
from desk.server import serve
folder, port = Path(sys.argv[1]), int(sys.argv[2])
def site(environ, start_response):
    (folder / "started").touch()
    while environ["PATH_INFO"] == "/held" and not (folder / "finish").exists():
        pass
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]
serve(site, "127.0.0.1", port)
"""


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def is_responsive(port: int) -> bool:
    with suppress(ConnectionError), closing(connect(port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return parse(read_all(client)) == (200, b"done")
    return False


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_running_request_completes_before_the_server_stops(sign: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", SMALL_SITE, str(tmp_path), str(port)]
    with subprocess.Popen(command, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}) as process:
        try:
            wait_until(lambda: is_responsive(port), 60)
            (tmp_path / "started").unlink()
            with ExitStack() as stack:
                client = stack.enter_context(closing(connect(port)))
                client.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                wait_until((tmp_path / "started").exists, 20)
                process.send_signal(sign)
                (tmp_path / "finish").touch()
                assert parse(read_all(client)) == (200, b"done")
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_request_folder_is_cleared_at_start(tmp_path: Path) -> None:
    folder = server.prepare_buffer_folder(tmp_path)
    assert (folder, folder.stat().st_mode & 0o777) == (tmp_path / "requests", 0o700)
    (folder / "left.upload").touch()
    (folder / "left").mkdir()
    assert list(server.prepare_buffer_folder(tmp_path).iterdir()) == []


def test_request_bodies_are_buffered_in_unnamed_temporary_files(site: RunningServer, folder: Path) -> None:
    with closing(site.connect(SLOW_POST.replace(b" 6", b" 400000") + b"a" * 300_000)):
        wait_until(lambda: site.connections == 1, 20)
        assert list(folder.iterdir()) == []


def test_connection_limit_follows_the_open_file_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.setrlimit", lambda _what, limit: limits.append(limit))
    monkeypatch.setattr("resource.getrlimit", lambda _what: (1024, 1024))
    assert server.raise_file_limit() == 258
    monkeypatch.setattr("resource.getrlimit", lambda _what: (1024, 1 << 20))
    assert server.raise_file_limit() == server.MAX_CONNECTIONS
    assert limits[-1] == (3250, 1 << 20)


def test_web_process_caches_only_a_few_measured_pictures() -> None:
    import_module("desk.wsgi")
    assert wiring.services().features_in_memory < Services.features_in_memory / 10
