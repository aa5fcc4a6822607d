"""Test that each redirect of a visit is a separate step, and that obstacles are reported."""

from evidence.capture.http_capturer import CaptureLimits
from tests.assets.exact_site import PAGE, Site, answer, capture, file, network


def test_each_redirect_is_recorded(site: Site) -> None:
    site.answers["/old"] = answer(b"moved", "301 Moved", "Location: /shop#top\r\n")
    captured = capture(site, page="/old")
    assert captured.outcome == "captured"
    exchanges = network(captured)["exchanges"]
    assert [(each["url"], each["status"]) for each in exchanges[:2]] == [
        (f"{site.url}/old", 301),
        (f"{site.url}/shop", 200),
    ]
    assert site.answers["/old"] in file(captured, "exchange")


def test_login_redirect_is_an_obstacle(site: Site) -> None:
    site.answers["/members"] = answer(b"", "302 Found", "Location: /login?next=/members\r\n")
    site.answers["/login?next=/members"] = answer(PAGE)
    captured = capture(site, page="/members")
    assert (captured.outcome, "redirects to a login" in captured.sentence) == ("unreachable", True)
    site.answers["/a"] = answer(b"", "302 Found", "Location: /authors/blogin\r\n")
    site.answers["/authors/blogin"] = answer(PAGE)
    assert capture(site, page="/a").outcome == "captured"


def test_endless_redirects_are_unreachable(site: Site) -> None:
    site.answers["/round"] = answer(b"", "302 Found", "Location: /round\r\n")
    captured = capture(site, page="/round")
    assert (captured.outcome, "redirects too many times" in captured.sentence) == ("unreachable", True)


def test_time_limit_covers_whole_visit(site: Site) -> None:
    captured = capture(site, limits=CaptureLimits(seconds=0))
    assert captured.outcome == "unreachable"
    assert "time limit for this visit was reached" in captured.sentence
    assert site.asked == []
