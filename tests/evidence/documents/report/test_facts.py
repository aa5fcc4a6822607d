"""Test that report facts distinguish failures from omissions, and give a few cases pages of their own."""

import io
import json
from dataclasses import replace

import pytest

from evidence.documents.report.facts import (
    MAX_DETAILED_CASES,
    RefusalCount,
    Volume,
    build_json_elements,
    write_report_json,
)
from tests.assets.documents_sample import sample_coverage, sample_report


def test_failures_are_distinguished_from_excluded_pages() -> None:
    failed = {
        reason
        for reason in ("http-404", "http-503", "timeout", "robots", "budget")
        if RefusalCount(reason, 1).is_failure
    }
    assert failed == {"http-404", "http-503", "timeout"}
    first, _ = sample_coverage()
    assert (first.failed_count, first.refused_count) == (2, 12 + 1 + 3)
    more = replace(first, refused=(*first.refused, RefusalCount("http-500", 7)))
    assert (more.failed_count, more.refused_count) == (9, 16)


def test_few_cases_have_own_pages_in_every_volume() -> None:
    report, _ = sample_report(1)
    [case] = report.cases
    assert replace(report, cases=(case,) * MAX_DETAILED_CASES).is_detailed
    assert not replace(report, cases=(case,) * (MAX_DETAILED_CASES + 1)).is_detailed
    of_many = Volume(number=1, of=2, first=1, cases=MAX_DETAILED_CASES + 1)
    assert not replace(report, volume=of_many).is_detailed


@pytest.mark.long
def test_report_json_is_canonical_and_states_format() -> None:
    facts, _ = sample_report(2)
    plain = json.loads(facts.to_json())
    assert plain["format"] == "exhibit-report/1"
    assert plain["generated_at"] == "2026-11-20T12:00:00.000000Z"
    assert [case["facts"]["number"] for case in plain["cases"]] == ["1", "2"]
    assert plain["cases"][0]["timestamps"][1]["development"] is True


@pytest.mark.long
def test_json_written_in_parts_equals_whole() -> None:
    for number in (0, 1, 5):
        facts, _ = sample_report(number)
        out = io.BytesIO()
        write_report_json(
            out, facts, [build_json_elements(facts.cases[start : start + 2]) for start in range(0, number, 2)]
        )
        assert out.getvalue() == facts.to_json()
