"""Test licences that are added, changed and ended, and the effect on the cases that they cover."""

from datetime import date
from typing import Any

import pytest

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.cases.decisions import license_use
from registry.cases.licence_trial import try_licences
from registry.models import Sighting
from registry.works.licences import NewLicence, add_licences, change_licence, end_licence, normalise_licence
from tests.assets.rows import owner, photograph, register
from tests.registry.cases.test_ledger import DAY, make_case, review_ledger
from workers.tasks.sync_runner import SyncRunner


def test_identical_licence_is_stored_once(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    work = register(inline.services, studio, photograph(1)).work
    new_licence = NewLicence("A", (work,), "shop.example", reason="Order 7")
    assert add_licences(studio, [new_licence, new_licence])[1] == 1
    stored_licences, new = add_licences(studio, [new_licence, NewLicence("A", (), "shop.example", reason="Order 7")])
    assert ([row.number for row in stored_licences], new) == ([1, 2], 1)
    assert add_licences(agency, [NewLicence("A", (), "shop.example")])[0][0].number == 1


def test_missing_reseller_and_invoice_are_filled_in(inline: SyncRunner) -> None:
    studio = owner("studio")
    old = [NewLicence("A", domain="shop.example"), NewLicence("B", domain="b.example", reseller="Agency")]
    add_licences(studio, old)
    review_ledger(inline, studio)
    new_licences = [
        NewLicence("A", domain="shop.example", reseller="Agency", invoice="7"),
        NewLicence("A", domain="shop.example", reseller="Agency", invoice="8"),
        NewLicence("B", domain="b.example", reseller="Agency", invoice="9"),
        NewLicence("B", domain="b.example", reseller="Agency"),
    ]
    for new in (2, 0):
        licences, added = add_licences(studio, new_licences, by="Ann")
        assert ([row.number for row in licences], added) == ([1, 3, 4, 2], new)
    assert [(row.reseller, row.invoice) for row in studio.licences.order_by("number")] == [
        ("Agency", "7"),
        ("Agency", ""),
        ("Agency", "8"),
        ("Agency", "9"),
    ]
    [change] = studio.ledger_changes.filter(kind="changed")
    assert ([row.number for row in change.licences.all()], change.by, change.state) == ([1], "Ann", "done")


@pytest.mark.long
def test_ended_licence_covers_only_earlier_uses(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = add_licences(studio, [NewLicence("A", domain="shop.example")])
    covered_case = make_case(inline, studio, "shop.example", "a")
    other_case = make_case(inline, studio, "given.example", "b")
    license_use(other_case, licence, by="Ann", reason="")
    review_ledger(inline, studio)
    end_licence(licence, now().date(), by="Ann", reason="Terminated")
    assert review_ledger(inline, studio) == {"stayed": [other_case.number]}
    covered_case.refresh_from_db()
    assert covered_case.decision == "licensed"
    Sighting.objects.update(last_seen=now() + 2 * DAY)
    licence.refresh_from_db()
    end_licence(licence, now().date() - DAY, by="Ann", reason="Earlier")
    assert review_ledger(inline, studio) == {"reopened": [covered_case.number], "stayed": [other_case.number]}
    covered_case.refresh_from_db()
    other_case.refresh_from_db()
    assert (covered_case.decision, covered_case.reason.endswith(" Earlier")) == ("open", True)
    assert other_case.decision == "licensed"
    sentences = [(event.said, event.sentence) for event in other_case.events.filter(kind="ledger")]
    assert ([["licence-ended", {"numbers": "1"}], ["stays", {}]], "Earlier") in sentences
    licence.refresh_from_db()
    with pytest.raises(InvalidRequestError):
        end_licence(licence, now().date(), by="Ann", reason="Again")


@pytest.mark.long
def test_changed_licence_reopens_and_licenses_cases(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = add_licences(studio, [NewLicence("A", domain="shop.example")])
    first, second = make_case(inline, studio, "shop.example", "a"), make_case(inline, studio, "print.example", "b")
    review_ledger(inline, studio)
    new = normalise_licence(NewLicence("A", domain="https://Print.example/"))
    trial = try_licences(studio, [new], replaced_licence=licence)
    assert trial.effects == {first.number: "reopened", second.number: "licensed"}
    assert change_licence(licence, new, by="Ann", reason="Wrong shop") is not None
    assert review_ledger(inline, studio) == {"licensed": [second.number], "reopened": [first.number]}
    assert change_licence(licence, new, by="Ann", reason="") is None


@pytest.mark.long
def test_use_licensed_by_a_member_is_reviewed_again_after_expiry(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = add_licences(studio, [NewLicence("A", domain="other.example")])
    case = make_case(inline, studio, "shop.example", "a")
    license_use(case, licence, by="Ann", reason="")
    make_case(inline, studio, "shop.example", "b")
    case.refresh_from_db()
    assert (case.decision, case.case_sightings.filter(licence=licence).count()) == ("licensed", 2)
    end_licence(licence, now().date() - DAY, by="Ann", reason="Over")
    make_case(inline, studio, "shop.example", "c")
    case.refresh_from_db()
    assert (case.decision, case.decided_by) == ("open", "licence ledger")


@pytest.mark.parametrize("host", ["127.0.0.4", "Shop.example.", "https://www.Shop.example/", "münchen.example"])
def test_domain_of_a_licence_is_normalised(host: str) -> None:
    assert normalise_licence(NewLicence("A", domain=host)).domain in {
        "127.0.0.4",
        "shop.example",
        "www.shop.example",
        "xn--mnchen-3ya.example",
    }


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"licensee": " "}, "not specify a licensee"),
        ({"domain": ""}, "not specify where"),
        ({"domain": "", "url_pattern": "https://*"}, "not specify where"),
        ({"domain": "not a domain"}, "is not a domain"),
        ({"domain": "com"}, "is not a domain"),
        ({"domain": "3"}, "is not a domain"),
        ({"domain": "12.5"}, "is not a domain"),
        ({"domain": "http://127.0.0.4:1/Sellers/other/"}, r"127.0.0.4:1/Sellers/other/\*"),
        ({"domain": "shop.example:8080"}, r"such as shop.example:8080/\*"),
        ({"domain": "*.shop.example"}, "whole site and its subdomains, enter shop.example"),
        ({"domain": "ann@shop.example"}, "contains more than a domain"),
        ({"domain": "shop.example?page=1"}, "contains more than a domain"),
        ({"domain": "", "url_pattern": "*a*", "account": "a"}, "platform"),
        ({"territories": ("Germany",)}, "is not a country"),
        ({"valid_from": date(2026, 2, 1), "valid_until": date(2026, 1, 1)}, "before it starts"),
    ],
)
def test_invalid_licence_is_rejected(words: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        normalise_licence(NewLicence(**{"licensee": "A", "domain": "shop.example"} | words))
