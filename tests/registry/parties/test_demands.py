"""Test payment demands: defaults come from the fee, entries are numbered, and owners are isolated."""

from decimal import Decimal

import pytest
from django.db.models.signals import post_save
from django.utils.timezone import localdate

from exhibit.errors import InvalidRequestError, NotFoundError
from registry.models import Case, Demand, Fee, Owner
from registry.parties import demands
from registry.parties.demands import (
    MAX_AMOUNT,
    NewDemand,
    NewEntry,
    check_amount,
    parse_amount,
    parse_currency,
    to_main_units,
)
from tests.assets.rows import owner
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]


def make_fee(rights_holder: Owner, currency: str = "EUR") -> Fee:
    fees = demands.save_fee_table(
        rights_holder, "Own", currency, [Fee(use="Website", duration="1 year", amount=5000)], by="ann"
    )
    return demands.get_fee(rights_holder, fees.number, 1)


def test_demand_defaults_come_from_the_fee(studio: Owner) -> None:
    demand = demands.create_demand(studio, NewDemand("shop.example", [1], make_fee(studio)), by="ann")
    assert (demand.currency, demand.basis, demand.demanded) == ("EUR", "Own · Website · 1 year", 5000)  # type: ignore[attr-defined]
    other = demands.create_demand(
        studio, NewDemand("shop.example", [2], make_fee(studio), amount=9, basis="Half"), by="ann"
    )
    assert (other.number, other.basis, other.demanded) == (2, "Half", 9)  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequestError, match="EUR"):
        demands.create_demand(studio, NewDemand("shop.example", [1], make_fee(studio), currency="USD"), by="ann")


def test_demand_includes_all_requested_cases_or_is_rejected(studio: Owner) -> None:
    new_demand = NewDemand("shop.example", [1, 2], make_fee(studio))

    def reopen_concurrently(**_kwargs: object) -> None:
        Case.objects.filter(owner=studio, number=2).update(decision=Case.Decision.OPEN)

    post_save.connect(reopen_concurrently, sender=Demand)
    try:
        demand = demands.create_demand(studio, new_demand, by="ann")
    finally:
        post_save.disconnect(reopen_concurrently, sender=Demand)
    assert [case.number for case in demand.cases.order_by("number")] == [1, 2], "which it was asked for"
    with pytest.raises(InvalidRequestError):
        demands.create_demand(studio, new_demand, by="ann")
    assert Demand.objects.count() == 1


def test_last_entered_due_date_applies_and_sums_are_kept_per_currency(studio: Owner) -> None:
    for currency, amount in (("EUR", 100), ("EUR", 50), ("CNY", 7)):
        demands.create_demand(
            studio, NewDemand("shop.example", [1], None, currency, amount, "Fee", localdate()), by="ann"
        )
    row = demands.get_demand(studio, 1)
    demands.add_entry(row, NewEntry("agreed", 80, localdate()), by="ann")
    assert demands.get_demand(studio, 1).due_on is None  # type: ignore[attr-defined]
    demands.add_entry(row, NewEntry("received", 30, localdate()), by="ann")
    assert list(demands.sum_by_currency(studio)) == [("CNY", 7, None, None), ("EUR", 150, 80, 30)]


def test_fees_and_demands_of_other_owners_are_not_found(studio: Owner) -> None:
    agency = owner("agency")
    make_fee(studio)
    demands.create_demand(studio, NewDemand("shop.example", [1], None, "EUR", 1, "Fee"), by="ann")
    for query in (lambda: demands.get_fee(agency, 1, 1), lambda: demands.get_demand(agency, 1)):
        with pytest.raises(NotFoundError):
            query()
    assert list(demands.iterate_ledger(agency)) == [demands.LEDGER_COLUMNS]
    assert not demands.list_fees(agency)


def test_demand_and_referenced_fee_cannot_be_deleted(studio: Owner) -> None:
    from django.db.models import ProtectedError

    fee = make_fee(studio)
    demands.create_demand(studio, NewDemand("shop.example", [1], fee), by="ann")
    for row in (fee, Demand.objects.get()):
        with pytest.raises(ProtectedError):
            row.delete()


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("1200.5", "EUR", 120_050), (" 0.01 ", "EUR", 1), ("800", "JPY", 800), ("1.234", "KWD", 1234), ("3", "BHD", 3000)],
)
def test_amount_round_trips_exactly(text: str, currency: str, amount: int) -> None:
    assert parse_amount(text, currency) == amount
    assert to_main_units(amount, currency) == Decimal(text.strip())


@pytest.mark.parametrize(
    ("text", "currency"),
    [("1.5", "JPY"), ("1.234", "EUR"), ("1,000", "EUR"), ("-1", "EUR"), ("1e3", "EUR"), ("", "EUR"), ("٣", "EUR")],
)
def test_invalid_amount_for_currency_is_rejected(text: str, currency: str) -> None:
    with pytest.raises(InvalidRequestError, match=currency):
        parse_amount(text, currency)


def test_amount_outside_limits_is_rejected() -> None:
    assert check_amount(MAX_AMOUNT) == MAX_AMOUNT
    for amount in (MAX_AMOUNT + 1, -1):
        with pytest.raises(InvalidRequestError):
            check_amount(amount)


def test_unknown_currency_is_rejected() -> None:
    assert parse_currency(" cny ") == "CNY"
    for text in ("EU", "EUX", "", "R U", "AED\n", "DAFN"[:3]):
        if text.strip() != "AED":
            with pytest.raises(InvalidRequestError):
                parse_currency(text)
