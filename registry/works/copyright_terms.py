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


class By(StrEnum):
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
    by: By
    number: int  # the term in years, or the rule's cut-off year; 0 for none


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules, one for each country."""
    return tuple(Rule(**load) for load in tomllib.loads(RULES.read_text())["country"])


def screen(dates: Dates, year: int) -> tuple[Finding, ...]:
    """Return the results in a given year, for each country with a rule."""
    return tuple(Finding(rule.code, rule.source, *_answer(rule, dates, year)) for rule in rules())


_Answer = tuple[Standing, By, int]
_GAP: _Answer = (Standing.UNKNOWN, By.GAP, 0)


def _answer(rule: Rule, dates: Dates, year: int) -> _Answer:
    if rule.published_for and dates.published and year > dates.published + rule.published_for:
        return Standing.OVER, By.PUBLICATION, rule.published_for
    if rule.dead_until and dates.author == "person" and dates.died and dates.died <= rule.dead_until:
        return Standing.OVER, By.DEAD_UNTIL, rule.dead_until
    if rule.formalities_before and not _without_formalities(rule, dates):
        return Standing.UNKNOWN, By.RECORDS, rule.formalities_before
    answer = _by_length(rule, dates, year)
    earliest = dates.published or dates.created
    if rule.photographs_until and dates.photograph is not False and earliest and earliest <= rule.photographs_until:
        if dates.photograph and dates.published:
            return Standing.OVER, By.PHOTOGRAPHS_UNTIL, rule.photographs_until
        if answer[0] is Standing.RUNNING:
            return Standing.UNKNOWN, By.PHOTOGRAPHS_UNTIL, rule.photographs_until
    return answer


def _without_formalities(rule: Rule, dates: Dates) -> bool:
    """Return True if dates alone decide: created under present law, and published when no formalities were needed."""
    since = dates.created or 0
    published = dates.published or dates.created or 0
    return since >= rule.written_since and published >= rule.formalities_before


def _by_length(rule: Rule, dates: Dates, year: int) -> _Answer:
    if dates.author == "person":
        if dates.died is not None:
            return _ended(year > dates.died + rule.life), By.DEATH, rule.life
        # the author was alive at the time of creation
        alive = dates.created and year <= dates.created + rule.life
        return (Standing.RUNNING, By.DEATH, rule.life) if alive else _GAP
    length = rule.organisation if dates.author == "organisation" else rule.anonymous
    if not length:
        return _GAP
    ends = [(dates.published + length, By.PUBLICATION, length)] if dates.published else []
    if rule.organisation_created and dates.created:
        ends.append((dates.created + rule.organisation_created, By.CREATION, rule.organisation_created))
    if dates.published:
        end, by, number = min(ends)
        return _ended(year > end), by, number
    soonest = min([dates.created + length, *(end for end, _by, _number in ends)]) if dates.created else 0
    return (Standing.RUNNING, By.PUBLICATION, length) if year <= soonest else _GAP


def _ended(over: bool) -> Standing:  # noqa: FBT001 - an answer
    return Standing.OVER if over else Standing.RUNNING
