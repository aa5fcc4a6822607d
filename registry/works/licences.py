"""The licence ledger: permitted uses of an owner's works, and functions to add, change and end them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from ipaddress import IPv4Address, ip_address
from typing import Any

from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, is_accepted
from exhibit.network.addresses import parse_url
from registry.accounts.models import Owner
from registry.db.claimable import StepState
from registry.db.rows import copy_columns, lock_row
from registry.log import audit_log
from registry.works.models import LedgerChange, Licence, Work

MAX_TEXT_LENGTH = 1_000
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_SCHEME = re.compile(r"^[a-z*]+://", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Z]{2}")
Key = tuple[tuple[object, ...], str, str]
"""All terms of a licence including its works; its reseller; its invoice."""


@dataclass(frozen=True, slots=True)
class NewLicence:
    """A permitted use to add to the ledger. Without works it covers all present and future works of the owner."""

    licensee: str
    works: tuple[Work, ...] = ()
    domain: str = ""
    url_pattern: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    reason: str = ""
    account: str = ""
    territories: tuple[str, ...] = ()
    reseller: str = ""
    invoice: str = ""

    def to_row(self, owner: Owner, number: int) -> Licence:
        """Return the licence as an unsaved row."""
        return Licence(owner=owner, number=number, **_to_columns(self))


def normalise_licence(licence: NewLicence) -> NewLicence:
    """Normalise and validate a licence.

    Raises:
        InvalidRequestError: A value is invalid, or the licensee or the site is missing. The message names the value.
    """
    domain = _normalise_domain(licence.domain)
    if not licence.licensee.strip():
        raise InvalidRequestError(_("The licence does not specify a licensee."), hint=_("Enter who may use the works."))
    if licence.account and not domain:
        raise InvalidRequestError(
            _("The platform of the account is missing."), hint=_("Enter the domain of the platform.")
        )
    if not domain and not _SCHEME.sub("", licence.url_pattern.strip()).strip("*:/. "):
        hint = _("A permission for everyone is not a licence. Enter a domain or a URL pattern.")
        raise InvalidRequestError(_("The licence does not specify where the use is permitted."), hint=hint)
    if licence.valid_from and licence.valid_until and licence.valid_until < licence.valid_from:
        raise InvalidRequestError(_("The licence ends before it starts."))
    sale_limits = (licence.reseller, 200), (licence.invoice, 100)
    for text, max_length in (
        (licence.licensee, 300),
        (licence.url_pattern, MAX_TEXT_LENGTH),
        (licence.account, 200),
        *sale_limits,
    ):
        if len(text.strip()) > max_length:
            message = _("“%(given)s…” has more than %(most)d characters.")
            raise InvalidRequestError(message % {"given": text.strip()[:40], "most": max_length})
    texts = {name: getattr(licence, name).strip() for name in _TEXT_FIELDS}
    return replace(licence, **texts, domain=domain, territories=_normalise_territories(licence.territories))


def add_licences(owner: Owner, new_licences: Sequence[NewLicence], *, by: str = "") -> tuple[list[Licence], int]:
    """Add permitted uses to an owner's ledger, all or none; identical licences are not added again.

    If an existing licence lacks only the reseller or the invoice, these are filled in instead. A later step applies new
    licences to cases (:mod:`registry.cases.ledger`).

    Returns:
        The licences in the given order, and the number of new ones.
    """
    with lock_row(owner):
        rows = owner.licences.prefetch_related("works")
        rows_by_key = {_compute_key(row, [work.pk for work in row.works.all()]): row for row in rows}
        number = max((row.number for row in rows_by_key.values()), default=0)
        keys = [_compute_key(licence.to_row(owner, 0), [work.pk for work in licence.works]) for licence in new_licences]
        completable_rows = {key: rows_by_key[key] for key in rows_by_key.keys() - set(keys)}
        added_rows, completed_rows = list[Licence](), list[Licence]()
        for licence, key in zip(new_licences, keys, strict=True):
            if key in rows_by_key:
                continue
            if (row := _pop_completable_licence(key, completable_rows)) is not None:
                row.reseller, row.invoice = licence.reseller, licence.invoice
                completed_rows.append(row)
            else:
                row = licence.to_row(owner, number := number + 1)
                row.save()
                row.works.set(licence.works)
                added_rows.append(row)
            rows_by_key[key] = row
        if added_rows:
            _record_change(owner, LedgerChange.Kind.ADDED, added_rows, by=by)
        if completed_rows:
            _store_sale_fields(owner, completed_rows, by=by)
    return [rows_by_key[key] for key in keys], len(added_rows)


def _pop_completable_licence(key: Key, rows: dict[Key, Licence]) -> Licence | None:
    """Remove and return a row with the same terms that lacks the reseller, the invoice, or both."""
    terms, reseller, invoice = key
    candidates = ((terms, reseller, ""), (terms, "", invoice), (terms, "", ""))
    return next((rows.pop(candidate) for candidate in candidates if candidate in rows), None)


def _store_sale_fields(owner: Owner, rows: Sequence[Licence], *, by: str) -> None:
    """Store the reseller and invoice of licences. Their coverage is unchanged, so no case is checked again."""
    Licence.objects.bulk_update(rows, _SALE_FIELDS, batch_size=1_000)
    kind, state = LedgerChange.Kind.CHANGED, StepState.DONE
    LedgerChange.objects.create(owner=owner, kind=kind, at=now(), by=by, state=state).licences.set(rows)
    updated_fields = [{"licence": row.number, **copy_columns(row, *_SALE_FIELDS)} for row in rows]
    numbers = sorted(row.number for row in rows)
    audit_log.log_change(
        f"licences {kind}", by=by, owner=owner, details={"licences": numbers, "filled_in": updated_fields}
    )


def change_licence(licence: Licence, new_terms: NewLicence, *, by: str, reason: str) -> LedgerChange | None:
    """Change a licence. A later step checks the cases that it covered and those that it may cover now.

    Returns:
        The change; ``None`` if nothing is different.
    """
    with lock_row(licence.owner):
        row = Licence.objects.get(pk=licence.pk)
        works = [work.pk for work in row.works.all()]
        new_row = new_terms.to_row(licence.owner, row.number)
        if _compute_key(row, works) == _compute_key(new_row, [work.pk for work in new_terms.works]):
            return None
        previous_terms = to_terms(row)
        Licence.objects.filter(pk=row.pk).update(**_to_columns(new_terms))
        row.works.set(new_terms.works)
        return _record_change(
            licence.owner, LedgerChange.Kind.CHANGED, [row], by=by, reason=reason, previous_terms=previous_terms
        )


def end_licence(licence: Licence, last_day: date, *, by: str, reason: str) -> LedgerChange:
    """Set the last day of a licence. Uses until then are still covered; later sightings are not.

    Raises:
        InvalidRequestError: The licence already ends by that day, or the reason is missing.
    """
    if not reason.strip():
        raise InvalidRequestError(
            _("The reason is missing."), hint=_("Enter why the licence ends. The reason is stored with the licence.")
        )
    with lock_row(licence.owner):
        row = Licence.objects.get(pk=licence.pk)
        if row.valid_until is not None and row.valid_until <= last_day:
            values = {"number": row.number, "day": row.valid_until.isoformat()}
            raise InvalidRequestError(_("Licence %(number)d already ends on %(day)s.") % values)
        previous_terms = to_terms(row)
        first_day = row.valid_from
        if first_day is not None and last_day < first_day:
            last_day = first_day - timedelta(days=1)
        Licence.objects.filter(pk=row.pk).update(valid_until=last_day)
        return _record_change(
            licence.owner, LedgerChange.Kind.ENDED, [row], by=by, reason=reason.strip(), previous_terms=previous_terms
        )


def to_terms(row: Licence) -> dict[str, Any]:
    """Return the terms of a licence as JSON values."""
    terms = copy_columns(row, *_FIELDS)
    terms |= {name: day and day.isoformat() for name, day in terms.items() if name.startswith("valid_")}
    return {**terms, "works": sorted(work.number for work in row.works.all())}


def list_pending_changes(owner: Owner) -> list[int]:
    """Return primary keys of an owner's ledger changes whose step has not run."""
    return list(LedgerChange.objects.filter(owner=owner, state="queued").values_list("pk", flat=True))


_SALE_FIELDS = ("reseller", "invoice")
_TEXT_FIELDS = ("licensee", "url_pattern", "account", "reason", *_SALE_FIELDS)
_FIELDS = tuple(field.name for field in fields(NewLicence) if field.name != "works")


def _to_columns(licence: NewLicence) -> dict[str, Any]:
    return copy_columns(licence, *_FIELDS) | {"territories": list(licence.territories)}


def _record_change(
    owner: Owner,
    kind: LedgerChange.Kind,
    rows: Sequence[Licence],
    *,
    by: str,
    reason: str = "",
    previous_terms: dict[str, Any] | None = None,
) -> LedgerChange:
    change = LedgerChange.objects.create(
        owner=owner, kind=kind, at=now(), by=by, reason=reason, before=previous_terms or {}
    )
    change.licences.set(rows)
    details: dict[str, Any] = {"licences": sorted(row.number for row in rows)}
    if previous_terms is not None:
        changed_row = Licence.objects.get(pk=rows[0].pk)
        details |= {"after": to_terms(changed_row), "before": previous_terms, "reason": reason}
    audit_log.log_change(f"licences {kind}", by=by, owner=owner, details=details)
    return change


def _compute_key(row: Licence, works: Iterable[int]) -> Key:
    values = copy_columns(row, *_FIELDS) | {"territories": tuple(row.territories)}
    terms = (value for name, value in values.items() if name not in _SALE_FIELDS)
    return (*terms, tuple(sorted(set(works)))), row.reseller, row.invoice


def _normalise_domain(value: str) -> str:
    """Normalise a domain; a URL is accepted only if it consists of nothing but its host."""
    text = value.strip()
    if not text:
        return ""
    url = parse_url(text if _SCHEME.match(text) else f"https://{text}")
    name = "" if url is None else url.hostname.removeprefix("*.").strip("[].")
    is_number = is_accepted(IPv4Address, name) and name not in text  # browsers accept 3 and 12.5 as addresses, too
    if url is None or is_number or not (_DOMAIN.fullmatch(name) or is_accepted(ip_address, name)):
        message = _("“%(given)s” is not a domain.") % {"given": text[:100]}
        raise InvalidRequestError(message, hint=_("Enter a domain without a path, for example shop.example."))
    if url.href != f"{url.protocol}//{url.hostname}/" or url.hostname.startswith("*"):
        message = _("“%(given)s” contains more than a domain.") % {"given": text[:100]}
        pattern = f"{url.host.removeprefix('*.')}{url.pathname.rstrip('/*')}/*"
        hint = _(
            "For the whole site and its subdomains, enter %(name)s. For a part of it, leave the domain "
            "empty and enter a url_pattern, such as %(pattern)s."
        )
        raise InvalidRequestError(message, hint=hint % {"name": name, "pattern": pattern[:200]})
    return name


def _normalise_territories(values: Sequence[str]) -> tuple[str, ...]:
    countries = sorted({word.strip().upper() for word in values if word.strip()})
    for country in countries:
        if not _COUNTRY.fullmatch(country):
            message = _("“%(given)s” is not a country code.") % {"given": country[:40]}
            raise InvalidRequestError(message, hint=_("Enter two letters for each country, for example DE, AT, CN."))
    return tuple(countries)
