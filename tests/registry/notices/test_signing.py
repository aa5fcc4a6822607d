"""Test that only the reviewed text is signed, in the signer's name, and stored byte for byte."""

import pytest

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry.models import Owner, PageReading
from registry.notices import notices
from registry.notices.claim_check import check_cases, list_unread_sentences
from registry.notices.contents import build_letter
from registry.notices.signing import compute_letter_digest, load_file, send_by_mail, sign_draft
from tests.assets.notice_drafts import create_draft, read_captured_pages, sign_notice
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from tests.registry.notices.test_claim_check import store_page
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_changed_notice_or_name_is_not_signed(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio)
    mark = compute_letter_digest(build_letter(row))
    with pytest.raises(InvalidRequestError, match="Ann Example"):
        sign_draft(inline.services, row, typed_name="Bob", shown_digest=mark, by="bob")
    notices.save_fields(row, {"further": "One more word."}, ["further"])
    with pytest.raises(InvalidRequestError):
        sign_draft(inline.services, row, typed_name="Ann Example", shown_digest=mark, by="ann")
    assert notices.get_notice(studio, row.number).state == "draft"


def test_unread_captured_page_blocks_signing_and_sending(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio)
    store_page(inline, "<html>A shop</html>")
    PageReading.objects.update(state="queued")
    with pytest.raises(InvalidRequestError, match=list_unread_sentences(check_cases([studio.cases.get(number=1)]))[0]):
        sign_notice(inline, row)
    read_captured_pages(inline)
    row = sign_notice(inline, row)
    PageReading.objects.update(state="running")
    with pytest.raises(InvalidRequestError):
        send_by_mail(inline.services, row, by="ann")
    PageReading.objects.update(state="failed")  # reading failed: the text from the crawl is used
    assert send_by_mail(inline.services, row, by="ann")


@pytest.mark.long
def test_signed_files_are_stored_with_digest_and_mailed_once(studio: Owner, inline: SyncRunner) -> None:
    row = sign_notice(inline, create_draft(studio))
    text, pdf = (load_file(inline.services, row, name) for name in ("notice.txt", "notice.pdf"))
    assert text is not None
    assert pdf is not None
    assert row.text == Digest.from_bytes(text[0])
    assert b"Ann Example" in text[0]
    assert pdf[0].startswith(b"%PDF-")
    assert load_file(inline.services, row, "mail.eml") is None
    first = send_by_mail(inline.services, row, by="ann")
    assert send_by_mail(inline.services, row, by="ann").message_id == first.message_id
