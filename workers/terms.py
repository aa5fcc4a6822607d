"""Whether a work's protection is over, country by country, on the dates that its owner has entered.

The rules are data with their sources (``terms.toml``). Wherever a date is missing, or records beyond dates decide, the
answer is that it can't be told: nothing is concluded from a gap.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

RULES = Path(__file__).with_name("terms.toml")


class Standing(StrEnum):
    """What the dates say."""

    OVER = "over"
    RUNNING = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dates:
    """What is entered of a work; ``None`` where nothing is.

    Attributes:
        author: ``person``, ``anonymous`` or ``organisation``.
        died: year of the author's death.
        created: year.
        published: year of the first publication.
        photograph: whether it is one; ``None`` when nobody said.
    """

    author: str = "person"
    died: int | None = None
    created: int | None = None
    published: int | None = None
    photograph: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One country's rule; see ``terms.toml``. Absent numbers are 0."""

    code: str
    source: str
    life: int
    anonymous: int
    organisation: int
    organisation_created: int = 0
    dead_until: int = 0
    photographs_until: int = 0
    published_until: int = 0
    published_for: int = 0
    formalities_before: int = 0
    written_since: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What the dates say for one country, and by which rule."""

    country: str
    standing: Standing
    source: str


@cache
def rules() -> tuple[Rule, ...]:
    """The rules, one for each country."""
    return tuple(Rule(**one) for one in tomllib.loads(RULES.read_text())["country"])


def screen(dates: Dates, year: int) -> tuple[Finding, ...]:
    """What the dates say in a year, for each country that has a rule."""
    return tuple(Finding(rule.code, _standing(rule, dates, year), rule.source) for rule in rules())


def _standing(rule: Rule, dates: Dates, year: int) -> Standing:
    if rule.published_for and dates.published and year > dates.published + rule.published_for:
        return Standing.OVER
    if rule.dead_until and dates.author == "person" and dates.died and dates.died <= rule.dead_until:
        return Standing.OVER
    if dates.author != "person" and dates.published and dates.published <= rule.published_until:
        return Standing.OVER
    if rule.photographs_until and dates.photograph is not False:
        earliest = dates.published or dates.created
        if earliest and earliest <= rule.photographs_until:
            certain = dates.photograph and dates.published
            return Standing.OVER if certain else _by_length(rule, dates, year, running=Standing.UNKNOWN)
    if rule.formalities_before and not _without_formalities(rule, dates):
        return Standing.UNKNOWN
    return _by_length(rule, dates, year)


def _without_formalities(rule: Rule, dates: Dates) -> bool:
    """Whether dates alone decide: it was created under the present law, and published when nothing had to be done."""
    since = dates.created or 0
    published = dates.published or dates.created or 0
    return since >= rule.written_since and published >= rule.formalities_before


def _by_length(rule: Rule, dates: Dates, year: int, running: Standing = Standing.RUNNING) -> Standing:
    """By the author's life, or from publication."""
    if dates.author == "person":
        if dates.died is not None:
            return Standing.OVER if year > dates.died + rule.life else running
        # whoever created it lived then
        return running if dates.created and year <= dates.created + rule.life else Standing.UNKNOWN
    length = rule.organisation if dates.author == "organisation" else rule.anonymous
    ends = [dates.published + length] if dates.published else []
    if rule.organisation_created and dates.created:
        ends.append(dates.created + rule.organisation_created)
    if dates.published:
        return Standing.OVER if year > min(ends) else running
    return running if dates.created and year <= min([dates.created + length, *ends]) else Standing.UNKNOWN
