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
from registry.cases.licence_trial import NOTHING, Trial
from registry.models import Licence, Owner
from registry.works.licence_tables import works_named
from registry.works.licences import NewLicence, checked, words_of
from registry.works.spreadsheets import Heading, Understood
from registry.works.tables import day

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


def typed(request: HttpRequest) -> dict[str, str]:
    """Return the typed fields untruncated: a licence that loses words permits something else."""
    return {name: request.POST.get(name, "").strip() for name in FIELDS}


def from_fields(owner: Owner, values: Mapping[str, str]) -> NewLicence:
    """Convert form fields to a licence.

    Raises:
        WrongUseError: A field is invalid or too long.
    """
    if len(values["works"]) > MAX_OF_WORKS or any(len(values[name]) > MAX_FIELD for name in FIELDS if name != "works"):
        raise WrongUseError(_("A field is too long."), hint=_("Shorten the text; Exhibit does not truncate it."))
    said: dict[str, Any] = {**values, "works": works_named(owner, values["works"])}
    said |= {name: day(values[name]) for name in DAYS}
    territories = tuple(values["territories"].replace(",", " ").replace(";", " ").split())
    return checked(NewLicence(**said | {"territories": territories}))


def values_of(row: Licence) -> dict[str, str]:
    """Return the form fields of an existing licence."""
    plain = words_of(row)
    joined = {"works": "; ".join(map(str, plain["works"])), "territories": " ".join(plain["territories"])}
    return {name: str(plain[name] or "") for name in FIELDS} | joined


def tried(owner: Owner, values: Mapping[str, str], row: Licence | None) -> str:
    """Return a digest of the tried values, so that changed values are tried again before saving."""
    said = json.dumps([owner.pk, row and row.pk, sorted(values.items())])
    return hashlib.sha256(said.encode()).hexdigest()


def on_its_way(trial: Trial, mark: str) -> str:
    """Serialise an unfinished trial for the page, which sends it back to continue."""
    return signing.dumps([mark, list(trial.effects.items()), {**asdict(trial), "effects": None}], salt="trial")


def so_far(text: str, mark: str) -> Trial:
    """Restore a trial serialised by :func:`on_its_way`; start over if the values have changed."""
    try:
        of, effects, fields = signing.loads(text, salt="trial", max_age=HOUR)
    except signing.BadSignature:
        return NOTHING
    return Trial(**fields | {"effects": dict(effects)}) if of == mark else NOTHING


def packed(owner: Owner, given: Sequence[NewLicence]) -> str:
    """Serialise and sign licences read from a table, for the page to send back when they are saved."""
    plain = [
        {name: str(getattr(new, name) or "") for name in FIELDS}
        | {"works": [work.number for work in new.works], "territories": new.territories}
        for new in given
    ]
    return signing.dumps([owner.pk, plain], salt="licences", compress=True)


def unpacked(owner: Owner, text: str) -> list[NewLicence]:
    """Restore the licences serialised by :func:`packed` for this owner.

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
            | {name: day(licence[name]) for name in DAYS}
            | {"territories": tuple(licence["territories"])}
        )
        for licence in plain
    ]


def understood_packed(understood: Understood) -> str:
    """Serialise how a table was parsed, for the page to carry during the trial."""
    return signing.dumps(asdict(understood), salt="understood", compress=True)


def understood_from(text: str) -> Understood | None:
    """Restore the result of :func:`understood_packed`.

    Raises:
        BadSignature: The data was changed or is too old.
    """
    if not text:
        return None
    fields = signing.loads(text, salt="understood", max_age=HOUR)
    return Understood(**fields | {"headings": tuple(Heading(**one) for one in fields["headings"])})
