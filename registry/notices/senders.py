"""Who signs for an owner: kept once, chosen in drafts, and copied into what is signed."""

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
"""What is kept of a sender, in so many characters, beside the file of a business licence."""
MAX_SENDERS, MAX_FILE = 50, 2 * 1024 * 1024
"""Senders of an owner; bytes of a file."""
TYPES = {b"%PDF-": "pdf", b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}
"""How files begin that are taken, with the ending of their names."""

_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def is_credit_code(code: str) -> bool:
    """Whether a 统一社会信用代码 has 18 characters of which the last fits the others (GB 32100-2015, ISO 7064)."""
    if len(code) != 18 or any(sign not in _DIGITS for sign in code):
        return False
    total = sum(_DIGITS.index(sign) * pow(3, place, 31) for place, sign in enumerate(code[:17]))
    return _DIGITS[-total % 31] == code[17]


sender = numbered(lambda of: Sender.objects.filter(owner=of).defer("file"), "sender")


def keep(
    of: Owner, number: int | None, given: Mapping[str, str], *, by: str, file: bytes = b"", name: str = ""
) -> Sender:
    """Keep a sender, a new one without a number; the file stays where none is given.

    Raises ``NotFoundError``, and ``WrongUseError`` for a name or code that can't be, or a file that isn't taken.
    """
    told = {field: one_line(given.get(field, "")).strip()[:most] for field, most in FIELDS.items()}
    told["code"] = told["code"].replace(" ", "").upper()
    if not told["name"]:
        raise WrongUseError(_("Write the name of the person who signs."))
    if told["code"] and not is_credit_code(told["code"]):
        raise WrongUseError(
            _("This isn't a unified social credit code: 18 characters, of which the last fits the others.")
        )
    if len(file) > MAX_FILE or (file and not file.startswith(tuple(TYPES))):
        raise WrongUseError(_("The file is larger than 2 MB, or neither a PDF, a JPEG nor a PNG."))
    with alone_with(of):
        rows = Sender.objects.filter(owner=of)
        if number is None and rows.count() >= MAX_SENDERS:
            raise WrongUseError(_("There are %(n)d senders already.") % {"n": MAX_SENDERS})
        new = next_number(rows)
        added = {"file": file, "file_name": one_line(name)[-200:]} if file else {}
        held = Sender(owner=of, number=new) if number is None else sender(of, number)
        for field, value in (told | added).items():
            setattr(held, field, value)
        held.save()
        audit_log.changed("notice sender", by=by, owner=of, about={"sender": held.number, **told})
    return held


def remove(of: Owner, number: int, *, by: str) -> None:
    """Forget a sender; what was signed keeps what it says."""
    with transaction.atomic():
        sender(of, number).delete()
        audit_log.changed("notice sender", by=by, owner=of, about={"sender": number, "removed": True})


def take(row: Notice, chosen: Sender) -> None:
    """Fill a sender into a draft, and enclose the business licence where the letter goes to China.

    Raises ``WrongUseError`` when it is signed already.
    """
    told = {f"sender_{field}": str(getattr(chosen, field)) for field in FIELDS}
    notices.fill(row, told, told, sender=chosen)
