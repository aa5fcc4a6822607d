"""Requests on their way to the site and answers on their way back: whole, bounded, and never in front of health."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from email.utils import formatdate
from functools import partial
from pathlib import Path

import pytest

from tests.assets.processes import forget_peak_memory, peak_memory, wait_until
from tests.assets.served import BIG, KIB, OF_KNOWN, OF_NOBODY, Served, answer_of, everything, served

HELD = b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n"
TOKEN = "Authorization: Bearer x"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, threads=2, waiting=4) as made:
        yield made


def test_health_is_told_while_all_threads_are_busy_and_others_wait(site: Served) -> None:
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(closing(site.connect(HELD)))
        wait_until(lambda: site.pages.at_work == 2 and site.waiting == 4, 20)
        assert site.seconds_for("/healthz") < 1
        status, head, _ = site.ask("/healthz", method="HEAD")
        assert (status, b"content-type: application/json" in head) == (200, True)


def test_each_answer_tells_the_time_at_which_it_was_made(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server does nothing between answers, so nothing else keeps the time."""
    for day in ("2027-05-01", "2027-05-02"):
        moment = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        monkeypatch.setattr("desk.server.run.formatdate", partial(formatdate, moment.timestamp()))
        assert f"date: {formatdate(moment.timestamp(), usegmt=True)}".lower().encode() in site.ask("/")[1]


def test_health_is_that_of_the_moment_and_looked_at_once_for_all_who_ask(site: Served) -> None:
    assert site.ask("/healthz")[0] == 200
    site.well.clear()
    assert site.ask("/healthz")[0] == 503
    before = site.looks
    with ExitStack() as stack:
        many = [stack.enter_context(closing(site.connect(HELD.replace(b"held", b"healthz")))) for _ in range(50)]
        assert {client.recv(100)[:12] for client in many} == {b"HTTP/1.1 503"}
    assert site.looks - before < 50


def test_beyond_a_small_number_of_waiting_requests_others_are_told_so_at_once(site: Served) -> None:
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(closing(site.connect(HELD)))
        wait_until(lambda: site.waiting == 4, 20)
        begun = time.monotonic()
        status, head, body = site.ask("/page")
        assert (status, body) == (503, b"busy")
        assert b"retry-after: 5" in head
        assert time.monotonic() - begun < 1
    wait_until(lambda: not site.connections, 20)
    site.pages.held.set()
    assert site.seconds_for("/page") < 5
    assert site.pages.made.count("/held") == 2  # for those who had gone nothing was made


def test_a_client_who_asks_for_much_takes_no_turn_of_another(tmp_path: Path) -> None:
    with served(tmp_path, threads=1, waiting=4, proxies=1) as site, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(closing(site.connect(HELD[:-2] + b"X-Forwarded-For: 192.0.2.1\r\n\r\n")))
        wait_until(lambda: site.pages.at_work == 1 and site.waiting == 4, 20)
        other = b"GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n"
        client = stack.enter_context(closing(site.connect(other)))
        wait_until(lambda: len(site.connections) == 6, 20)
        assert site.seconds_for("/healthz") < 1  # asked after it
        site.pages.held.set()
        assert everything(client).startswith(b"HTTP/1.1 200")
        assert site.pages.made.index("/other") <= 2


def test_what_is_sent_comes_whole_whether_its_length_is_told_or_not(site: Served) -> None:
    assert site.ask("/", b"a" * (OF_NOBODY - 1))[2] == f"{OF_NOBODY - 1} bytes".encode()
    assert site.ask("/", b"a" * OF_KNOWN, TOKEN)[2] == f"{OF_KNOWN} bytes".encode()
    chunk = b"186a0\r\n" + b"a" * 100_000 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    with closing(site.connect(head + b"\r\n" + chunk + b"0\r\n\r\n")) as client:
        assert answer_of(everything(client))[2] == b"100000 bytes"
    with closing(site.connect(head + TOKEN.encode() + b"\r\n\r\n" + chunk * 5 + b"0\r\n\r\n")) as client:
        assert answer_of(everything(client))[2] == b"500000 bytes"


def test_of_a_body_that_is_too_large_nothing_more_is_read_and_nobody_is_asked_to_send_it(site: Served) -> None:
    expects = "Expect: 100-continue"
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {OF_NOBODY + 1}\r\n{expects}\r\n\r\n".encode()
    with closing(site.connect(head)) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 413")
    chunk = b"186a0\r\n" + b"a" * 100_000 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with closing(site.connect(head)) as client:
        with suppress(ConnectionError):
            client.sendall(chunk * 3)
        assert client.recv(100).startswith(b"HTTP/1.1 413")
    assert site.ask("/", b"a" * (OF_KNOWN + 1), TOKEN)[0] == 413


@pytest.mark.parametrize("varies", ["address", "caller"])
def test_unfinished_uploads_of_one_caller_or_one_address_leave_room_for_others(varies: str, tmp_path: Path) -> None:
    with served(tmp_path, proxies=1, buffered_of_known=8 * OF_KNOWN) as site, ExitStack() as stack:
        for number in range(12):
            caller, address = ("ann", f"192.0.2.{number}") if varies == "address" else (f"ann{number}", "192.0.2.1")
            head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller}\r\nContent-Length: {OF_KNOWN}\r\n"
            client = stack.enter_context(closing(site.connect()))
            with suppress(ConnectionError):  # those beyond the share are refused
                client.sendall(f"{head}X-Forwarded-For: {address}\r\n\r\n".encode() + b"a" * (OF_KNOWN - KIB))
        share = 2 if varies == "address" else 4
        wait_until(lambda: len(site.connections) == share and site.on_disk("known") > (share - 1) * OF_KNOWN, 20)
        other = ("Authorization: Bearer bob", "X-Forwarded-For: 192.0.2.200")
        assert site.ask("/", b"a" * OF_KNOWN, *other)[0] == 200
        same = ("Authorization: Bearer ann", "X-Forwarded-For: 192.0.2.1")
        assert site.ask("/", b"a" * OF_KNOWN, *same)[0] == 503
    wait_until(lambda: site.on_disk("known") == 0, 20)


def test_strangers_who_fill_the_share_of_their_address_leave_room_for_others(tmp_path: Path) -> None:
    with served(tmp_path, proxies=1, buffered=8 * OF_NOBODY) as site, ExitStack() as stack:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {OF_NOBODY}\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
        for _ in range(12):
            client = stack.enter_context(closing(site.connect()))
            with suppress(ConnectionError):
                client.sendall(head.encode() + b"a" * (OF_NOBODY - KIB))
        wait_until(lambda: len(site.connections) == 2 and site.on_disk("strangers") > OF_NOBODY, 20)
        assert site.ask("/", b"a" * OF_NOBODY, "X-Forwarded-For: 192.0.2.2")[0] == 200


def test_answers_that_one_address_does_not_read_leave_room_for_others(tmp_path: Path) -> None:
    with served(tmp_path, proxies=1, buffered_of_known=8 * BIG) as site, ExitStack() as stack:
        for _ in range(12):
            client = stack.enter_context(closing(site.connect(small=True)))
            client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        wait_until(lambda: site.pages.made.count("/big") == 12, 20)
        assert 0 < site.on_disk("answers") <= 4 * BIG
        status, _, body = site.ask("/big", b"", "X-Forwarded-For: 192.0.2.2")
        assert (status, len(body)) == (200, BIG)


def test_bodies_on_the_disk_have_room_of_their_own_and_leave_nothing_behind(tmp_path: Path) -> None:
    whole = {"caller_share": 1, "address_share": 1}
    with (
        served(tmp_path, buffered=150 * KIB, buffered_of_known=2 * OF_KNOWN, **whole) as site,
        ExitStack() as stack,
    ):
        begun = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {OF_NOBODY}\r\n\r\n".encode() + b"a" * 90 * KIB
        stack.enter_context(closing(site.connect(begun)))
        wait_until(lambda: site.on_disk("strangers") >= 80 * KIB, 20)
        assert site.ask("/", b"a" * 90 * KIB)[0] == 503
        assert site.ask("/", b"a" * 90 * KIB, TOKEN)[0] == 503  # small enough that nobody asks who it is
        assert site.ask("/", b"a" * 300 * KIB, TOKEN)[0] == 200
        assert site.ask("/", b"a" * 30 * KIB)[0] == 200
        assert not list(tmp_path.iterdir())
    wait_until(lambda: site.on_disk("strangers") == 0, 20)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with served(tmp_path / "gone") as site:
        status, head, body = site.ask("/", b"a" * 90 * KIB)
        assert (status, b"retry-after" in head, body) == (
            507, True, b"There is no room for what was sent; try again later.\n",
        )  # fmt: skip
        assert site.ask("/", b"a" * KIB)[0] == 200


@pytest.mark.long
def test_large_answers_come_whole_and_lie_in_no_memory_while_they_are_read(tmp_path: Path) -> None:
    with served(tmp_path, threads=2) as site:
        they_do(site)


def they_do(site: Served) -> None:
    status, head, body = site.ask("/big")
    assert (status, len(body), f"content-length: {BIG}".encode() in head) == (200, BIG, True)
    assert site.ask("/big", method="HEAD")[2] == b""
    asked = b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
    before = forget_peak_memory()
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(closing(site.connect(asked, small=True)))
        wait_until(lambda: site.pages.closed.count("/big") == 42, 20)
        assert site.seconds_for("/") < 1
    assert peak_memory() - before < 60 * KIB * KIB  # of 160
    wait_until(lambda: site.on_disk("answers") == 0, 20)


def test_what_has_no_end_is_made_as_it_is_read_and_not_before(site: Served) -> None:
    with closing(site.connect(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")) as client:
        got = 0
        while got < 20 * KIB * KIB:
            got += len(client.recv(1 << 16))
    wait_until(lambda: "/endless" in site.pages.closed, 20)
    assert site.pages.pieces * 64 * KIB < 40 * KIB * KIB


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_request_that_two_servers_might_read_differently_is_refused(site: Served, request_head: bytes) -> None:
    with closing(site.connect(request_head)) as client:
        told = everything(client)
        assert told[:9] == b"HTTP/1.1 "
        assert told[9:12] in (b"400", b"431", b"501")
        assert told.count(b"HTTP/1.1") == 1
    assert not site.pages.made


def test_headers_are_told_as_they_came_and_none_can_pass_for_another(site: Served) -> None:
    _, _, body = site.ask(
        "/told", b"", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2", "X_Forwarded_For: 192.0.2.3",
        "Cookie: a=1", "Cookie: b=2",
    )  # fmt: skip
    assert "('HTTP_X_FORWARDED_FOR', '192.0.2.1,192.0.2.2')" in body.decode()
    assert "('HTTP_COOKIE', 'a=1; b=2')" in body.decode()
    assert "192.0.2.3" not in body.decode()


def test_an_address_with_its_host_is_the_same_address(site: Served) -> None:
    assert b"('HTTP_HOST', 'y')" in site.ask("http://y/told")[2]
    assert site.pages.made == ["/told"]
