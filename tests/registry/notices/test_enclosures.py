"""Test that a letter lists its enclosures, which are stored when it is signed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from registry.bundles.deposits import make_deposit
from registry.bundles.links import links_of
from registry.models import Bundle, Case, DownloadLink, Notice, Owner, Package
from registry.notices import notices, senders
from registry.notices.contents import letter
from registry.notices.enclosures import packages
from registry.notices.signing import file_of, take_back
from tests.assets.fonts import needs_chinese
from tests.assets.noticed import begun, signed
from tests.assets.noticed_once import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]

LICENCE = b"\x89PNG\r\n\x1a\n1"


def names(row: Notice) -> list[str]:
    return [file["name"] for file in row.files]


@pytest.mark.long
def test_deposit_records_go_with_it_where_they_are_chosen(studio: Owner, inline: SyncRunner) -> None:
    made = make_deposit(inline.services, Case.objects.get(number=1).work, by="ann")
    row = begun(studio, "dsa")
    assert "Enclosed" not in letter(row).text
    notices.fill(row, {"deposits": "1"}, ["deposits"])
    row = notices.notice(studio, row.number)
    assert made.seal_digest.hex in letter(row).text
    row = signed(inline, row)
    assert names(row) == ["notice.txt", "notice.pdf", "deposit-record-1.pdf"]
    found = file_of(inline.services, row, "deposit-record-1.pdf")
    assert found is not None
    assert found[0].startswith(b"%PDF-")


@pytest.mark.long
@needs_chinese
def test_a_business_licence_goes_to_china_only_and_stays_as_it_was_signed(studio: Owner, inline: SyncRunner) -> None:
    told = {"name": "Ann Example", "code": "9144030071526726XG", "organisation": "某某公司"}
    who = senders.keep(studio, None, told, by="ann", file=LICENCE, name="营业执照.png")
    friendly, row = begun(studio, "offer"), begun(studio, "prc", "zh-Hans")
    for draft in (friendly, row):
        senders.take(draft, senders.sender(studio, who.number))
        contact = {
            "sender_capacity": "经理",
            "sender_address": "深圳",
            "sender_telephone": "1",
            "sender_email": "a@b.cn",
        }
        notices.fill(draft, contact, contact)
    friendly, row = (notices.notice(studio, draft.number) for draft in (friendly, row))
    assert f"营业执照，SHA-256：{Digest.of(LICENCE).hex}" in letter(row).text
    notices.fill(row, {"sender_organisation": "另一公司"}, ["sender_organisation"])
    assert "营业执照" not in letter(row).text
    notices.fill(row, {"sender_organisation": told["organisation"]}, ["sender_organisation"])
    assert "统一社会信用代码：9144030071526726XG" in letter(row).text
    row = signed(inline, row)
    assert names(row)[2:] == ["business-licence.png"]
    assert names(signed(inline, friendly))[2:] == []
    senders.keep(studio, who.number, {"name": "Bob"}, by="ann", file=b"%PDF-", name="other.pdf")
    senders.remove(studio, who.number, by="ann")
    row = notices.notice(studio, row.number)
    assert row.fields["sender_name"] == "Ann Example"
    assert file_of(inline.services, row, "business-licence.png") == (LICENCE, "image/png")


@pytest.mark.long
def test_a_link_to_the_bundles_of_its_cases_is_made_when_it_is_signed(studio: Owner, inline: SyncRunner) -> None:
    row = begun(studio, "dsa", "en", 1)
    until, file = now() + timedelta(days=9), {"name": "a", "media_type": "b", "digest": "00", "size": 1}
    told = {"owner": studio, "state": "done", "made_at": now(), "expires_at": until, "files": [file], "asked_by": "ann"}
    for number, cases, recipient in ((1, (1,), "other-side"), (2, (1, 2), "other-side"), (3, (1,), "court")):
        package = Package.objects.create(number=number, recipient=recipient, **told)
        for case in cases:
            bundle = Bundle.objects.get_or_create(case=Case.objects.get(number=case), number=1)[0]
            package.bundles.add(bundle)
    assert [package.number for package in packages(row)] == [1]
    inline.services.config = replace(inline.services.config, public_url="https://exhibit.example")
    notices.fill(row, {"package": "2"}, ["package"])
    with pytest.raises(WrongUseError):
        signed(inline, notices.notice(studio, row.number))
    assert not DownloadLink.objects.exists()
    notices.fill(row, {"package": "1"}, ["package"])
    row = signed(inline, notices.notice(studio, row.number))
    link = DownloadLink.objects.get()
    assert (link.package.number if link.package else 0, link.note) == (1, f"Notice {row.number}")
    text = file_of(inline.services, row, "notice.txt")
    assert text is not None
    assert b"https://exhibit.example/d/" in text[0]
    with pytest.raises(WrongUseError):
        take_back(begun(studio, "prc", "zh-Hans", 2), by="ann")  # is not signed
    assert not links_of(studio).exclude(revoked_at=None).exists()
    take_back(row, by="ann")
    assert links_of(studio).exclude(revoked_at=None).get() == link
