"""Partners: added with their keys, asked for by the name of their log, counted, and revoked."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.config.anchors import short_name
from exhibit.errors import ConflictError, WrongUseError
from registry.db.rows import there, write
from registry.log import audit_log
from registry.models import Partner, PartnerCall

KEPT_FOR = timedelta(days=32)
"""For so long calls are kept: a month of them can be counted."""


def active() -> QuerySet[Partner]:
    """All that aren't revoked."""
    return Partner.objects.filter(revoked_at=None).order_by("name")


def named(name: str) -> Partner:
    """The partner of this name; raises ``NotFoundError``."""
    return there(
        active().filter(name=name).first(), f"There is no partner {name!r}.", "List them: exhibit partner list"
    )


def of_log(origin: str) -> Partner | None:
    """The partner whose log has this name, if there is one."""
    return next((row for row in active().filter(log_key__startswith=f"{origin}+") if row.origin == origin), None)


def add(name: str, url: str, log_key: str, witness_key: str, *, by: str) -> Partner:
    """Work with another installation; one of the same name gets this address and these keys from now on.

    Raises ``WrongUseError`` for a name that is none, ``ConflictError`` where another partner's log has the same name.
    """
    try:
        short_name(name)
    except ValueError as error:
        raise WrongUseError(_("A partner's name consists of small letters, digits, dots and hyphens.")) from error
    with transaction.atomic():
        known = active().select_for_update().filter(name=name).first()
        row = known or Partner(name=name, made_at=now())
        row.url, row.log_key, row.witness_key, row.fault = url, log_key, witness_key, ""
        other = of_log(row.origin)
        if other is not None and other.pk != row.pk:
            raise ConflictError(_("The log of another partner, %(name)s, has this name.") % {"name": other.name})
        row.save()
        about = {"name": name, "url": url, "log": log_key, "witness": witness_key}
        audit_log.changed("partner added" if known is None else "partner changed", by=by, about=about)
    return row


def revoke(row: Partner, *, by: str, reason: str) -> None:
    """Take nothing more from a partner, and ask it nothing more. What it has signed stays."""
    with transaction.atomic():
        Partner.objects.filter(pk=row.pk).update(revoked_at=now(), reason=reason)
        audit_log.changed("partner revoked", by=by, about={"name": row.name, "log": row.log_key, "reason": reason})


def set_captures(row: Partner, *, ask: bool | None = None, visits: int | None = None, by: str) -> None:
    """Whether a partner is asked to visit with us at each capture, and how many visits a day it may have made here."""
    with transaction.atomic():
        write(row, captures=row.captures if ask is None else ask, visits=row.visits if visits is None else visits)
        about = {"name": row.name, "log": row.log_key, "asked": row.captures, "visits": row.visits}
        audit_log.changed("captures with a partner", by=by, about=about)


def note_call(row: Partner, nonce: str, call: str) -> None:
    """Let a request in, once; raises ``ConflictError`` for one that came before."""
    try:
        with transaction.atomic():
            PartnerCall.objects.create(partner=row, nonce=nonce, call=call, at=now())
    except IntegrityError:
        raise ConflictError("This request came before.") from None


def calls_since(row: Partner, call: str, since: datetime) -> int:
    """How often a partner has asked for this since a moment, a month at most."""
    return PartnerCall.objects.filter(partner=row, call=call, at__gte=since).count()


def forget_calls() -> None:
    """Forget calls that nothing counts any more."""
    PartnerCall.objects.filter(at__lt=now() - KEPT_FOR).delete()


def looked_at(row: Partner, fault: str) -> None:
    """Note how a partner's log was when it was compared."""
    Partner.objects.filter(pk=row.pk).update(looked_at=now(), fault=fault)
