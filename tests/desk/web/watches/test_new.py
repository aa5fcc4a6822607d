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
from tests.assets.site_browser import use_services
from tests.assets.source import collapse_whitespace
from tests.desk.web.watches.test_views import read_form_fields
from workers.tasks.sync_runner import SyncRunner

NEW_URL, CREATE_URL = "/o/studio/watches/new", "/o/studio/watches/make"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_services(monkeypatch, Services(replace(inline.services.config, allowed_networks=("127.0.0.0/8",))))
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


def read_offered_sources(page: str) -> list[str]:
    return [
        html.unescape(url) for url in re.findall(r'name="source" value="([^"]*)" checked', collapse_whitespace(page))
    ]


def test_own_site_is_marked_and_shared_hosts_are_not(ann: Client, shop: Site) -> None:
    assert '<input type="hidden" name="own" value="yes">' in ann.get(f"{NEW_URL}?own=yes").content.decode()
    page = ann.post(NEW_URL, {"address": shop.url("/"), "own": "yes"}).content.decode()
    assert re.search(r'<input type="checkbox" name="own"[^>]* checked', collapse_whitespace(page))
    form = read_form_fields(page) | {
        "source": read_offered_sources(page),
        "offered": read_offered_sources(page),
        "own": "on",
    }
    shared = ann.post(CREATE_URL, form | {"source": ["site https://www.flickr.com/"]})
    assert shared.status_code == 422
    assert "flickr.com" in shared.content.decode()
    ann.post(CREATE_URL, form)
    assert Watch.objects.get().own
    assert 'Your own sites: <span class="url">127.0.0.1</span>' in collapse_whitespace(
        ann.get("/o/studio/watches/1/").content.decode()
    )
    edit = "/o/studio/watches/1/edit"
    ann.post(edit, read_form_fields(ann.get(edit).content.decode()))  # with the box unchecked
    assert not Watch.objects.get().own


def test_pasted_url_becomes_a_running_watch(ann: Client, shop: Site) -> None:
    assert 'name="address"' in ann.get(NEW_URL).content.decode()
    page = ann.post(NEW_URL, {"address": f" {shop.url('/')} "}).content.decode()
    assert "The shop" in page
    assert read_offered_sources(page) == [f"site {shop.url('/')}", f"feed {shop.url('/feed.xml')}"]
    form = read_form_fields(page) | {
        "source": read_offered_sources(page),
        "offered": read_offered_sources(page),
        "now": "yes",
    }
    response = ann.post(CREATE_URL, form)
    watch = Watch.objects.get()
    assert response.headers["Location"] == "/o/studio/watches/1/crawls/1/"
    assert [source["kind"] for source in watch.sources] == ["site", "feed"]
    assert (watch.name, watch.interval_seconds, watch.budget["pages"]) == ("127.0.0.1", 86_400, 1_000)
    assert watch.crawls.get().state == "running"


def test_second_watch_of_a_site_gets_a_different_name(ann: Client, shop: Site) -> None:
    for name in ("127.0.0.1", "127.0.0.1 (2)"):
        page = ann.post(NEW_URL, {"address": shop.url("/")}).content.decode()
        assert read_form_fields(page)["name"] == name
        ann.post(
            CREATE_URL,
            read_form_fields(page) | {"source": read_offered_sources(page), "offered": read_offered_sources(page)},
        )
    assert Watch.objects.count() == 2
    assert not Watch.objects.filter(crawls__isnull=False).exists()


@pytest.mark.parametrize(
    "source", ["site http://10.0.0.1/", "site https://denied.example/a", "folder /etc", "warc /etc/passwd", "site", ""]
)
def test_forged_source_is_rejected(ann: Client, shop: Site, source: str) -> None:
    denylists.deny_host("denied.example", by="Ann", reason="asked")
    form = read_form_fields(ann.post(NEW_URL, {"address": shop.url("/")}).content.decode())
    response = ann.post(CREATE_URL, form | {"source": [source], "offered": [source]})
    assert response.status_code == 422
    assert 'class="errorlist' in response.content.decode()
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
def test_invalid_url_gets_a_clear_message(ann: Client, address: str) -> None:
    response = ann.post(NEW_URL, {"address": address})
    assert response.status_code == 422
    assert select(response, "[role=alert]")
    assert "<script>alert" not in response.content.decode()


def test_unreachable_site_can_be_watched(ann: Client, shop: Site) -> None:
    shop.routes["/"] = Answer(status=503)
    page = ann.post(NEW_URL, {"address": shop.url("/")}).content.decode()
    assert "503" in select(page, "#problem").get("")
    ann.post(
        CREATE_URL,
        read_form_fields(page) | {"source": read_offered_sources(page), "offered": read_offered_sources(page)},
    )
    assert Watch.objects.get().sources == [{"kind": "site", "url": shop.url("/")}]


def test_site_forbidden_by_robots_txt_is_not_offered(ann: Client, shop: Site) -> None:
    shop.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /\n")
    response = ann.post(NEW_URL, {"address": shop.url("/")})
    assert response.status_code == 422
    assert read_offered_sources(response.content.decode()) == []
