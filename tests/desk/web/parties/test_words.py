"""Words of money."""

from django.utils.translation import override

from desk.web.parties.words import amount


def test_an_amount_stands_in_the_readers_form_with_its_currency() -> None:
    with override("en"):
        assert amount(120_050, "EUR") == "1,200.50\u00a0EUR"
        assert amount(1200, "JPY") == "1,200\u00a0JPY"
        assert amount(None, "EUR") == "–"
