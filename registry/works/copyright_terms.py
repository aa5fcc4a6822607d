"""Expiry of a work's copyright, country by country, according to the dates that its owner has entered.

The rules are general and are data with their sources (``terms.toml``). Rules on foreigners, wars, and joint or
government works are left out, so a result is only a reason to check. If a date is missing, or records other than dates
decide, the result is unknown: nothing is concluded from a gap.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

RULES = Path(__file__).with_name("terms.toml")


class Standing(StrEnum):
    """Result of applying the dates."""

    OVER = "over"
    RUNNING = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates entered for a work, in years; ``None`` if missing."""

    author: str = "person"  # or ``anonymous``, ``organisation``
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
    """Part of a rule that decided."""

    DEATH = "death"
    PUBLICATION = "publication"
    CREATION = "creation"
    DEAD_UNTIL = "dead-until"
    PHOTOGRAPHS_UNTIL = "photographs-until"
    RECORDS = "records"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Finding:
    """Result for one country, and the part of its rule that decided."""

    country: str
    source: str
    standing: Standing
    by: Basis
    number: int  # the term in years, or the rule's cut-off year; 0 for none


@cache
def load_rules() -> tuple[Rule, ...]:
    """Return the rules, one for each country."""
    return tuple(Rule(**table) for table in tomllib.loads(RULES.read_text())["country"])


def assess(dates: Dates, year: int) -> tuple[Finding, ...]:
    """Return the results in a given year, for each country with a rule."""
    return tuple(Finding(rule.code, rule.source, *_assess_rule(rule, dates, year)) for rule in load_rules())


_Result = tuple[Standing, Basis, int]
_GAP: _Result = (Standing.UNKNOWN, Basis.GAP, 0)


def _assess_rule(rule: Rule, dates: Dates, year: int) -> _Result:
    if rule.published_for and dates.published and year > dates.published + rule.published_for:
        return Standing.OVER, Basis.PUBLICATION, rule.published_for
    if rule.dead_until and dates.author == "person" and dates.died and dates.died <= rule.dead_until:
        return Standing.OVER, Basis.DEAD_UNTIL, rule.dead_until
    if rule.formalities_before and not _is_without_formalities(rule, dates):
        return Standing.UNKNOWN, Basis.RECORDS, rule.formalities_before
    result = _assess_term(rule, dates, year)
    earliest = dates.published or dates.created
    if rule.photographs_until and dates.photograph is not False and earliest and earliest <= rule.photographs_until:
        if dates.photograph and dates.published:
            return Standing.OVER, Basis.PHOTOGRAPHS_UNTIL, rule.photographs_until
        if result[0] is Standing.RUNNING:
            return Standing.UNKNOWN, Basis.PHOTOGRAPHS_UNTIL, rule.photographs_until
    return result


def _is_without_formalities(rule: Rule, dates: Dates) -> bool:
    """Return True if dates alone decide: created under present law, and published when no formalities were needed."""
    since = dates.created or 0
    published = dates.published or dates.created or 0
    return since >= rule.written_since and published >= rule.formalities_before


def _assess_term(rule: Rule, dates: Dates, year: int) -> _Result:
    if dates.author == "person":
        if dates.died is not None:
            return _to_standing(year > dates.died + rule.life), Basis.DEATH, rule.life
        # the author was alive at the time of creation
        alive = dates.created and year <= dates.created + rule.life
        return (Standing.RUNNING, Basis.DEATH, rule.life) if alive else _GAP
    length = rule.organisation if dates.author == "organisation" else rule.anonymous
    if not length:
        return _GAP
    term_ends = [(dates.published + length, Basis.PUBLICATION, length)] if dates.published else []
    if rule.organisation_created and dates.created:
        term_ends.append((dates.created + rule.organisation_created, Basis.CREATION, rule.organisation_created))
    if dates.published:
        end, by, number = min(term_ends)
        return _to_standing(year > end), by, number
    earliest_end = min([dates.created + length, *(end for end, _by, _number in term_ends)]) if dates.created else 0
    return (Standing.RUNNING, Basis.PUBLICATION, length) if year <= earliest_end else _GAP


def _to_standing(is_over: bool) -> Standing:  # noqa: FBT001 - an answer
    return Standing.OVER if is_over else Standing.RUNNING
