"""Selection of the fee-table row that fits the known facts of a use, by simple and predictable rules.

A row is split into parts: those of its use, its size and its duration. A row fits if every part fits. An unknown fact
neither fits nor contradicts a part; a member then has to choose.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any

from django.db.models import Count, Max, Min
from django.db.models.functions import Greatest
from django.utils.timezone import localdate

from registry.accounts.models import Owner
from registry.cases.models import Case, CaseSighting
from registry.notices.contents import QUESTIONS
from registry.notices.deadlines import add_months
from registry.notices.models import NoticeCase
from registry.notices.notices import State
from registry.parties.demands import MAX_AMOUNT, list_fees, load_claimable_cases
from registry.parties.models import Fee

MAX_LINES = 2_000
"""Maximum number of table rows that are compared with a use."""
MAX_PARTS = 8
"""Maximum number of parts read from a cell. Further text becomes part of the last one, which then matches no rule."""
MAX_LISTED = 20
"""Maximum number of fitting rows and of unknown parts that are returned for a use."""
MAX_YEARS = 100
"""Longest accepted duration. A larger number is a calendar year, as in 2026年."""
_WORDS = {
    **dict.fromkeys(["web", "website", "websites", "online", "internet", "网站", "网络", "网页", "互联网"], "web"),
    **dict.fromkeys(["commercial", "advertising", "商业", "商业用途", "广告"], "commercial"),
    **dict.fromkeys(["editorial", "编辑", "编辑用途", "报道"], "comment"),
}
"""Meanings of words in a row: publication on the web, or the purpose of the use."""
_UNITS = {
    **dict.fromkeys(["px", "pixel", "pixels", "像素"], "pixels"),
    **dict.fromkeys(["day", "days", "天"], "days"),
    **dict.fromkeys(["week", "weeks", "周"], "weeks"),
    **dict.fromkeys(["month", "months", "个月"], "months"),
    **dict.fromkeys(["year", "years", "年"], "years"),
    **dict.fromkeys(["page", "pages", "页"], "pages"),
}
_DAYS: Mapping[str, float] = {"days": 1, "weeks": 7, "months": 30.4, "years": 365}
"""Length of each unit in days, for sorting rows only. Uses are compared by calendar days."""
_DIGITS = {char: number for number, char in enumerate("一二三四五六七八九十", 1)} | {"两": 2}
_GROUPED = "[1-9][0-9]{0,2}[,. \u00a0\u202f][0-9]{3}"
"""Grouped thousands. Accepted for pixels only, which are integers: 1,500 or 1.500 years may be one and a half."""
_NUMBER = f"{_GROUPED}|[0-9]{{1,6}}|[{''.join(_DIGITS)}]"
_BOUND = re.compile(
    r"(?P<most>up to|at most|max\.?|≤|不超过|最多)?(?P<least>from|at least|min\.?|≥|至少)?"
    rf"(?P<over>over|more than|>|超过)?\s*(?P<low>{_NUMBER})(?:\s*(?:[-–—]|to|至)\s*(?P<high>{_NUMBER}))?\s*"
    rf"(?P<unit>{'|'.join(_UNITS)})(?:以内|以下)?"
)
_DOMAIN = re.compile(r"(?:\.[a-z0-9-]{1,63}){1,3}")
_SEPARATOR = re.compile(r"(?<!\d),|,(?!\d)|(?<!\d)(?<!\d\s)/|/(?!\s?\d)|[;·，；、()（）]")
"""Separators of parts. A comma or slash within a number, as in 1,200 or 1/2, does not separate."""


@dataclass(frozen=True, slots=True)
class KnownUse:
    """Known facts about a case, from its sightings that no licence covers."""

    case: int
    party: str
    longer_side: int | None  # In pixels, of the largest file.
    first_seen: datetime | None
    last_seen: datetime | None
    pages: int
    purpose: str = ""  # As a member stated it in a notice: ``commercial``, ``plain`` or ``comment``; otherwise empty.
    notice: int | None = None  # Number of that notice.


@dataclass(frozen=True, slots=True)
class FeePart:
    """One parsed part of a fee-table row."""

    column: str  # ``use``, ``size`` or ``duration``.
    text: str
    kind: str = ""  # Web, purpose, domain, pages, pixels or a unit of time; empty if no rule matches.
    word: str = ""
    minimum: int | None = None
    maximum: int | None = None
    excludes_minimum: bool = False  # True if the value must exceed ``minimum``.

    def fits(self, use: KnownUse) -> bool | None:
        """Return True if the part fits the known use, or None if the fact is unknown or no rule matches the part."""
        if self.kind == "web":
            return True
        if self.kind == "purpose":
            return use.purpose == self.word if use.purpose else None
        if self.kind == "domain":
            return f".{use.party}".endswith(self.word)
        if self.kind in ("pixels", "pages"):
            value = use.longer_side if self.kind == "pixels" else use.pages or None
            return None if value is None else self._is_within(value, self.minimum, self.maximum)
        if not self.kind or use.first_seen is None or use.last_seen is None:
            return None
        first_day = localdate(use.first_seen)
        min_day, max_day = (
            None if limit is None else _add_span(first_day, limit, self.kind) for limit in (self.minimum, self.maximum)
        )
        return self._is_within(localdate(use.last_seen), min_day, max_day)

    def _is_within(self, value: Any, minimum: Any, maximum: Any) -> bool:  # noqa: ANN401 - numbers or days
        return (minimum is None or value > minimum or (value == minimum and not self.excludes_minimum)) and (
            maximum is None or value <= maximum
        )


@dataclass(frozen=True, slots=True)
class ProposedFee:
    """Fees proposed by an owner's tables for one case."""

    use: KnownUse
    fitting: tuple[Fee, ...]  # The most specific, narrowest row of each table; several if they tie.
    unknown: tuple[FeePart, ...]  # Parts that keep other rows from fitting: unknown for this use, or not parsed.
    is_open: bool  # True if more facts could make an equally specific row fit.

    @property
    def fee(self) -> Fee | None:
        """The proposed fee, or None if a member has to choose."""
        return self.fitting[0] if len(self.fitting) == 1 and not self.is_open else None


@dataclass(frozen=True, slots=True)
class FeeTotal:
    """The total of the fees proposed for several cases."""

    amount: int  # In the currency's smallest unit.
    currency: str
    lines: tuple[tuple[int, Fee], ...]  # (count, row) pairs.


def propose_fees_for_cases(owner: Owner, party: str, cases: Sequence[int]) -> list[ProposedFee]:
    """Return the known facts and the fitting fees for some of a party's confirmed cases.

    Raises:
        InvalidRequestError: A case is not a confirmed case of this party.
    """
    part_indexes: dict[FeePart, int] = {}
    lines = [
        _ParsedRow(
            fee, tuple(part_indexes.setdefault(part, len(part_indexes)) for part in parts), _build_sort_key(parts)
        )
        for fee in list_fees(owner)[:MAX_LINES]
        if (parts := parse_fee(fee))
    ]
    tables = [list(rows) for _table, rows in groupby(lines, key=lambda line: line.fee.table_id)]
    propose_for = cache(lambda use: _propose_fee(use, list(part_indexes), tables))
    uses = load_known_uses(owner, party, load_claimable_cases(owner, party, cases))
    return [replace(propose_for(replace(use, case=0, notice=None)), use=use) for use in uses]


def multiply_fee(fee: Fee, cases: int) -> FeeTotal:
    """Multiply one fee by a number of cases."""
    return FeeTotal(fee.amount * cases, fee.table.currency, ((cases, fee),))


def sum_proposed_fees(proposals: Sequence[ProposedFee]) -> FeeTotal | None:
    """Add up the proposed fees. Return None unless every case has one and all are in the same currency."""
    fees_found = [proposal.fee for proposal in proposals if proposal.fee is not None]
    amount, currencies = sum(fee.amount for fee in fees_found), {fee.table.currency for fee in fees_found}
    if len(fees_found) < len(proposals) or len(currencies) != 1 or amount > MAX_AMOUNT:
        return None
    lines = {fee.pk: fee for fee in fees_found}
    fee_counts = tuple((sum(fee.pk == key for fee in fees_found), fee) for key, fee in lines.items())
    return FeeTotal(amount, currencies.pop(), fee_counts)


def load_known_uses(owner: Owner, party: str, cases: Sequence[Case]) -> list[KnownUse]:
    """Return the known facts of a party's cases. The number of queries does not depend on the number of cases."""
    uncovered_sightings = CaseSighting.objects.filter(case__in=cases, licence=None).order_by()
    rows = uncovered_sightings.values_list("case__number").annotate(
        longer_side=Max(Greatest("match__found__width", "match__found__height")),
        first=Min("sighting__first_seen"),
        last=Max("sighting__last_seen"),
        pages=Count("sighting__page_key", distinct=True),
    )
    facts_by_case = {number: facts for number, *facts in rows}
    uses = [KnownUse(case.number, party, *facts_by_case.get(case.number, (None, None, None, 0))) for case in cases]
    purposes = _load_purposes(owner, party)
    common_purpose = (
        next(iter(purposes.values())) if len({purpose for purpose, _notice in purposes.values()}) == 1 else ("", None)
    )
    purpose_pairs = [purposes.get(use.case, common_purpose) for use in uses]
    return [
        replace(use, purpose=stated_purpose, notice=notice_number)
        for use, (stated_purpose, notice_number) in zip(uses, purpose_pairs, strict=True)
    ]


def _load_purposes(owner: Owner, party: str) -> Mapping[int, tuple[str, int | None]]:
    """Return the purpose last recorded for each case of a party, with the number of the notice it was recorded in."""
    rows = NoticeCase.objects.filter(notice__owner=owner, notice__party=party).exclude(notice__state=State.DISCARDED)
    purpose_rows = rows.filter(answers__purpose__in=QUESTIONS["purpose"]).order_by("notice__number")
    return {
        case: (purpose, notice_number)
        for case, purpose, notice_number in purpose_rows.values_list(
            "case__number", "answers__purpose", "notice__number"
        )
    }


@dataclass(frozen=True, slots=True)
class _ParsedRow:
    """A parsed row of a fee table."""

    fee: Fee
    parts: tuple[int, ...]  # Indexes into the list of all parts.
    rank: tuple[Any, ...]


def _propose_fee(use: KnownUse, parts: Sequence[FeePart], tables: Sequence[Sequence[_ParsedRow]]) -> ProposedFee:
    fitting_fees: list[Fee] = []
    unknown_indexes: dict[int, None] = {}  # A dict, to keep insertion order.
    is_open = False
    fits = [part.fits(use) for part in parts]
    for lines in tables:
        line_results = [(line, [fits[index] for index in line.parts]) for line in lines]
        fitting_lines = [line for line, part_results in line_results if all(part_results)]
        best_rank = min((line.rank for line in fitting_lines), default=None)
        fitting_fees += [line.fee for line in fitting_lines if line.rank == best_rank]
        for line, part_results in line_results:
            if False in part_results or all(part_results):
                continue
            unknown_in_row = [index for index in line.parts if fits[index] is None]
            unknown_indexes.update(dict.fromkeys(unknown_in_row))
            is_open |= all(parts[index].kind for index in unknown_in_row) and (
                best_rank is None or line.rank[0] <= best_rank[0]
            )
    unknown_parts = [parts[index] for index in unknown_indexes][:MAX_LISTED]
    return ProposedFee(use, tuple(fitting_fees[:MAX_LISTED]), tuple(unknown_parts), is_open)


def _build_sort_key(parts: Sequence[FeePart]) -> tuple[Any, ...]:
    """Return a sort key: most parts first, then shortest duration, smallest size and fewest pages."""
    bounds_keys: list[tuple[float, float]] = []
    for kinds in (_DAYS, ("pixels",), ("pages",)):
        bounds = [part for part in parts if part.kind in kinds]
        max_values = [part.maximum * _DAYS.get(part.kind, 1) for part in bounds if part.maximum is not None]
        min_values = [part.minimum * _DAYS.get(part.kind, 1) for part in bounds if part.minimum is not None]
        bounds_keys.append((min(max_values, default=float("inf")), -max(min_values, default=0)))
    return (-len(parts), *bounds_keys)


def parse_fee(fee: Fee) -> tuple[FeePart, ...]:
    """Split a fee-table row into parts and parse them."""
    cells = (("use", fee.use), ("size", fee.size), ("duration", fee.duration))
    texts = [(column, text.strip()) for column, cell in cells for text in _SEPARATOR.split(cell, MAX_PARTS - 1)]
    return tuple(_parse_part(column, text) for column, text in texts if text)


def _parse_part(column: str, text: str) -> FeePart:
    # Not casefold(): letters that only fold to ASCII, as the Turkish dotless i, are different.
    lowercase_text = text.lower()
    word = _WORDS.get(lowercase_text, "")
    if word:
        return FeePart(column, text, "web") if word == "web" else FeePart(column, text, "purpose", word)
    if _DOMAIN.fullmatch(lowercase_text):
        return FeePart(column, text, "domain", lowercase_text)
    bound = _BOUND.fullmatch(lowercase_text)
    if bound is None or sum(bound[name] is not None for name in ("most", "least", "over", "high")) > 1:
        return FeePart(column, text)
    unit, numbers = _UNITS[bound["unit"]], bound.group("low", "high")
    is_ambiguous = unit != "pixels" and any(number and re.fullmatch(_GROUPED, number) for number in numbers)
    low, high = (
        None if number is None else _DIGITS.get(number) or int(re.sub("[^0-9]", "", number)) for number in numbers
    )
    if is_ambiguous or (unit == "years" and max(low or 0, high or 0) > MAX_YEARS):
        return FeePart(column, text)
    if bound["least"] or bound["over"]:
        return FeePart(column, text, unit, minimum=low, excludes_minimum=bool(bound["over"]))
    return (
        FeePart(column, text, unit, maximum=low)
        if high is None
        else FeePart(column, text, unit, minimum=low, maximum=high)
    )


def _add_span(day: date, number: int, unit: str) -> date:
    """Add a time span to a day; return ``date.max`` on overflow."""
    try:
        if unit in ("days", "weeks"):
            return day + timedelta(days=number * (7 if unit == "weeks" else 1))
        return add_months(day, number * (12 if unit == "years" else 1))
    except (OverflowError, ValueError):
        return date.max
