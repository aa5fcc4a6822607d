"""Conversion of licences to and from form fields, and signed data of licences that are tried before they are saved."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

from desk.web.common.access import MAX_FIELD
from exhibit.errors import InvalidRequestError
from registry import scoped
from registry.cases.licence_trial import EMPTY_TRIAL, Trial
from registry.models import Licence, Owner
from registry.works.licence_tables import parse_works
from registry.works.licences import NewLicence, normalise_licence, to_terms
from registry.works.spreadsheets import Heading, TableInterpretation
from registry.works.work_tables import parse_day

FIELDS = (
    "licensee", "works", "domain", "url_pattern", "account", "territories", "valid_from", "valid_until", "reason",
    "reseller", "invoice",
)  # fmt: skip
DATE_FIELDS = ("valid_from", "valid_until")
DATE_ORDERS = {
    "": gettext_lazy("reject the table"),
    "day-month": gettext_lazy("day first"),
    "month-day": gettext_lazy("month first"),
}
"""Meanings of ambiguous dates such as 01/02/2026 in a table."""
MAX_AGE_SECONDS = 3600
MAX_WORKS_LENGTH = 80_000
"""Maximum characters of the list of works, enough for about ten thousand numbers."""


def read_fields(request: HttpRequest) -> dict[str, str]:
    """Return the submitted fields without truncation, because truncated terms would permit something else."""
    return {name: request.POST.get(name, "").strip() for name in FIELDS}


def parse_licence(owner: Owner, values: Mapping[str, str]) -> NewLicence:
    """Convert form fields to a licence.

    Raises:
        InvalidRequestError: A field is invalid or too long.
    """
    if len(values["works"]) > MAX_WORKS_LENGTH or any(
        len(values[name]) > MAX_FIELD for name in FIELDS if name != "works"
    ):
        raise InvalidRequestError(_("A field is too long."), hint=_("Shorten the text; Exhibit does not truncate it."))
    fields: dict[str, Any] = {**values, "works": parse_works(owner, values["works"])}
    fields |= {name: parse_day(values[name]) for name in DATE_FIELDS}
    territories = tuple(values["territories"].replace(",", " ").replace(";", " ").split())
    return normalise_licence(NewLicence(**fields | {"territories": territories}))


def to_fields(row: Licence) -> dict[str, str]:
    """Return the form fields of an existing licence."""
    terms = to_terms(row)
    joined_lists = {
        "works": "; ".join(map(str, terms["works"])),
        "territories": " ".join(terms["territories"]),
    }
    return {name: str(terms[name] or "") for name in FIELDS} | joined_lists


def compute_trial_digest(owner: Owner, values: Mapping[str, str], row: Licence | None) -> str:
    """Return a digest (SHA-256, hex) of the tried values. If the values change, they are tried again before saving."""
    text = json.dumps([owner.pk, row and row.pk, sorted(values.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def pack_trial(trial: Trial, digest: str) -> str:
    """Serialise an unfinished trial for the page, which sends it back to continue."""
    return signing.dumps([digest, list(trial.effects.items()), {**asdict(trial), "effects": None}], salt="trial")


def unpack_trial(text: str, digest: str) -> Trial:
    """Restore a trial serialised by :func:`pack_trial`; start over if the values have changed."""
    try:
        packed_digest, effects, fields = signing.loads(text, salt="trial", max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return EMPTY_TRIAL
    return Trial(**fields | {"effects": dict(effects)}) if packed_digest == digest else EMPTY_TRIAL


def pack_licences(owner: Owner, licences: Sequence[NewLicence]) -> str:
    """Serialise and sign licences read from a table, for the page to send back when they are saved."""
    rows = [
        {name: str(getattr(licence, name) or "") for name in FIELDS}
        | {"works": [work.number for work in licence.works], "territories": licence.territories}
        for licence in licences
    ]
    return signing.dumps([owner.pk, rows], salt="licences", compress=True)


def unpack_licences(owner: Owner, text: str) -> list[NewLicence]:
    """Restore the licences serialised by :func:`pack_licences` for this owner.

    Raises:
        BadSignature: The data belongs to another owner, was changed or is too old, or one of its works was removed.
    """
    owner_id, rows = signing.loads(text, salt="licences", max_age=MAX_AGE_SECONDS)
    numbers = {number for licence in rows for number in licence["works"]}
    works = {work.number: work for work in scoped.list_owner_works(owner).filter(number__in=numbers)}
    if owner_id != owner.pk or numbers - works.keys():  # Without its works, a licence would cover all of them.
        raise signing.BadSignature
    return [
        NewLicence(
            **licence
            | {"works": tuple(works[number] for number in licence["works"])}
            | {name: parse_day(licence[name]) for name in DATE_FIELDS}
            | {"territories": tuple(licence["territories"])}
        )
        for licence in rows
    ]


def pack_parse_info(parse_info: TableInterpretation) -> str:
    """Serialise and sign the details of how a table was parsed. The page sends them back during the trial."""
    return signing.dumps(asdict(parse_info), salt="understood", compress=True)


def unpack_parse_info(text: str) -> TableInterpretation | None:
    """Restore the result of :func:`pack_parse_info`.

    Raises:
        BadSignature: The data was changed or is too old.
    """
    if not text:
        return None
    fields = signing.loads(text, salt="understood", max_age=MAX_AGE_SECONDS)
    return TableInterpretation(**fields | {"headings": tuple(Heading(**heading) for heading in fields["headings"])})
