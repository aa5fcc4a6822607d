"""Notices: drafting, the signer's statements, and outcomes. Every change is logged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case as Choice, Exists, OuterRef, QuerySet, Subquery, When
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup
from registry.cases import history, log_entries
from registry.cases.models import Case
from registry.db.fields import StoredFile
from registry.db.rows import lock_and_reload, lock_row, update_row
from registry.members import samples
from registry.notices import mail
from registry.notices.deadlines import DueDate, get_next_due, get_reply_days
from registry.notices.models import Notice, NoticeCase, NoticeEvent, NoticeReply, Sender
from registry.notices.refuted_takedowns import annotate_refuted

MAX_CASES = 100
"""Maximum number of cases in a notice."""

State = Notice.State
UNSENT_STATES = (State.DRAFT, State.SIGNED)
OPEN_STATES = (State.SENT, State.ANSWERED, State.COUNTERED, State.ONLINE)
"""States in which an owner awaits a response."""

OUTCOMES = (State.ANSWERED, State.COUNTERED, State.REMOVED, State.ONLINE, State.RESOLVED)
"""Outcomes that a member can record for a sent notice."""

FILINGS = (Notice.Kind.CCB, Notice.Kind.COURT)
"""Kinds that are filed with a board or a court. They are not sent to a site or by email."""

LANGUAGES = {
    Notice.Kind.DMCA: ("en",),
    Notice.Kind.DSA: ("en", "de", "fr"),
    Notice.Kind.PRC: ("zh-Hans",),
    Notice.Kind.OFFER: ("en", "de", "fr", "zh-Hans"),
    Notice.Kind.CEASE: ("de", "fr"),
    Notice.Kind.CCB: ("en",),
    Notice.Kind.COURT: ("zh-Hans",),
}
"""Languages available for each kind. The first is the default."""


def list_notices(owner: Owner) -> QuerySet[Notice]:
    """Return the owner's notices, newest first, without discarded ones, annotated as by :func:`annotate_replies`."""
    return annotate_replies(Notice.objects.filter(owner=owner).exclude(state=State.DISCARDED)).order_by("-number")


def annotate_replies(rows: QuerySet[Notice]) -> QuerySet[Notice]:
    """Annotate notices with ``answered`` (has replies), ``unread`` (has a reply that no member read) and ``refuted``.

    ``refuted`` means that a takedown was reported and a later visit found the image online.
    """
    replies = NoticeReply.objects.filter(notice=OuterRef("pk"), withdrawn_at=None)
    annotations: dict[str, Any] = {"answered": Exists(replies), "unread": Exists(replies.filter(seen_at=None))}
    return annotate_refuted(rows.annotate(**annotations))


_notices_with_senders = Notice.objects.select_related("owner", "sender").defer("sender__file")
get_notice = make_number_lookup(lambda owner: annotate_replies(_notices_with_senders.filter(owner=owner)), "notice")


def list_cases_for_notice(owner: Owner, site: str, first_numbers: Sequence[int] = ()) -> QuerySet[Case]:
    """Return the site's confirmed cases, about which a notice may be written.

    Cases with the numbers ``first_numbers`` come first, then those without a notice. Each is annotated with
    ``noticed``, the number of the last notice about it, or None.
    """
    case_notices = Notice.objects.filter(notice_cases__case=OuterRef("pk")).exclude(state=State.DISCARDED)
    rows = Case.objects.filter(owner=owner, party=site, decision=Case.Decision.CONFIRMED).select_related("work")
    rows = rows.annotate(noticed=Subquery(case_notices.order_by("-number").values("number")[:1]))
    is_first = When(number__in=list(first_numbers), then=0)
    return rows.order_by(Choice(is_first, When(noticed=None, then=1), default=2), "number")


def create_draft(owner: Owner, numbers: Sequence[int], kind: str, language: str, *, by: str) -> Notice:
    """Create a draft notice about confirmed cases of one site. The sender is copied from the owner's last notice.

    Raises:
        InvalidRequestError: A case is not confirmed or is paused, there are too many cases, or they belong to several
            sites.
    """
    samples.check_not_sample(owner)
    if kind not in Notice.Kind.values or language not in LANGUAGES[Notice.Kind(kind)]:
        raise InvalidRequestError(_("This kind of notice is not available in this language."))
    cases = list(Case.objects.filter(owner=owner, number__in=numbers).order_by("number"))
    _check_cases(cases)
    with lock_row(owner):
        last_notice = Notice.objects.filter(owner=owner).order_by("-number").first()
        sender = {
            name: text
            for name, text in (last_notice.fields if last_notice else {}).items()
            if name.startswith("sender_")
        }
        number = last_notice.number + 1 if last_notice else 1
        values: dict[str, Any] = {
            "kind": kind,
            "language": language,
            "party": cases[0].party,
            "fields": sender,
            "sender_id": last_notice.sender_id if last_notice else None,
        }
        notice_row = Notice.objects.create(owner=owner, number=number, created_at=now(), created_by=by, **values)
        NoticeCase.objects.bulk_create([NoticeCase(notice=notice_row, case=case) for case in cases])
        add_event(notice_row, "drafted", by=by)
    return notice_row


def _check_cases(cases: Sequence[Case]) -> None:
    if not cases:
        raise InvalidRequestError(_("No cases selected."), hint=_("Select at least one case."))
    if len(cases) > MAX_CASES:
        raise InvalidRequestError(_("A notice covers at most %(n)d cases.") % {"n": MAX_CASES})
    if len({case.party for case in cases}) > 1:
        raise InvalidRequestError(
            _("A notice concerns only one site."), hint=_("Select only cases about the same site.")
        )
    for case in cases:
        if case.decision != Case.Decision.CONFIRMED:
            message = _("No member has decided that case %(number)d is not licensed.") % {"number": case.number}
            raise InvalidRequestError(
                message, hint=_("A notice can cover a case only after a member decides that the use is not licensed.")
            )
    check_not_paused(cases)
    paused_cases = NoticeCase.objects.filter(case__in=cases, notice__state=State.COUNTERED).select_related(
        "case", "notice"
    )
    for row in paused_cases[:1]:
        numbers = {"case": row.case.number, "notice": row.notice.number}
        message = _("Case %(case)d is paused: notice %(notice)d received a counter-notice.") % numbers
        raise InvalidRequestError(message, hint=_("First record on the page of that notice how it was resolved."))


def check_not_paused(cases: Iterable[Case]) -> None:
    """Check that no case is paused. Pass current rows of the cases.

    Raises:
        InvalidRequestError: A reply to a notice about one of the cases is unread, or an inquiry to an agency about
            one of them is open.
    """
    cases = list(cases)
    for case in cases:
        if case.agency_asked_at is not None:
            values = {"case": case.number, "agency": case.agency}
            raise InvalidRequestError(
                Sentence(
                    "Case %(case)s is paused until %(agency)s's reply on whether it sold a licence is recorded.",
                    **values,
                ),
                hint=Sentence("First record the agency's reply on the page of the case."),
            )
    unread_cases = NoticeCase.objects.filter(
        case__in=cases, notice__replies__seen_at=None, notice__replies__isnull=False
    )
    for row in unread_cases.select_related("case", "notice")[:1]:
        numbers = {"case": row.case.number, "notice": row.notice.number}
        raise InvalidRequestError(
            Sentence("Case %(case)s is paused until the reply to notice %(notice)s is marked as read.", **numbers),
            hint=Sentence("First read the reply on the page of that notice."),
        )


def save_fields(row: Notice, values: Mapping[str, str], names: Iterable[str], *, sender: Sender | None = None) -> None:
    """Save fields of a draft, and its sender if given.

    Raises:
        InvalidRequestError: The notice is already signed or discarded.
    """
    with transaction.atomic():
        locked_row = _lock_draft(row)
        fields = {**locked_row.fields, **{name: values.get(name, "") for name in names}}
        update_row(locked_row, fields=fields, **({} if sender is None else {"sender": sender}))
    row.fields = locked_row.fields


def change_language(row: Notice, language: str) -> None:
    """Change the language of a draft.

    Raises:
        InvalidRequestError: The kind is not available in this language, or the notice is already signed or discarded.
    """
    with transaction.atomic():
        locked_row = _lock_draft(row)
        if language not in LANGUAGES[Notice.Kind(locked_row.kind)]:
            raise InvalidRequestError(_("This kind of notice is not available in this language."))
        update_row(locked_row, language=language)


def save_considerations(row: Notice, case: int, answers: Mapping[str, str]) -> None:
    """Save the signer's considerations about one case of a draft.

    Raises:
        NotFoundError: The case is not in the notice.
        InvalidRequestError: The notice is already signed or discarded.
    """
    with transaction.atomic():
        _lock_draft(row)
        matching_rows = NoticeCase.objects.filter(notice=row, case__number=case)
        if not matching_rows.update(answers=dict(answers)):
            raise NotFoundError(f"Notice {row.number} has no case {case}.")


def discard_draft(row: Notice, *, by: str) -> None:
    """Discard a draft. Its number is not reused."""
    with transaction.atomic():
        locked_row = _lock_draft(row)
        update_row(locked_row, state=State.DISCARDED)
        add_event(locked_row, "discarded", by=by)


@contextmanager
def lock_draft(row: Notice) -> Iterator[Notice]:
    """Lock a draft and its cases for the duration of the block, in a transaction.

    Raises:
        InvalidRequestError: The notice is already signed or discarded, or a case no longer allows a notice.
    """
    with transaction.atomic():
        locked_row = _lock_draft(row)
        _check_cases(lock_cases(locked_row))
        yield locked_row


def record_signature(
    locked_notice: Notice,
    files: list[StoredFile],
    text: Digest,
    claims: Mapping[int, Sequence[Mapping[str, Any]]],
    *,
    by: str,
    details: Mapping[str, Any],
) -> None:
    """Record the signature on a draft that the caller has locked, with the signed files and the digest of the letter.

    ``claims`` maps case numbers to the claim check with the members' answers. ``details`` is added to the log entries.
    """
    update_row(locked_notice, state=State.SIGNED, signed_at=now(), signed_by=by, files=files, text=text)
    add_event(locked_notice, "signed", by=by)
    for case in locked_notice.notice_cases.select_related("case__work", "case__owner"):
        log_details = {
            "considered": case.answers,
            "files": _list_digests(files),
            "claims": list(claims[case.case.number]),
        }
        log_details |= details
        log_entries.log_action(case.case, "notice signed", by=by, notice=locked_notice.number, **log_details)
        history.record_event(case.case, "notice", by, ("notice-signed", {"number": locked_notice.number}))


def withdraw_signature(row: Notice, *, by: str) -> None:
    """Turn a signed, unsent notice back into a draft, and delete its signed files and pending email.

    Raises:
        InvalidRequestError: The notice is not signed, or an email of it is being sent or may have been sent.
    """
    with transaction.atomic():
        locked_row = lock_signed(row)
        mail.cancel_mail(locked_row)
        update_row(
            locked_row,
            state=State.DRAFT,
            signed_at=None,
            signed_by="",
            files=[],
            text=None,
            reply_token=None,
            reply_until=None,
        )
        add_event(locked_row, "taken back", by=by)
        for case in list_cases(locked_row):
            log_entries.log_action(case, "notice taken back", by=by, notice=locked_row.number)


def lock_signed(row: Notice) -> Notice:
    """Lock a signed, unsent notice until the end of the caller's transaction.

    Raises:
        InvalidRequestError: The notice is not signed, or has been sent.
    """
    locked_row = lock_and_reload(row)
    if locked_row.state != State.SIGNED:
        raise InvalidRequestError(
            _("Notice %(number)d has not been signed, or has already been sent.") % {"number": locked_row.number}
        )
    return locked_row


def record_sent_by_hand(row: Notice, *, by: str) -> None:
    """Record that a member sent a signed notice outside Exhibit. A pending email is cancelled.

    Raises the same errors as :func:`withdraw_signature`.
    """
    with transaction.atomic():
        locked_row = lock_signed(row)
        check_not_paused(lock_cases(locked_row))
        mail.cancel_mail(locked_row)
        record_sent(locked_row, "by hand", by=by)


def record_not_sent(row: Notice, *, by: str) -> None:
    """Record a member's statement that an email with uncertain delivery was not sent. The notice can be sent again.

    Raises:
        InvalidRequestError: The notice has no email with uncertain delivery.
    """
    with lock_row(row) as locked_row:
        mail.delete_uncertain_mail(locked_row)
        add_event(locked_row, "not left", by=by)


def record_sent_by_mail(row: Notice, *, by: str) -> None:
    """Record a member's statement that an email with uncertain delivery was sent.

    Raises the same errors as :func:`delete_uncertain_mail`.
    """
    with lock_row(row) as locked_row:
        file = mail.complete_uncertain_mail(locked_row).file  # Empty if the email was pending in a restored backup.
        record_sent(locked_row, "mail", by=by, files=[file] if file else [])


def record_sent(row: Notice, method: str, *, by: str, files: Sequence[StoredFile] = ()) -> None:
    """Record that a signed notice was sent, by ``mail`` or ``by hand``. Recording it again has no effect."""
    with lock_row(row) as locked_row:
        if locked_row.state != State.SIGNED:
            return
        due = get_next_due(locked_row.kind, State.SENT, localdate(), get_reply_days(locked_row.fields))
        update_row(locked_row, state=State.SENT, sent_at=now(), files=[*locked_row.files, *files], **_to_columns(due))
        add_event(locked_row, "sent", by=by, text=method)
        for case in list_cases(locked_row):
            log_entries.log_action(
                case, "notice sent", by=by, notice=locked_row.number, how=method, files=_list_digests(locked_row.files)
            )
            history.record_event(case, "notice", by, ("notice-sent", {"number": locked_row.number}))


def record_outcome(row: Notice, outcome: str, day: date, text: str, *, by: str) -> None:
    """Record an outcome of a sent notice.

    A counter-notice pauses the notice's cases until the notice is resolved. Until then, other outcomes are added to the
    history but change neither the state nor the deadline.

    Raises:
        InvalidRequestError: The outcome is not possible for this notice, or the day is out of range.
    """
    if outcome not in OUTCOMES or (row.kind in FILINGS and outcome == State.COUNTERED):
        raise InvalidRequestError(_("Select an event."))
    with lock_row(row) as locked_row:
        if locked_row.state in (State.DRAFT, State.SIGNED, State.DISCARDED) or locked_row.sent_at is None:
            raise InvalidRequestError(_("Notice %(number)d has not been sent.") % {"number": locked_row.number})
        if not localdate(locked_row.sent_at) - timedelta(days=1) <= day <= localdate() + timedelta(days=1):
            raise InvalidRequestError(
                _("The day is earlier than the day on which the notice was sent, or is in the future.")
            )
        if locked_row.state != State.COUNTERED or outcome in (State.COUNTERED, State.RESOLVED):
            # The deadline for a complaint continues.
            keeps_deadline = outcome == State.ONLINE and locked_row.due_reason == "dsa-complaint"
            update_row(
                locked_row,
                state=State(outcome),
                **({} if keeps_deadline else _to_columns(get_next_due(locked_row.kind, outcome, day))),
            )
        add_event(locked_row, outcome, by=by, day=day, text=text)
        for case in list_cases(locked_row):
            log_entries.log_action(case, f"notice {outcome}", by=by, notice=locked_row.number, day=day.isoformat())
            history.record_event(case, "notice", by, (f"notice-{outcome}", {"number": locked_row.number}))


def _lock_draft(row: Notice) -> Notice:
    locked_row = lock_and_reload(row)
    if locked_row.state != State.DRAFT:
        message = _("Notice %(number)d has been signed or discarded and cannot be changed.") % {
            "number": locked_row.number
        }
        raise InvalidRequestError(
            message, hint=_("Withdraw the signature first. This is possible until the notice is sent.")
        )
    return locked_row


def _to_columns(due: DueDate | None) -> dict[str, object]:
    return {"due_on": due.day, "due_reason": due.reason} if due else {"due_on": None, "due_reason": ""}


def list_cases(row: Notice) -> QuerySet[Case]:
    """Return the cases of a notice with their owners and works."""
    return Case.objects.filter(notice_cases__notice=row).select_related("owner", "work").order_by("pk")


def lock_cases(row: Notice) -> list[Case]:
    """Return the current cases of a notice, locked until the end of the caller's transaction."""
    return list(list_cases(row).select_for_update(no_key=True, of=("self",)))


def add_event(row: Notice, kind: str, *, by: str, day: date | None = None, text: str = "") -> None:
    """Add an entry to a notice's history."""
    NoticeEvent.objects.create(notice=row, at=now(), kind=kind, by=by, day=day, words=text)


def _list_digests(files: Iterable[StoredFile]) -> list[dict[str, str]]:
    return [{"digest": file["digest"], "name": file["name"]} for file in files]
