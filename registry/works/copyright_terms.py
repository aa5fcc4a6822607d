"""Expiry of a work's copyright, country by country, according to the dates that its owner has entered.

The rules and their sources are in ``terms.toml``. Special rules (foreign authors, wars, joint or government works) are
left out, so a result is only a reason to check. If a date is missing, or if the rule depends on records other than
dates, the result is unknown.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

RULES = Path(__file__).with_name("terms.toml")


class TermStatus(StrEnum):
    """Status of a work's copyright according to its dates."""

    EXPIRED = "over"
    IN_FORCE = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates entered for a work, in years; ``None`` if missing."""

    author_kind: str = "person"  # or ``anonymous``, ``organisation``
    died: int | None = None
    created: int | None = None
    published: int | None = None  # first publication
    photograph: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One country's rule; see ``terms.toml``. Missing numbers are 0."""

    code: str
    source: str
    life: int
    anonymous: int = 0
    organisation: int = 0
    organisation_created: int = 0
    dead_until: int = 0
    photographs_until: int = 0
    published_for: int = 0
    formalities_before: int = 0
    written_since: int = 0


class Basis(StrEnum):
    """Part of a rule that determined the result."""

    DEATH = "death"
    PUBLICATION = "publication"
    CREATION = "creation"
    DEAD_UNTIL = "dead-until"
    PHOTOGRAPHS_UNTIL = "photographs-until"
    RECORDS = "records"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class TermResult:
    """Result for one country, and the part of its rule that determined it."""

    country: str
    source: str
    status: TermStatus
    basis: Basis
    number: int  # the term in years, or the rule's cut-off year; 0 for none


@cache
def load_rules() -> tuple[Rule, ...]:
    """Return the rules, one for each country."""
    return tuple(Rule(**table) for table in tomllib.loads(RULES.read_text())["country"])


def assess_dates(dates: Dates, year: int) -> tuple[TermResult, ...]:
    """Apply the rule of each country to a work's dates, as of a given year."""
    return tuple(TermResult(rule.code, rule.source, *_assess_rule(rule, dates, year)) for rule in load_rules())


_Result = tuple[TermStatus, Basis, int]
_MISSING_DATE: _Result = (TermStatus.UNKNOWN, Basis.GAP, 0)


def _assess_rule(rule: Rule, dates: Dates, year: int) -> _Result:
    if rule.published_for and dates.published and year > dates.published + rule.published_for:
        return TermStatus.EXPIRED, Basis.PUBLICATION, rule.published_for
    if rule.dead_until and dates.author_kind == "person" and dates.died and dates.died <= rule.dead_until:
        return TermStatus.EXPIRED, Basis.DEAD_UNTIL, rule.dead_until
    if rule.formalities_before and not _is_without_formalities(rule, dates):
        return TermStatus.UNKNOWN, Basis.RECORDS, rule.formalities_before
    result = _assess_term(rule, dates, year)
    earliest_year = dates.published or dates.created
    if (
        rule.photographs_until
        and dates.photograph is not False
        and earliest_year
        and earliest_year <= rule.photographs_until
    ):
        if dates.photograph and dates.published:
            return TermStatus.EXPIRED, Basis.PHOTOGRAPHS_UNTIL, rule.photographs_until
        if result[0] is TermStatus.IN_FORCE:
            return TermStatus.UNKNOWN, Basis.PHOTOGRAPHS_UNTIL, rule.photographs_until
    return result


def _is_without_formalities(rule: Rule, dates: Dates) -> bool:
    """Return True if dates are sufficient: created under present law, and published without required formalities."""
    created = dates.created or 0
    published = dates.published or dates.created or 0
    return created >= rule.written_since and published >= rule.formalities_before


def _assess_term(rule: Rule, dates: Dates, year: int) -> _Result:
    if dates.author_kind == "person":
        if dates.died is not None:
            return _to_status(year > dates.died + rule.life), Basis.DEATH, rule.life
        # the author was alive at the time of creation
        is_in_force = dates.created and year <= dates.created + rule.life
        return (TermStatus.IN_FORCE, Basis.DEATH, rule.life) if is_in_force else _MISSING_DATE
    length = rule.organisation if dates.author_kind == "organisation" else rule.anonymous
    if not length:
        return _MISSING_DATE
    term_ends = [(dates.published + length, Basis.PUBLICATION, length)] if dates.published else []
    if rule.organisation_created and dates.created:
        term_ends.append((dates.created + rule.organisation_created, Basis.CREATION, rule.organisation_created))
    if dates.published:
        end, basis, number = min(term_ends)
        return _to_status(year > end), basis, number
    earliest_end = min([dates.created + length, *(end for end, _basis, _number in term_ends)]) if dates.created else 0
    return (TermStatus.IN_FORCE, Basis.PUBLICATION, length) if year <= earliest_end else _MISSING_DATE


def _to_status(is_expired: bool) -> TermStatus:  # noqa: FBT001 - the value that is converted
    return TermStatus.EXPIRED if is_expired else TermStatus.IN_FORCE
