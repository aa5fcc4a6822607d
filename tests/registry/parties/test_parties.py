"""Test the counts and contacts of sites, loaded in few queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exhibit.errors import NotFoundError
from registry.models import Case, Notice, Owner
from registry.parties import parties
from tests.assets.notice_drafts import create_draft
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_site_is_counted_in_one_query(studio: Owner) -> None:
    Case.objects.filter(number=2).update(decision="open", is_pending=True, standing="removed")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        site = parties.get_party(studio, "shop.example")
    assert len(queries) == 1
    assert (site.cases, site.waiting, site.confirmed, site.removed, site.places) == (2, 1, 1, 1, 2)
    Case.objects.update(party="")
    assert parties.to_party_rows(parties.list_parties(studio)) == []
    with pytest.raises(NotFoundError):
        parties.get_party(studio, "")


def test_contacts_are_listed_once_with_their_last_notice(studio: Owner) -> None:
    for _ in range(2):
        create_draft(studio)
    assert parties.list_contacts(studio, "shop.example") == [("Copyright Agent", "agent@shop.example", "", 2)]
    Notice.objects.update(state="discarded")
    assert parties.list_contacts(studio, "shop.example") == []
