"""Test the counts and contacts of parties, read in few queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exhibit.errors import NotFoundError
from registry.models import Case, Notice, Owner
from registry.parties import parties
from tests.assets.noticed import begun
from tests.assets.noticed_once import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_a_party_is_counted_in_one_query(studio: Owner) -> None:
    Case.objects.filter(number=2).update(decision="open", waits=True, standing="removed")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = parties.party(studio, "shop.example")
    assert len(asked) == 1
    assert (found.cases, found.waiting, found.confirmed, found.removed, found.places) == (2, 1, 1, 1, 2)
    Case.objects.update(party="")
    assert parties.lines(parties.parties(studio)) == []
    with pytest.raises(NotFoundError):
        parties.party(studio, "")


def test_contacts_are_those_of_notices_each_once_with_its_last(studio: Owner) -> None:
    for _ in range(2):
        begun(studio)
    assert parties.contacts_of(studio, "shop.example") == [("Copyright Agent", "agent@shop.example", "", 2)]
    Notice.objects.update(state="discarded")
    assert parties.contacts_of(studio, "shop.example") == []
