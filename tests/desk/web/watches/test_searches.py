"""Test image searches on the site: keys that are stored and never shown, and watches that use them."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client

from desk.texts.crawl_refusals import OUTCOME_SENTENCES, SPENDING_SENTENCES
from desk.texts.numbers import counted
from exhibit.clock import now
from registry.crawls import watch_settings
from registry.crawls.budgets import RUN_COST_KEY
from registry.crawls.search_keys import get_key
from registry.models import Inquiry, Owner, Role, SearchKey, User, Watch
from registry.services.services import Services
from tests.assets.pages import message_levels, numbers_at
from tests.assets.rows import owner
from tests.assets.searches import KEY, add_market_mapping
from tests.assets.site import Site, picture
from tests.assets.site_browser import use_services
from tests.assets.source import collapse_whitespace
from tests.assets.web_archive_server import ArchivedCapture, WebArchive
from tests.desk.web.watches.test_views import read_form_fields
from workers.tasks.sync_runner import SyncRunner

PAGE = "/o/studio/watches/searches/"


@pytest.fixture
def services(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    new_services = Services(replace(inline.services.config, allowed_networks=("127.0.0.0/8",)))
    use_services(monkeypatch, new_services)
    with Site() as site:
        add_market_mapping(new_services.config.data_dir, site)
        yield new_services


def create_member_client(of: Owner, role: Role, name: str) -> Client:
    client, user = Client(), User.objects.create_user(username=name, email=name, password="not used")
    of.memberships.create(user=user, role=role)
    client.force_login(user)
    return client


@pytest.fixture
def studio(services: Services) -> Owner:
    return owner("studio")


@pytest.fixture
def ann(studio: Owner) -> Client:
    return create_member_client(studio, Role.OWNER, "ann@example.org")


def test_search_key_is_stored_and_never_shown(ann: Client, studio: Owner, services: Services) -> None:
    page = ann.get(PAGE).content.decode()
    assert "TinEye" in page
    assert "/watches/searches/tineye/drop" not in page
    response = ann.post(f"{PAGE}tineye/key", {"key": f" {KEY} "}, follow=True)
    assert KEY not in response.content.decode()
    assert "/watches/searches/tineye/drop" in response.content.decode()
    assert get_key(services, studio, "tineye") == KEY
    ann.post(f"{PAGE}tineye/key", {"key": "another"})
    assert get_key(services, studio, "tineye") == "another"
    ann.post(f"{PAGE}tineye/drop")
    assert not SearchKey.objects.exists()


@pytest.mark.parametrize("key", ["", "two\nlines", "钥匙", "x" * 5_000])
def test_invalid_search_key_is_explained_and_not_repeated(ann: Client, key: str) -> None:
    response = ann.post(f"{PAGE}tineye/key", {"key": key}, follow=True)
    assert message_levels(response) == ["error"]
    assert not key or key not in response.content.decode()
    assert not SearchKey.objects.exists()


def test_consent_is_explained_and_only_owners_grant_it(ann: Client, studio: Owner) -> None:
    page = collapse_whitespace(ann.get(PAGE).content.decode())
    assert "Searches are bought in bundles" in page  # as in the service's own mapping
    assert "1,024 pixels" in page
    assert '<span class="url">https://tineye.com/terms' in page
    assert "id:secret" in page
    ann.post(f"{PAGE}tineye/key", {"key": KEY})
    unsent = "You have not allowed copies of your works to be sent to this service yet"
    assert unsent in collapse_whitespace(ann.get(f"{PAGE}tineye/watch").content.decode())
    reviewer = create_member_client(studio, Role.REVIEWER, "bea@example.org")
    for way in ("allow", "disallow"):
        assert reviewer.post(f"{PAGE}tineye/{way}").status_code == 403
    ann.post(f"{PAGE}tineye/allow")
    assert studio.search_consents.get().given_by == "ann@example.org"
    assert unsent not in collapse_whitespace(ann.get(f"{PAGE}tineye/watch").content.decode())
    assert "allowed by ann@example.org" in collapse_whitespace(ann.get(PAGE).content.decode())
    ann.post(f"{PAGE}tineye/disallow")
    assert not studio.search_consents.exists()
    assert ann.post(f"{PAGE}nothing/allow").status_code == 404


def test_unknown_search_is_not_found(ann: Client) -> None:
    assert ann.post(f"{PAGE}nothing/key", {"key": KEY}).status_code == 404
    assert ann.get(f"{PAGE}nothing/watch").status_code == 404


def test_picture_search_watch_is_created_with_selected_search_services(ann: Client, studio: Owner) -> None:
    ann.post(f"{PAGE}tineye/key", {"key": KEY})
    form = read_form_fields(ann.get(f"{PAGE}tineye/watch").content.decode())
    assert (form["name"], form["searches"]) == ("TinEye", "50")
    ann.post(f"{PAGE}tineye/watch", form | {"searches": "7", "now": "yes"})
    watch = Watch.objects.get()
    assert (watch.private, watch.budget["searches"], watch.crawls.count()) == (True, 7, 1)
    page = ann.get("/o/studio/watches/1/").content.decode()
    assert "7" in page
    assert 'name="searches"' in ann.get("/o/studio/watches/1/edit").content.decode()


def test_search_words_are_stored_once_per_line(ann: Client) -> None:
    form = read_form_fields(ann.get(f"{PAGE}market/watch").content.decode())
    assert ann.post(f"{PAGE}market/watch", form | {"words": " "}).status_code == 422
    ann.post(f"{PAGE}market/watch", form | {"words": "wave\n\n fuji \nwave"})
    assert Watch.objects.get().sources == [{"kind": "search", "url": "market", "words": ["wave", "fuji"]}]
    for address in ("/o/studio/watches/", "/o/studio/watches/1/"):
        assert '<span class="url">The market</span>' in ann.get(address).content.decode()
    edit = "/o/studio/watches/1/edit"
    page = ann.get(edit).content.decode()
    assert "wave\nfuji" in page
    ann.post(edit, read_form_fields(page) | {"words": "fuji\nhokusai\n", "searches": "5"})
    watch = Watch.objects.get()
    assert (watch.sources[0]["words"], watch.budget["searches"]) == (["fuji", "hokusai"], 5)
    assert ann.post(edit, read_form_fields(page) | {"words": " "}).status_code == 422


def test_run_shows_the_search_result(ann: Client, studio: Owner) -> None:
    source = [("search", "tineye")]
    watch = watch_settings.add_watch(studio, "t", source, every=watch_settings.MAX_INTERVAL, budget={}, politeness={})
    watch_settings.start_crawl_now(watch)
    address = "/o/studio/watches/1/crawls/1/progress"
    Inquiry.objects.update(requests=3, found=12, not_before=now(), error="TinEye: later.")
    page = collapse_whitespace(ann.get(address).content.decode())
    assert f"TinEye · {counted(3, 'responses')} · {counted(12, 'image URLs')}" in page
    Inquiry.objects.update(state="done", outcome="quota")
    assert str(OUTCOME_SENTENCES["quota"]) in ann.get(address).content.decode()


def test_only_owners_store_keys_and_viewers_cannot_create_watches(studio: Owner, services: Services) -> None:
    reviewer, viewer = (
        create_member_client(studio, Role.REVIEWER, "bea@example.org"),
        create_member_client(studio, Role.VIEWER, "cem@example.org"),
    )
    for client in (reviewer, viewer):
        assert client.post(f"{PAGE}tineye/key", {"key": KEY}).status_code == 403
        assert client.post(f"{PAGE}tineye/drop").status_code == 403
        assert 'name="key"' not in client.get(PAGE).content.decode()
    assert reviewer.get(f"{PAGE}tineye/watch").status_code == 200
    assert viewer.get(f"{PAGE}tineye/watch").status_code == 403


@pytest.mark.long
def test_watch_cost_is_estimated_before_and_reported_after(ann: Client, studio: Owner) -> None:
    ann.post(f"{PAGE}market/key", {"key": KEY})
    page = collapse_whitespace(ann.get(PAGE).content.decode())
    assert all(figure in page for figure in ("0.0035 USD", "2026-11-23", "1,000", 'data-testid="no-price"'))
    form = read_form_fields(ann.get(f"{PAGE}market/watch").content.decode()) | {"words": "wave\nfuji"}
    for money, reason in (("five", "is not an amount"), ("5 USD", "The price of The market is unknown")):
        response = ann.post(f"{PAGE}market/watch", form | {"money": money})
        assert response.status_code == 422
        assert re.search(reason, response.content.decode())
    other_response = ann.post(f"{PAGE}market/price", {"amount": "10 USD", "requests": "few"}, follow=True)
    assert message_levels(other_response) == ["error"]
    ann.post(f"{PAGE}market/price", {"amount": "10 USD", "requests": "1000", "free": ""})
    form |= {"money": "0.05 USD", "money_month": "0.12 USD"}
    text = collapse_whitespace(ann.post(f"{PAGE}market/watch", form | {"estimate": "yes"}).content.decode())
    assert "6 × 0.01 USD = 0.06 USD" in text
    assert re.search(r"0\.12 USD\D+ 2\b", text)
    assert not Watch.objects.exists()
    ann.post(f"{PAGE}market/watch", form)
    row = Watch.objects.get()
    assert (row.budget["money"], row.budget["money_month"]) == ("0.05 USD", "0.12 USD")
    text = collapse_whitespace(ann.get("/o/studio/watches/1/").content.decode())
    assert "0.12 USD" in text
    assert not numbers_at(text, "spent")
    inquiry = watch_settings.start_crawl_now(row).inquiries.get()
    inquiry.charges.create(at=now(), millionths=10_000, currency="USD")
    stopped = {"spent": "0.04 USD", "limit": "0.05 USD", "left": 1}
    Inquiry.objects.update(state="done", outcome="money", stopped_at=stopped)
    text = collapse_whitespace(ann.get("/o/studio/watches/1/crawls/1/progress").content.decode())
    assert str(SPENDING_SENTENCES[RUN_COST_KEY]) % stopped in text
    assert text.count("0.01 USD") == 2
    page = ann.get("/o/studio/watches/1/edit").content.decode()
    ann.post("/o/studio/watches/1/edit", read_form_fields(page) | {"words": "wave", "money": ""})
    assert "money" not in Watch.objects.get().budget


def test_works_are_selected_for_several_searches(ann: Client, studio: Owner) -> None:
    for number in (1, 2):
        studio.works.create(number=number, title="One", registered_at=now())
    form = read_form_fields(ann.get(f"{PAGE}tineye/watch").content.decode())
    assert ann.post(f"{PAGE}tineye/watch", form | {"works": "1; 9"}).status_code == 422
    picked = {"works": "2, 1", "newest": "on", "also": ["google-vision", "ebay", "tineye"]}
    ann.post(f"{PAGE}tineye/watch", form | picked)
    expected_source = {"kind": "search", "works": [2, 1], "newest": True}
    assert Watch.objects.get().sources == [expected_source | {"url": name} for name in ("tineye", "google-vision")]
    page = ann.get("/o/studio/watches/1/edit").content.decode()
    ann.post("/o/studio/watches/1/edit", read_form_fields(page) | {"works": ""})
    assert all("works" not in source for source in Watch.objects.get().sources)


def test_archive_watch_takes_the_pages_of_a_domain(
    ann: Client, studio: Owner, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, at = "/o/studio/watches/archive", {"archive": "wayback", "domains": "Photos.example\n", "since": "2019"}
    assert page in ann.get("/o/studio/watches/new").content.decode()
    with Site() as site:
        WebArchive([ArchivedCapture("http://photos.example/a.jpg", "20200101000000", picture(1))]).serve(site)
        use_services(monkeypatch, Services(replace(services.config, wayback_url=site.url(""))))
        form = read_form_fields(ann.get(page).content.decode()) | at
        text = collapse_whitespace(ann.post(page, form | {"estimate": "yes"}).content.decode())
        assert text.count("photos.example") >= 2
        assert ann.post(page, form | {"domains": "co.uk"}).status_code == 422
        assert not Watch.objects.exists()
        ann.post(page, form | {"pages": "70", "now": ""})
        assert len(site.requests) == 1
    row = Watch.objects.get()
    source = {"kind": "archive", "url": "wayback", "domains": ["photos.example"], "since": "2019"}
    assert (row.sources, row.budget["pages"], row.private) == ([source], 70, True)
    text = collapse_whitespace(ann.get("/o/studio/watches/1/").content.decode())
    assert "Wayback Machine" in text
    assert "photos.example" in text
    assert "robots.txt" not in text
    edit = ann.get("/o/studio/watches/1/edit").content.decode()
    ann.post("/o/studio/watches/1/edit", read_form_fields(edit) | {"pages": "80"})
    row.refresh_from_db()
    assert (row.sources, row.budget["pages"]) == ([source], 80)
