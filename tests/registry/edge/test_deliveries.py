"""Test signed statements of contributors' results: their contents, and the rejection of invalid or changed ones."""

import json
from typing import Any

import pytest

from exhibit.errors import ExhibitError
from registry.edge.deliveries import sign_statement
from registry.edge.statements import FORMAT, read_statement
from registry.models import Contributor
from tests.assets.contributors import ContributorInstallation, helped
from tests.assets.rows import photograph

__all__ = ["helped"]


def summarize(helped: ContributorInstallation) -> dict[str, Any]:
    rows = {row.pk: {"name": row.name, "pictures": row.pictures} for row in Contributor.objects.order_by("pk")}
    return sign_statement(helped.inline.services, rows)


@pytest.mark.long
def test_contributor_statement_counts_delivered_slices_and_valid_pictures(helped: ContributorInstallation) -> None:
    for number in range(2):
        helped.shop.image(f"/{number}.jpg", photograph(number))
    helped.start_list_crawl(["/0.jpg", "/1.jpg"])
    _, machine = helped.invite()
    assert summarize(helped)["contributors"] == [{"name": "Ann", "pictures": 0, "slices": 0}]
    next(machine)
    summary = summarize(helped)
    assert summary["contributors"] == [{"name": "Ann", "pictures": 2, "slices": 1}]
    assert read_statement(json.dumps(summary).encode(), summary["key"])["format"] == FORMAT
    helped.falsify_results()
    helped.inline.run_until_idle()
    assert summarize(helped)["contributors"][0] == {"name": "Ann", "pictures": 0, "slices": 0}


def test_invalid_or_changed_contributor_statement_is_rejected(helped: ContributorInstallation) -> None:
    helped.invite()
    summary = summarize(helped)
    other = summary["key"].replace("+", "x+", 1)
    wrong: Any
    for wrong in (
        summary | {"at": "2020-01-01T00:00:00Z"},
        summary | {"signature": "00" * 64},
        summary | {"signature": "no"},
        summary | {"key": other},
        summary | {"key": "no key"},
        summary | {"format": "exhibit-edge-account/2"},
        summary | {"contributors": [{}]},
        summary | {"contributors": 1},
        {name: value for name, value in summary.items() if name != "at"},
        [],
    ):
        with pytest.raises(ExhibitError):
            read_statement(json.dumps(wrong).encode())
    with pytest.raises(ExhibitError):
        read_statement(b"no JSON")
    with pytest.raises(ExhibitError):
        read_statement(json.dumps(summary).encode(), other)
