"""Test that senders are stored for an owner, selected in drafts, and leave signed notices unchanged."""

import pytest

from exhibit.errors import InvalidRequestError, NotFoundError
from registry.models import LogSubmission, Sender
from registry.notices import senders
from tests.assets.rows import owner

SENDER_FIELDS = {"name": " Ann\nExample ", "capacity": "owner", "code": "9144 0300 7152 6726 xg", "telephone": "1" * 99}


def test_credit_code_check_digit_is_validated() -> None:
    for code in ("9144030071526726XG", "91110000802100433B", "91350100M000100Y43"):
        assert senders.is_credit_code(code)
        for wrong in (code[:-1] + "7", code[:3] + code[4] + code[3] + code[5:], code[:-1], "I" + code[1:], ""):
            assert not senders.is_credit_code(wrong)


@pytest.mark.django_db
def test_sender_fields_are_validated_and_changes_logged() -> None:
    studio = owner("studio")
    before = LogSubmission.objects.filter(type="setting").count()
    sender = senders.save_sender(studio, None, SENDER_FIELDS, by="ann", file=b"%PDF-1.7", name="licence.pdf")
    assert (sender.number, sender.name, sender.code, len(sender.telephone)) == (
        1,
        "Ann Example",
        "9144030071526726XG",
        60,
    )
    for fields, file, message in (
        ({"name": " "}, b"", "Enter the name"),
        ({"name": "A", "code": "9144030071526726XX"}, b"", "not a valid unified social credit code"),
        ({"name": "A"}, b"<html>", "not a PDF"),
        ({"name": "A"}, b"%PDF-" + bytes(senders.MAX_FILE_BYTES), "larger than 2 MB"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            senders.save_sender(studio, None, fields, by="ann", file=file)
    senders.save_sender(studio, 1, {"name": "Ann B."}, by="ann")
    assert bytes(Sender.objects.get().file or b"") == b"%PDF-1.7"
    with pytest.raises(NotFoundError):
        senders.save_sender(owner("agency"), 1, SENDER_FIELDS, by="bob")
    senders.remove_sender(studio, 1, by="ann")
    assert not Sender.objects.exists()
    assert LogSubmission.objects.filter(type="setting").count() == before + 3


@pytest.mark.django_db
def test_number_of_senders_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = owner("studio")
    monkeypatch.setattr(senders, "MAX_SENDERS", 1)
    senders.save_sender(studio, None, SENDER_FIELDS, by="ann")
    senders.save_sender(studio, 1, SENDER_FIELDS, by="ann")
    with pytest.raises(InvalidRequestError, match="1"):
        senders.save_sender(studio, None, SENDER_FIELDS, by="ann")
