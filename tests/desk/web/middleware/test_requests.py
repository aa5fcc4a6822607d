"""Requests: their ids, and what of their words gets no further."""

from registry.models import Work
from tests.assets.desk_scene import Scene, scene

__all__ = ["scene"]


def test_what_is_pasted_into_the_site_is_kept_without_it(scene: Scene) -> None:
    address = scene.addresses()["edit-work"]
    given = {
        "title": "Har\x1bbour\r\n at \u202edawn",
        "author": "Ann\x00",
        "rights_statement": "one\r\ntwo\x9b",
        "reason": "w",
    }
    given |= {"author_kind": "person", "medium": ""}
    assert scene.alice.post(address, given).status_code == 302
    row = Work.objects.get()
    assert (row.title, row.author) == ("Harbour at dawn", "Ann")
    assert row.rights_statement.split() == ["one", "two"]
