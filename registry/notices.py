"""Notices: how they begin, what a person states in them, and what became of them. Each change is told to the log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, WrongUseError
from registry import matching, trail
from registry.models import Case, Notice, NoticeCase, NoticeEvent, NoticeMail, Owner, StepState

MOST_CASES = 100
"""Cases of one notice."""

State = Notice.State
BEGUN = (State.DRAFT, State.SIGNED)
OPEN_STATES = (State.SENT, State.ANSWERED, State.COUNTERED, State.ONLINE)
"""States in which somebody has something to wait for."""

HAPPENED = (State.ANSWERED, State.COUNTERED, State.REMOVED, State.ONLINE, State.RESOLVED)
"""What a person can say has happened to a notice that was sent."""

LANGUAGES = {
    Notice.Kind.DMCA: ("en",),
    Notice.Kind.DSA: ("en",),
    Notice.Kind.PRC: ("zh-Hans",),
    Notice.Kind.OFFER: ("en", "zh-Hans"),
}
"""In which languages a kind is shipped, the first by itself."""


@dataclass(frozen=True, slots=True)
class Due:
    """By when somebody has to look at a notice again, and why: a key of a sentence."""

    day: date
    what: str


def notices(of: Owner) -> QuerySet[Notice]:
    """The owner's notices, newest first, without the discarded ones."""
    return Notice.objects.filter(owner=of).exclude(state=State.DISCARDED).order_by("-number")


def notice(of: Owner, number: int) -> Notice:
    """One of the owner's notices.

    Raises:
        NotFoundError: there is none, or it is another owner's.
    """
    found = Notice.objects.filter(owner=of, number=number).select_related("owner").first()
    if found is None:
        raise NotFoundError(f"{of.name} has no notice {number}.")
    return found


def may_be_noticed(of: Owner, party: str) -> QuerySet[Case]:
    """The party's cases about which a notice may be written: a person has confirmed them."""
    rows = Case.objects.filter(owner=of, party=party, decision=Case.Decision.CONFIRMED)
    return rows.select_related("work").order_by("number")


def pausing(case: Case) -> Notice | None:
    """The notice whose counter-notice pauses this case, if there is one."""
    return Notice.objects.filter(notice_cases__case=case, state=State.COUNTERED).order_by("-number").first()


def draft(owner: Owner, numbers: Sequence[int], kind: str, language: str, *, by: str) -> Notice:
    """Begin a notice about confirmed cases of one party; what the last notice of the owner said of its sender is kept.

    Raises:
        WrongUseError: a case isn't confirmed, is paused, or belongs to another party, or there are too many.
    """
    if kind not in Notice.Kind.values or language not in LANGUAGES[Notice.Kind(kind)]:
        raise WrongUseError(_("There is no such notice."))
    cases = list(Case.objects.filter(owner=owner, number__in=numbers).order_by("number"))
    _check(cases)
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        last = Notice.objects.filter(owner=owner).order_by("-number").first()
        sender = {name: text for name, text in (last.fields if last else {}).items() if name.startswith("sender_")}
        made = Notice.objects.create(
            owner=owner,
            number=(Notice.objects.filter(owner=owner).aggregate(last=Max("number"))["last"] or 0) + 1,
            kind=kind,
            language=language,
            party=cases[0].party,
            fields=sender,
            created_at=now(),
            created_by=by,
        )
        NoticeCase.objects.bulk_create([NoticeCase(notice=made, case=case) for case in cases])
        _event(made, "drafted", by=by)
    return made


def _check(cases: Sequence[Case]) -> None:
    if not cases:
        raise WrongUseError(_("No case is chosen."), hint=_("Choose at least one."))
    if len(cases) > MOST_CASES:
        raise WrongUseError(_("A notice takes %(n)d cases at most.") % {"n": MOST_CASES})
    if len({case.party for case in cases}) > 1:
        raise WrongUseError(_("A notice goes to one party."), hint=_("Choose cases of one party."))
    for case in cases:
        if case.decision != Case.Decision.CONFIRMED:
            said = _("Case %(number)d isn't confirmed.") % {"number": case.number}
            raise WrongUseError(said, hint=_("A person confirms a case before anything is sent about it."))
    paused = NoticeCase.objects.filter(case__in=cases, notice__state=State.COUNTERED).select_related("case", "notice")
    for row in paused[:1]:
        said = _("Case %(case)d is paused: a counter-notice came to notice %(notice)d.")
        raise WrongUseError(
            said % {"case": row.case.number, "notice": row.notice.number},
            hint=_("Say on that notice how it was resolved first."),
        )


def fill(row: Notice, given: Mapping[str, str], names: Iterable[str]) -> None:
    """Keep fields of a draft.

    Raises:
        WrongUseError: it is signed already.
    """
    with transaction.atomic():
        held = _hold_draft(row)
        held.fields = {**held.fields, **{name: given.get(name, "") for name in names}}
        held.save(update_fields=["fields"])
    row.fields = held.fields


def consider(row: Notice, case: int, answers: Mapping[str, str], term_reason: str) -> None:
    """Keep what a person considered about one case of a draft.

    Raises:
        NotFoundError: the case isn't in it.
        WrongUseError: it is signed already.
    """
    with transaction.atomic():
        _hold_draft(row)
        found = NoticeCase.objects.filter(notice=row, case__number=case)
        if not found.update(answers=dict(answers), term_reason=term_reason):
            raise NotFoundError(f"Notice {row.number} has no case {case}.")


def discard(row: Notice, *, by: str) -> None:
    """Throw a draft away; its number isn't given again."""
    with transaction.atomic():
        held = _hold_draft(row)
        held.state = State.DISCARDED
        held.save(update_fields=["state"])
        _event(held, "discarded", by=by)


def keep_signed(row: Notice, files: list[dict[str, Any]], text: Digest, *, by: str) -> None:
    """Record that a person has signed a draft, with the exact bytes of what was signed. Inside a transaction.

    Raises:
        WrongUseError: it was signed meanwhile, or a case of it may not be noticed any more.
    """
    held = _hold_draft(row)
    rows = list(NoticeCase.objects.filter(notice=held).select_related("case__work", "case__owner"))
    _check([one.case for one in rows])
    held.state, held.signed_at, held.signed_by, held.files, held.text = State.SIGNED, now(), by, files, text
    held.save(update_fields=["state", "signed_at", "signed_by", "files", "text"])
    _event(held, "signed", by=by)
    for one in rows:
        about = {"considered": one.answers, "files": _digests(files), "term_reason": one.term_reason}
        trail.noticed(one.case, "notice signed", held.number, by=by, **about)
        matching.record(one.case, "notice", by, f"Notice {held.number} signed.")


def take_back(row: Notice, *, by: str) -> None:
    """Make a signed notice that hasn't left a draft again; the signed bytes are let go of.

    Raises:
        WrongUseError: it isn't signed, or has left or is leaving.
    """
    with transaction.atomic():
        held = Notice.objects.select_for_update(no_key=True).get(pk=row.pk)
        leaving = NoticeMail.objects.filter(notice=held).exclude(state=StepState.FAILED)
        if held.state != State.SIGNED or leaving.exists():
            raise WrongUseError(_("Notice %(number)d can't be taken back.") % {"number": held.number})
        NoticeMail.objects.filter(notice=held).delete()
        held.state, held.signed_at, held.signed_by, held.files, held.text = State.DRAFT, None, "", [], None
        held.save(update_fields=["state", "signed_at", "signed_by", "files", "text"])
        _event(held, "taken back", by=by)
        for case in _cases(held):
            trail.noticed(case, "notice taken back", held.number, by=by)


def keep_sent(row: Notice, how: str, *, by: str, files: Sequence[Mapping[str, Any]] = ()) -> None:
    """Record that a signed notice has left; twice is once.

    Args:
        row: the notice.
        how: ``mail`` or ``by hand``.
        by: who sent it.
        files: exact bytes besides those that were signed.
    """
    with transaction.atomic():
        held = Notice.objects.select_for_update(no_key=True).get(pk=row.pk)
        if held.state != State.SIGNED:
            return
        due = due_after(held.kind, State.SENT, now().date())
        held.state, held.sent_at, held.files = State.SENT, now(), [*held.files, *files]
        held.due_on, held.due_what = (due.day, due.what) if due else (None, "")
        held.save(update_fields=["state", "sent_at", "files", "due_on", "due_what"])
        _event(held, "sent", by=by, words=how)
        for case in _cases(held):
            trail.noticed(case, "notice sent", held.number, by=by, how=how, files=_digests(held.files))
            matching.record(case, "notice", by, f"Notice {held.number} sent.")


def happened(row: Notice, what: str, day: date, words: str, *, by: str) -> None:
    """Record what became of a notice that was sent; a counter-notice pauses its cases until it is resolved.

    Raises:
        WrongUseError: it hasn't been sent, or nothing of the kind can happen.
    """
    if what not in HAPPENED:
        raise WrongUseError(_("Choose what has happened."))
    with transaction.atomic():
        held = Notice.objects.select_for_update(no_key=True).get(pk=row.pk)
        if held.state in (State.DRAFT, State.SIGNED, State.DISCARDED) or held.sent_at is None:
            raise WrongUseError(_("Notice %(number)d hasn't been sent.") % {"number": held.number})
        if not held.sent_at.date() - timedelta(days=1) <= day <= now().date() + timedelta(days=1):
            raise WrongUseError(_("The day lies before the notice was sent, or in the future."))
        due = due_after(held.kind, what, day)
        held.state = State(what)
        held.due_on, held.due_what = (due.day, due.what) if due else (None, "")
        held.save(update_fields=["state", "due_on", "due_what"])
        _event(held, what, by=by, day=day, words=words)
        for case in _cases(held):
            trail.noticed(case, f"notice {what}", held.number, by=by, day=day.isoformat())
            matching.record(case, "notice", by, f"Notice {held.number}: {_HISTORY[what]}")


_HISTORY: dict[str, str] = {
    State.ANSWERED: "answered.",
    State.COUNTERED: "a counter-notice came; the case is paused.",
    State.REMOVED: "removed, a person says.",
    State.ONLINE: "still online, a person says.",
    State.RESOLVED: "resolved.",
}


def due_after(kind: str, what: str, day: date) -> Due | None:
    """By when to look again after something happened.

    17 U.S.C. 512(g)(2)(C): material is put back 10 to 14 business days after a counter-notice unless the provider is
    told before that of an action; business days are counted without regard to holidays, so that the day is never late.
    PRC E-Commerce Law, Art. 43: 15 days from the statement's arrival. DSA, Art. 20: six months to complain of an
    answer. What follows a letter that was just sent is a reminder of ours and no term of law.
    """
    if what == State.SENT:
        return Due(day + timedelta(days=14 if kind == Notice.Kind.OFFER else 7), "reminder")
    if what == State.COUNTERED and kind == Notice.Kind.DMCA:
        return Due(business_day(day, 10), "dmca-counter")
    if what == State.COUNTERED and kind == Notice.Kind.PRC:
        return Due(day + timedelta(days=15), "prc-statement")
    if what in (State.ANSWERED, State.ONLINE) and kind == Notice.Kind.DSA:
        return Due(months_later(day, 6), "dsa-complaint")
    if what in (State.COUNTERED, State.ANSWERED, State.ONLINE):
        return Due(day + timedelta(days=7), "reminder")
    return None


def business_day(day: date, count: int) -> date:
    """The day that many business days later, Monday to Friday; holidays aren't known here."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def months_later(day: date, months: int) -> date:
    """The same day some months later, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError


def _hold_draft(row: Notice) -> Notice:
    held = Notice.objects.select_for_update(no_key=True).get(pk=row.pk)
    if held.state != State.DRAFT:
        said = _("Notice %(number)d is signed or discarded, and can't be changed.") % {"number": held.number}
        raise WrongUseError(said, hint=_("Take the signature back first, as long as it hasn't been sent."))
    return held


def _cases(row: Notice) -> QuerySet[Case]:
    return Case.objects.filter(notice_cases__notice=row).select_related("owner", "work").order_by("pk")


def _event(row: Notice, kind: str, *, by: str, day: date | None = None, words: str = "") -> None:
    NoticeEvent.objects.create(notice=row, at=now(), kind=kind, by=by, day=day, words=words)


def _digests(files: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"digest": one["digest"], "name": one["name"]} for one in files]
