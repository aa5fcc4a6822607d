import pytest

from exhibit.errors import NotFoundError
from registry.db.rows import there, write
from registry.models import Owner

pytestmark = pytest.mark.django_db


def test_what_is_there_is_handed_over_and_what_isnt_is_told_with_a_hint() -> None:
    assert there(0, "It isn't there.") == 0
    with pytest.raises(NotFoundError, match=r"It isn't there\. Look elsewhere\."):
        there(None, "It isn't there.", "Look elsewhere.")


def test_only_what_is_given_is_written() -> None:
    row = Owner.objects.create(slug="studio", name="Studio")
    row.name = "Not meant to be kept"
    write(row, contact="ann@studio.example")
    assert row.contact == "ann@studio.example"
    row.refresh_from_db()
    assert (row.name, row.contact) == ("Studio", "ann@studio.example")
