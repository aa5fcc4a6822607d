"""The shapes of notices."""

from typing import Any

from desk.ownership_words import warnings
from exhibit.clock import rfc3339
from registry.models import Notice, NoticeMail
from registry.notice_mail import may_have_left
from workers.notices.contents import gaps, items_of, letter
from workers.notices.signing import TEXT_NAME, file_of
from workers.wiring import House

Plain = dict[str, Any]


def notice_line(row: Notice) -> Plain:
    """A notice in a list."""
    return {
        "number": row.number,
        "kind": row.kind,
        "language": row.language,
        "party": row.party,
        "state": row.state,
        "created_at": rfc3339(row.created_at),
        "created_by": row.created_by,
        "signed_at": row.signed_at and rfc3339(row.signed_at),
        "signed_by": row.signed_by,
        "sent_at": row.sent_at and rfc3339(row.sent_at),
        "due_on": row.due_on and row.due_on.isoformat(),
        "due_what": row.due_what,
    }


def notice(house: House, row: Notice) -> Plain:
    """A notice with its letter and all that is known of it."""
    items, is_draft = items_of(row), row.state == Notice.State.DRAFT
    made = letter(row, items) if is_draft else None
    return {
        **notice_line(row),
        "fields": row.fields,
        "text": _text(house, row) if made is None else made.whole,
        "warnings": [] if made is None else [one for found in made.warned.values() for one in warnings(found)],
        "missing": gaps(row, items) if is_draft else [],
        "cases": [
            {
                "number": one.row.case.number,
                "places": len(one.there),
                "answers": one.row.answers,
                "term_reason": one.row.term_reason,
            }
            for one in items
        ],
        "files": row.files,
        "events": [
            {
                "at": rfc3339(one.at),
                "kind": one.kind,
                "day": one.day and one.day.isoformat(),
                "by": one.by,
                "words": one.words,
            }
            for one in reversed(row.events.all())
        ],
        "mail": _mail(getattr(row, "mail", None)),
    }


def _text(house: House, row: Notice) -> str:
    kept = file_of(house, row, TEXT_NAME)
    return "" if kept is None else kept[0].decode()


def _mail(row: NoticeMail | None) -> Plain | None:
    if row is None:
        return None
    return {"to": row.to, "state": row.state, "error": row.error, "may_have_left": may_have_left(row)}
