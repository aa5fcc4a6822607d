"""Test watches in the API, and the keys for their searches."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from exhibit.clock import now
from registry.crawls import denylists
from registry.crawls.search_keys import get_key
from registry.crawls.watch_settings import change_watch
from registry.models import LogOpening, Owner, Scope, Watch
from registry.services.services import Services
from tests.assets.api_programs import Program, alice, create_program, studio
from tests.assets.rows import photograph, register
from tests.assets.searches import add_market_mapping
from tests.assets.site import Site, picture
from tests.assets.site_browser import use_services
from tests.assets.web_archive_server import ArchivedCapture, WebArchive
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


SHOP = {"kind": "site", "url": "https://shop.example/"}
NEWS = {"kind": "feed", "url": "https://news.example/feed.xml"}


def test_watch_rejects_private_addresses_and_files(studio: Owner, alice: Program) -> None:
    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest/"):
        assert alice.post("/watches", {"name": "w", "sources": [{"url": url}]})[0] == 422
    assert alice.post("/watches", {"name": "w", "sources": [{"kind": "folder", "url": "/etc"}]})[0] == 400
    new = {"name": "shop", "sources": [{"url": "https://shop.example/"}], "pages": 50}
    status, body = alice.post("/watches", new)
    assert (status, body["budget"]["pages"]) == (201, 50)
    studio.works.create(number=1, title="One", registered_at=now())
    status, data = alice.post("/watches/1/known-copies", {"work": 1, "url": "http://10.0.0.1/"})
    assert (status, data["reason"], studio.known_copies.count()) == (422, "private-address", 0)
    assert alice.post("/looks", {"url": "http://10.0.0.1/"})[1]["reason"] == "private-address"
    status, run = alice.post("/looks", {"url": "https://shop.example/42"})
    assert (status, run["watch_number"], run["number"]) == (202, 2, 1)


def test_watch_is_changed_stopped_and_deleted(alice: Program) -> None:
    alice.post("/watches", {"name": "shop", "sources": [SHOP]})
    status, run = alice.post("/watches/1/run", {})
    assert (status, run["reason"], run["all_pages"]) == (202, "", False)
    assert alice.post("/watches/1/run?all_pages=true", {})[1]["number"] == 1
    assert Watch.objects.get().everything, "the one under way is what it is, the next one asks for everything"
    change = {"name": "The shop", "interval_seconds": 3600, "pages": 7, "seconds": 600, "sources": [SHOP, NEWS]}
    status, body = alice.send("PATCH", "/watches/1", change)
    assert (status, body["name"], body["interval_seconds"]) == (200, "The shop", 3600)
    assert (body["budget"]["pages"], body["budget"]["seconds"], body["budget"]["images"]) == (7, 600, 20_000)
    assert (body["sources"], body["last_crawl"]["reason"]) == ([SHOP, NEWS], "")
    assert alice.send("PATCH", "/watches/1", {"sources": [NEWS]})[1]["last_crawl"]["reason"] == "stopped"
    assert alice.send("PATCH", "/watches/1", {"paused": True})[0] == 400
    assert alice.post("/watches/1/crawls/1/stop", {})[1]["reason"] == "stopped"
    assert alice.send("DELETE", "/watches/1")[0] == 204
    assert alice.get("/watches/1")[0] == 404


def test_watch_runs_at_the_chosen_local_time(alice: Program) -> None:
    weekly = {"interval_seconds": 604_800, "at": "02:30", "weekday": "sunday", "time_zone": "Europe/Berlin"}
    status, body = alice.post("/watches", {"name": "shop", "sources": [SHOP], **weekly})
    assert (status, {name: body[name] for name in weekly}) == (201, weekly)
    berlin = datetime.fromisoformat(body["next_run_at"]).astimezone(ZoneInfo("Europe/Berlin"))
    assert (berlin.weekday(), f"{berlin:%H:%M}") == (6, "02:30")
    daily = alice.send("PATCH", "/watches/1", {"interval_seconds": 86_400})[1]
    assert (daily["at"], daily["weekday"], daily["time_zone"]) == ("02:30", None, "Europe/Berlin")
    hourly = alice.send("PATCH", "/watches/1", {"interval_seconds": 21_600})[1]
    assert (hourly["at"], hourly["weekday"], hourly["time_zone"]) == (None, None, "")
    outside = {"at": "02:30", "time_zone": "../Berlin"}
    for badly in ({"at": "25:00"}, {"at": "2:30"}, {"weekday": "someday"}, outside):
        assert alice.send("PATCH", "/watches/1", badly)[0] == 400
    unfit: list[dict[str, str | int]] = [
        {"weekday": "sunday"},
        {"at": "02:30", "time_zone": "X"},
        {"at": "02:30", "interval_seconds": 129_600},
        {"at": "02:30", "time_zone": "Europe/Bern"},
    ]
    for value in unfit:
        assert alice.send("PATCH", "/watches/1", value)[0] == 422


def test_concurrent_changes_of_other_members_are_preserved(studio: Owner, alice: Program) -> None:
    alice.post("/watches", {"name": "shop", "sources": [SHOP]})
    requests: list[str] = []

    def change_concurrently(execute: Callable[..., Any], sql: str, *how: Any) -> Any:  # noqa: ANN401 - Django's call
        if "FOR NO KEY UPDATE" in sql and not requests:
            requests.append(sql)
            hour = timedelta(hours=1)
            change_watch(studio.watches.get(), name="The shop", every=hour, budget={}, politeness={}, by="Ann")
        return execute(sql, *how)

    with connection.execute_wrapper(change_concurrently):
        status, body = alice.send("PATCH", "/watches/1", {"pages": 9})
    assert requests
    assert (status, body["name"], body["interval_seconds"], body["budget"]["pages"]) == (200, "The shop", 3600, 9)


@pytest.mark.parametrize(
    ("wrong", "status", "reason"),
    [
        ({"sources": [{"url": "http://10.0.0.1/"}]}, 422, "private-address"),
        ({"sources": [{"url": "https://denied.example/"}]}, 422, "denied-host"),
        ({"sources": [{"kind": "folder", "url": "https://shop.example/"}]}, 400, None),
        ({"sources": []}, 400, None),
        ({"delay": 0}, 400, None),
        ({"searches": 5}, 422, None),
        ({"queries": ["wave"]}, 422, None),
        ({"name": "7"}, 422, None),
    ],
)
def test_invalid_change_leaves_the_watch_unchanged(
    alice: Program, wrong: dict[str, object], status: int, reason: str | None
) -> None:
    denylists.deny_host("denied.example", by="Ann", reason="asked")
    before = alice.post("/watches", {"name": "shop", "sources": [SHOP]})[1]
    got, body = alice.send("PATCH", "/watches/1", {"pages": 9, **wrong})
    assert (got, body.get("reason")) == (status, reason)
    assert alice.get("/watches/1")[1] == before
    new = {"name": "other", "sources": [SHOP], **wrong}
    assert alice.post("/watches", new)[0] == (422 if wrong == {"sources": []} else status)
    assert Watch.objects.count() == 1


def test_only_owners_grant_and_revoke_search_consent(studio: Owner, alice: Program) -> None:
    reviewer = create_program(studio, "alice", Scope.READ, Scope.WRITE)
    alice.send("PUT", "/searches/tineye/key", {"key": "secret-of-the-studio"})
    assert reviewer.send("PUT", "/searches/tineye/consent")[0] == 403
    assert [alice.send("PUT", f"/searches/{name}/consent")[0] for name in ("nothing", "ebay")] == [404, 422]
    before = alice.get("/searches")[1]["items"]
    assert {item["search"]: item["missing"] for item in before}["tineye"] == "no-consent"
    status, allowed = alice.send("PUT", "/searches/tineye/consent")
    assert (status, allowed["missing"], allowed["consent_given_at"] is None) == (200, "", False)
    assert "1,024 pixels" in allowed["data_sent"]
    assert allowed["terms"].startswith("https://")
    assert reviewer.send("DELETE", "/searches/tineye/consent")[0] == 403
    assert alice.send("DELETE", "/searches/tineye/consent")[0] == 204
    watch = alice.post("/watches", {"name": "copies", "search": "tineye"})[1]["number"]
    assert alice.post(f"/watches/{watch}/run", {})[0] == 202
    (search,) = alice.get(f"/watches/{watch}/crawls/1")[1]["searches"]
    assert (search["search"], search["requests"]) == ("tineye", 0)


def test_only_owners_set_search_keys_and_keys_are_never_shown(
    studio: Owner, alice: Program, inline: SyncRunner, caplog: pytest.LogCaptureFixture
) -> None:
    key = "secret-of-the-studio"
    reviewer = create_program(studio, "alice", Scope.READ, Scope.WRITE)
    assert reviewer.send("PUT", "/searches/tineye/key", {"key": key})[0] == 403
    assert alice.send("PUT", "/searches/nothing/key", {"key": key})[0] == 404
    for value in ("", "two\nlines", key * 1_000):
        status, body = alice.send("PUT", "/searches/tineye/key", {"key": value})
        assert status == 400
        assert key not in json.dumps(body)
    status, data = alice.send("PUT", "/searches/tineye/key", {"key": key})
    assert (status, data["search"], data["input"], data["key_added_at"] is None) == (200, "tineye", "pictures", False)
    assert get_key(inline.services, studio, "tineye") == key
    status, listed = reviewer.get("/searches")
    assert data in listed["items"]
    watch = {"name": "copies", "search": "tineye", "searches": 20}
    assert alice.post("/watches", watch)[1]["sources"] == [{"kind": "search", "url": "tineye"}]
    assert alice.post("/watches", watch | {"name": "b", "queries": ["wave"]})[0] == 422
    assert alice.post("/watches", watch | {"name": "b", "sources": [SHOP]})[0] == 422
    with Site() as site:
        add_market_mapping(inline.services.config.data_dir, site)
    market = {"name": "offers", "search": "market", "queries": ["wave"]}
    assert alice.post("/watches", market)[1]["budget"]["searches"] == 10
    assert alice.send("DELETE", "/searches/tineye/key")[0] == 204
    assert get_key(inline.services, studio, "tineye") is None
    assert key not in caplog.text
    assert not any(key in str((opening.content, opening.details)) for opening in LogOpening.objects.all())


@pytest.mark.long
def test_search_budget_and_selected_works_are_set_and_estimated(
    studio: Owner, alice: Program, inline: SyncRunner
) -> None:
    for number in (1, 2):
        register(inline.services, studio, photograph(number))
    vision = {"name": "copies", "search": ["google-vision", "yandex-images"], "max_cost": "1 USD", "works": [2]}
    status, body = alice.post("/watches/estimate", vision)
    assert (status, [(item["requests"], item["cost"]) for item in body["items"]]) == (
        200, [(1, "0.0035 USD"), (1, "0.0075 USD")],
    )  # fmt: skip
    assert not studio.watches.exists()
    for value in ({"max_cost": "1"}, {"max_cost": "1.1234567 USD"}):
        assert alice.post("/watches", vision | value)[0] == 400
    unusable: list[dict[str, Any]] = [{"max_cost": "1 EUR"}, {"search": "tineye"}, {"works": [7]}, {"search": []}]
    for item in unusable:
        assert alice.post("/watches", vision | item)[0] == 422
    status, new_watch = alice.post("/watches", vision | {"newest_first": True})
    assert (new_watch["budget"]["max_cost"], new_watch["spent_this_month"]) == ("1.00 USD", [])
    assert [source["works"] for source in new_watch["sources"]] == [[2], [2]]
    status, data = alice.send(
        "PATCH", f"/watches/{new_watch['number']}", {"works": [], "max_cost": "", "newest_first": False}
    )
    assert (status, data["sources"][0]) == (200, {"kind": "search", "url": "google-vision"})
    assert "money" not in data["budget"]
    price = {"amount": "200 USD", "requests": 5000}
    assert alice.send("PUT", "/searches/tineye/price", price)[0] == 422  # there is no key yet
    alice.send("PUT", "/searches/tineye/key", {"key": "secret-of-the-studio"})
    reviewer = create_program(studio, "alice", Scope.READ, Scope.WRITE)
    assert reviewer.send("PUT", "/searches/tineye/price", price)[0] == 403
    assert alice.send("PUT", "/searches/tineye/price", price)[1]["price"]["amount"] == "200 USD"
    status, new_watch = alice.post("/watches", vision | {"name": "b", "search": "tineye"})
    assert status == 201
    assert alice.send("DELETE", "/searches/tineye/price")[0] == 204
    assert alice.post("/watches", vision | {"name": "c", "search": "tineye"})[0] == 422
    assert alice.post(f"/watches/{new_watch['number']}/run", {})[0] == 202
    (search,) = alice.get(f"/watches/{new_watch['number']}/crawls/1")[1]["searches"]
    assert (search["spent"], search["searches_left"]) == ([], None)


def test_archive_watch_is_estimated_and_created(
    alice: Program, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"name": "then", "archives": ["wayback"], "domains": ["https://Photos.example/x"], "until": "2020-06"}
    with Site() as site:
        WebArchive([ArchivedCapture("http://photos.example/a.jpg", "20200101000000", picture(1))]).serve(site)
        config = replace(inline.services.config, wayback_url=site.url(""), allowed_networks=("127.0.0.0/8",))
        use_services(monkeypatch, Services(config))
        status, body = alice.post("/watches/estimate", new, key="told-1")  # it is neither stored nor queued
    assert (status, body) == (
        200,
        {
            "items": [],
            "archives": [
                {
                    "archive": "wayback", "domain": "photos.example", "pictures": 1, "has_more": False, "indexes": 1,
                    "max_pictures": 1_000, "seconds": 4,
                }
            ],
            "lists": {"urls": 0, "hosts": 0, "seconds": 0.0, "largest": []},
        },
    )  # fmt: skip
    pages = [{"kind": "list", "url": f"http://{host}.example/{n}"} for host, n in (("a", 1), ("a", 2), ("b", 1))]
    listed = alice.post("/watches/estimate", {"name": "pages", "sources": pages, "delay": 2})[1]["lists"]
    assert (listed["urls"], listed["hosts"], listed["seconds"]) == (3, 2, 4.0)
    assert listed["largest"][0] == {"host": "a.example", "urls": 2, "seconds": 4.0}
    wrong: list[dict[str, Any]] = [{"domains": []}, {"domains": ["com"]}, {"sources": [SHOP]}, {"since": "2021"}]
    assert [alice.post("/watches", new | change)[0] for change in wrong] == [422] * 4
    assert [alice.post("/watches", new | change)[0] for change in ({"archives": ["x"]}, {"until": "June"})] == [
        400,
        400,
    ]
    status, new_watch = alice.post("/watches", new | {"pages": 9})
    source = {"kind": "archive", "url": "wayback", "domains": ["photos.example"], "until": "2020-06"}
    assert (status, new_watch["sources"], new_watch["budget"]["pages"], new_watch["private"]) == (
        201,
        [source],
        9,
        True,
    )
