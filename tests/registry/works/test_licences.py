"""Test licences that are added, changed and ended, and the effect on the cases that they cover."""

from datetime import date
from typing import Any

import pytest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.cases.decisions import license_use
from registry.cases.licence_trial import try_licences
from registry.models import Sighting
from registry.works.licences import NewLicence, change_licence, checked, end_licence, keep_licences
from tests.assets.rows import owner, photograph, register
from tests.registry.cases.test_ledger import DAY, case_at, looked_at
from workers.tasks.sync_runner import SyncRunner


def test_the_same_licence_is_kept_once_and_another_beside_it(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    work = register(inline.services, studio, photograph(1)).work
    one = NewLicence("A", (work,), "shop.example", reason="Order 7")
    assert keep_licences(studio, [one, one])[1] == 1
    again, new = keep_licences(studio, [one, NewLicence("A", (), "shop.example", reason="Order 7")])
    assert ([row.number for row in again], new) == ([1, 2], 1)
    assert keep_licences(agency, [NewLicence("A", (), "shop.example")])[0][0].number == 1


def test_a_reseller_and_an_invoice_are_filled_in_where_the_ledger_lacks_them(inline: SyncRunner) -> None:
    studio = owner("studio")
    old = [NewLicence("A", domain="shop.example"), NewLicence("B", domain="b.example", reseller="Agency")]
    keep_licences(studio, old)
    looked_at(inline, studio)
    now_said = [
        NewLicence("A", domain="shop.example", reseller="Agency", invoice="7"),
        NewLicence("A", domain="shop.example", reseller="Agency", invoice="8"),
        NewLicence("B", domain="b.example", reseller="Agency", invoice="9"),
        NewLicence("B", domain="b.example", reseller="Agency"),
    ]
    for new in (2, 0):
        kept, added = keep_licences(studio, now_said, by="Ann")
        assert ([row.number for row in kept], added) == ([1, 3, 4, 2], new)
    assert [(row.reseller, row.invoice) for row in studio.licences.order_by("number")] == [
        ("Agency", "7"),
        ("Agency", ""),
        ("Agency", "8"),
        ("Agency", "9"),
    ]
    [change] = studio.ledger_changes.filter(kind="changed")
    assert ([row.number for row in change.licences.all()], change.by, change.state) == ([1], "Ann", "done")


@pytest.mark.long
def test_a_licence_that_ends_keeps_what_it_covered_and_no_more(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="shop.example")])
    covered = case_at(inline, studio, "shop.example", "a")
    given = case_at(inline, studio, "given.example", "b")
    license_use(given, licence, by="Ann", reason="")
    looked_at(inline, studio)
    end_licence(licence, now().date(), by="Ann", reason="Terminated")
    assert looked_at(inline, studio) == {"stayed": [given.number]}
    covered.refresh_from_db()
    assert covered.decision == "licensed"
    Sighting.objects.update(last_seen=now() + 2 * DAY)
    licence.refresh_from_db()
    end_licence(licence, now().date() - DAY, by="Ann", reason="Earlier")
    assert looked_at(inline, studio) == {"reopened": [covered.number], "stayed": [given.number]}
    covered.refresh_from_db()
    given.refresh_from_db()
    assert (covered.decision, covered.reason.endswith(" Earlier")) == ("open", True)
    assert given.decision == "licensed"
    told = [(one.said, one.sentence) for one in given.events.filter(kind="ledger")]
    assert ([["licence-ended", {"numbers": "1"}], ["stays", {}]], "Earlier") in told
    licence.refresh_from_db()
    with pytest.raises(WrongUseError):
        end_licence(licence, now().date(), by="Ann", reason="Again")


@pytest.mark.long
def test_a_changed_licence_lets_go_of_some_cases_and_takes_others(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="shop.example")])
    first, second = case_at(inline, studio, "shop.example", "a"), case_at(inline, studio, "print.example", "b")
    looked_at(inline, studio)
    new = checked(NewLicence("A", domain="https://Print.example/"))
    trial = try_licences(studio, [new], instead_of=licence)
    assert trial.effects == {first.number: "reopened", second.number: "licensed"}
    assert change_licence(licence, new, by="Ann", reason="Wrong shop") is not None
    assert looked_at(inline, studio) == {"licensed": [second.number], "reopened": [first.number]}
    assert change_licence(licence, new, by="Ann", reason="") is None


@pytest.mark.long
def test_a_use_that_a_person_licensed_is_asked_about_again_after_the_licence_has_ended(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="other.example")])
    case = case_at(inline, studio, "shop.example", "a")
    license_use(case, licence, by="Ann", reason="")
    case_at(inline, studio, "shop.example", "b")
    case.refresh_from_db()
    assert (case.decision, case.case_sightings.filter(licence=licence).count()) == ("licensed", 2)
    end_licence(licence, now().date() - DAY, by="Ann", reason="Over")
    case_at(inline, studio, "shop.example", "c")
    case.refresh_from_db()
    assert (case.decision, case.decided_by) == ("open", "licence ledger")


@pytest.mark.parametrize("host", ["127.0.0.4", "Shop.example.", "https://www.Shop.example/", "münchen.example"])
def test_a_licence_names_a_host_as_people_write_it(host: str) -> None:
    assert checked(NewLicence("A", domain=host)).domain in {
        "127.0.0.4",
        "shop.example",
        "www.shop.example",
        "xn--mnchen-3ya.example",
    }


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"licensee": " "}, "no licensee"),
        ({"domain": ""}, "no place"),
        ({"domain": "", "url_pattern": "https://*"}, "no place"),
        ({"domain": "not a domain"}, "isn't a domain"),
        ({"domain": "com"}, "isn't a domain"),
        ({"domain": "3"}, "isn't a domain"),
        ({"domain": "12.5"}, "isn't a domain"),
        ({"domain": "http://127.0.0.4:1/Sellers/other/"}, r"127.0.0.4:1/Sellers/other/\*"),
        ({"domain": "shop.example:8080"}, r"such as shop.example:8080/\*"),
        ({"domain": "*.shop.example"}, "Write shop.example for the whole site"),
        ({"domain": "ann@shop.example"}, "says more than a domain"),
        ({"domain": "shop.example?page=1"}, "says more than a domain"),
        ({"domain": "", "url_pattern": "*a*", "account": "a"}, "platform"),
        ({"territories": ("Germany",)}, "isn't a country"),
        ({"valid_from": date(2026, 2, 1), "valid_until": date(2026, 1, 1)}, "before it begins"),
    ],
)
def test_a_licence_that_cannot_be_meant_is_refused(words: dict[str, Any], problem: str) -> None:
    with pytest.raises(WrongUseError, match=problem):
        checked(NewLicence(**{"licensee": "A", "domain": "shop.example"} | words))
