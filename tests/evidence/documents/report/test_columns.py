"""Test that each sighting is a row of a report with every column."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from evidence.documents.report.columns import COLUMNS, WORK_COLUMNS
from evidence.documents.report.facts import ReportFacts
from tests.assets.documents_sample import (
    sample_report,
)
from tests.assets.formulas import FORMULAS
from tests.assets.reports import render_report_csv
from tests.evidence.documents.case.test_comparison import MATCHING_CALIBRATION, with_probability


def test_each_sighting_is_a_row_with_every_column() -> None:
    report, _ = sample_report(3)
    rows = read_rows(report)
    assert [row["case"] for row in rows] == ["1", "2", "3"]
    row = rows[0]
    assert list(row) == [column.name for column in COLUMNS]
    assert row["match"] == "certain"
    assert row["page_url"].startswith("https://www.prints-and-more.example/")
    assert row["first_seen_utc"] == "2026-11-18T11:46:55.000000Z"
    assert row["aligned_share_of_registered"] == "0.9421"
    assert row["mirrored"] == "yes"
    assert row["likelihood_ratio"] == "not calibrated"
    assert row["licence_covers"] == "no"
    assert row["found_sha256"] == report.cases[0].facts.sightings[0].picture.digest.hex


def test_development_timestamp_service_is_labelled() -> None:
    report, _ = sample_report(1)
    timestamps = read_rows(report)[0]["timestamps"].split("; ")
    assert len(timestamps) == 3
    assert [("development" in timestamp) for timestamp in timestamps] == [False, True, False]


def test_demonstration_decision_has_its_own_column() -> None:
    report, _ = sample_report(1, demonstration=True)
    assert read_rows(report)[0]["decided_by_demonstration_switch"] == "yes"


def test_case_without_sightings_has_a_row() -> None:
    report, _ = sample_report(1)
    case = report.cases[0]
    bare = replace(report, cases=(replace(case, facts=replace(case.facts, sightings=(), matches=())),))
    (row,) = read_rows(bare)
    assert row["case"] == "1"
    assert row["page_url"] == ""
    assert row["decision"] == "confirmed"


def test_every_column_is_documented() -> None:
    assert [column.name for column in (*COLUMNS, *WORK_COLUMNS) if not column.about] == []


def test_row_states_ratio_and_bound_without_internal_values() -> None:
    report, _ = sample_report(1)
    case = replace(report.cases[0], facts=with_probability(report.cases[0].facts))
    report = replace(report, cases=(case,))
    (row,) = csv.DictReader(io.StringIO(render_report_csv(report).decode("utf-8-sig"), newline=""))
    assert float(row["likelihood_ratio"]) > 1
    assert row["likelihood_ratio_limited"] == "yes"
    internal = {"probability", "prior", "figures", "hash_distance_of_256", "distinct_inliers", "related_ln_odds"}
    assert not internal & set(row)
    assert row["calibration"] == "tests-2026-11"
    assert row["calibration_sha256"] == MATCHING_CALIBRATION.digest.hex
    assert row["false_alarms_in_a_million_at_most"] == "7462"
    plain = json.loads(report.to_json())
    assert plain["cases"][0]["facts"]["calibrations"][0]["certain"]["at_most_in_a_million"] == 7462


def read_rows(report: ReportFacts) -> list[dict[str, str]]:
    text = render_report_csv(report).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def build_report_with_context(context: str) -> ReportFacts:
    report, _ = sample_report(1)
    case = report.cases[0]
    sighting = replace(case.facts.sightings[0], context=context)
    return replace(report, cases=(replace(case, facts=replace(case.facts, sightings=(sighting,))),))


def test_csv_follows_rfc_4180_with_byte_order_mark() -> None:
    data = render_report_csv(build_report_with_context('says "hello", twice'))
    assert data.startswith(b"\xef\xbb\xbfcase,")
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n") == 2
    assert b'"says ""hello"", twice"' in data


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_escaped(text: str) -> None:
    assert read_rows(build_report_with_context(text))[0]["context"].startswith("'")


def test_numbers_are_not_escaped_as_formulas() -> None:
    report, _ = sample_report(1)
    case = report.cases[0]
    match = case.facts.matches[0]
    turned = replace(match, verification=replace(match.verification, rotation=-90))
    changed = replace(report, cases=(replace(case, facts=replace(case.facts, matches=(turned,))),))
    assert read_rows(changed)[0]["rotation_degrees"] == "-90"


@given(st.text(max_size=60))
def test_no_text_breaks_csv_or_starts_a_formula(text: str) -> None:
    cell = read_rows(build_report_with_context(text))[0]["context"]
    assert not cell.startswith((*"=+-@＝＋－＠", "\t", "\r", "\n"))
    assert "\x00" not in cell
