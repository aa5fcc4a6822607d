"""Test money in the API's schemas."""

import pytest
from pydantic import ValidationError

from desk.schemas.parties.demands import NewDemand, NewEntry


def test_amounts_are_whole_numbers_and_nothing_unknown_is_taken() -> None:
    assert NewEntry.model_validate({"kind": "received", "amount": 0}).corrects is None
    for given in ({"amount": 1.5}, {"amount": -1}, {"amount": 1, "paid": True}, {"amount": 1, "kind": "gone"}):
        with pytest.raises(ValidationError):
            NewEntry.model_validate({"kind": "received"} | given)


def test_a_currency_is_written_in_capitals() -> None:
    about = {"site": "shop.example", "cases": [1], "amount": 1}
    assert NewDemand.model_validate(about | {"currency": "EUR"}).currency == "EUR"
    with pytest.raises(ValidationError):
        NewDemand.model_validate(about | {"currency": "eur"})
