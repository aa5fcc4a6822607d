"""Agreements: which partner may search here without seeing anything, what it is told, until when, and how much."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from exhibit.clock import now, rfc3339
from exhibit.errors import ConflictError, NotFoundError, RefusedError, WrongUseError
from registry.log import audit_log
from registry.models import Agreement, Partner

FIELDS = ("page", "image", "seen", "digest", "hash")
"""What may be told of a picture that matches."""
MAX_QUERIES = 10_000_000
_TOLD_EVERY = timedelta(hours=1)


def add(partner: Partner, fields: Iterable[str], until: datetime, queries: int, *, by: str) -> Agreement:
    """Let a partner search here. Raises ``WrongUseError`` for terms that can't be, ``ConflictError`` beside another."""
    told = [name for name in FIELDS if name in set(fields)]
    if not told or set(fields) - set(FIELDS):
        raise WrongUseError("No such fields.", hint=f"Choose of: {', '.join(FIELDS)}")
    if until <= now() or not 0 < queries <= MAX_QUERIES:
        raise WrongUseError("An agreement ends in the future, and allows from 1 to ten million queries.")
    with transaction.atomic():
        Partner.objects.select_for_update().get(pk=partner.pk)
        if (last := last_of(partner)) and _fault(last) is None:
            hint = f"End it first: exhibit agreement end {last.pk}"
            raise ConflictError(f"Agreement {last.pk} with {partner.name} still holds.", hint=hint)
        row = Agreement.objects.create(
            partner=partner, fields=told, until=until, queries=queries, made_at=now()
        )  # fmt: skip
        about = {"agreement": row.pk, "partner": partner.name, "log": partner.log_key, "fields": told}
        audit_log.changed("agreement made", by=by, about={**about, "until": rfc3339(until), "queries": queries})
    return row


def end(number: int, *, by: str) -> None:
    """Answer nothing under this agreement any more; raises ``NotFoundError`` where none of this number holds."""
    with transaction.atomic():
        if not Agreement.objects.filter(pk=number, ended_at=None).update(ended_at=now()):
            raise NotFoundError(f"No agreement {number} holds.", hint="List them: exhibit agreement list")
        audit_log.changed("agreement ended", by=by, about={"agreement": number})


def last_of(partner: Partner) -> Agreement | None:
    """The newest agreement with a partner."""
    return Agreement.objects.filter(partner=partner).order_by("-pk").first()


def spend(partner: Partner, queries: int, what: str) -> Agreement:
    """Count so many queries of a partner and log them, before anything is answered.

    Raises ``RefusedError`` where no agreement covers them; the log tells that once an hour at most.
    """
    row = last_of(partner)
    if row is None:
        raise RefusedError("There is no agreement with you.", reason="agreement")
    about = {"agreement": row.pk, "partner": partner.name, "asked": queries, "what": what}
    fault = _fault(row)
    if fault is None:
        with transaction.atomic():
            left = Agreement.objects.filter(pk=row.pk, ended_at=None, used__lte=F("queries") - queries)
            if left.update(used=F("used") + queries):
                audit_log.changed("blind search answered", by="", about=about)
                row.refresh_from_db()
                return row
        fault = f"The agreement allows {row.queries} queries; {row.used} are used, and this asks for {queries} more."
    with transaction.atomic():
        quiet = Agreement.objects.filter(pk=row.pk).exclude(refused_at__gt=now() - _TOLD_EVERY)
        if quiet.update(refused_at=now()):
            audit_log.changed("blind search refused", by="", about={**about, "why": fault})
    raise RefusedError(fault, reason="agreement")


def asked(partner: Partner, about: dict[str, int]) -> None:
    """Put a search at a partner's into this installation's log: how much was asked, and how much found."""
    with transaction.atomic():
        audit_log.changed("blind search asked", by="", about={"partner": partner.name, **about})


def _fault(row: Agreement) -> str | None:
    if row.ended_at is not None:
        return "The agreement has been ended."
    return "The agreement is over." if row.until <= now() else None
