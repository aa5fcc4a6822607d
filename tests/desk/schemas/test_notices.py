"""Test the API's schemas of notices."""

import pytest

from desk.schemas.notices import NoticeDetails, NoticeSummary
from registry.models import Owner
from registry.notices import notices
from tests.assets.notice_drafts import create_draft, sign_notice, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


@pytest.mark.long
def test_draft_lists_missing_fields_and_signed_notice_keeps_its_text(inline: SyncRunner, studio: Owner) -> None:
    bare = notices.create_draft(studio, (1,), "dmca", "en", by="ann@example.org")
    assert NoticeDetails.from_notice(inline.services, notices.get_notice(studio, bare.number)).missing
    row = create_draft(studio)
    draft = NoticeDetails.from_notice(inline.services, row)
    assert (draft.state, draft.missing, [item.number for item in draft.cases]) == ("draft", [], [1, 2])
    assert draft.fields["addressee_name"] == "Copyright Agent"
    assert "Ann Example" in draft.text
    after = sign_notice(inline, row)
    notice = NoticeDetails.from_notice(inline.services, after)
    assert (notice.state, notice.missing, [item.findings for item in notice.claim_checks]) == ("signed", [], [[], []])
    assert notice.text.replace("\n", " ").split()[:5] == draft.text.replace("\n", " ").split()[:5]
    assert [item.kind for item in notice.events][:1] == ["drafted"]
    assert all(len(item.digest) == 64 for item in notice.files)
    assert NoticeSummary.from_row(after).site == "shop.example"
