"""Test that only what a person has read is signed, in that person's name, and stored byte for byte."""

import pytest

from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from registry.models import Owner, PageReading
from registry.notices import notices
from registry.notices.claims import check, unread
from registry.notices.contents import letter
from registry.notices.signing import file_of, read_mark, send_by_mail, sign
from tests.assets.noticed import begun, read_captured_pages, signed
from tests.assets.noticed_once import inline, stage, studio, two_cases
from tests.registry.notices.test_claims import keep_page
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_another_letter_or_another_name_is_not_signed(studio: Owner, inline: SyncRunner) -> None:
    row = begun(studio)
    mark = read_mark(letter(row))
    with pytest.raises(WrongUseError, match="Ann Example"):
        sign(inline.services, row, typed="Bob", read=mark, by="bob")
    notices.fill(row, {"further": "One more word."}, ["further"])
    with pytest.raises(WrongUseError):
        sign(inline.services, row, typed="Ann Example", read=mark, by="ann")
    assert notices.notice(studio, row.number).state == "draft"


def test_nothing_is_signed_or_sent_while_a_captured_page_is_still_to_be_read(studio: Owner, inline: SyncRunner) -> None:
    row = begun(studio)
    keep_page(inline, "<html>A shop</html>")
    PageReading.objects.update(state="todo")
    with pytest.raises(WrongUseError, match=unread(check([studio.cases.get(number=1)]))[0]):
        signed(inline, row)
    read_captured_pages(inline)
    row = signed(inline, row)
    PageReading.objects.update(state="doing")
    with pytest.raises(WrongUseError):
        send_by_mail(inline.services, row, by="ann")
    PageReading.objects.update(state="failed")  # never read: the text from the crawl counts
    assert send_by_mail(inline.services, row, by="ann")


@pytest.mark.long
def test_what_was_signed_is_kept_with_its_digest_and_leaves_as_one_mail(studio: Owner, inline: SyncRunner) -> None:
    row = signed(inline, begun(studio))
    text, pdf = (file_of(inline.services, row, name) for name in ("notice.txt", "notice.pdf"))
    assert text is not None
    assert pdf is not None
    assert row.text == Digest.of(text[0])
    assert b"Ann Example" in text[0]
    assert pdf[0].startswith(b"%PDF-")
    assert file_of(inline.services, row, "mail.eml") is None
    first = send_by_mail(inline.services, row, by="ann")
    assert send_by_mail(inline.services, row, by="ann").message_id == first.message_id
