"""Test that the visitor identifies itself, and contacts no private or denied hosts."""

from evidence.capture.http_capturer import HttpCapturer
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from tests.assets.exact_site import AGENT, PAGE, PICTURE, Site, answer, capture, file, network


def test_visitor_sends_user_agent_and_referrer(site: Site) -> None:
    capture(site)
    (page, page_headers), (image, image_headers) = site.asked
    assert (page, image) == ("/shop", "/red%20one.png")
    assert page_headers["User-Agent"] == image_headers["User-Agent"] == AGENT
    assert page_headers["Accept-Encoding"] == "identity"
    assert image_headers["Referer"] == f"{site.url}/shop"


def test_other_site_receives_only_origin_as_referrer(site: Site) -> None:
    with Site().running() as shop:
        shop.answers["/basket?id=1"] = answer(PAGE)
        capture(site, page=f"{shop.url}/basket?id=1#part")
    assert site.asked[0][1]["Referer"] == f"{shop.url}/"


def test_private_addresses_are_rejected_also_after_redirect(site: Site) -> None:
    captured = capture(site, guard=Guard())
    assert captured.outcome == "unreachable"
    assert {each["reason"] for each in network(captured)["failures"]} == {"private-address"}
    assert site.asked == []
    site.answers["/shop"] = answer(b"", "302 Found", "Location: http://169.254.169.254/latest\r\n")
    captured = capture(site)
    assert (captured.outcome, captured.image) == ("unreachable", Digest.from_bytes(PICTURE))
    failure = {"url": f"{site.url}/shop", "at": "http://169.254.169.254/latest", "reason": "private-address"}
    assert network(captured)["failures"] == [failure]
    assert b"WARC-Truncated" not in file(captured, "exchange")


def test_denied_host_is_not_requested_after_redirect(site: Site) -> None:
    with Site().running() as other:
        other.answers["/shop"] = answer(PAGE)
        target = other.url.replace("127.0.0.1", "localhost")
        site.answers["/shop"] = answer(b"", "302 Found", f"Location: {target}/shop\r\n")
        guard = Guard(allowed_networks=("127.0.0.0/8",))
        page, image = f"{site.url}/shop", f"{site.url}/red%20one.png"
        captured = HttpCapturer(guard, AGENT).capture(
            page, image, Digest.from_bytes(PICTURE), {"localhost"}.__contains__
        )
        assert other.asked == []
    assert (captured.outcome, "rules do not allow visits to localhost" in captured.sentence) == ("unreachable", True)
    assert [failure["reason"] for failure in network(captured)["failures"]] == ["denied-host"]
