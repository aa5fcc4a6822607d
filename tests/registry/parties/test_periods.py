"""Test payment totals of a month, a quarter or a year: by currency, without corrected entries."""

import io
from datetime import date

import pytest
from django.utils.timezone import localdate
from openpyxl import load_workbook

from exhibit.errors import InvalidRequestError
from registry.models import Owner
from registry.parties import demands
from registry.parties.demands import NewDemand, NewEntry
from registry.parties.periods import PeriodTotals, compute_totals, list_periods, parse_period
from registry.parties.tables import export_ledger_csv, export_ledger_xlsx
from tests.assets.rows import owner
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_payment_periods_are_parsed_and_invalid_values_rejected() -> None:
    days = {name: parse_period(name) for name in ("2024", "2024-Q1", "2024-02", "2023-Q4")}
    assert [(day.first.isoformat(), day.last.isoformat()) for day in days.values()] == [
        ("2024-01-01", "2024-12-31"),
        ("2024-01-01", "2024-03-31"),
        ("2024-02-01", "2024-02-29"),
        ("2023-10-01", "2023-12-31"),
    ]
    for wrong in ("", "2024-Q5", "2024-13", "0000", "2024-1", "２０２４", "2024\n"):
        with pytest.raises(InvalidRequestError):
            parse_period(wrong)


def test_payment_sums_are_grouped_by_period_and_currency_without_corrected_entries(studio: Owner) -> None:
    year = localdate().year - 1
    for currency, amount in (("EUR", 500), ("JPY", 7)):
        demands.create_demand(
            studio, NewDemand("shop.example", [1], None, currency, amount, '=HYPERLINK("x")'), by="ann"
        )
    euros = demands.get_demand(studio, 1)
    for kind, amount, day, corrects, reason in (
        ("agreed", 400, date(year, 2, 1), None, ""),
        ("received", 999, date(year, 3, 31), None, ""),
        ("received", 100, None, 3, "a slip"),  # dated like the entry that it corrects
        ("received", 50, date(year, 4, 1), None, ""),
    ):
        demands.add_entry(euros, NewEntry(kind, amount, day, None, reason, corrects), by="ann")
    assert compute_totals(studio, parse_period(f"{year}-Q1")) == [PeriodTotals("EUR", 0, 400, 0, 100, 300)]
    assert compute_totals(studio, parse_period(f"{year}-04")) == [PeriodTotals("EUR", 0, 0, 0, 50, 250)]
    assert compute_totals(studio, parse_period(f"{year - 1}")) == []
    this = {total.currency: total for total in compute_totals(studio, parse_period(str(localdate().year)))}
    assert (this["EUR"].demanded, this["JPY"]) == (500, PeriodTotals("JPY", 7, 0, 0, 0, 0))
    assert f"{year}-Q1" in list_periods(studio)
    assert compute_totals(owner("agency"), parse_period(f"{year}-Q1")) == []

    demands.add_entry(euros, NewEntry("demanded", 450, None, None, "a slip, too", 1), by="ann")
    demands.add_entry(euros, NewEntry("agreed", 410, date(year, 5, 1)), by="ann")
    demands.add_entry(euros, NewEntry("agreed", 390, None, None, "once more", 2), by="ann")
    # Correcting an earlier entry does not override the latest one
    assert vars(demands.get_demand(studio, 1))["agreed"] == 410
    assert compute_totals(studio, parse_period(f"{year}-Q1"))[0].agreed == 390
    quarter = parse_period(f"{year}-Q1")
    # A header row, and two entries with one correction each
    assert export_ledger_csv(studio, quarter).count(b"\r\n") == 5
    (header_row, first, *_rest) = (
        load_workbook(io.BytesIO(export_ledger_xlsx(studio, quarter))).worksheets[0].iter_rows()
    )
    assert [cell.value for cell in header_row][:4] == ["demand", "party", "cases", "basis"]
    assert (first[3].value, first[3].data_type, first[8].value) == ('=HYPERLINK("x")', "s", 4)
    assert str(first[9].value) == f"{year}-02-01 00:00:00"
