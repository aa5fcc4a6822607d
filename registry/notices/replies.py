"""What the addressee of a notice answers on a page of its own: kept, logged, told; the notice rests until it is read.

Who says that it was taken down has the places of the cases visited again, and decides nothing by that.

Whoever has the letter has the link. A reply is what somebody with the letter says, and no more.
"""

import secrets
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum
from django.db.models.functions import Length
from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError, passes
from exhibit.plain import one_line, plain
from registry.cases import history, recaptures
from registry.db.rows import alone_with, there, write
from registry.log import audit_log
from registry.models import EventKind, Notice, NoticeReply, Owner
from registry.notices.notices import cases_of, keep_event
from registry.notifications import events, mail_choices

HOLDS = timedelta(days=365)
"""So long after the signature its addressee can answer."""
MAX_UNSEEN, MAX_REPLIES = 5, 50
"""Replies to one notice: that no member has read yet, and altogether."""
MAX_WORDS, MAX_FILE, MAX_FILES = 4_000, 20 * 1024 * 1024, 100 * 1024 * 1024
"""Characters of a reply; bytes of its file, and of the files of all replies to one notice."""

OPEN = (Notice.State.SENT, Notice.State.ANSWERED, Notice.State.COUNTERED, Notice.State.REMOVED, Notice.State.ONLINE)
"""States in which a notice can be answered, and signed: a letter may arrive before anybody says that it was sent."""


def new_token() -> tuple[str, datetime]:
    """A token of 256 random bits, and until when it will hold."""
    return secrets.token_urlsafe(32), now() + HOLDS


def find(token: str) -> Notice | None:
    """The notice with this token while it can be answered: a wrong, expired or withdrawn one finds nothing."""
    rows = Notice.objects.filter(reply_token=Digest.of(token.encode()), reply_until__gt=now())
    return rows.filter(state__in=(*OPEN, Notice.State.SIGNED)).select_related("owner").first()


def unread(of: Owner) -> QuerySet[NoticeReply]:
    """The replies to the owner's notices that no member has read, the oldest first, without their files."""
    rows = NoticeReply.objects.filter(notice__owner=of, seen_at=None).exclude(notice__state=Notice.State.DISCARDED)
    return rows.select_related("notice").defer("file").order_by("at", "pk")


def check_size(size: int) -> None:
    """Raise ``RefusedError`` for a file of more bytes than are taken."""
    if size > MAX_FILE:
        told = {"size": filesizeformat(size), "most": filesizeformat(MAX_FILE)}
        raise RefusedError(_("The file has %(size)s; up to %(most)s are taken.") % told, reason="too-many-bytes")


def keep(row: Notice, kind: str, words: str, *, contact: str = "", name: str = "", data: bytes = b"") -> NoticeReply:
    """Keep a reply: an entry of the log for each case, a line in its history, and an event that members are told of.

    A file is kept byte by byte as a PDF, a JPEG, a PNG or UTF-8 text by its first bytes; nothing here decodes it.
    Raises ``RefusedError`` for what is empty, too large, or one too many.
    """
    words, contact = plain(words).strip(), one_line(contact)[:300]
    if kind not in NoticeReply.Kind.values:
        raise RefusedError(_("Choose what you would like to say."), reason="kind")
    if len(words) > MAX_WORDS:
        told = {"count": number_format(len(words), force_grouping=True)}
        told["most"] = number_format(MAX_WORDS, force_grouping=True)
        said = _("The words have %(count)s characters; up to %(most)s are taken.") % told
        raise RefusedError(said, reason="too-many-bytes")
    check_size(len(data))
    if data and not _readable(data):
        raise RefusedError(_("The file is neither a PDF, a JPEG, a PNG nor plain text."), reason="file")
    if kind in (NoticeReply.Kind.LICENCE, NoticeReply.Kind.DISPUTE) and not (words or data):
        raise RefusedError(_("Write some words, or add a file."), reason="empty")
    with alone_with(row) as held:
        if held.reply_token is None or held.reply_token != row.reply_token:
            raise NotFoundError(_("This link leads nowhere."))
        count = held.replies.count()
        if count >= MAX_REPLIES or held.replies.filter(seen_at=None).count() >= MAX_UNSEEN:
            hint = _("Write to the address in the letter.")
            raise RefusedError(
                _("Answers are waiting to be read; no more are taken now."), reason="too-many", hint=hint
            )
        if data and len(data) + (held.replies.aggregate(bytes=Sum(Length("file")))["bytes"] or 0) > MAX_FILES:
            said = _("The files of all answers to this letter would have more than %(most)s.")
            hint = _("Write to the address in the letter.")
            raise RefusedError(said % {"most": filesizeformat(MAX_FILES)}, reason="too-many-bytes", hint=hint)
        made = NoticeReply.objects.create(
            notice=held, number=count + 1, kind=kind, words=words, contact=contact, at=now(),
            file_name=one_line(name)[-200:] if data else "", file=data or None,
            file_digest=Digest.of(data) if data else None,
        )  # fmt: skip
        keep_event(held, "reply", by="")
        about = {"notice": held.number, "reply": made.number, "kind": kind, "words": words, "contact": contact}
        for case in cases_of(held):
            digest = made.file_digest.hex if made.file_digest else ""
            audit_log.noted(case, "notice replied to", by="the addressee's page", file=digest, **about)
            history.record(case, "notice", "", ("notice-reply", {"number": held.number}))
            if kind == NoticeReply.Kind.REMOVED and case.decision in recaptures.FOLLOWED:
                recaptures.visit_again(case, now())
                history.record(case, "notice", "", ("notice-said-removed", {"number": held.number}))
        mail_choices.hasten(held.owner)
        event = {"notice": held.number, "party": held.party, "reply": made.number, "kind": kind}
        events.record(held.owner, EventKind.NOTICE_REPLIED, event)
    return made


def _readable(data: bytes) -> bool:
    is_text = b"\0" not in data and passes(bytes.decode, data)
    return is_text or data.startswith((b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def see(row: Notice, *, by: str) -> None:
    """Record that a member has read the replies: the notice goes on, and a reminder of ours moves by the days of rest.

    A term of law runs whatever somebody answers here, and isn't moved. A second time changes nothing.
    """
    with alone_with(row) as held:
        unseen = list(held.replies.filter(seen_at=None).defer("file").order_by("number"))
        if not unseen:
            return
        held.replies.filter(seen_at=None).update(seen_at=now(), seen_by=by)
        if held.due_what == "reminder" and held.due_on is not None:
            write(held, due_on=held.due_on + timedelta(days=(now().date() - unseen[0].at.date()).days))
        keep_event(held, "reply seen", by=by)
        for case in cases_of(held):
            audit_log.noted(case, "notice reply seen", by=by, notice=held.number, last=unseen[-1].number)


def file_of(row: Notice, number: int) -> NoticeReply:
    """A reply that has a file; raises ``NotFoundError``."""
    found = row.replies.filter(number=number).exclude(file=None).first()
    return there(found, f"Reply {number} to notice {row.number} has no file.")
