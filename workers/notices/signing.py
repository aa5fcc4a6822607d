"""Signing a notice, and having it leave: only what a person has read, and exactly that."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from registry import notices
from registry.models import Notice, NoticeMail
from workers.mail import sender
from workers.notices.contents import Letter, gaps, items_of, letter
from workers.notices.paper import notice_pdf
from workers.wiring import House

TEXT_NAME, PDF_NAME, MAIL_NAME = "notice.txt", "notice.pdf", "mail.eml"


def read_mark(made: Letter) -> str:
    """What says that somebody has read exactly this letter."""
    return Digest.of(f"{made.subject}\n\n{made.text}".encode()).hex


def sign(house: House, notice: Notice, *, typed: str, read: str, by: str) -> None:
    """Sign a notice: its exact bytes are kept, and their digests go into the log.

    Args:
        house: ports.
        notice: a draft.
        typed: the name as the person typed it; it must be the signer's.
        read: the mark of the letter that was shown (:func:`read_mark`).
        by: who is signed in.

    Raises:
        WrongUseError: something is missing, the letter isn't the one that was read, or the name is another.
    """
    items = items_of(notice)
    missing = gaps(notice, items)
    if missing:
        raise WrongUseError(missing[0], hint=_("Nothing was signed."))
    made = letter(notice, items)
    if read != read_mark(made):
        raise WrongUseError(_("The notice has changed since it was shown."), hint=_("Read it again, then sign."))
    if " ".join(typed.split()).casefold() != " ".join(notice.fields["sender_name"].split()).casefold():
        said = _("The typed name isn't %(name)s.") % {"name": notice.fields["sender_name"]}
        raise WrongUseError(said, hint=_("Type the name of the person who signs, as it stands in the notice."))
    text = f"{made.subject}\n\n{made.text}".encode()
    pdf = notice_pdf(house, notice, made, items, now())
    files = [_kept(house, TEXT_NAME, "text/plain", text), _kept(house, PDF_NAME, "application/pdf", pdf)]
    with transaction.atomic():
        notices.keep_signed(notice, files, Digest.of(text), by=by)


def send_by_mail(house: House, notice: Notice, *, by: str) -> NoticeMail:
    """Have a signed notice leave by mail, in the background; asked for twice it leaves once.

    Raises:
        WrongUseError: it isn't signed, there is no address, or no mail server is set.
    """
    to = str(notice.fields.get("addressee_email", ""))
    if notice.state != Notice.State.SIGNED:
        raise WrongUseError(_("Notice %(number)d isn't signed, or has been sent.") % {"number": notice.number})
    if not house.config.mail_url:
        said = _("No mail server is set, so nothing can be sent from here.")
        raise WrongUseError(said, hint=_("Take the PDF or the text, send it yourself, and say here that you did."))
    try:
        validate_email(to)
    except ValidationError:
        said = _("The addressee has no e-mail address.")
        raise WrongUseError(
            said, hint=_("Take the PDF or the text, send it yourself, and say here that you did.")
        ) from None
    domain = sender(house.config).rsplit("@", 1)[-1].strip(">") or "localhost"
    made, _new = NoticeMail.objects.get_or_create(
        notice=notice,
        defaults={"to": to, "by": by, "message_id": f"<notice-{notice.pk}.{str(notice.text)[:16]}@{domain}>"},
    )
    house.hint("notice", [made.pk])
    return made


def file_of(house: House, notice: Notice, name: str) -> tuple[bytes, str] | None:
    """One of the signed files of a notice with its media type; nothing when it has no such file."""
    found = next((one for one in notice.files if one["name"] == name), None)
    return None if found is None else (house.blobs.get(Digest.from_hex(found["digest"])), found["media_type"])


def _kept(house: House, name: str, media_type: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "media_type": media_type, "digest": house.blobs.put(data).hex, "size": len(data)}


def keep_mail(house: House, data: bytes) -> dict[str, Any]:
    """Keep the exact bytes of a mail that leaves."""
    return _kept(house, MAIL_NAME, "message/rfc822", data)
