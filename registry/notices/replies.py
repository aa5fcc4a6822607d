"""Replies to a notice, which its addressee submits on a reply page. Exhibit stores and logs them and notifies members.

The notice is paused until a member has read the reply. A reply that reports a takedown triggers new visits to the pages
of the cases, but no decision. A reply can be withdrawn until it is read.

The letter contains the link, so a reply proves only that its author has the letter.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.files import File
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError, is_accepted
from exhibit.plain import remove_control_chars, to_one_line
from registry.accounts.models import Owner
from registry.cases import history, log_entries, recaptures
from registry.cases.models import Capture
from registry.cases.recaptures import PlaceState
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import lock_row, require, update_row
from registry.events import events, mail_choices
from registry.events.models import EventKind
from registry.notices.models import Notice, NoticeReply, NoticeReplyFile
from registry.notices.notices import add_event, list_cases

REPLY_PERIOD = timedelta(days=365)
"""Time after the signature during which the addressee can reply."""
MAX_UNREAD, MAX_REPLIES = 5, 50
"""Maximum number of replies to one notice: unread, and in total."""
DAY = timedelta(days=1)
"""Minimum interval between visits that replies trigger, and the time for which a withdrawn reply counts as unread."""
MAX_TEXT_LENGTH, MAX_FILES = 4_000, 5
"""Maximum number of characters and files in a reply."""
MAX_FILE_BYTES, MAX_REPLY_BYTES, MAX_NOTICE_BYTES = 20 * 1024 * 1024, 60 * 1024 * 1024, 100 * 1024 * 1024
"""Maximum bytes of a file, of a reply's files, and of the files of all replies to one notice."""

OPEN_STATES = (
    Notice.State.SENT,
    Notice.State.ANSWERED,
    Notice.State.COUNTERED,
    Notice.State.REMOVED,
    Notice.State.ONLINE,
)
"""States in which a notice accepts replies, besides signed: a letter may arrive before its sending is recorded."""


def create_token() -> tuple[str, datetime]:
    """Return a token of 256 random bits and its expiry."""
    return secrets.token_urlsafe(32), now() + REPLY_PERIOD


def find_notice(token: str) -> Notice | None:
    """Return the notice with this token if it accepts replies; None if the token is invalid or has expired."""
    rows = Notice.objects.filter(reply_token=Digest.from_bytes(token.encode()), reply_until__gt=now())
    return rows.filter(state__in=(*OPEN_STATES, Notice.State.SIGNED)).select_related("owner").first()


def list_unread_replies(owner: Owner) -> QuerySet[NoticeReply]:
    """Return the replies to the owner's notices that no member has read, oldest first."""
    rows = NoticeReply.objects.filter(notice__owner=owner, seen_at=None).exclude(notice__state=Notice.State.DISCARDED)
    return rows.select_related("notice").order_by("at", "pk")


def check_sizes(files: "Sequence[File[bytes]]") -> None:
    """Check the number and sizes of files without reading them.

    Raises:
        RefusedError: There are too many files or bytes.
    """
    if len(files) > MAX_FILES:
        values = {"count": number_format(len(files)), "most": number_format(MAX_FILES)}
        raise RefusedError(_("You added %(count)s files. The maximum is %(most)s.") % values, reason="too-many")
    for file in files:
        if file.size > MAX_FILE_BYTES:
            values = {"size": filesizeformat(file.size), "most": filesizeformat(MAX_FILE_BYTES)}
            raise RefusedError(
                _("The file size is %(size)s. The maximum is %(most)s.") % values, reason="too-many-bytes"
            )
    if (size := sum(file.size for file in files)) > MAX_REPLY_BYTES:
        values = {"size": filesizeformat(size), "most": filesizeformat(MAX_REPLY_BYTES)}
        message = _("The total file size is %(size)s. The maximum is %(most)s.") % values
        raise RefusedError(message, reason="too-many-bytes")


def save_reply(
    row: Notice, kind: str, text: str, *, contact: str = "", files: "Sequence[File[bytes]]" = ()
) -> NoticeReply:
    """Store a reply, log it for each case, and notify members.

    Files are stored unchanged. PDFs, JPEGs, PNGs (recognised by their first bytes) and UTF-8 texts are accepted.
    Exhibit never decodes them.

    Raises:
        RefusedError: The reply is empty or too large, or there are too many replies.
    """
    text, contact = remove_control_chars(text).strip(), to_one_line(contact)[:300]
    _check_reply(kind, text, files)
    with lock_row(row) as locked_row:
        _check_token(locked_row, row)
        count = locked_row.replies.count()
        is_recent = Q(seen_at=None) | Q(withdrawn_at__gt=now() - DAY)
        if count >= MAX_REPLIES or locked_row.replies.filter(is_recent).count() >= MAX_UNREAD:
            hint = _("Write to the address in the notice.")
            raise RefusedError(
                _("The maximum number of replies has been reached. No more replies are accepted at the moment."),
                reason="too-many",
                hint=hint,
            )
        last_reported = locked_row.replies.filter(kind=NoticeReply.Kind.REMOVED).aggregate(at=Max("at"))["at"]
        new_reply = NoticeReply.objects.create(
            notice=locked_row, number=count + 1, kind=kind, words=text, contact=contact, at=now()
        )
        _save_files(locked_row, new_reply, files)
        add_event(locked_row, "reply", by="")
        log_details = {
            "notice": locked_row.number,
            "reply": new_reply.number,
            "kind": kind,
            "words": text,
            "contact": contact,
        }
        log_details |= {"files": [digest.hex for digest in new_reply.files.values_list("digest", flat=True)]}
        for case in list_cases(locked_row):
            log_entries.log_action(case, "notice replied to", by="the addressee's page", **log_details)
            history.record_event(case, "notice", "", ("notice-reply", {"number": locked_row.number}))
            if kind == NoticeReply.Kind.REMOVED and case.decision in recaptures.REVISITED_DECISIONS:
                recaptures.request_visits(case, now() if last_reported is None else max(now(), last_reported + DAY))
                history.record_event(case, "notice", "", ("notice-said-removed", {"number": locked_row.number}))
        mail_choices.schedule_mails_soon(locked_row.owner)
        event = {"notice": locked_row.number, "party": locked_row.party, "reply": new_reply.number, "kind": kind}
        events.record_event(locked_row.owner, EventKind.NOTICE_REPLIED, event)
    return new_reply


def _check_reply(kind: str, text: str, files: "Sequence[File[bytes]]") -> None:
    if kind not in NoticeReply.Kind.values:
        raise RefusedError(_("Select your reply."), reason="kind")
    if len(text) > MAX_TEXT_LENGTH:
        values = {"count": number_format(len(text), force_grouping=True)}
        values["most"] = number_format(MAX_TEXT_LENGTH, force_grouping=True)
        message = _("The text has %(count)s characters. The maximum is %(most)s.") % values
        raise RefusedError(message, reason="too-many-bytes")
    check_sizes(files)
    if kind in (NoticeReply.Kind.LICENCE, NoticeReply.Kind.DISPUTE) and not (text or files):
        raise RefusedError(_("Enter text or add a file."), reason="empty")


def _check_token(locked_row: Notice, row: Notice) -> None:
    if locked_row.reply_token is None or locked_row.reply_token != row.reply_token:
        raise NotFoundError(_("This link is invalid."))


def _save_files(notice: Notice, reply: NoticeReply, files: "Sequence[File[bytes]]") -> None:
    stored_bytes = NoticeReplyFile.objects.filter(reply__notice=notice).aggregate(bytes=Sum("size"))["bytes"] or 0
    if files and stored_bytes + sum(file.size for file in files) > MAX_NOTICE_BYTES:
        message = _("The files of all replies to this notice would exceed %(most)s.")
        hint = _("Write to the address in the notice.")
        raise RefusedError(message % {"most": filesizeformat(MAX_NOTICE_BYTES)}, reason="too-many-bytes", hint=hint)
    for number, file in enumerate(files, 1):
        data, name = file.read(), to_one_line(file.name or "")[-200:] or "file"
        if not _is_accepted_type(data):
            error_message = _("The file is not a PDF, JPEG, PNG or plain-text file.")
            raise RefusedError(error_message, reason="file")
        reply.files.create(number=number, name=name, digest=Digest.from_bytes(data), size=len(data), data=data)


def _is_accepted_type(data: bytes) -> bool:
    is_text = b"\0" not in data and is_accepted(bytes.decode, data)
    return bool(data) and (is_text or data.startswith((b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")))


def withdraw_reply(row: Notice, number: int) -> None:
    """Withdraw an unread reply. The notice is no longer paused by it; its text stays stored.

    Raises:
        NotFoundError: The reply does not exist, or has already been read or withdrawn.
    """
    with lock_row(row) as locked_row:
        _check_token(locked_row, row)
        unread_reply = locked_row.replies.filter(number=number, seen_at=None)
        if not unread_reply.update(seen_at=now(), withdrawn_at=now()):
            raise NotFoundError(
                _("The reply has been read and can no longer be withdrawn. You can send another reply.")
            )
        add_event(locked_row, "withdrawn", by="")
        for case in list_cases(locked_row):
            log_entries.log_action(
                case, "notice reply taken back", by="the addressee's page", notice=locked_row.number, reply=number
            )
            history.record_event(case, "notice", "", ("notice-reply-back", {"number": locked_row.number}))


def record_visit_results() -> None:
    """Record the state of the pages once after each takedown reply, for emails and webhooks.

    This requires that no visit to these pages is pending. Failed visits are not counted.
    """
    pending_visits = Capture.objects.filter(case__notice_cases__notice=OuterRef("notice"), state__in=UNFINISHED)
    has_pending_visits = Exists(pending_visits.filter(case__decision__in=recaptures.REVISITED_DECISIONS))
    is_unreported = Q(kind=NoticeReply.Kind.REMOVED, withdrawn_at=None, told_at=None)
    for reply in (
        NoticeReply.objects.filter(is_unreported, ~has_pending_visits)
        .select_related("notice__owner")
        .order_by("pk")[:500]
    ):
        with transaction.atomic():
            updated = NoticeReply.objects.filter(is_unreported, pk=reply.pk).update(told_at=now())
            counts, removed_before = _count_visit_results(reply)
            if updated and (counts or removed_before):
                event_data = {"notice": reply.notice.number, "party": reply.notice.party, "reply": reply.number}
                event_data |= {"places": counts, "removed_before": removed_before}
                events.record_event(reply.notice.owner, EventKind.NOTICE_VISITED, event_data)


def _count_visit_results(reply: NoticeReply) -> tuple[dict[str, int], int]:
    """Count a notice's pages by their state in visits started after a reply, and pages found removed before it."""
    rows = Capture.objects.filter(case__in=list_cases(reply.notice).filter(decision__in=recaptures.REVISITED_DECISIONS))
    place_columns = ("case_id", "page_key", "image_key")
    counts, removed_before = Counter[PlaceState](), 0
    for visit in rows.order_by(*place_columns, "-number").distinct(*place_columns):
        if visit.state != StepState.DONE:
            counts[PlaceState.UNSEEN] += 1
        elif visit.started_at is not None and visit.started_at >= reply.at:
            counts[recaptures.get_place_state(visit.outcome)] += 1
        else:
            removed_before += recaptures.get_place_state(visit.outcome) is PlaceState.REMOVED
    return {str(standing): count for standing, count in counts.items()}, removed_before


def mark_replies_read(row: Notice, *, by: str) -> None:
    """Record that a member has read the replies. The notice is no longer paused.

    Exhibit's own reminder is postponed by the duration of the pause. Legal deadlines do not change. Calling this again
    has no effect.
    """
    with lock_row(row) as locked_row:
        unread_replies = list(locked_row.replies.filter(seen_at=None).order_by("number"))
        if not unread_replies:
            return
        locked_row.replies.filter(seen_at=None).update(seen_at=now(), seen_by=by)
        if locked_row.due_reason == "reminder" and locked_row.due_on is not None:
            update_row(
                locked_row,
                due_on=locked_row.due_on + timedelta(days=(localdate() - localdate(unread_replies[0].at)).days),
            )
        add_event(locked_row, "reply seen", by=by)
        for case in list_cases(locked_row):
            log_entries.log_action(
                case, "notice reply seen", by=by, notice=locked_row.number, last=unread_replies[-1].number
            )


def get_file(row: Notice, reply: int, number: int) -> NoticeReplyFile:
    """Return a file of a reply.

    Raises:
        NotFoundError: The reply has no such file.
    """
    file = NoticeReplyFile.objects.filter(reply__notice=row, reply__number=reply, number=number).first()
    return require(file, f"Reply {reply} to notice {row.number} has no file {number}.")
