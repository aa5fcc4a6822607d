"""A licence as fields of a page, and licences on their way from a trial to being saved."""

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
    "": gettext_lazy("refuse the table"),
    "day-month": gettext_lazy("the day comes first"),
    "month-day": gettext_lazy("the month comes first"),
}
"""What a person says of days like 01/02/2026 in a table."""
HOUR = 3600
MAX_OF_WORKS = 80_000
"""Characters of the names of works: some ten thousand numbers."""


def typed(request: HttpRequest) -> dict[str, str]:
    """The fields as a person typed them, in whole: a licence that loses words permits something else."""
    return {name: request.POST.get(name, "").strip() for name in FIELDS}


def from_fields(owner: Owner, values: Mapping[str, str]) -> NewLicence:
    """The licence that fields describe; raises ``WrongUseError`` when one of them can't be meant."""
    if len(values["works"]) > MAX_OF_WORKS or any(len(values[name]) > MAX_FIELD for name in FIELDS if name != "works"):
        raise WrongUseError(_("A field is too long."), hint=_("Nothing is cut off, so write less."))
    said: dict[str, Any] = {**values, "works": works_named(owner, values["works"])}
    said |= {name: day(values[name]) for name in DAYS}
    territories = tuple(values["territories"].replace(",", " ").replace(";", " ").split())
    return checked(NewLicence(**said | {"territories": territories}))


def values_of(row: Licence) -> dict[str, str]:
    """The fields of a licence that is there."""
    plain = words_of(row)
    joined = {"works": "; ".join(map(str, plain["works"])), "territories": " ".join(plain["territories"])}
    return {name: str(plain[name] or "") for name in FIELDS} | joined


def tried(owner: Owner, values: Mapping[str, str], row: Licence | None) -> str:
    """What says that these very words were tried: other words are tried again before they are saved."""
    said = json.dumps([owner.pk, row and row.pk, sorted(values.items())])
    return hashlib.sha256(said.encode()).hexdigest()


def on_its_way(trial: Trial, mark: str) -> str:
    """A trial that isn't through, as the page carries it until it is gone on with."""
    return signing.dumps([mark, list(trial.effects.items()), {**asdict(trial), "effects": None}], salt="trial")


def so_far(text: str, mark: str) -> Trial:
    """What :func:`on_its_way` made of a trial of the same words; the beginning, if it was of others."""
    try:
        of, effects, told = signing.loads(text, salt="trial", max_age=HOUR)
    except signing.BadSignature:
        return NOTHING
    return Trial(**told | {"effects": dict(effects)}) if of == mark else NOTHING


def packed(owner: Owner, given: Sequence[NewLicence]) -> str:
    """Licences that were read from a table, signed, as the page carries them until they are saved."""
    plain = [
        {name: str(getattr(new, name) or "") for name in FIELDS}
        | {"works": [work.number for work in new.works], "territories": new.territories}
        for new in given
    ]
    return signing.dumps([owner.pk, plain], salt="licences", compress=True)


def unpacked(owner: Owner, text: str) -> list[NewLicence]:
    """What :func:`packed` made for this owner.

    Raises ``BadSignature`` when it is another's, changed or too old, or a work of it is gone.
    """
    of, plain = signing.loads(text, salt="licences", max_age=HOUR)
    numbers = {number for licence in plain for number in licence["works"]}
    works = {work.number: work for work in scoped.works(owner).filter(number__in=numbers)}
    if of != owner.pk or numbers - works.keys():  # without its works a licence would cover all
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
    """How a table was understood, as the page carries it while the trial goes on."""
    return signing.dumps(asdict(understood), salt="understood", compress=True)


def understood_from(text: str) -> Understood | None:
    """What :func:`understood_packed` made; raises ``BadSignature`` when it was changed or is too old."""
    if not text:
        return None
    told = signing.loads(text, salt="understood", max_age=HOUR)
    return Understood(**told | {"headings": tuple(Heading(**one) for one in told["headings"])})
