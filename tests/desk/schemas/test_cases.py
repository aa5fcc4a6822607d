"""Test the API's schemas of cases."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desk.schemas import cases as schemas
from registry import scoped
from registry.matches.match import match_pictures
from registry.models import Case
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.sealed import sealed_bundle
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_a_case_is_told_with_uses_bundles_and_history(inline: SyncRunner) -> None:
    case = sealed_bundle(inline).case
    told = schemas.CaseDetails.from_row(case).model_dump(mode="json")
    assert told["work"] == {"number": 1, "title": "Work 1", "file": ""}
    (use,) = told["uses"]
    assert (use["page_url"], use["match"], use["licence"]) == ("http://shop.invalid/page-0", "certain", None)
    assert (use["calibration"] is None) == (use["probability"] is None)
    assert [one["number"] for one in told["bundles"]] == [1]
    assert [one["kind"] for one in told["history"]][:2] == ["opened", "confirmed"]
    assert told["history"][1]["by"] == "Ann"
    assert all(one["sentence"] for one in told["history"])


@pytest.mark.long
def test_many_cases_are_asked_for_in_few_queries(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            schemas.Case.from_rows(schemas.with_uses(scoped.cases(studio)))
        return len(asked)

    counts = []
    for place in range(3):
        planned, epoch = claimed_slice(studio, f"watch-{place}")
        copy = copy_of(photograph(1)) + bytes(place)
        match_pictures(inline.services, bring(inline.services, planned, epoch, [copy], host=f"shop-{place}.example"))
        counts.append(queries())
    assert Case.objects.count() == 3
    assert counts[1] == counts[2]
