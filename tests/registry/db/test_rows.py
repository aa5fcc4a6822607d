import pytest

from exhibit.errors import NotFoundError
from registry.db.rows import require, update_row
from registry.models import Owner

pytestmark = pytest.mark.django_db


def test_existing_row_is_returned_and_missing_row_is_reported_with_a_hint() -> None:
    assert require(0, "It isn't there.") == 0
    with pytest.raises(NotFoundError, match=r"It isn't there\. Look elsewhere\."):
        require(None, "It isn't there.", "Look elsewhere.")


def test_write_updates_only_passed_fields() -> None:
    row = Owner.objects.create(slug="studio", name="Studio")
    row.name = "Not meant to be kept"
    update_row(row, contact="ann@studio.example")
    assert row.contact == "ann@studio.example"
    row.refresh_from_db()
    assert (row.name, row.contact) == ("Studio", "ann@studio.example")
