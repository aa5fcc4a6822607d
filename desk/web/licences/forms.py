"""Licences as form fields, and signed data of licences being tried before they are saved."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

from desk.web.common.access import MAX_FIELD
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases.licence_trial import EMPTY_TRIAL, Trial
from registry.models import Licence, Owner
from registry.works.licence_tables import parse_works
from registry.works.licences import NewLicence, normalise, to_terms
from registry.works.spreadsheets import Heading, TableInterpretation
from registry.works.work_tables import parse_day

FIELDS = (
    "licensee", "works", "domain", "url_pattern", "account", "territories", "valid_from", "valid_until", "reason",
    "reseller", "invoice",
)  # fmt: skip
DAYS = ("valid_from", "valid_until")
ORDERS = {
    "": gettext_lazy("reject the table"),
    "day-month": gettext_lazy("day first"),
    "month-day": gettext_lazy("month first"),
}
"""Meanings of ambiguous dates such as 01/02/2026 in a table."""
HOUR = 3600
MAX_OF_WORKS = 80_000
"""Maximum characters of the list of works; some ten thousand numbers."""


def typed_fields(request: HttpRequest) -> dict[str, str]:
    """Return the typed fields untruncated: a licence that loses words permits something else."""
    return {name: request.POST.get(name, "").strip() for name in FIELDS}


def from_fields(owner: Owner, values: Mapping[str, str]) -> NewLicence:
    """Convert form fields to a licence.

    Raises:
        WrongUseError: A field is invalid or too long.
    """
    if len(values["works"]) > MAX_OF_WORKS or any(len(values[name]) > MAX_FIELD for name in FIELDS if name != "works"):
        raise WrongUseError(_("A field is too long."), hint=_("Shorten the text; Exhibit does not truncate it."))
    converted: dict[str, Any] = {**values, "works": parse_works(owner, values["works"])}
    converted |= {name: parse_day(values[name]) for name in DAYS}
    territories = tuple(values["territories"].replace(",", " ").replace(";", " ").split())
    return normalise(NewLicence(**converted | {"territories": territories}))


def values_of(row: Licence) -> dict[str, str]:
    """Return the form fields of an existing licence."""
    plain = to_terms(row)
    joined = {"works": "; ".join(map(str, plain["works"])), "territories": " ".join(plain["territories"])}
    return {name: str(plain[name] or "") for name in FIELDS} | joined


def trial_digest(owner: Owner, values: Mapping[str, str], row: Licence | None) -> str:
    """Return a digest of the tried values, so that changed values are tried again before saving."""
    text = json.dumps([owner.pk, row and row.pk, sorted(values.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def pack_trial(trial: Trial, mark: str) -> str:
    """Serialise an unfinished trial for the page, which sends it back to continue."""
    return signing.dumps([mark, list(trial.effects.items()), {**asdict(trial), "effects": None}], salt="trial")


def unpack_trial(text: str, mark: str) -> Trial:
    """Restore a trial serialised by :func:`pack_trial`; start over if the values have changed."""
    try:
        of, effects, fields = signing.loads(text, salt="trial", max_age=HOUR)
    except signing.BadSignature:
        return EMPTY_TRIAL
    return Trial(**fields | {"effects": dict(effects)}) if of == mark else EMPTY_TRIAL


def pack_licences(owner: Owner, licences: Sequence[NewLicence]) -> str:
    """Serialise and sign licences read from a table, for the page to send back when they are saved."""
    plain = [
        {name: str(getattr(new, name) or "") for name in FIELDS}
        | {"works": [work.number for work in new.works], "territories": new.territories}
        for new in licences
    ]
    return signing.dumps([owner.pk, plain], salt="licences", compress=True)


def unpack_licences(owner: Owner, text: str) -> list[NewLicence]:
    """Restore the licences serialised by :func:`pack_licences` for this owner.

    Raises:
        BadSignature: The data belongs to another owner, was changed or is too old, or one of its works is gone.
    """
    of, plain = signing.loads(text, salt="licences", max_age=HOUR)
    numbers = {number for licence in plain for number in licence["works"]}
    works = {work.number: work for work in scoped.works(owner).filter(number__in=numbers)}
    if of != owner.pk or numbers - works.keys():  # Without its works, a licence would cover all of them.
        raise signing.BadSignature
    return [
        NewLicence(
            **licence
            | {"works": tuple(works[number] for number in licence["works"])}
            | {name: parse_day(licence[name]) for name in DAYS}
            | {"territories": tuple(licence["territories"])}
        )
        for licence in plain
    ]


def pack_parse_info(parse_info: TableInterpretation) -> str:
    """Serialise how a table was parsed, for the page to carry during the trial."""
    return signing.dumps(asdict(parse_info), salt="understood", compress=True)


def unpack_parse_info(text: str) -> TableInterpretation | None:
    """Restore the result of :func:`pack_parse_info`.

    Raises:
        BadSignature: The data was changed or is too old.
    """
    if not text:
        return None
    fields = signing.loads(text, salt="understood", max_age=HOUR)
    return TableInterpretation(**fields | {"headings": tuple(Heading(**heading) for heading in fields["headings"])})
