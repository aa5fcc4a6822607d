"""Test money in the API's schemas."""

import pytest
from pydantic import ValidationError

from desk.schemas.parties.demands import NewDemand, NewEntry


def test_demand_amounts_must_be_integers_and_unknown_fields_are_rejected() -> None:
    assert NewEntry.model_validate({"kind": "received", "amount": 0}).corrects is None
    for fields in ({"amount": 1.5}, {"amount": -1}, {"amount": 1, "paid": True}, {"amount": 1, "kind": "gone"}):
        with pytest.raises(ValidationError):
            NewEntry.model_validate({"kind": "received"} | fields)


def test_currency_must_be_upper_case() -> None:
    fields = {"site": "shop.example", "cases": [1], "amount": 1}
    assert NewDemand.model_validate(fields | {"currency": "EUR"}).currency == "EUR"
    with pytest.raises(ValidationError):
        NewDemand.model_validate(fields | {"currency": "eur"})
