"""Test the API's schemas of notices."""

import pytest

from desk.schemas.notices import NoticeDetails, NoticeSummary
from registry.models import Owner
from registry.notices import notices
from tests.assets.noticed import begun, signed, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


@pytest.mark.long
def test_a_draft_says_what_it_lacks_and_a_signed_one_keeps_its_letter(inline: SyncRunner, studio: Owner) -> None:
    bare = notices.draft(studio, (1,), "dmca", "en", by="ann@example.org")
    assert NoticeDetails.of(inline.services, notices.notice(studio, bare.number)).missing
    row = begun(studio)
    draft = NoticeDetails.of(inline.services, row)
    assert (draft.state, draft.missing, [one.number for one in draft.cases]) == ("draft", [], [1, 2])
    assert draft.fields["addressee_name"] == "Copyright Agent"
    assert "Ann Example" in draft.text
    after = signed(inline, row)
    told = NoticeDetails.of(inline.services, after)
    assert (told.state, told.missing, [one.findings for one in told.claim_checks]) == ("signed", [], [[], []])
    assert told.text.replace("\n", " ").split()[:5] == draft.text.replace("\n", " ").split()[:5]
    assert [one.kind for one in told.events][:1] == ["drafted"]
    assert all(len(one.digest) == 64 for one in told.files)
    assert NoticeSummary.from_row(after).site == "shop.example"
