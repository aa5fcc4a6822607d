"""Test the API's schemas of licences."""

from datetime import date

from desk.schemas.licences import Licence
from registry.models import Licence as Row
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


def test_licence_lists_its_works_in_order_or_none_for_all(inline: SyncRunner) -> None:
    studio = owner("studio")
    works = [register(inline.services, studio, photograph(seed)).work for seed in (1, 2)]
    row = Row.objects.create(
        owner=studio, number=1, licensee="A shop", domain="shop.example", valid_from=date(2024, 1, 1)
    )
    assert Licence.from_row(row).works == []
    row.works.add(*reversed(works))
    data = Licence.from_row(row).model_dump(mode="json")
    assert (data["works"], data["valid_from"], data["valid_until"]) == ([1, 2], "2024-01-01", None)
