"""Senders who sign for an owner. They are stored once, chosen in drafts, and copied into signed notices."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from exhibit.plain import one_line
from registry.accounts.models import Owner
from registry.accounts.scoped import numbered
from registry.db.rows import alone_with, next_number
from registry.log import audit_log
from registry.notices import notices
from registry.notices.models import Notice, Sender

FIELDS = {
    "name": 200, "capacity": 200, "organisation": 200, "representative": 200, "code": 30, "address": 500,
    "telephone": 60, "email": 300,
}  # fmt: skip
"""Fields of a sender with their maximum length in characters; the business licence file is stored separately."""
MAX_SENDERS, MAX_FILE = 50, 2 * 1024 * 1024
"""Maximum number of senders of an owner, and of bytes in a file."""
TYPES = {b"%PDF-": "pdf", b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}
"""Magic numbers of accepted files, with their file name extensions."""

_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def is_credit_code(code: str) -> bool:
    """Return True if a 统一社会信用代码 (unified social credit code) has 18 characters and a valid check character.

    Defined in GB 32100-2015, with ISO 7064 for the check character.
    """
    if len(code) != 18 or any(sign not in _DIGITS for sign in code):
        return False
    total = sum(_DIGITS.index(sign) * pow(3, place, 31) for place, sign in enumerate(code[:17]))
    return _DIGITS[-total % 31] == code[17]


sender = numbered(lambda of: Sender.objects.filter(owner=of).defer("file"), "sender")


def keep(
    of: Owner, number: int | None, given: Mapping[str, str], *, by: str, file: bytes = b"", name: str = ""
) -> Sender:
    """Save a sender; without a number, create one. The stored file is kept if none is given.

    Raises:
        NotFoundError: The owner has no sender with this number.
        WrongUseError: The name or code is invalid, or the file is too large or of another type.
    """
    values = {field: one_line(given.get(field, "")).strip()[:most] for field, most in FIELDS.items()}
    values["code"] = values["code"].replace(" ", "").upper()
    if not values["name"]:
        raise WrongUseError(_("Enter the name of the signer."))
    if values["code"] and not is_credit_code(values["code"]):
        raise WrongUseError(
            _(
                "This is not a valid unified social credit code. It has 18 characters, and the last one is a "
                "check character."
            )
        )
    if len(file) > MAX_FILE or (file and not file.startswith(tuple(TYPES))):
        raise WrongUseError(_("The file is larger than 2 MB, or is not a PDF, JPEG or PNG file."))
    with alone_with(of):
        rows = Sender.objects.filter(owner=of)
        if number is None and rows.count() >= MAX_SENDERS:
            raise WrongUseError(_("The maximum of %(n)d senders has been reached.") % {"n": MAX_SENDERS})
        new = next_number(rows)
        added = {"file": file, "file_name": one_line(name)[-200:]} if file else {}
        held = Sender(owner=of, number=new) if number is None else sender(of, number)
        for field, value in (values | added).items():
            setattr(held, field, value)
        held.save()
        audit_log.changed("notice sender", by=by, owner=of, about={"sender": held.number, **values})
    return held


def remove(of: Owner, number: int, *, by: str) -> None:
    """Delete a sender. Signed notices are not affected."""
    with transaction.atomic():
        sender(of, number).delete()
        audit_log.changed("notice sender", by=by, owner=of, about={"sender": number, "removed": True})


def take(row: Notice, chosen: Sender) -> None:
    """Copy a sender into a draft. In letters to China, the business licence is then enclosed.

    Raises:
        WrongUseError: The notice is already signed or discarded.
    """
    values = {f"sender_{field}": str(getattr(chosen, field)) for field in FIELDS}
    notices.fill(row, values, values, sender=chosen)
