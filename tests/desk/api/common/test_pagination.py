"""Test that lists are paginated and continue where they stopped."""

from registry.models import Owner, Watch
from tests.assets.programs import Program, alice, studio

__all__ = ["alice", "studio"]


def test_lists_go_on_where_they_were_whatever_comes_meanwhile(studio: Owner, alice: Program) -> None:
    def watch(number: int) -> None:
        Watch.objects.create(owner=studio, number=number, name=f"w{number}", sources=[])

    for number in range(2, 7):
        watch(number)
    seen, cursor = [], ""
    while True:
        status, piece = alice.get(f"/watches?limit=2&cursor={cursor}")
        assert status == 200
        seen += [one["number"] for one in piece["items"]]
        if len(seen) == 2:
            Watch.objects.filter(number=2).delete()
            watch(9)
        if piece["next"] is None:
            break
        cursor = piece["next"]
    assert seen == [2, 3, 4, 5, 6, 9]
    assert alice.get(f"/watches?cursor={piece['last']}")[1] == {"items": [], "next": None, "last": piece["last"]}
    watch(10)
    assert [one["number"] for one in alice.get(f"/watches?cursor={piece['last']}")[1]["items"]] == [10]
