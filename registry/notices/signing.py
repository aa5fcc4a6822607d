"""Signing and sending of notices. Only a letter that a person has read is signed, and exactly that letter is sent."""

from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.sentences import Sentence
from registry.cases.picture_usage import cases_with
from registry.db.fields import KeptFile
from registry.db.rows import write
from registry.keys import passkeys
from registry.keys.passkeys import Act, Answer
from registry.notices import enclosures, mail, notices, replies
from registry.notices.checker import gaps
from registry.notices.claims import check, unanswered, unread
from registry.notices.contents import Letter, items_of, keep_shown, letter
from registry.notices.models import Notice, NoticeMail
from registry.notices.paper import notice_pdf
from registry.notices.wording import wording
from registry.pictures import scoped
from registry.services.mail import message_id
from registry.services.services import Services

TEXT_NAME, PDF_NAME, MAIL_NAME = "notice.txt", "notice.pdf", "mail.eml"
_UNSIGN = Sentence(
    "If the notice has not been sent, withdraw the signature and sign the notice again without the picture."
)


def read_mark(made: Letter) -> str:
    """Return a digest that proves that a person was shown exactly this letter."""
    return Digest.of(made.whole.encode()).hex


def sign(services: Services, notice: Notice, *, typed: str, read: str, by: str, passkey: Answer | None = None) -> None:
    """Sign a notice: store its exact bytes and log their digests.

    Args:
        services: Services with the blob store.
        notice: The draft.
        typed: The signer's name, as typed by the person.
        read: Digest of the letter that was shown (:func:`read_mark`).
        by: Account that signs.
        passkey: Passkey answer, if the owner requires passkeys to sign notices.

    Raises:
        WrongUseError: Required information is missing, the name or the letter differs, or a required passkey answer is
            missing or invalid.
    """
    with notices.held_draft(notice) as held:
        items = items_of(held)
        checks = check([item.row.case for item in items])
        missing = [*gaps(held, items), *unanswered(checks), *unread(checks)]
        if missing:
            raise WrongUseError(missing[0], hint=_("The notice was not signed."))
        draft = letter(held, items)
        if read != read_mark(draft):
            raise WrongUseError(
                _("The notice has changed since it was displayed."), hint=_("Read it again, then sign it.")
            )
        if " ".join(typed.split()).casefold() != " ".join(held.fields["sender_name"].split()).casefold():
            said = _("The typed name is not %(name)s.") % {"name": held.fields["sender_name"]}
            raise WrongUseError(said, hint=_("Type the signer's name exactly as it appears in the notice."))
        details = passkeys.details(passkeys.take(held.owner, Act.SIGN, passkeys.of_letter(read, held.number), passkey))
        signed, link = replace(draft, text=draft.signed), ""
        words = wording(held.owner, held.kind, held.language)
        if bundles := enclosures.link(services, held, words, by=by):
            signed = replace(signed, text=f"{signed.text}\n{bundles}\n")
        if services.config.public_url and held.kind not in notices.FILINGS:
            token, until = replies.new_token()
            link = f"{services.config.public_url}/n/{token}"
            said = words.say("answer", link=link, day=words.day(until))
            signed = replace(signed, text=f"{signed.text}\n{said}\n")
            write(held, reply_token=Digest.of(token.encode()), reply_until=until)
        text = signed.whole.encode()
        pdf = notice_pdf(services, held, signed, items, now(), link)
        files = [_kept(services, TEXT_NAME, "text/plain", text), _kept(services, PDF_NAME, "application/pdf", pdf)]
        cases = [item.row.case for item in items]
        files += [_kept(services, *enclosed) for enclosed in enclosures.files(services, held, cases)]
        for item in items:
            keep_shown(item)
        claims = {number: case_check.record() for number, case_check in checks.items()}
        notices.keep_signed(held, files, Digest.of(text), claims, by=by, details=details)


def take_back(notice: Notice, *, by: str) -> None:
    """Withdraw a signature (:func:`registry.notices.notices.take_back`), and revoke the letter's link to bundles."""
    with transaction.atomic():
        notices.take_back(notice, by=by)
        enclosures.revoke(notice, by=by)


def send_by_mail(services: Services, notice: Notice, *, by: str) -> NoticeMail:
    """Queue the email of a signed notice. Queuing it again has no effect.

    Raises:
        WrongUseError: The notice is not signed, has no address or may not be emailed, no mail server is configured, or
            a claim-check point is unanswered.
    """
    if notice.kind in notices.FILINGS:
        raise WrongUseError(_("A person files this document. It is not sent by email."))
    if not services.config.mail_url:
        said = _("The notice cannot be sent from here because no mail server is configured.")
        raise WrongUseError(
            said, hint=_("Download the PDF or the text, send it yourself, and record here that you sent it.")
        )
    with transaction.atomic():
        held = notices.held_signed(notice)
        cases = notices.held_cases(held)
        notices.check_rest(cases)
        if held.fields.get("undertaking") in ("within", "beyond"):
            said = _(
                "The notice states that an undertaking is enclosed, but emails sent from here have no attachments."
            )
            hint = _("Download the PDF or the text, send it yourself, and record here that you sent it.")
            raise WrongUseError(said, hint=hint)
        to = str(held.fields.get("addressee_email", ""))
        if not to:
            said = _("The addressee has no email address.")
            hint = _("Download the PDF or the text, send it yourself, and record here that you sent it.")
            raise WrongUseError(said, hint=hint)
        checks = check(cases)
        if pending := unread(checks):
            raise WrongUseError(pending[0], hint=_("Try again in a minute."))
        if open_points := unanswered(checks):
            raise WrongUseError(
                open_points[0],
                hint=_(
                    "Since the notice was signed, new facts that may weaken the claim have been found. Answer them "
                    "first."
                ),
            )
        name = message_id(services.config, f"notice-{held.pk}.{str(held.text)[:16]}")
        queued = mail.ask(held, to, name, by=by)
    services.enqueue(NoticeMail, [queued.pk])
    return queued


MEDIA_TYPES = ("text/plain", "application/pdf", "message/rfc822", "image/jpeg", "image/png")
"""Media types of a notice's files: the signed files, the sent email, and enclosures."""


def file_of(services: Services, notice: Notice, name: str) -> tuple[bytes, str] | None:
    """Return the bytes and media type of a signed notice's file, or None if it has no such file.

    Raises:
        NotFoundError: The file may show an image that was purged or has since been reported as illegal.
    """
    reported = scoped.reported(notice.owner, since=notice.signed_at) if name != TEXT_NAME else ()
    if any(cases_with(digest).filter(notice_cases__notice=notice).exists() for digest in reported):
        raise NotFoundError(Sentence("It may show a picture that was reported as illegal."), hint=_UNSIGN)
    found = next((file for file in notice.files if file["name"] == name), None)
    return None if found is None else (services.blobs.get(Digest.from_hex(found["digest"])), found["media_type"])


def download_name(notice: Notice, name: str) -> str:
    """Return the download name of a notice's file, such as ``studio-notice-3.pdf``."""
    stem, own = f"{notice.owner.slug}-notice-{notice.number}", (TEXT_NAME, PDF_NAME, MAIL_NAME)
    return f"{stem}.{name.rsplit('.', 1)[-1]}" if name in own else f"{stem}-{name}"


def _kept(services: Services, name: str, media_type: str, data: bytes) -> KeptFile:
    return {"name": name, "media_type": media_type, "digest": services.blobs.put(data).hex, "size": len(data)}


def keep_mail(services: Services, data: bytes) -> KeptFile:
    """Store the exact bytes of an email that is being sent."""
    return _kept(services, MAIL_NAME, "message/rfc822", data)
