"""Partners: their keys, log names, counted requests, and revocation.

Also agreements on blind searches: the disclosed fields, the end date and the maximum number of queries.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from evidence.log.notes import check_name, parse_cosigner_key, parse_verifier_key
from exhibit.clock import format_rfc3339, now
from exhibit.config.anchors import parse_short_name
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError, RefusedError, is_accepted
from registry.alliance.models import Agreement, Partner, PartnerCall
from registry.db.rows import require, update_row
from registry.log import audit_log

CALL_RETENTION = timedelta(days=32)
"""Time for which requests are stored; it must cover a month so that monthly limits can be counted."""
DISCLOSABLE_FIELDS = ("page", "image", "seen", "digest", "hash")
"""Fields that may be disclosed about a matching picture."""
MAX_QUERIES = 10_000_000
_REFUSAL_LOG_INTERVAL = timedelta(hours=1)


def list_active_partners() -> QuerySet[Partner]:
    """Return all partners that have not been revoked."""
    return Partner.objects.filter(revoked_at=None).order_by("name")


def get_partner(name: str) -> Partner:
    """Return the active partner with the given name; raises ``NotFoundError`` if there is none."""
    return require(
        list_active_partners().filter(name=name).first(),
        f"There is no partner {name!r}.",
        "List partners: exhibit api GET /operator/partners",
    )


def find_partner_by_log(origin: str) -> Partner | None:
    """Return the active partner whose log has the given name, or ``None``. ``origin`` may be untrusted input."""
    if not is_accepted(check_name, origin, InvalidRequestError):
        return None
    return next(
        (row for row in list_active_partners().filter(log_key__startswith=f"{origin}+") if row.origin == origin), None
    )


def get_public_keys(row: Partner) -> set[bytes]:
    """Return the public keys of a partner's log and cosigner."""
    return {parse_verifier_key(row.log_key)[1], parse_cosigner_key(row.witness_key)[1]}


def add_partner(name: str, url: str, log_key: str, witness_key: str, *, by: str) -> Partner:
    """Add another installation as a partner, or update the URL and keys of the partner with this name.

    Raises:
        InvalidRequestError: The name is invalid.
        ConflictError: Another partner's log has the same name, another partner has one of the keys, or log and cosigner
            have the same key: each key must have a single role and name.
    """
    try:
        parse_short_name(name)
    except ValueError as error:
        raise InvalidRequestError(
            _("A partner name can contain only lowercase letters, digits, dots and hyphens.")
        ) from error
    with transaction.atomic():
        existing_partner = list_active_partners().select_for_update().filter(name=name).first()
        row = existing_partner or Partner(name=name, made_at=now())
        if row.log_key != log_key:
            row.unexplained = ""
        row.url, row.log_key, row.witness_key, row.fault = url, log_key, witness_key, ""
        other_partner = find_partner_by_log(row.origin)
        if other_partner is not None and other_partner.pk != row.pk:
            raise ConflictError(
                _("The log of another partner, %(name)s, already uses this name.") % {"name": other_partner.name}
            )
        partner_keys = get_public_keys(row)
        if len(partner_keys) < 2:
            raise ConflictError(
                _("The partner's log and its log witness use the same key. Each key can have only one role.")
            )
        for other_partner in list_active_partners().exclude(pk=row.pk):
            if partner_keys & get_public_keys(other_partner):
                raise ConflictError(
                    _("Another partner, %(name)s, already uses one of these keys.") % {"name": other_partner.name}
                )
        row.save()
        details = {"name": name, "url": url, "log": log_key, "witness": witness_key}
        audit_log.log_change("partner added" if existing_partner is None else "partner changed", by=by, details=details)
    return row


def revoke_partner(row: Partner, *, by: str, reason: str) -> None:
    """Revoke a partner: accept no requests from it and send none to it. Its earlier signatures stay valid."""
    with transaction.atomic():
        Partner.objects.filter(pk=row.pk).update(revoked_at=now(), reason=reason)
        audit_log.log_change("partner revoked", by=by, details={"name": row.name, "log": row.log_key, "reason": reason})


def set_cocapture_options(
    row: Partner, *, is_requested: bool | None = None, visits: int | None = None, by: str
) -> None:
    """Set whether a partner is asked to visit pages at each capture, and its daily limit of visits here.

    Arguments that are ``None`` leave the setting unchanged.
    """
    with transaction.atomic():
        update_row(
            row,
            captures=row.captures if is_requested is None else is_requested,
            visits=row.visits if visits is None else visits,
        )
        details = {"name": row.name, "log": row.log_key, "requests": row.captures, "visits": row.visits}
        audit_log.log_change("captures with a partner", by=by, details=details)


def record_call(row: Partner, nonce: str, call: str) -> None:
    """Record a partner's request; raises ``ConflictError`` if its nonce was received before."""
    try:
        with transaction.atomic():
            PartnerCall.objects.create(partner=row, nonce=nonce, call=call, at=now())
    except IntegrityError:
        raise ConflictError("This request was already received.") from None


def count_calls(row: Partner, call: str, start: datetime) -> int:
    """Count a partner's requests of one type since a time, which must be within :data:`CALL_RETENTION`."""
    return PartnerCall.objects.filter(partner=row, call=call, at__gte=start).count()


def delete_old_calls() -> None:
    """Delete requests older than :data:`CALL_RETENTION`."""
    PartnerCall.objects.filter(at__lt=now() - CALL_RETENTION).delete()


def record_comparison(row: Partner, fault: str) -> None:
    """Record the result of comparing a partner's log, unless its key has changed in the meantime."""
    Partner.objects.filter(pk=row.pk, log_key=row.log_key).update(looked_at=now(), fault=fault)


def create_agreement(partner: Partner, fields: Iterable[str], until: datetime, queries: int, *, by: str) -> Agreement:
    """Allow a partner to run blind searches here.

    Raises:
        InvalidRequestError: The terms are invalid.
        ConflictError: An earlier agreement is still in force.
    """
    disclosed_fields = [name for name in DISCLOSABLE_FIELDS if name in set(fields)]
    if not disclosed_fields or set(fields) - set(DISCLOSABLE_FIELDS):
        raise InvalidRequestError(
            "The fields are missing or unknown.", hint=f"Choose from: {', '.join(DISCLOSABLE_FIELDS)}"
        )
    if until <= now() or not 0 < queries <= MAX_QUERIES:
        raise InvalidRequestError(
            "The end must be in the future, and the number of queries must be from 1 to 10,000,000."
        )
    with transaction.atomic():
        Partner.objects.select_for_update().get(pk=partner.pk)
        if (newest_agreement := get_newest_agreement(partner)) and _get_end_reason(newest_agreement) is None:
            hint = f"End the agreement first: exhibit api DELETE /operator/agreements/{newest_agreement.pk}"
            raise ConflictError(f"Agreement {newest_agreement.pk} with {partner.name} is still in force.", hint=hint)
        row = Agreement.objects.create(
            partner=partner, fields=disclosed_fields, until=until, queries=queries, made_at=now()
        )  # fmt: skip
        details = {"agreement": row.pk, "partner": partner.name, "log": partner.log_key, "fields": disclosed_fields}
        audit_log.log_change(
            "agreement made", by=by, details={**details, "until": format_rfc3339(until), "queries": queries}
        )
    return row


def end_agreement(number: int, *, by: str) -> None:
    """End an agreement; raises ``NotFoundError`` if none with this number is in force."""
    with transaction.atomic():
        if not Agreement.objects.filter(pk=number, ended_at=None).update(ended_at=now()):
            raise NotFoundError(f"No agreement {number} is active.", hint="List: exhibit api GET /operator/agreements")
        audit_log.log_change("agreement ended", by=by, details={"agreement": number})


def get_newest_agreement(partner: Partner) -> Agreement | None:
    """Return the newest agreement with a partner."""
    return Agreement.objects.filter(partner=partner).order_by("-pk").first()


def spend_queries(partner: Partner, queries: int, query_type: str) -> Agreement:
    """Count and log a partner's queries. Call it before responding.

    Raises:
        RefusedError: No agreement covers the queries. The log records such refusals at most once an hour.
    """
    row = get_newest_agreement(partner)
    if row is None:
        raise RefusedError("There is no agreement that allows this partner to search.", reason="agreement")
    details = {"agreement": row.pk, "partner": partner.name, "requests": queries, "what": query_type}
    refusal_reason = _get_end_reason(row)
    if refusal_reason is None:
        with transaction.atomic():
            sufficient_agreements = Agreement.objects.filter(pk=row.pk, ended_at=None, used__lte=F("queries") - queries)
            if sufficient_agreements.update(used=F("used") + queries):
                audit_log.log_change("blind search answered", by="", details=details)
                row.refresh_from_db()
                return row
        refusal_reason = (
            f"The agreement allows {row.queries} queries. {row.used} are used; this request needs {queries} more."
        )
    with transaction.atomic():
        unlogged_refusals = Agreement.objects.filter(pk=row.pk).exclude(refused_at__gt=now() - _REFUSAL_LOG_INTERVAL)
        if unlogged_refusals.update(refused_at=now()):
            audit_log.log_change("blind search refused", by="", details={**details, "why": refusal_reason})
    raise RefusedError(refusal_reason, reason="agreement")


def log_search(partner: Partner, counts: dict[str, int]) -> None:
    """Log a blind search at a partner, with the numbers of queries and matches."""
    with transaction.atomic():
        audit_log.log_change("blind search queried", by="", details={"partner": partner.name, **counts})


def _get_end_reason(row: Agreement) -> str | None:
    if row.ended_at is not None:
        return "The agreement was ended."
    return "The agreement has expired." if row.until <= now() else None
