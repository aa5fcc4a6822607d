"""Test the wording about money."""

from django.utils.translation import override

from desk.web.parties.words import amount, fee_warnings
from registry.models import Fee
from registry.parties.proposed_fees import KnownUse, Part, ProposedFee
from tests.assets.pages import numbers_in


def test_amounts_are_localised_with_their_currency() -> None:
    with override("en"):
        assert amount(120_050, "EUR") == "1,200.50\u00a0EUR"
        assert amount(1200, "JPY") == "1,200\u00a0JPY"
        assert amount(None, "EUR") == "–"


def test_fee_warnings_name_the_affected_cases() -> None:
    first, second, third = (KnownUse(number, "shop.example", 800, None, None, 1) for number in (3, 4, 5))
    purpose = Part("use", "commercial", "purpose", "commercial")
    results = [
        ProposedFee(first, (), (), is_open=False),
        ProposedFee(second, (Fee(),), (), is_open=False),
        ProposedFee(third, (), (purpose,), is_open=True),
    ]
    with override("en"):
        messages = fee_warnings(results)
        assert numbers_in(messages[-1]) == ["3"]
        assert numbers_in(messages[0]) == []
        assert "3, 3, 3, 3, 3, 3, 3, 3…" in fee_warnings(results[:1] * 9)[0]
