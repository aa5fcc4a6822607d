"""Test that a notice lists its enclosures, which are stored when it is signed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry.bundles.deposits import make_deposit
from registry.bundles.links import list_links
from registry.models import Bundle, Case, DownloadLink, Notice, Owner, Package
from registry.notices import notices, senders
from registry.notices.contents import build_letter
from registry.notices.enclosures import list_packages
from registry.notices.signing import load_file, withdraw_signature
from tests.assets.fonts import needs_chinese
from tests.assets.notice_drafts import create_draft, sign_notice
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]

LICENCE = b"\x89PNG\r\n\x1a\n1"


def list_names(row: Notice) -> list[str]:
    return [file["name"] for file in row.files]


@pytest.mark.long
def test_chosen_deposit_records_are_enclosed(studio: Owner, inline: SyncRunner) -> None:
    deposit = make_deposit(inline.services, Case.objects.get(number=1).work, by="ann")
    row = create_draft(studio, "dsa")
    assert "Enclosed" not in build_letter(row).text
    notices.save_fields(row, {"deposits": "1"}, ["deposits"])
    row = notices.get_notice(studio, row.number)
    assert deposit.seal_digest.hex in build_letter(row).text
    row = sign_notice(inline, row)
    assert list_names(row) == ["notice.txt", "notice.pdf", "deposit-record-1.pdf"]
    stored_file = load_file(inline.services, row, "deposit-record-1.pdf")
    assert stored_file is not None
    assert stored_file[0].startswith(b"%PDF-")


@pytest.mark.long
@needs_chinese
def test_business_licence_is_enclosed_only_in_chinese_notices_as_signed(studio: Owner, inline: SyncRunner) -> None:
    fields = {"name": "Ann Example", "code": "9144030071526726XG", "organisation": "某某公司"}
    sender = senders.save_sender(studio, None, fields, by="ann", file=LICENCE, name="营业执照.png")
    offer, row = create_draft(studio, "offer"), create_draft(studio, "prc", "zh-Hans")
    for draft in (offer, row):
        senders.copy_to_draft(draft, senders.get_sender(studio, sender.number))
        contact = {
            "sender_capacity": "经理",
            "sender_address": "深圳",
            "sender_telephone": "1",
            "sender_email": "a@b.cn",
        }
        notices.save_fields(draft, contact, contact)
    offer, row = (notices.get_notice(studio, draft.number) for draft in (offer, row))
    assert f"营业执照，SHA-256：{Digest.from_bytes(LICENCE).hex}" in build_letter(row).text
    notices.save_fields(row, {"sender_organisation": "另一公司"}, ["sender_organisation"])
    assert "营业执照" not in build_letter(row).text
    notices.save_fields(row, {"sender_organisation": fields["organisation"]}, ["sender_organisation"])
    assert "统一社会信用代码：9144030071526726XG" in build_letter(row).text
    row = sign_notice(inline, row)
    assert list_names(row)[2:] == ["business-licence.png"]
    assert list_names(sign_notice(inline, offer))[2:] == []
    senders.save_sender(studio, sender.number, {"name": "Bob"}, by="ann", file=b"%PDF-", name="other.pdf")
    senders.remove_sender(studio, sender.number, by="ann")
    row = notices.get_notice(studio, row.number)
    assert row.fields["sender_name"] == "Ann Example"
    assert load_file(inline.services, row, "business-licence.png") == (LICENCE, "image/png")


@pytest.mark.long
def test_signing_creates_download_link_for_selected_package(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio, "dsa", "en", 1)
    until, file = now() + timedelta(days=9), {"name": "a", "media_type": "b", "digest": "00", "size": 1}
    fields = {
        "owner": studio,
        "state": "done",
        "made_at": now(),
        "expires_at": until,
        "files": [file],
        "requested_by": "ann",
    }
    for number, cases, recipient in ((1, (1,), "other-side"), (2, (1, 2), "other-side"), (3, (1,), "court")):
        package = Package.objects.create(number=number, recipient=recipient, **fields)
        for case in cases:
            bundle = Bundle.objects.get_or_create(case=Case.objects.get(number=case), number=1)[0]
            package.bundles.add(bundle)
    assert [package.number for package in list_packages(row)] == [1]
    inline.services.config = replace(inline.services.config, public_url="https://exhibit.example")
    notices.save_fields(row, {"package": "2"}, ["package"])
    with pytest.raises(InvalidRequestError):
        sign_notice(inline, notices.get_notice(studio, row.number))
    assert not DownloadLink.objects.exists()
    notices.save_fields(row, {"package": "1"}, ["package"])
    row = sign_notice(inline, notices.get_notice(studio, row.number))
    link = DownloadLink.objects.get()
    assert (link.package.number if link.package else 0, link.note) == (1, f"Notice {row.number}")
    text = load_file(inline.services, row, "notice.txt")
    assert text is not None
    assert b"https://exhibit.example/d/" in text[0]
    with pytest.raises(InvalidRequestError):
        withdraw_signature(create_draft(studio, "prc", "zh-Hans", 2), by="ann")  # this draft is not signed
    assert not list_links(studio).exclude(revoked_at=None).exists()
    withdraw_signature(row, by="ann")
    assert list_links(studio).exclude(revoked_at=None).get() == link
