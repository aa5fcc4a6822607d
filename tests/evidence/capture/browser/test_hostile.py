"""Pages that want out, want everything or want no end, and browsers that die: nothing reaches the network by itself."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from evidence.capture.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional part capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from playwright.async_api import Browser, Error

from evidence.capture.browser.capturer import TRIES, BrowserCapturer
from evidence.capture.browser.running import memory_of
from exhibit.digests import Digest
from tests.assets.browser_captures import (
    AGENT,
    EVERYTHING,
    OPEN,
    PICTURE,
    capturer,
    capturer_with,
    file,
    record,
    refused,
    roles,
    site,
    visit,
)
from tests.assets.processes import wait_until
from tests.assets.site import Answer, Seen, Site

__all__ = ["capturer", "site"]


@pytest.mark.parametrize(
    ("html", "what"),
    [
        ('<iframe src="http://10.0.0.1/"></iframe>', ("document", "private-address")),
        ('<img src="http://169.254.169.254/latest/meta-data">', ("image", "private-address")),
        ('<script>fetch("http://127.0.0.2:1/")</script>', ("fetch", "private-address")),
        ('<script>fetch("/inward")</script>', ("fetch", "private-address")),
        ('<iframe src="/inward"></iframe>', ("document", "private-address")),
        ('<meta http-equiv="refresh" content="0;url=http://192.168.0.1/admin">', ("document", "private-address")),
        ('<script>location="http://[::1]/"</script>', ("document", "private-address")),
        ('<script>new WebSocket("ws://10.0.0.1/")</script>', ("websocket", "websocket")),
        ('<script>new EventSource("/stream")</script>', ("eventsource", "eventsource")),
        ('<script>fetch("/x",{method:"DELETE"})</script>', ("fetch", "method")),
        ('<video src="/film.mp4" autoplay></video>', ("media", "media")),
        ('<script>window.open("/other")</script>', ("popup", "popup")),
        ('<script>alert("stop")</script>', ("dialog", "alert")),
        ('<a id=a href="data:application/zip,x" download=x>x</a><script>a.click()</script>', ("download", "download")),
    ],
)
def test_what_the_page_may_not_do_is_not_done_and_written_down(
    capturer: BrowserCapturer, site: Site, html: str, what: tuple[str, str]
) -> None:
    site.page("/", f'<!doctype html><img src="photo.jpg">{html}')
    site.routes["/inward"] = Answer(status=302, headers=(("Location", "http://10.0.0.1/"),))
    captured = visit(capturer, site)
    assert what in refused(captured)
    assert (captured.outcome, roles(captured)) == ("captured", EVERYTHING)


ESCAPES = """<!doctype html><img src="photo.jpg"><link rel="preconnect" href="http://{other}/a">
<link rel="dns-prefetch" href="//exhibit-test.example"><link rel="prerender" href="http://{other}/b">
<link rel="prefetch" href="http://{other}/c"><a ping="http://{other}/d" href="#x" id="a">x</a>
<script>
navigator.sendBeacon("http://{other}/e", "x"); a.click();
for (const make of [
  () => new WebSocket("ws://{other}/f"), () => new EventSource("http://{other}/g"),
  () => navigator.serviceWorker.register("/sw.js"), () => new Worker("/worker.js"),
  () => new SharedWorker("/worker.js"),
  () => new WebTransport("https://{other}/h"), () => fetch("http://{other}/i", {{keepalive: true}}),
  () => window.open("http://{other}/j"),
  () => {{ const c = new RTCPeerConnection({{iceServers: [{{urls: "stun:{udp}"}},
             {{urls: "turn:{other}?transport=tcp", username: "u", credential: "p"}}]}});
           c.createDataChannel("x"); c.createOffer().then((o) => c.setLocalDescription(o)) }},
]) try {{ make() }} catch (error) {{ document.title += error.name + ' ' }}
</script>"""


def test_nothing_reaches_the_network_but_through_the_recorder(capturer: BrowserCapturer, site: Site) -> None:
    with Site(host="127.0.0.2") as other, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.0)
        ours = f"127.0.0.1:{udp.getsockname()[1]}"
        beyond = f"127.0.0.2:{other.port}"
        site.page("/", ESCAPES.format(other=beyond, udp=ours))
        code = f"fetch('http://{beyond}/w'); new WebSocket('ws://{beyond}/s')".encode()
        site.routes["/worker.js"] = site.routes["/sw.js"] = Answer(code, media_type="text/javascript")
        captured = visit(capturer, site)
        assert captured.outcome == "captured"
        assert other.seen == []
        with pytest.raises(BlockingIOError):
            udp.recv(100)
    assert site.times("/sw.js") == 0


def test_the_browser_alone_reaches_nothing(capturer: BrowserCapturer, site: Site) -> None:
    """Without the recorder between, not even the address that the guard allows."""

    async def go(browser: Browser) -> list[str]:
        page = await browser.new_page()
        said = []
        for address in (site.url("/"), site.url("/").replace("127.0.0.1", "localhost"), "http://1.1.1.1/"):
            try:
                await page.goto(address, timeout=5000)
            except Error as error:
                said.append(str(error).partition("net::")[2].split()[0])
        await page.close()
        return said

    assert capturer.browser.run(go) == ["ERR_PROXY_CONNECTION_FAILED"] * 3
    assert site.seen == []


ENDLESS = """<p style="height:2000px"></p>
<script>onscroll=()=>document.body.append(Object.assign(document.createElement("p"), {style: "height:3000px"}))</script>
"""


@pytest.mark.parametrize(
    ("html", "routes"),
    [
        ("<script>while(true){}</script>", {}),
        ("<script>while(true) alert(1)</script>", {}),
        ("<script>onbeforeunload=()=>1; setInterval(()=>{location.reload()},1)</script>", {}),
        (ENDLESS, {}),
        ("<script>setInterval(()=>fetch('/x?'+Math.random()),1)</script>", {}),
        ("<script src='/slow.js'></script>", {"/slow.js": Answer(b"", length=-1, pieces=100, pause=0.2)}),
        ("<img src='/round'>", {"/round": Answer(status=302, headers=(("Location", "/round"),))}),
        ("<iframe src='/'></iframe>", {}),
        ("<script>location='/?'+Math.random()</script>", {}),
        ("<div style='height:1e9px;width:1e9px'></div>", {}),
        ("<script>document.write('<p>x'.repeat(3e5))</script>", {}),
        ("<script>setTimeout(()=>{let a=[];while(true)a.push(new Array(1e6).fill(7))},500)</script>", {}),
        ("<script>Element.prototype.scrollIntoView=()=>{throw 1};document.querySelectorAll=()=>{throw 1}</script>", {}),
    ],
)  # fmt: skip
def test_hostile_pages_end_and_keep_what_was_served(
    capturer: BrowserCapturer, site: Site, html: str, routes: dict[str, Answer]
) -> None:
    site.routes.update(routes)
    site.page("/", f'<!doctype html><img src="photo.jpg">{html}')
    begun = time.monotonic()
    captured = visit(capturer, site)
    assert time.monotonic() - begun < 75
    assert (captured.outcome, captured.image) == ("captured", Digest.of(PICTURE)), captured.sentence
    assert PICTURE in file(captured, "exchange")
    calm = visit(capturer, site, "/calm")
    assert calm.method == "browser"


@pytest.mark.parametrize(
    "html",
    [
        "<script>document.title='A \\ud800 shop'</script>",
        "<script>Array.prototype.flatMap=()=>[[1],{0:document.body,1:1.5},{0:document.body,1:-0}]</script>",
        "<input type=password><script>Array.prototype.push=function(){this[0]={}}</script>",
        "<link rel=stylesheet href=br.css>",
    ],
)
def test_pages_that_set_traps_for_this_program_are_captured_with_the_browser(
    capturer: BrowserCapturer, site: Site, html: str
) -> None:
    site.routes["/br.css"] = Answer(b"no such", media_type="text/css", headers=(("Content-Encoding", "br"),))
    site.page("/", f'<!doctype html><img src="photo.jpg">{html}')
    captured = visit(capturer, site)
    assert (captured.outcome, captured.method) == ("captured", "browser"), captured.sentence


def test_a_denied_host_is_asked_for_no_part_of_a_page(capturer: BrowserCapturer, site: Site) -> None:
    with Site() as other:
        beyond = other.url("/").replace("127.0.0.1", "localhost")
        site.page("/", f'<!doctype html><img src="photo.jpg"><img src="{beyond}x.jpg"><img src="/there">')
        site.routes["/there"] = Answer(status=302, headers=(("Location", f"{beyond}y.jpg"),))
        expected = Digest.of(PICTURE)
        captured = capturer.capture(site.url("/"), site.url("/photo.jpg"), expected, {"localhost"}.__contains__)
        assert other.seen == []
    assert (captured.outcome, refused(captured)) == ("captured", {("image", "denied-host")})


def test_a_page_that_gives_no_whole_answer_is_said_to_be_slow(site: Site) -> None:
    site.routes["/"] = Answer(b"<p>", length=1000, pieces=60, pause=0.1)
    slow = capturer_with(seconds=8, load_seconds=1, resource_seconds=20)
    captured = visit(slow, site)
    slow.close()
    assert captured.outcome == "unreachable"
    assert "The server gave no whole answer in time." in captured.sentence
    assert [one["reason"] for one in record(captured)["failures"]] == ["too-slow"]


def test_a_page_at_which_this_program_fails_is_visited_without_a_browser(
    capturer: BrowserCapturer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("0")

    site.page("/", '<!doctype html><img src="photo.jpg">')
    monkeypatch.setattr("evidence.capture.browser.capturer.judged", fail)
    captured = visit(capturer, site)
    assert (captured.outcome, captured.method) == ("captured", "http")
    assert captured.sentence.endswith("Visited without a browser: this program failed at the page.")


def test_a_page_that_asks_for_too_much_is_cut_short(site: Site) -> None:
    site.page("/", "<!doctype html><img src=photo.jpg>" + "".join(f'<img src="/{n}.jpg">' for n in range(30)))
    for number in range(30):
        site.image(f"/{number}.jpg", number)
    small = capturer_with(requests=10, seconds=20)
    captured = visit(small, site)
    small.close()
    assert refused(captured) == {("image", "too-many-requests")}
    assert len(record(captured)["resources"]) == 10


def test_all_bytes_of_a_page_are_counted_also_of_what_is_too_large(site: Site) -> None:
    """A thousand pictures over their own limit would otherwise bring a thousand times as much as may come."""
    site.page("/", "<!doctype html>" + "".join(f'<img src="/{n}.jpg">' for n in range(60)))
    for number in range(60):  # no length is declared, so that each is read up to its limit
        site.routes[f"/{number}.jpg"] = Answer(bytes(300_000), media_type="image/jpeg", length=-1)
    small = capturer_with(resource_bytes=100_000, all_bytes=1_000_000, seconds=30)
    captured = visit(small, site, image="/none.jpg")
    small.close()
    assert refused(captured) == {("image", "too-many-bytes")}
    assert len(file(captured, "wacz")) < 1_000_000 + 6 * 200_000
    assert ("image", "too-many-bytes") in {(one["kind"], one["reason"]) for one in record(captured)["not_loaded"]}


def test_one_browser_serves_many_captures_and_a_killed_one_is_replaced(site: Site) -> None:
    site.page("/", '<!doctype html><img src="photo.jpg">')
    ours = capturer_with(seconds=15)
    assert (visit(ours, site).method, visit(ours, site).method) == ("browser", "browser")
    first = ours.browser.pid
    os.kill(first, signal.SIGKILL)
    assert visit(ours, site).method == "browser"
    second = ours.browser.pid
    assert second != first
    driver = next(one for one in psutil.Process(second).parents() if "node" in one.name())
    driver.kill()
    assert visit(ours, site).method == "browser"
    third = ours.browser.pid
    ours.close()
    wait_until(lambda: not any(map(_lives, (first, second, third))))


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_browser_that_is_killed_twice_in_the_middle_is_replaced_and_the_capture_made_again(site: Site) -> None:
    ours = capturer_with(seconds=15)

    def kill(_: Seen) -> Answer:
        if site.times("/kill.css") < TRIES:
            os.kill(ours.browser.pid, signal.SIGKILL)
        return Answer(b"", media_type="text/css")

    site.page("/", '<!doctype html><link rel=stylesheet href=kill.css><img src="photo.jpg">')
    site.routes["/kill.css"] = kill
    captured = visit(ours, site)
    ours.close()
    assert (captured.outcome, captured.method) == ("captured", "browser")
    assert roles(captured) == EVERYTHING
    assert site.times("/") == TRIES == 3


def test_a_browser_that_always_dies_leaves_a_capture_without_one(site: Site) -> None:
    ours = capturer_with(seconds=15)

    def kill(_: Seen) -> Answer:
        os.kill(ours.browser.pid, signal.SIGKILL)
        return Answer(b"", media_type="text/css")

    site.page("/", '<!doctype html><link rel=stylesheet href=kill.css><img src="photo.jpg">')
    site.routes["/kill.css"] = kill
    captured = visit(ours, site)
    ours.close()
    assert (captured.outcome, captured.method) == ("captured", "http")
    assert captured.sentence.endswith("Visited without a browser: The browser ended.")


def test_a_page_that_takes_too_much_memory_costs_the_browser_its_life(site: Site) -> None:
    ours = capturer_with(seconds=15, memory_bytes=1)
    site.page("/", '<!doctype html><img src="photo.jpg">')
    captured = visit(ours, site)
    ours.close()
    assert captured.sentence.endswith("Visited without a browser: The page took too much memory.")
    assert memory_of(os.getpid()) > 1 << 20


def test_a_program_that_is_no_browser_leaves_a_capture_without_one(site: Site, tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    site.page("/", '<!doctype html><img src="photo.jpg">')
    ours = BrowserCapturer(program, OPEN, AGENT)
    captured = visit(ours, site)
    ours.close()
    assert (captured.outcome, captured.method) == ("captured", "http")
    assert f"The browser {program} can't be started" in captured.sentence


def test_a_browser_that_does_not_start_is_not_tried_with_every_capture(site: Site, tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text('#!/bin/sh\necho x >> "$0.log"; exit 1\n')
    program.chmod(0o755)
    site.page("/", '<!doctype html><img src="photo.jpg">')
    ours = BrowserCapturer(program, OPEN, AGENT)
    sentences = {visit(ours, site).sentence for _ in range(3)}
    ours.close()
    assert len(sentences) == 1
    assert (tmp_path / "chromium.log").read_text() == "x\nx\n"


ORPHAN = """
import sys
from tests.assets.browser_captures import capturer_with
ours = capturer_with(seconds=15)
async def name(browser): return browser.version
ours.browser.run(name)
print(ours.browser.pid, flush=True)
sys.stdin.read()
"""


def test_a_browser_ends_with_its_worker_however_suddenly_that_is(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        browser = psutil.Process(int(worker.stdout.readline()))
        family = [browser, *browser.children(recursive=True), *browser.parents()[:1]]
        worker.kill()
    wait_until(lambda: not any(one.is_running() and one.status() != "zombie" for one in family))
