"""Test that lists are paginated and continue where they stopped."""

from registry.models import Owner, Watch
from tests.assets.api_programs import Program, alice, studio

__all__ = ["alice", "studio"]


def test_pagination_continues_when_rows_are_added_or_removed(studio: Owner, alice: Program) -> None:
    def add_watch(number: int) -> None:
        Watch.objects.create(owner=studio, number=number, name=f"w{number}", sources=[])

    for number in range(2, 7):
        add_watch(number)
    numbers, cursor = [], ""
    while True:
        status, piece = alice.get(f"/watches?limit=2&cursor={cursor}")
        assert status == 200
        numbers += [item["number"] for item in piece["items"]]
        if len(numbers) == 2:
            Watch.objects.filter(number=2).delete()
            add_watch(9)
        if piece["next"] is None:
            break
        cursor = piece["next"]
    assert numbers == [2, 3, 4, 5, 6, 9]
    assert alice.get(f"/watches?cursor={piece['last']}")[1] == {"items": [], "next": None, "last": piece["last"]}
    add_watch(10)
    assert [item["number"] for item in alice.get(f"/watches?cursor={piece['last']}")[1]["items"]] == [10]
