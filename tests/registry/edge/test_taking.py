"""Test signed accounts of contributors' work: their contents, and that invalid or changed ones are refused."""

import json
from typing import Any

import pytest

from exhibit.errors import ExhibitError
from registry.edge.accounts import FORMAT, read_account
from registry.edge.taking import signed_account
from registry.models import Contributor
from tests.assets.helped import Helped, helped
from tests.assets.rows import photograph

__all__ = ["helped"]


def account(helped: Helped) -> dict[str, Any]:
    rows = {row.pk: {"name": row.name, "pictures": row.pictures} for row in Contributor.objects.order_by("pk")}
    return signed_account(helped.inline.services, rows)


@pytest.mark.long
def test_an_account_tells_slices_and_pictures_that_were_brought_and_none_of_a_liar(helped: Helped) -> None:
    for number in range(2):
        helped.shop.image(f"/{number}.jpg", photograph(number))
    helped.waiting(["/0.jpg", "/1.jpg"])
    _, machine = helped.invited()
    assert account(helped)["contributors"] == [{"name": "Ann", "pictures": 0, "slices": 0}]
    next(machine)
    told = account(helped)
    assert told["contributors"] == [{"name": "Ann", "pictures": 2, "slices": 1}]
    assert read_account(json.dumps(told).encode(), told["key"])["format"] == FORMAT
    helped.lie()
    helped.inline.run_until_idle()
    assert account(helped)["contributors"][0] == {"name": "Ann", "pictures": 0, "slices": 0}


def test_what_is_no_account_or_was_changed_is_refused(helped: Helped) -> None:
    helped.invited()
    told = account(helped)
    other = told["key"].replace("+", "x+", 1)
    wrong: Any
    for wrong in (
        told | {"at": "2020-01-01T00:00:00Z"},
        told | {"signature": "00" * 64},
        told | {"signature": "no"},
        told | {"key": other},
        told | {"key": "no key"},
        told | {"format": "exhibit-edge-account/2"},
        told | {"contributors": [{}]},
        told | {"contributors": 1},
        {name: value for name, value in told.items() if name != "at"},
        [],
    ):
        with pytest.raises(ExhibitError):
            read_account(json.dumps(wrong).encode())
    with pytest.raises(ExhibitError):
        read_account(b"no JSON")
    with pytest.raises(ExhibitError):
        read_account(json.dumps(told).encode(), other)
