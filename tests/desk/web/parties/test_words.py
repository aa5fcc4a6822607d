"""Test the wording of payments and fees."""

from django.utils.translation import override

from desk.web.parties.words import describe_fee_warnings, format_amount
from registry.models import Fee
from registry.parties.proposed_fees import FeePart, KnownUse, ProposedFee
from tests.assets.pages import numbers_in


def test_amounts_are_localised_with_their_currency() -> None:
    with override("en"):
        assert format_amount(120_050, "EUR") == "1,200.50\u00a0EUR"
        assert format_amount(1200, "JPY") == "1,200\u00a0JPY"
        assert format_amount(None, "EUR") == "–"


def test_fee_warnings_name_the_affected_cases() -> None:
    first, second, third = (KnownUse(number, "shop.example", 800, None, None, 1) for number in (3, 4, 5))
    purpose = FeePart("use", "commercial", "purpose", "commercial")
    results = [
        ProposedFee(first, (), (), is_open=False),
        ProposedFee(second, (Fee(),), (), is_open=False),
        ProposedFee(third, (), (purpose,), is_open=True),
    ]
    with override("en"):
        messages = describe_fee_warnings(results)
        assert numbers_in(messages[-1]) == ["3"]
        assert numbers_in(messages[0]) == []
        assert "3, 3, 3, 3, 3, 3, 3, 3…" in describe_fee_warnings(results[:1] * 9)[0]
