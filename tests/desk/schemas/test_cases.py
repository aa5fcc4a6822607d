"""Test the API's schemas of cases."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desk.schemas import cases as schemas
from registry import scoped
from registry.matches.match import match_pictures
from registry.models import Case
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_case_is_returned_with_uses_bundles_and_history(inline: SyncRunner) -> None:
    case = create_sealed_bundle(inline).case
    data = schemas.CaseDetails.from_row(case).model_dump(mode="json")
    assert data["work"] == {"number": 1, "title": "Work 1", "file": ""}
    (use,) = data["uses"]
    assert (use["page_url"], use["match"], use["licence"]) == ("http://shop.invalid/page-0", "certain", None)
    assert (use["calibration"] is None) == (use["probability"] is None)
    assert [item["number"] for item in data["bundles"]] == [1]
    assert [item["kind"] for item in data["history"]][:2] == ["opened", "confirmed"]
    assert data["history"][1]["by"] == "Ann"
    assert all(item["sentence"] for item in data["history"])


@pytest.mark.long
def test_many_cases_need_few_queries(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))

    def count_queries() -> int:
        with CaptureQueriesContext(connection) as context:
            schemas.Case.from_rows(schemas.prefetch_uses(scoped.list_owner_cases(studio)))
        return len(context)

    counts = []
    for index in range(3):
        crawl_slice, epoch = claim_new_slice(studio, f"watch-{index}")
        copy = recompress(photograph(1)) + bytes(index)
        match_pictures(
            inline.services, record_sightings(inline.services, crawl_slice, epoch, [copy], host=f"shop-{index}.example")
        )
        counts.append(count_queries())
    assert Case.objects.count() == 3
    assert counts[1] == counts[2]
