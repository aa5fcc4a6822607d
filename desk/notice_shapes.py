"""The shapes of notices."""

from desk.ownership_words import warnings
from desk.plain_rows import Plain, fields
from registry.models import Notice, NoticeMail
from registry.notice_mail import may_have_left
from workers.notices.contents import gaps, items_of, letter
from workers.notices.signing import TEXT_NAME, file_of
from workers.wiring import House


def notice_line(row: Notice) -> Plain:
    """A notice in a list."""
    signing = fields(row, "created_at created_by signed_at signed_by sent_at due_on due_what")
    return {**fields(row, "number kind language party state"), **signing}


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
            {"number": one.row.case.number, "places": len(one.there), **fields(one.row, "answers term_reason")}
            for one in items
        ],
        "files": row.files,
        "events": [fields(one, "at kind day by words") for one in reversed(row.events.all())],
        "mail": _mail(getattr(row, "mail", None)),
    }


def _text(house: House, row: Notice) -> str:
    kept = file_of(house, row, TEXT_NAME)
    return "" if kept is None else kept[0].decode()


def _mail(row: NoticeMail | None) -> Plain | None:
    if row is None:
        return None
    return {**fields(row, "to state error"), "may_have_left": may_have_left(row)}
