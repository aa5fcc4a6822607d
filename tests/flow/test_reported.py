"""Illegal content that a member reports: gone from sight at once, and purged unless others have to do with it."""

import pytest

from exhibit.errors import WrongUseError
from registry import owned
from registry.models import Case, Owner, Picture
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.inline import Inline
from workers.reported import report_picture, waiting_reports
from workers.steps.match import match_pictures


def with_a_case(inline: Inline, *owners: Owner) -> Picture:
    data = photograph(1)
    for one in owners:
        register(inline.house, one, data)
    planned, epoch = claimed_slice(owners[0])
    match_pictures(inline.house, bring(inline.house, planned, epoch, [copy_of(data)]))
    shown = Case.objects.filter(owner=owners[0]).get().shown
    assert shown is not None
    return shown.match.found


def test_a_reported_picture_of_one_owner_alone_is_removed_at_once(inline: Inline) -> None:
    studio = owner("studio")
    picture = with_a_case(inline, studio)
    with pytest.raises(WrongUseError):
        report_picture(inline.house, studio.cases.get(), by="Ann", reason="")
    assert picture.digest in inline.house.blobs
    report_picture(inline.house, studio.cases.get(), by="Ann", reason="It may not be kept.")
    picture.refresh_from_db()
    assert picture.bytes_state == "purged"
    assert picture.digest not in inline.house.blobs
    assert not owned.may_see_picture(studio, picture)
    assert waiting_reports() == []


def test_where_others_have_evidence_of_it_the_operator_decides(inline: Inline) -> None:
    studio, agency = owner("studio"), owner("agency")
    picture = with_a_case(inline, studio, agency)
    report_picture(inline.house, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert picture.digest in inline.house.blobs
    assert not owned.may_see_picture(studio, picture)
    assert owned.may_see_picture(agency, picture)
    assert waiting_reports() == [picture.digest.hex]
