from pathlib import Path

import pytest
from scrapy import Request
from scrapy.http import Response

from crawler.fetching.cookies import CookieMiddleware
from tests.assets.crawling import crawl
from tests.assets.site import Answer, ReceivedRequest, Site, picture


def test_site_requiring_a_cookie_is_crawled(tmp_path: Path) -> None:
    def wall(request: ReceivedRequest) -> Answer:
        if "seen=1" in request.headers.get("cookie", ""):
            return Answer(b"<img src=/i.jpg>")
        return Answer(status=302, headers=(("Location", "/"), ("Set-Cookie", "seen=1; Path=/; HttpOnly")))

    with Site() as site:
        site.routes["/"] = wall
        site.routes["/i.jpg"] = Answer(picture(1), "image/jpeg")
        done = crawl(tmp_path, sources=[{"kind": "list", "urls": [site.url()]}], limits={"depth": 0})
    assert done.sighting(site.url("/i.jpg")).status == 200
    assert done.refusals == {}


def send_cookies(cookies: CookieMiddleware, url: str, **headers: str) -> str:
    request = Request(url, headers=headers)
    cookies.process_request(request)
    return (request.headers.get("Cookie") or b"").decode()


def receive(cookies: CookieMiddleware, url: str, *lines: str) -> None:
    cookies.process_response(Request(url), Response(url, headers={"Set-Cookie": list(lines)}))


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("a=1", {"https://www.a.co.uk/x"}),
        ("a=1; Domain=a.co.uk", {"https://www.a.co.uk/x", "https://img.a.co.uk/"}),
        ("a=1; Domain=co.uk", set()),
        ("a=1; Domain=co.uk.", set()),
        ("a=1; Domain=b.co.uk", set()),
        ("a=1; Path=/y", set()),
        ("a=1; Max-Age=0", set()),
        (f"a={'1' * 5_000}", set()),
    ],
)
def test_cookie_is_sent_only_to_matching_hosts(line: str, where: set[str]) -> None:
    cookies = CookieMiddleware()
    receive(cookies, "https://www.a.co.uk/", line)
    every = ("https://www.a.co.uk/x", "https://img.a.co.uk/", "https://b.co.uk/", "https://other.example/")
    assert {url for url in every if send_cookies(cookies, url)} == where


def test_redirect_does_not_leak_cookies() -> None:
    assert send_cookies(CookieMiddleware(), "https://b.example/", Cookie="of=a") == ""


def test_cookie_storage_per_server_is_limited() -> None:
    cookies = CookieMiddleware()
    for number in range(200):
        receive(cookies, f"https://h{number}.a.co.uk/", f"c{number}=1; Domain=a.co.uk")
    receive(cookies, "https://a.co.uk/", "new=2; Domain=a.co.uk")
    sent_values = send_cookies(cookies, "https://a.co.uk/").split("; ")
    assert len(sent_values) == 50
    assert "new=2" in sent_values
    for number in range(300):
        receive(cookies, f"https://p{number}.co.uk/", "c=1")
    assert not send_cookies(cookies, "https://a.co.uk/")
    assert send_cookies(cookies, "https://p299.co.uk/") == "c=1"


@pytest.mark.parametrize(
    "line",
    [
        "a=2",
        "a=2; Domain=a.co.uk",
        "a=2; Path=/x/y",
        "a=2; Secure",
    ],
)
def test_http_cannot_overwrite_secure_cookies(line: str) -> None:
    cookies = CookieMiddleware()
    receive(cookies, "https://www.a.co.uk/x", "a=1; Secure; Path=/x; Domain=a.co.uk")
    receive(cookies, "http://www.a.co.uk/x/", line)
    assert send_cookies(cookies, "https://www.a.co.uk/x/y") == "a=1"
    receive(cookies, "https://www.a.co.uk/x", "a=3; Secure; Path=/x; Domain=a.co.uk")
    assert send_cookies(cookies, "https://www.a.co.uk/x/y") == "a=3"


def test_http_cannot_shadow_secure_cookies() -> None:
    cookies = CookieMiddleware()
    receive(cookies, "https://a.co.uk/", "a=1; Secure; Path=/x", "b=1")
    receive(cookies, "http://a.co.uk/", "a=2; Path=/", "a=3; Path=/xy", "b=2", "c=2")
    receive(cookies, "http://b.co.uk/", "a=4")
    assert send_cookies(cookies, "http://a.co.uk/") == "b=2; a=2; c=2"
    assert send_cookies(cookies, "http://a.co.uk/xy") == "a=3; b=2; a=2; c=2"
    assert send_cookies(cookies, "https://a.co.uk/x") == "a=1; b=2; a=2; c=2"
    assert send_cookies(cookies, "http://b.co.uk/") == "a=4"


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost", "github.io"])
def test_cookie_whose_domain_equals_the_host_is_host_only(host: str) -> None:
    cookies = CookieMiddleware()
    receive(cookies, f"http://{host}:8000/", f"a=1; Domain={host}")
    assert send_cookies(cookies, f"http://{host}:8000/x") == "a=1"
    assert not send_cookies(cookies, f"http://x.{host}/")
