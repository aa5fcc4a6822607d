"""Test that all requests of a page go through the recorder, and are limited."""

import socket

import pytest

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)
from evidence.capture.browser.capturer import BrowserCapturer
from exhibit.digests import Digest
from tests.assets.browser_captures import (
    EVERYTHING,
    PICTURE,
    capturer_with,
    failed_resources,
    file_data,
    file_roles,
    record,
    visit,
)
from tests.assets.site import Answer, Site

PRIVATE_ADDRESS_FAILURE = ("document", "private-address")
FORBIDDEN_REQUESTS = (
    ('<iframe src="http://10.0.0.1/"></iframe><iframe src="/inward"></iframe>', PRIVATE_ADDRESS_FAILURE),
    ('<img src="http://169.254.169.254/latest/meta-data">', ("image", "private-address")),
    ('<script>fetch("http://127.0.0.2:1/"); fetch("/inward")</script>', ("fetch", "private-address")),
    ('<script>new WebSocket("ws://10.0.0.1/")</script>', ("websocket", "websocket")),
    ('<script>new EventSource("/stream")</script>', ("eventsource", "eventsource")),
    ('<script>fetch("/x",{method:"DELETE"})</script>', ("fetch", "method")),
    ('<video src="/film.mp4" autoplay></video>', ("media", "media")),
    ('<script>window.open("/other")</script>', ("popup", "popup")),
    ('<script>alert("stop")</script>', ("dialog", "alert")),
    ('<a id=a href="data:application/zip,x" download=x>x</a><script>a.click()</script>', ("download", "download")),
)


@pytest.mark.long
def test_forbidden_requests_are_blocked_and_recorded(capturer: BrowserCapturer, site: Site) -> None:
    site.routes["/inward"] = Answer(status=302, headers=(("Location", "http://10.0.0.1/"),))
    everything = "".join(html for html, _ in FORBIDDEN_REQUESTS)
    for html, what in (
        (everything, {label for _, label in FORBIDDEN_REQUESTS}),
        ('<meta http-equiv="refresh" content="0;url=http://192.168.0.1/admin">', {PRIVATE_ADDRESS_FAILURE}),
        ('<script>location="http://[::1]/"</script>', {PRIVATE_ADDRESS_FAILURE}),
    ):
        site.page("/", f'<!doctype html><img src="photo.jpg">{html}')
        captured = visit(capturer, site)
        assert failed_resources(captured) >= what
        assert (captured.outcome, file_roles(captured)) == ("captured", EVERYTHING)
    assert {label.path for label in site.requests} <= {"/", "/photo.jpg", "/inward", "/favicon.ico"}


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


@pytest.mark.long
def test_all_traffic_goes_through_recorder(capturer: BrowserCapturer, site: Site) -> None:
    with Site(host="127.0.0.2") as other, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.0)
        own_address = f"127.0.0.1:{udp.getsockname()[1]}"
        beyond = f"127.0.0.2:{other.port}"
        site.page("/", ESCAPES.format(other=beyond, udp=own_address))
        code = f"fetch('http://{beyond}/w'); new WebSocket('ws://{beyond}/s')".encode()
        site.routes["/worker.js"] = site.routes["/sw.js"] = Answer(code, media_type="text/javascript")
        captured = visit(capturer, site)
        assert captured.outcome == "captured"
        assert other.requests == []
        with pytest.raises(BlockingIOError):
            udp.recv(100)
    assert site.count_requests("/sw.js") == 0


@pytest.mark.long
def test_denied_host_is_never_requested(capturer: BrowserCapturer, site: Site) -> None:
    with Site() as other:
        beyond = other.url("/").replace("127.0.0.1", "localhost")
        site.page("/", f'<!doctype html><img src="photo.jpg"><img src="{beyond}x.jpg"><img src="/there">')
        site.routes["/there"] = Answer(status=302, headers=(("Location", f"{beyond}y.jpg"),))
        expected = Digest.from_bytes(PICTURE)
        captured = capturer.capture(site.url("/"), site.url("/photo.jpg"), expected, {"localhost"}.__contains__)
        assert other.requests == []
    assert (captured.outcome, failed_resources(captured)) == ("captured", {("image", "denied-host")})


@pytest.mark.long
def test_page_with_too_many_requests_is_truncated(site: Site) -> None:
    site.page("/", "<!doctype html><img src=photo.jpg>" + "".join(f'<img src="/{n}.jpg">' for n in range(30)))
    for number in range(30):
        site.image(f"/{number}.jpg", number)
    small = capturer_with(requests=10, seconds=20)
    captured = visit(small, site)
    small.close()
    assert failed_resources(captured) == {("image", "too-many-requests")}
    assert len(record(captured)["resources"]) == 10


@pytest.mark.long
def test_oversized_responses_count_towards_page_limit(site: Site) -> None:
    """Test the limit. Without it, a thousand oversized images would transfer a thousand times the maximum."""
    site.page("/", "<!doctype html>" + "".join(f'<img src="/{n}.jpg">' for n in range(60)))
    for number in range(60):  # without a Content-Length, each response is read up to its limit
        site.routes[f"/{number}.jpg"] = Answer(bytes(300_000), media_type="image/jpeg", length=-1)
    small = capturer_with(resource_bytes=100_000, all_bytes=1_000_000, seconds=30)
    captured = visit(small, site, image="/none.jpg")
    small.close()
    assert failed_resources(captured) == {("image", "too-many-bytes")}
    assert len(file_data(captured, "wacz")) < 1_000_000 + 6 * 200_000
    assert ("image", "too-many-bytes") in {(row["kind"], row["reason"]) for row in record(captured)["not_loaded"]}
