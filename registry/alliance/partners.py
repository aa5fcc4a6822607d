"""Partners: their keys, log names, counted requests, and revocation.

Also agreements: which partner may search here blindly, what it learns about matches, until when, and how often.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from evidence.log.notes import check_name, parse_cosigner_key, parse_verifier_key
from exhibit.clock import now, rfc3339
from exhibit.config.anchors import short_name
from exhibit.errors import ConflictError, NotFoundError, RefusedError, WrongUseError, passes
from registry.alliance.models import Agreement, Partner, PartnerCall
from registry.db.rows import require, write
from registry.log import audit_log

CALL_RETENTION = timedelta(days=32)
"""Retention of requests, long enough to count a month."""
FIELDS = ("page", "image", "seen", "digest", "hash")
"""Fields that may be disclosed about a matching picture."""
MAX_QUERIES = 10_000_000
_REFUSAL_LOG_INTERVAL = timedelta(hours=1)


def list_active() -> QuerySet[Partner]:
    """Return all partners that have not been revoked."""
    return Partner.objects.filter(revoked_at=None).order_by("name")


def get_partner(name: str) -> Partner:
    """Return the partner of this name; raises ``NotFoundError``."""
    return require(
        list_active().filter(name=name).first(),
        f"There is no partner {name!r}.",
        "List them: exhibit api GET /operator/partners",
    )


def find_by_log(origin: str) -> Partner | None:
    """Return the partner whose log has this name, or ``None``; ``origin`` need not be trusted."""
    if not passes(check_name, origin, WrongUseError):
        return None
    return next((row for row in list_active().filter(log_key__startswith=f"{origin}+") if row.origin == origin), None)


def keys_of(row: Partner) -> set[bytes]:
    """Return the public keys of a partner's log and cosigner."""
    return {parse_verifier_key(row.log_key)[1], parse_cosigner_key(row.witness_key)[1]}


def add(name: str, url: str, log_key: str, witness_key: str, *, by: str) -> Partner:
    """Add another installation as a partner, or update the URL and keys of the partner with this name.

    Raises:
        WrongUseError: The name is invalid.
        ConflictError: Another partner's log has the same name, another partner has one of the keys, or log and cosigner
            have the same key: each key must have a single role and name.
    """
    try:
        short_name(name)
    except ValueError as error:
        raise WrongUseError(
            _("A partner name can contain only lowercase letters, digits, dots and hyphens.")
        ) from error
    with transaction.atomic():
        existing = list_active().select_for_update().filter(name=name).first()
        row = existing or Partner(name=name, made_at=now())
        if row.log_key != log_key:
            row.unexplained = ""
        row.url, row.log_key, row.witness_key, row.fault = url, log_key, witness_key, ""
        other = find_by_log(row.origin)
        if other is not None and other.pk != row.pk:
            raise ConflictError(
                _("The log of another partner, %(name)s, already uses this name.") % {"name": other.name}
            )
        own_keys = keys_of(row)
        if len(own_keys) < 2:
            raise ConflictError(
                _("The partner's log and its log witness use the same key. Each key can have only one role.")
            )
        for other in list_active().exclude(pk=row.pk):
            if own_keys & keys_of(other):
                raise ConflictError(
                    _("Another partner, %(name)s, already uses one of these keys.") % {"name": other.name}
                )
        row.save()
        about = {"name": name, "url": url, "log": log_key, "witness": witness_key}
        audit_log.log_change("partner added" if existing is None else "partner changed", by=by, about=about)
    return row


def revoke(row: Partner, *, by: str, reason: str) -> None:
    """Revoke a partner: accept nothing from it, and send it no requests. Its signatures stay."""
    with transaction.atomic():
        Partner.objects.filter(pk=row.pk).update(revoked_at=now(), reason=reason)
        audit_log.log_change("partner revoked", by=by, about={"name": row.name, "log": row.log_key, "reason": reason})


def set_captures(row: Partner, *, ask: bool | None = None, visits: int | None = None, by: str) -> None:
    """Set if a partner is requested to visit pages at each capture, and how many visits it may request per day."""
    with transaction.atomic():
        write(row, captures=row.captures if ask is None else ask, visits=row.visits if visits is None else visits)
        about = {"name": row.name, "log": row.log_key, "asked": row.captures, "visits": row.visits}
        audit_log.log_change("captures with a partner", by=by, about=about)


def record_call(row: Partner, nonce: str, call: str) -> None:
    """Record a request, once; raises ``ConflictError`` if it was received before."""
    try:
        with transaction.atomic():
            PartnerCall.objects.create(partner=row, nonce=nonce, call=call, at=now())
    except IntegrityError:
        raise ConflictError("This request came before.") from None


def calls_since(row: Partner, call: str, since: datetime) -> int:
    """Count a partner's requests of a kind since a moment, at most a month ago."""
    return PartnerCall.objects.filter(partner=row, call=call, at__gte=since).count()


def delete_old_calls() -> None:
    """Delete requests that are too old to be counted."""
    PartnerCall.objects.filter(at__lt=now() - CALL_RETENTION).delete()


def record_comparison(row: Partner, fault: str) -> None:
    """Record the result of comparing a partner's log, unless its key has changed meanwhile."""
    Partner.objects.filter(pk=row.pk, log_key=row.log_key).update(looked_at=now(), fault=fault)


def create_agreement(partner: Partner, fields: Iterable[str], until: datetime, queries: int, *, by: str) -> Agreement:
    """Allow a partner to search here.

    Raises:
        WrongUseError: The terms are invalid.
        ConflictError: An earlier agreement is still in force.
    """
    disclosed_fields = [name for name in FIELDS if name in set(fields)]
    if not disclosed_fields or set(fields) - set(FIELDS):
        raise WrongUseError("No such fields.", hint=f"Choose of: {', '.join(FIELDS)}")
    if until <= now() or not 0 < queries <= MAX_QUERIES:
        raise WrongUseError("An agreement ends in the future, and allows from 1 to ten million queries.")
    with transaction.atomic():
        Partner.objects.select_for_update().get(pk=partner.pk)
        if (last := agreement_with(partner)) and _end_reason(last) is None:
            hint = f"End it first: exhibit api DELETE /operator/agreements/{last.pk}"
            raise ConflictError(f"Agreement {last.pk} with {partner.name} still holds.", hint=hint)
        row = Agreement.objects.create(
            partner=partner, fields=disclosed_fields, until=until, queries=queries, made_at=now()
        )  # fmt: skip
        about = {"agreement": row.pk, "partner": partner.name, "log": partner.log_key, "fields": disclosed_fields}
        audit_log.log_change("agreement made", by=by, about={**about, "until": rfc3339(until), "queries": queries})
    return row


def end_agreement(number: int, *, by: str) -> None:
    """End an agreement; raises ``NotFoundError`` if none with this number is in force."""
    with transaction.atomic():
        if not Agreement.objects.filter(pk=number, ended_at=None).update(ended_at=now()):
            raise NotFoundError(f"No agreement {number} holds.", hint="List them: exhibit api GET /operator/agreements")
        audit_log.log_change("agreement ended", by=by, about={"agreement": number})


def agreement_with(partner: Partner) -> Agreement | None:
    """Return the newest agreement with a partner."""
    return Agreement.objects.filter(partner=partner).order_by("-pk").first()


def spend_queries(partner: Partner, queries: int, what: str) -> Agreement:
    """Count and log a partner's queries, before they are answered.

    Raises:
        RefusedError: No agreement covers the queries. The log records such refusals at most once an hour.
    """
    row = agreement_with(partner)
    if row is None:
        raise RefusedError("There is no agreement with you.", reason="agreement")
    about = {"agreement": row.pk, "partner": partner.name, "asked": queries, "what": what}
    fault = _end_reason(row)
    if fault is None:
        with transaction.atomic():
            affordable = Agreement.objects.filter(pk=row.pk, ended_at=None, used__lte=F("queries") - queries)
            if affordable.update(used=F("used") + queries):
                audit_log.log_change("blind search answered", by="", about=about)
                row.refresh_from_db()
                return row
        fault = f"The agreement allows {row.queries} queries; {row.used} are used, and this asks for {queries} more."
    with transaction.atomic():
        unlogged = Agreement.objects.filter(pk=row.pk).exclude(refused_at__gt=now() - _REFUSAL_LOG_INTERVAL)
        if unlogged.update(refused_at=now()):
            audit_log.log_change("blind search refused", by="", about={**about, "why": fault})
    raise RefusedError(fault, reason="agreement")


def log_search(partner: Partner, about: dict[str, int]) -> None:
    """Log a search at a partner, with the numbers of queries and matches."""
    with transaction.atomic():
        audit_log.log_change("blind search asked", by="", about={"partner": partner.name, **about})


def _end_reason(row: Agreement) -> str | None:
    if row.ended_at is not None:
        return "The agreement has been ended."
    return "The agreement is over." if row.until <= now() else None
