"""Clients that send and read slowly: they hold no thread, are cut off in time, and nobody fills the table."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from desk.server.connections import Connection, network_of
from tests.assets.processes import wait_until
from tests.assets.served import Served, everything, served

POST = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n"


@pytest.fixture
def site() -> Iterator[Served]:
    with served(head_seconds=2.0, window_seconds=2.0, linger_seconds=2.0, threads=2) as made:
        yield made


def ended(client: socket.socket) -> bytes:
    """What a client was told before its connection was closed."""
    return everything(client)


def one_answer(client: socket.socket) -> bytes:
    """An answer without a body that the connection stays open for."""
    found = b""
    while not found.endswith(b"0 bytes"):
        piece = client.recv(1000)
        assert piece
        found += piece
    return found


@pytest.mark.long
def test_bodies_that_come_slowly_hold_no_thread_and_are_cut_off(site: Served) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(site.connect(POST + b"a"))) for _ in range(20)]
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            for client in slow:
                client.sendall(b"a")
            assert site.seconds_for("/") < 1
        assert {ended(client)[:12] for client in slow} == {b"HTTP/1.1 408"}
    assert "/slow" not in site.pages.made


def test_a_head_that_comes_slowly_is_cut_off_and_so_is_who_says_nothing(site: Served) -> None:
    with closing(site.connect(b"GET / HTTP/1.1\r\nX: ")) as slow, closing(site.connect()) as silent:
        for _ in range(10):
            slow.sendall(b"a")
            assert site.seconds_for("/") < 1
        assert ended(slow).startswith(b"HTTP/1.1 408")
        assert ended(silent) == b""


def test_who_reads_nothing_holds_no_thread_takes_little_memory_and_is_cut_off(site: Served) -> None:
    asked = b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(closing(site.connect(asked, small=True)))
        wait_until(lambda: len(site.pages.made) == 6, 20)
        assert site.seconds_for("/") < 1
        wait_until(lambda: site.pages.closed.count("/endless") == 6, 20)
    assert site.pages.pieces < 6 * 200  # of 64 KiB: what the system takes


@pytest.mark.long
def test_a_body_that_comes_at_a_fair_rate_may_take_longer_than_a_window(site: Served) -> None:
    with closing(
        site.connect(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6000\r\n\r\n")
    ) as client:
        for _ in range(6):
            client.sendall(b"a" * 1000)
            moment = time.monotonic() + 0.8
            while time.monotonic() < moment:
                assert site.seconds_for("/healthz") < 1
        assert ended(client).endswith(b"6000 bytes")


def chunked(size: int, count: int) -> bytes:
    """A request with a body in so many chunks of one size."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n" % (size, b"a" * size) * count + b"0\r\n\r\n"


@pytest.mark.parametrize(("size", "count"), [(1, 500), (40, 2_000), (1_000, 90)])
def test_a_body_in_small_chunks_comes_whole(site: Served, size: int, count: int) -> None:
    with closing(site.connect(chunked(size, count))) as client:
        assert ended(client).endswith(b"%d bytes" % (size * count))


@pytest.mark.parametrize(("size", "count"), [(1, 4_000), (20, 4_000)])
def test_a_body_in_very_many_tiny_chunks_is_refused(site: Served, size: int, count: int) -> None:
    with closing(site.connect(chunked(size, count))) as client:
        assert ended(client).startswith(b"HTTP/1.1 400")


def test_little_is_read_of_one_client_before_it_is_the_turn_of_the_next(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, receive = [], Connection.data_received

    def noted(self: Connection, data: bytes) -> None:
        sizes.append(len(data))
        receive(self, data)

    monkeypatch.setattr(Connection, "data_received", noted)
    assert site.ask("/", b"a" * 90_000)[0] == 200
    assert max(sizes) <= 16 * 1024


def test_what_is_no_http_after_an_answer_ends_the_connection_and_is_no_fault_of_ours(
    site: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(site.connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")) as client:
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        client.sendall(b"no chunk\r\n")
        assert b"HTTP" not in ended(client)
    assert not [record for record in caplog.records if record.name == "asyncio"]


@pytest.mark.long
def test_the_rest_of_a_body_that_was_refused_is_not_read_for_ever(site: Served) -> None:
    with closing(site.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n")) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 413")
        until = time.monotonic() + 20
        with suppress(ConnectionError):
            while time.monotonic() < until:
                client.sendall(b"a" * 1000)
        assert time.monotonic() < until


def test_where_there_are_too_many_connections_whoever_has_most_loses_the_idlest(site: Served) -> None:
    with served(connections=20, proxies=1) as small, ExitStack() as stack:
        one = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
        kept = stack.enter_context(closing(small.connect(one)))
        assert one_answer(kept).startswith(b"HTTP/1.1 200")
        many = [stack.enter_context(closing(small.connect())) for _ in range(60)]
        assert small.seconds_for("/healthz") < 1
        assert len(small.connections) <= 21
        kept.sendall(one)
        assert one_answer(kept).startswith(b"HTTP/1.1 200")
        assert ended(many[0]) == b""


def test_pipelined_requests_are_answered_in_order_and_only_as_they_are_read(site: Served) -> None:
    ask = "GET /{} HTTP/1.1\r\nHost: x\r\n\r\n"
    last = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with closing(site.connect(("".join(map(ask.format, "abc")) + last).encode())) as client:
        assert ended(client).count(b"HTTP/1.1 200") == 4
    assert site.pages.made == ["/a", "/b", "/c", "/last"]
    with closing(site.connect(ask.format("big").encode() * 50, small=True)):
        wait_until(lambda: "/big" in site.pages.made, 20)
        assert site.seconds_for("/") < 1
        assert site.pages.made.count("/big") < 5


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1:2:3:4", "2001:db8::/64"), ("::ffff:192.0.2.1", "192.0.2.1"), ("x", "x")],
)
def test_an_address_of_ipv6_stands_for_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
