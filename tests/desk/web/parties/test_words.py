"""Test the wording about money."""

from django.utils.translation import override

from desk.web.parties.words import amount, doubts
from registry.models import Fee
from registry.parties.proposed_fees import KnownUse, Part, ProposedFee
from tests.assets.pages import numbers_in


def test_an_amount_stands_in_the_readers_form_with_its_currency() -> None:
    with override("en"):
        assert amount(120_050, "EUR") == "1,200.50\u00a0EUR"
        assert amount(1200, "JPY") == "1,200\u00a0JPY"
        assert amount(None, "EUR") == "–"


def test_a_doubt_names_the_cases_that_no_fee_fits_and_what_a_use_depends_on() -> None:
    first, second, third = (KnownUse(number, "shop.example", 800, None, None, 1) for number in (3, 4, 5))
    purpose = Part("use", "commercial", "purpose", "commercial")
    found = [
        ProposedFee(first, (), (), is_open=False),
        ProposedFee(second, (Fee(),), (), is_open=False),
        ProposedFee(third, (), (purpose,), is_open=True),
    ]
    with override("en"):
        told = doubts(found)
        assert numbers_in(told[-1]) == ["3"]
        assert numbers_in(told[0]) == []
        assert "3, 3, 3, 3, 3, 3, 3, 3…" in doubts(found[:1] * 9)[0]
