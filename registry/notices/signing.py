"""Signing and sending of notices. Exactly the letter that was shown to the signer is signed and sent."""

from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.sentences import Sentence
from registry.cases.picture_usage import find_cases_with_picture
from registry.db.fields import StoredFile
from registry.db.rows import update_row
from registry.keys import passkeys
from registry.keys.passkeys import PasskeyAction, PasskeyResponse
from registry.notices import enclosures, mail, notices, replies
from registry.notices.checker import list_gap_sentences
from registry.notices.claim_check import check_cases, list_unanswered_sentences, list_unread_sentences
from registry.notices.contents import Letter, build_items, build_letter, save_shown_matches
from registry.notices.models import Notice, NoticeMail
from registry.notices.notice_pdf import render_notice_pdf
from registry.notices.wording import get_wording
from registry.pictures import scoped
from registry.services.mail import build_message_id
from registry.services.services import Services

TEXT_NAME, PDF_NAME, MAIL_NAME = "notice.txt", "notice.pdf", "mail.eml"
_UNSIGN_HINT = Sentence(
    "If the notice has not been sent, withdraw the signature and sign the notice again without the picture."
)


def compute_letter_digest(letter: Letter) -> str:
    """Return the digest of a letter, which the signer's page submits to show that it displayed this letter."""
    return Digest.from_bytes(letter.full_text.encode()).hex


def sign_draft(
    services: Services,
    notice: Notice,
    *,
    typed_name: str,
    shown_digest: str,
    by: str,
    passkey: PasskeyResponse | None = None,
) -> None:
    """Sign a notice: store its exact bytes and log their digests.

    Args:
        services: Services with the blob store.
        notice: The draft.
        typed_name: The signer's name as typed.
        shown_digest: Digest of the letter that was shown (:func:`compute_letter_digest`).
        by: Account that signs.
        passkey: Passkey response, if the owner requires passkeys to sign notices.

    Raises:
        InvalidRequestError: Required information is missing, the name or the letter differs, or a required passkey
            response is missing or invalid.
    """
    with notices.lock_draft(notice) as locked_notice:
        items = build_items(locked_notice)
        checks = check_cases([item.row.case for item in items])
        gap_sentences = [
            *list_gap_sentences(locked_notice, items),
            *list_unanswered_sentences(checks),
            *list_unread_sentences(checks),
        ]
        if gap_sentences:
            raise InvalidRequestError(gap_sentences[0], hint=_("The notice was not signed."))
        draft = build_letter(locked_notice, items)
        if shown_digest != compute_letter_digest(draft):
            raise InvalidRequestError(
                _("The notice has changed since it was displayed."), hint=_("Read the notice again, then sign it.")
            )
        if " ".join(typed_name.split()).casefold() != " ".join(locked_notice.fields["sender_name"].split()).casefold():
            sentence = _("The typed name is not %(name)s.") % {"name": locked_notice.fields["sender_name"]}
            raise InvalidRequestError(sentence, hint=_("Type the signer's name exactly as it appears in the notice."))
        details = passkeys.build_log_details(
            passkeys.consume_response(
                locked_notice.owner,
                PasskeyAction.SIGN,
                passkeys.build_letter_subject(shown_digest, locked_notice.number),
                passkey,
            )
        )
        signed_letter, link = replace(draft, text=draft.signed_text), ""
        wording = get_wording(locked_notice.owner, locked_notice.kind, locked_notice.language)
        if bundles_sentence := enclosures.create_package_link(services, locked_notice, wording, by=by):
            signed_letter = replace(signed_letter, text=f"{signed_letter.text}\n{bundles_sentence}\n")
        if services.config.public_url and locked_notice.kind not in notices.FILINGS:
            token, valid_until = replies.create_token()
            link = f"{services.config.public_url}/n/{token}"
            sentence = wording.format_phrase("answer", link=link, day=wording.format_day(valid_until))
            signed_letter = replace(signed_letter, text=f"{signed_letter.text}\n{sentence}\n")
            update_row(locked_notice, reply_token=Digest.from_bytes(token.encode()), reply_until=valid_until)
        text = signed_letter.full_text.encode()
        pdf = render_notice_pdf(services, locked_notice, signed_letter, items, now(), link)
        files = [
            _store_file(services, TEXT_NAME, "text/plain", text),
            _store_file(services, PDF_NAME, "application/pdf", pdf),
        ]
        cases = [item.row.case for item in items]
        files += [
            _store_file(services, *enclosure) for enclosure in enclosures.iterate_files(services, locked_notice, cases)
        ]
        for item in items:
            save_shown_matches(item)
        claims = {number: case_check.as_dicts() for number, case_check in checks.items()}
        notices.record_signature(locked_notice, files, Digest.from_bytes(text), claims, by=by, details=details)


def withdraw_signature(notice: Notice, *, by: str) -> None:
    """Withdraw a signature (:func:`registry.notices.notices.withdraw_signature`).

    Also revoke the letter's download link for bundles.
    """
    with transaction.atomic():
        notices.withdraw_signature(notice, by=by)
        enclosures.revoke_links(notice, by=by)


def send_by_mail(services: Services, notice: Notice, *, by: str) -> NoticeMail:
    """Queue the email of a signed notice. Queuing it again has no effect.

    Raises:
        InvalidRequestError: The notice is not signed, has no address or may not be emailed, no mail server is
            configured, or a claim-check point is unanswered.
    """
    if notice.kind in notices.FILINGS:
        raise InvalidRequestError(_("You must file this document yourself. Exhibit does not send it by email."))
    if not services.config.mail_url:
        message = _("The notice cannot be sent from here because no mail server is configured.")
        raise InvalidRequestError(
            message, hint=_("Download the PDF or the text, send it yourself, and record here that you sent it.")
        )
    with transaction.atomic():
        locked_notice = notices.lock_signed(notice)
        cases = notices.lock_cases(locked_notice)
        notices.check_not_paused(cases)
        if locked_notice.fields.get("undertaking") in ("within", "beyond"):
            message = _(
                "According to the notice, an undertaking is enclosed, but emails that Exhibit sends have no "
                "attachments."
            )
            hint = _("Download the PDF or the text, send it yourself, and record here that you sent it.")
            raise InvalidRequestError(message, hint=hint)
        to = str(locked_notice.fields.get("addressee_email", ""))
        if not to:
            message = _("The addressee has no email address.")
            hint = _("Download the PDF or the text, send it yourself, and record here that you sent it.")
            raise InvalidRequestError(message, hint=hint)
        checks = check_cases(cases)
        if unread_sentences := list_unread_sentences(checks):
            raise InvalidRequestError(unread_sentences[0], hint=_("Try again in a minute."))
        if unanswered_sentences := list_unanswered_sentences(checks):
            raise InvalidRequestError(
                unanswered_sentences[0],
                hint=_(
                    "New facts that may weaken the claim were found after the notice was signed. Answer these "
                    "points before you send the notice."
                ),
            )
        name = build_message_id(services.config, f"notice-{locked_notice.pk}.{str(locked_notice.text)[:16]}")
        mail_row = mail.queue_mail(locked_notice, to, name, by=by)
    services.enqueue(NoticeMail, [mail_row.pk])
    return mail_row


MEDIA_TYPES = ("text/plain", "application/pdf", "message/rfc822", "image/jpeg", "image/png")
"""Media types of a notice's files: the signed files, the sent email, and enclosures."""


def load_file(services: Services, notice: Notice, name: str) -> tuple[bytes, str] | None:
    """Return the bytes and media type of a signed notice's file, or None if it has no such file.

    Raises:
        NotFoundError: The file may show an image that was purged or has since been reported as illegal.
    """
    reported_pictures = scoped.list_reported_digests(notice.owner, since=notice.signed_at) if name != TEXT_NAME else ()
    if any(
        find_cases_with_picture(digest).filter(notice_cases__notice=notice).exists() for digest in reported_pictures
    ):
        raise NotFoundError(Sentence("The file may show a picture that was reported as illegal."), hint=_UNSIGN_HINT)
    entry = next((file for file in notice.files if file["name"] == name), None)
    return None if entry is None else (services.blobs.get(Digest.from_hex(entry["digest"])), entry["media_type"])


def get_download_name(notice: Notice, name: str) -> str:
    """Return the download name of a notice's file, such as ``studio-notice-3.pdf``."""
    stem, standard_names = f"{notice.owner.slug}-notice-{notice.number}", (TEXT_NAME, PDF_NAME, MAIL_NAME)
    return f"{stem}.{name.rsplit('.', 1)[-1]}" if name in standard_names else f"{stem}-{name}"


def _store_file(services: Services, name: str, media_type: str, data: bytes) -> StoredFile:
    return {"name": name, "media_type": media_type, "digest": services.blobs.put(data).hex, "size": len(data)}


def store_mail(services: Services, data: bytes) -> StoredFile:
    """Store the exact bytes of an email that is being sent."""
    return _store_file(services, MAIL_NAME, "message/rfc822", data)
