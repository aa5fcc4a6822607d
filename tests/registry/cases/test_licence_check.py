"""Test which licence covers a sighting, and which licences are proposed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from exhibit.clock import now
from registry.cases import licence_check
from registry.cases.licence_check import (
    Ledger,
    ObstacleReason,
    find_obstacle,
    get_country,
    load_ledger,
    propose_licences,
)
from registry.matches.match import match_pictures
from registry.models import Case, CaseSighting, Licence, Sighting
from registry.works.licences import NewLicence, add_licences
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.registry.matches.test_match import crawl_pictures
from workers.tasks.sync_runner import SyncRunner

SEEN_AT = datetime(2026, 11, 3, 12, tzinfo=UTC)


def make_sighting(page: str, host: str = "", site_name: str = "") -> Sighting:
    site = host or page.split("/")[2]
    return Sighting(page_url=page, image_url=f"{page}.jpg", host=site, party=site_name or site, last_seen=SEEN_AT)


@pytest.mark.parametrize(
    ("licence", "page", "gap"),
    [
        (Licence(domain="shop.example"), "https://cdn.shop.example/a", None),
        (Licence(domain="shop.example"), "https://workshop.example/a", ObstacleReason.DOMAIN),
        (Licence(url_pattern="https://shop.example/press/*"), "https://shop.example/press/a", None),
        (Licence(url_pattern="https://shop.example/press/*"), "https://shop.example/a", ObstacleReason.PATTERN),
        (Licence(domain="prints.example", account="Harbour"), "https://prints.example/@harbour/7", None),
        (Licence(domain="prints.example", account="harbour"), "https://prints.example/shop/harbour", None),
        (
            Licence(domain="prints.example", account="harbour"),
            "https://prints.example/a/b/harbour",
            ObstacleReason.ACCOUNT,
        ),
        (
            Licence(domain="prints.example", account="harbour"),
            "https://prints.example/harbours",
            ObstacleReason.ACCOUNT,
        ),
        (Licence(account="harbour"), "https://prints.example/harbour", ObstacleReason.ACCOUNT),
        (Licence(domain="shop.de", territories=["DE"]), "https://shop.de/a", None),
        (Licence(url_pattern="*/a", territories=["DE"]), "https://shop.fr/a", ObstacleReason.TERRITORY),
        (Licence(url_pattern="*/a", territories=["DE"]), "https://shop.example/a", ObstacleReason.UNKNOWN_TERRITORY),
        (Licence(domain="shop.de", valid_until=date(2026, 11, 3)), "https://shop.de/a", None),
        (Licence(domain="shop.de", valid_until=date(2026, 11, 2)), "https://shop.de/a", ObstacleReason.EXPIRED),
        (Licence(domain="shop.de", valid_from=date(2026, 11, 4)), "https://shop.de/a", ObstacleReason.NOT_STARTED),
        (Licence(), "https://shop.de/a", ObstacleReason.NO_PLACE),
    ],
)
def test_licence_covers_only_matching_sightings(licence: Licence, page: str, gap: ObstacleReason | None) -> None:
    reason = find_obstacle(licence, make_sighting(page))
    assert (None if reason is None else reason.reason) == gap


@pytest.mark.parametrize(
    ("licence", "period", "gap"),
    [
        (Licence(domain="shop.de"), "", None),
        (Licence(domain="shop.de", valid_from=date(2016, 1, 1), valid_until=date(2016, 12, 31)), "2016", None),
        (Licence(domain="shop.de", valid_until=date(2016, 1, 31)), "2016-01", None),
        (Licence(domain="shop.de", valid_from=date(2016, 2, 1)), "2016-01", ObstacleReason.NOT_STARTED),
        (Licence(domain="shop.de", valid_until=date(2015, 12, 31)), "2016", ObstacleReason.EXPIRED),
        (Licence(domain="shop.de", valid_until=date(2016, 6, 30)), "2016", ObstacleReason.UNKNOWN_TIME),
        (Licence(domain="shop.de", valid_from=date(2016, 6, 30)), "2016", ObstacleReason.UNKNOWN_TIME),
        (Licence(domain="shop.de", valid_until=date(2016, 6, 30)), "", ObstacleReason.UNKNOWN_TIME),
    ],
)
def test_licence_period_must_contain_sighting_time(licence: Licence, period: str, gap: ObstacleReason | None) -> None:
    shop_place = make_sighting("https://shop.de/a")
    shop_place.last_seen, shop_place.period = None, period
    reason = find_obstacle(licence, shop_place)
    assert (None if reason is None else reason.reason) == gap


def test_country_is_derived_only_from_country_domains() -> None:
    assert [get_country(host) for host in ("a.de", "a.co.uk", "a.io", "a.com", "192.0.2.1", "localhost")] == [
        "DE",
        "GB",
        "",
        "",
        "",
        "",
    ]


@pytest.mark.long
def test_best_fitting_licence_is_proposed_first(inline: SyncRunner) -> None:
    studio = owner("studio")
    first, other = (register(inline.services, studio, photograph(seed)).work for seed in (1, 2))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(
        inline.services,
        record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1)), photograph(1)]),
    )
    add_licences(
        studio,
        [
            NewLicence("Elsewhere", domain="other.example"),
            NewLicence("Of another work", (other,), "shop.example"),
            NewLicence("Over", domain="shop.example", valid_until=date(2020, 1, 1)),
            NewLicence("One page", (first,), url_pattern="*/page-0"),
            NewLicence("All of it", domain="shop.example"),
        ],
    )
    fits = propose_licences(Case.objects.get())
    assert [fit.licence.licensee for fit in fits] == ["All of it", "One page", "Over", "Elsewhere"]
    assert [(fit.covered, fit.of) for fit in fits] == [(2, 2), (1, 2), (0, 2), (0, 2)]
    assert fits[0].obstacle is None
    assert fits[2].obstacle is not None
    assert fits[2].obstacle.text == "it ended on 2020-01-01"


def test_loaded_ledger_gives_same_results_as_licence_rows(inline: SyncRunner) -> None:
    studio = owner("studio")
    first, other = (register(inline.services, studio, photograph(seed)).work for seed in (1, 2))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(
        inline.services,
        record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))], host="a.shop.example"),
    )
    add_licences(
        studio,
        [
            NewLicence("Of another work", (other,), "shop.example"),
            NewLicence("Elsewhere", domain="b.shop.example"),
            NewLicence("By pattern", url_pattern="*/page-0"),
            NewLicence("By domain", (first,), "shop.example"),
        ],
    )
    sighting = Sighting.objects.get()
    found_licence = load_ledger(studio.pk).find_covering_licence(first.pk, sighting)
    assert found_licence is not None
    assert found_licence.licensee == "By pattern"
    remaining = load_ledger(studio.pk, excluded=frozenset({found_licence.pk})).find_covering_licence(first.pk, sighting)
    assert remaining is not None
    assert remaining.licensee == "By domain"


@pytest.mark.parametrize(
    ("pattern", "covers"),
    [
        ("http://shop.example/page-*", True),
        ("Shop.example/page-*", False),
        ("shop.example/page-*", True),
        ("http://shop.example:80/page-*", False),
        ("images.example/*", True),
        ("http://*.example/a.jpg", True),
        ("example/page-*", False),
    ],
)
def test_loaded_ledger_applies_url_patterns(pattern: str, covers: bool) -> None:  # noqa: FBT001
    sighting = Sighting(
        page_url="http://shop.example/page-7",
        image_url="http://images.example/a.jpg",
        host="shop.example",
        party="shop.example",
        last_seen=SEEN_AT,
    )
    licence = Licence(number=1, url_pattern=pattern)
    assert (find_obstacle(licence, sighting) is None) == covers
    assert (Ledger([(licence, frozenset())]).find_covering_licence(1, sighting) is not None) == covers


def test_licence_covers_its_domain_and_period_only(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data)))
    sighting = CaseSighting.objects.get().sighting
    today, day = now().date(), timedelta(days=1)
    assert licence_check.describe_obstacle(Licence(domain="shop.example"), sighting) == ""
    assert licence_check.describe_obstacle(Licence(domain="op.example"), sighting).endswith("op.example")
    assert licence_check.describe_obstacle(Licence(domain="shop.example", valid_from=today + day), sighting).startswith(
        "it starts"
    )
    assert licence_check.describe_obstacle(
        Licence(domain="shop.example", valid_until=today - day), sighting
    ).startswith("it ended")
    assert licence_check.describe_obstacle(Licence(url_pattern="shop.example/page-*"), sighting) == ""
    assert licence_check.describe_obstacle(Licence(url_pattern="shop.example/other-*"), sighting) != ""
    assert licence_check.describe_obstacle(Licence(), sighting) != ""
