"""Senders who sign for an owner. They are stored once, selected in drafts, and copied into signed notices."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from exhibit.errors import InvalidRequestError
from exhibit.plain import to_one_line
from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup
from registry.db.rows import get_next_number, lock_row
from registry.log import audit_log
from registry.notices import notices
from registry.notices.models import Notice, Sender

MAX_FIELD_LENGTHS = {
    "name": 200, "capacity": 200, "organisation": 200, "representative": 200, "code": 30, "address": 500,
    "telephone": 60, "email": 300,
}  # fmt: skip
"""Fields of a sender with their maximum length in characters; the business licence file is stored separately."""
MAX_SENDERS, MAX_FILE_BYTES = 50, 2 * 1024 * 1024
"""Maximum number of senders of an owner, and of bytes in a file."""
FILE_SIGNATURES = {b"%PDF-": "pdf", b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}
"""Magic numbers of accepted file types, with their file name extensions."""

_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def is_credit_code(code: str) -> bool:
    """Return True if a 统一社会信用代码 (unified social credit code) has 18 characters and a valid check character.

    Defined in GB 32100-2015, with ISO 7064 for the check character.
    """
    if len(code) != 18 or any(character not in _CODE_CHARACTERS for character in code):
        return False
    total = sum(
        _CODE_CHARACTERS.index(character) * pow(3, position, 31) for position, character in enumerate(code[:17])
    )
    return _CODE_CHARACTERS[-total % 31] == code[17]


get_sender = make_number_lookup(lambda owner: Sender.objects.filter(owner=owner).defer("file"), "sender")


def save_sender(
    owner: Owner, number: int | None, new_values: Mapping[str, str], *, by: str, file: bytes = b"", name: str = ""
) -> Sender:
    """Save a sender; without a number, create one. The stored file is kept if none is given.

    Raises:
        NotFoundError: The owner has no sender with this number.
        InvalidRequestError: The name or code is invalid, or the file is too large or of another type.
    """
    values = {
        field: to_one_line(new_values.get(field, "")).strip()[:max_length]
        for field, max_length in MAX_FIELD_LENGTHS.items()
    }
    values["code"] = values["code"].replace(" ", "").upper()
    if not values["name"]:
        raise InvalidRequestError(_("Enter the name of the signer."))
    if values["code"] and not is_credit_code(values["code"]):
        raise InvalidRequestError(
            _(
                "This is not a valid unified social credit code. A valid code has 18 characters, the last of "
                "which is a check character."
            )
        )
    if len(file) > MAX_FILE_BYTES or (file and not file.startswith(tuple(FILE_SIGNATURES))):
        raise InvalidRequestError(_("The file is larger than 2 MB, or is not a PDF, JPEG or PNG file."))
    with lock_row(owner):
        rows = Sender.objects.filter(owner=owner)
        if number is None and rows.count() >= MAX_SENDERS:
            raise InvalidRequestError(_("The maximum of %(n)d senders has been reached.") % {"n": MAX_SENDERS})
        new_number = get_next_number(rows)
        file_values = {"file": file, "file_name": to_one_line(name)[-200:]} if file else {}
        sender_row = Sender(owner=owner, number=new_number) if number is None else get_sender(owner, number)
        for field, value in (values | file_values).items():
            setattr(sender_row, field, value)
        sender_row.save()
        audit_log.log_change("notice sender", by=by, owner=owner, details={"sender": sender_row.number, **values})
    return sender_row


def remove_sender(owner: Owner, number: int, *, by: str) -> None:
    """Delete a sender. Signed notices are not affected."""
    with transaction.atomic():
        get_sender(owner, number).delete()
        audit_log.log_change("notice sender", by=by, owner=owner, details={"sender": number, "removed": True})


def copy_to_draft(row: Notice, sender_row: Sender) -> None:
    """Copy a sender into a draft. In letters to China, the business licence is then enclosed.

    Raises:
        InvalidRequestError: The notice is already signed or discarded.
    """
    values = {f"sender_{field}": str(getattr(sender_row, field)) for field in MAX_FIELD_LENGTHS}
    notices.save_fields(row, values, values, sender=sender_row)
