"""Test copyright terms: results follow from published rules, and missing dates give no conclusion."""

from typing import Any

import pytest

from registry.works.copyright_terms import Basis, Dates, TermStatus, assess_dates, load_rules

OVER, RUNNING, UNKNOWN = TermStatus.EXPIRED, TermStatus.IN_FORCE, TermStatus.UNKNOWN


def get_status(country: str, year: int = 2026, **dates: Any) -> TermStatus:  # noqa: ANN401 - any field
    statuses = {finding.country: finding.status for finding in assess_dates(Dates(**dates), year)}
    return statuses[country]


@pytest.mark.parametrize(
    ("country", "dates", "expected"),
    [
        ("US", {"published": 1930}, OVER),
        ("US", {"published": 1931}, UNKNOWN),
        ("US", {"published": 1960, "died": 1960}, UNKNOWN),  # renewal and restoration need records
        ("US", {"created": 2001, "published": 2001}, RUNNING),
        ("US", {"created": 2001}, RUNNING),
        ("US", {"created": 1980, "published": 1981}, UNKNOWN),  # a notice was required
        ("US", {"author_kind": "organisation", "created": 1995, "published": 1996}, RUNNING),
        ("EU", {"died": 1955}, OVER),
        ("EU", {"died": 1956}, RUNNING),
        ("EU", {"author_kind": "anonymous", "published": 1955}, OVER),
        ("EU", {"author_kind": "organisation", "published": 1955}, UNKNOWN),  # depends on named persons
        ("US", {"author_kind": "organisation", "created": 1990, "published": 2020}, RUNNING),
        ("GB", {"died": 1955}, OVER),
        ("CN", {"died": 1975}, OVER),
        ("CN", {"died": 1976}, RUNNING),
        ("CN", {"published": 1970, "photograph": True, "died": 2000}, OVER),
        ("CN", {"published": 1970, "photograph": False, "died": 2000}, RUNNING),
        ("CN", {"published": 1970, "died": 2000}, UNKNOWN),  # not stated to be a photograph
        ("CN", {"author_kind": "organisation", "published": 1975, "photograph": False}, OVER),
        ("JP", {"died": 1967}, OVER),
        ("JP", {"died": 1968}, RUNNING),
        ("JP", {"author_kind": "organisation", "published": 1900}, UNKNOWN),
        ("JP", {"published": 1950, "photograph": True}, UNKNOWN),
        ("CA", {"died": 1971}, OVER),
        ("CA", {"died": 1972}, RUNNING),
        ("IN", {"died": 1965}, OVER),
        ("IN", {"died": 1966}, RUNNING),
    ],
)
def test_copyright_status_is_derived_from_the_dates(country: str, dates: dict[str, Any], expected: TermStatus) -> None:
    assert get_status(country, **dates) == expected


def test_missing_dates_give_unknown_copyright_status() -> None:
    assert {finding.status for finding in assess_dates(Dates(), 2026)} == {UNKNOWN}
    assert {finding.status for finding in assess_dates(Dates(published=1940), 2026)} <= {UNKNOWN, OVER}
    assert get_status("EU", published=1900) == UNKNOWN  # the author may have lived long


def test_copyright_terms_end_at_the_end_of_the_year() -> None:
    assert get_status("EU", 2026, died=1956) == RUNNING
    assert get_status("EU", 2027, died=1956) == OVER
    assert get_status("US", 2027, published=1931) == OVER


def test_each_copyright_term_rule_names_its_source() -> None:
    assert all(rule.source and rule.life >= 50 for rule in load_rules())
    assert len({rule.code for rule in load_rules()}) == len(load_rules()) >= 7


@pytest.mark.parametrize(
    ("country", "dates", "basis", "number"),
    [
        ("EU", {"died": 1955}, Basis.DEATH, 70),
        ("EU", {"created": 2001}, Basis.DEATH, 70),
        ("EU", {}, Basis.GAP, 0),
        ("US", {"published": 1930}, Basis.PUBLICATION, 95),
        ("US", {"published": 1960, "died": 1960}, Basis.RECORDS, 1990),
        ("US", {"author_kind": "organisation", "created": 1990, "published": 2020}, Basis.CREATION, 120),
        ("CN", {"published": 1970, "photograph": True, "died": 2000}, Basis.PHOTOGRAPHS_UNTIL, 1970),
        ("JP", {"died": 1967}, Basis.DEAD_UNTIL, 1967),
        ("JP", {"died": 1968}, Basis.DEATH, 70),
    ],
)
def test_copyright_term_finding_names_the_date_it_is_based_on(
    country: str, dates: dict[str, Any], basis: Basis, number: int
) -> None:
    [finding] = [item for item in assess_dates(Dates(**dates), 2026) if item.country == country]
    assert (finding.basis, finding.number) == (basis, number)
