"""Test a new watch on the site: a URL is pasted, inspected, and becomes a watch."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client

from registry.crawls import denylists
from registry.models import Owner, User, Watch
from registry.services.services import Services
from tests.assets.pages import select
from tests.assets.rows import owner
from tests.assets.site import Answer, Site
from tests.assets.site_browser import use_house
from tests.assets.source import flat
from tests.desk.web.watches.test_views import fields
from workers.tasks.sync_runner import SyncRunner

NEW, MAKE = "/o/studio/watches/new", "/o/studio/watches/make"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_house(monkeypatch, Services(replace(inline.services.config, allowed_networks=("127.0.0.0/8",))))
    return owner("studio")


@pytest.fixture
def ann(studio: Owner) -> Client:
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user)
    client.force_login(user)
    return client


@pytest.fixture
def shop() -> Iterator[Site]:
    with Site() as site:
        page = b'<title>The shop</title><link rel=alternate type="application/rss+xml" href="/feed.xml">'
        site.routes = {"/": Answer(page), "/robots.txt": Answer(b"Crawl-delay: 2\nUser-agent: *\nDisallow: /cart\n")}
        yield site


def offered(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'name="source" value="([^"]*)" checked', flat(page))]


def test_ones_own_site_is_called_so_on_the_way_and_what_many_share_is_nobodys(ann: Client, shop: Site) -> None:
    assert '<input type="hidden" name="own" value="yes">' in ann.get(f"{NEW}?own=yes").content.decode()
    page = ann.post(NEW, {"address": shop.url("/"), "own": "yes"}).content.decode()
    assert re.search(r'<input type="checkbox" name="own"[^>]* checked', flat(page))
    given = fields(page) | {"source": offered(page), "offered": offered(page), "own": "on"}
    shared = ann.post(MAKE, given | {"source": ["site https://www.flickr.com/"]})
    assert shared.status_code == 422
    assert "flickr.com" in shared.content.decode()
    ann.post(MAKE, given)
    assert Watch.objects.get().own
    assert 'Your own place: <span class="url">127.0.0.1</span>' in flat(
        ann.get("/o/studio/watches/1/").content.decode()
    )
    edit = "/o/studio/watches/1/edit"
    ann.post(edit, fields(ann.get(edit).content.decode()))  # with the box unchecked
    assert not Watch.objects.get().own


def test_a_pasted_address_becomes_a_watch_that_runs(ann: Client, shop: Site) -> None:
    assert 'name="address"' in ann.get(NEW).content.decode()
    page = ann.post(NEW, {"address": f" {shop.url('/')} "}).content.decode()
    assert "The shop" in page
    assert offered(page) == [f"site {shop.url('/')}", f"feed {shop.url('/feed.xml')}"]
    given = fields(page) | {"source": offered(page), "offered": offered(page), "now": "yes"}
    answer = ann.post(MAKE, given)
    watch = Watch.objects.get()
    assert answer.headers["Location"] == "/o/studio/watches/1/crawls/1/"
    assert [one["kind"] for one in watch.sources] == ["site", "feed"]
    assert (watch.name, watch.interval_seconds, watch.budget["pages"]) == ("127.0.0.1", 86_400, 1_000)
    assert watch.crawls.get().state == "doing"


def test_a_second_watch_of_a_site_gets_another_name(ann: Client, shop: Site) -> None:
    for name in ("127.0.0.1", "127.0.0.1 (2)"):
        page = ann.post(NEW, {"address": shop.url("/")}).content.decode()
        assert fields(page)["name"] == name
        ann.post(MAKE, fields(page) | {"source": offered(page), "offered": offered(page)})
    assert Watch.objects.count() == 2
    assert not Watch.objects.filter(crawls__isnull=False).exists()


@pytest.mark.parametrize(
    "source", ["site http://10.0.0.1/", "site https://denied.example/a", "folder /etc", "warc /etc/passwd", "site", ""]
)
def test_what_a_form_makes_up_is_no_source(ann: Client, shop: Site, source: str) -> None:
    denylists.deny("denied.example", by="Ann", reason="asked")
    given = fields(ann.post(NEW, {"address": shop.url("/")}).content.decode())
    answer = ann.post(MAKE, given | {"source": [source], "offered": [source]})
    assert answer.status_code == 422
    assert 'class="errorlist' in answer.content.decode()
    assert not Watch.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "not a url",
        "",
        "ftp://shop.example/",
        "http://10.0.0.1/",
        "https://shop.invalid/",
        "<script>alert(1)</script>",
    ],
)
def test_what_is_no_address_gets_a_clear_answer(ann: Client, address: str) -> None:
    answer = ann.post(NEW, {"address": address})
    assert answer.status_code == 422
    assert select(answer, "[role=alert]")
    assert "<script>alert" not in answer.content.decode()


def test_a_site_that_doesnt_answer_now_can_be_watched_all_the_same(ann: Client, shop: Site) -> None:
    shop.routes["/"] = Answer(status=503)
    page = ann.post(NEW, {"address": shop.url("/")}).content.decode()
    assert "503" in select(page, "#problem").get("")
    ann.post(MAKE, fields(page) | {"source": offered(page), "offered": offered(page)})
    assert Watch.objects.get().sources == [{"kind": "site", "url": shop.url("/")}]


def test_a_site_whose_robots_txt_forbids_it_isnt_offered(ann: Client, shop: Site) -> None:
    shop.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /\n")
    answer = ann.post(NEW, {"address": shop.url("/")})
    assert answer.status_code == 422
    assert offered(answer.content.decode()) == []
