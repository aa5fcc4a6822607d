"""The lines of a report: each sighting with every column."""

import csv
import io
import json
from dataclasses import replace

from evidence.documents import render_report_json
from evidence.documents.report.rows import COLUMNS
from tests import CHECKOUT
from tests.assets.documents_sample import (
    sample_report,
)
from tests.assets.reports import render_report_csv
from tests.evidence.documents.case.test_comparison import FITTING, with_probability
from tests.evidence.documents.report.test_csv import rows_of


def test_each_sighting_is_a_line_with_every_column() -> None:
    report, _ = sample_report(3)
    rows = rows_of(report)
    assert [row["case"] for row in rows] == ["1", "2", "3"]
    row = rows[0]
    assert list(row) == [column.name for column in COLUMNS]
    assert row["page_url"].startswith("https://www.prints-and-more.example/")
    assert row["first_seen_utc"] == "2026-11-18T11:46:55.000000Z"
    assert row["aligned_share_of_registered"] == "0.9421"
    assert row["mirrored"] == "yes"
    assert row["probability"] == "not calibrated"
    assert row["licence_covers"] == "no"
    assert row["found_sha256"] == report.cases[0].facts.sightings[0].picture.digest.hex


def test_a_development_witness_is_labelled_in_its_cell() -> None:
    report, _ = sample_report(1)
    witnesses = rows_of(report)[0]["witnesses"].split("; ")
    assert len(witnesses) == 3
    assert [("development, without legal weight" in witness) for witness in witnesses] == [False, True, False]


def test_a_demonstration_decision_has_its_own_column() -> None:
    report, _ = sample_report(1, demonstration=True)
    assert rows_of(report)[0]["decided_by_demonstration_switch"] == "yes"


def test_a_case_without_sightings_or_matches_still_has_its_line() -> None:
    report, _ = sample_report(1)
    case = report.cases[0]
    bare = replace(report, cases=(replace(case, facts=replace(case.facts, sightings=(), matches=())),))
    (row,) = rows_of(bare)
    assert row["case"] == "1"
    assert row["page_url"] == ""
    assert row["decision"] == "confirmed"


def test_every_column_is_documented() -> None:
    page = (CHECKOUT / "docs" / "documents.md").read_text(encoding="utf-8")
    assert [column.name for column in COLUMNS if f"`{column.name}`" not in page] == []


def test_a_table_has_probability_calibration_and_bound_in_columns() -> None:
    report, _ = sample_report(1)
    case = replace(report.cases[0], facts=with_probability(report.cases[0].facts))
    report = replace(report, cases=(case,))
    (row,) = csv.DictReader(io.StringIO(render_report_csv(report).decode("utf-8-sig"), newline=""))
    assert 0.5 < float(row["probability"]) < 1
    assert float(row["likelihood_ratio"]) > 1
    assert (row["prior"], row["likelihood_ratio_limited"]) == ("0.5000", "yes")
    assert row["calibration"] == "tests-2026-11"
    assert row["calibration_sha256"] == FITTING.digest.hex
    assert row["false_alarms_in_a_million_at_most"] == "7462"
    plain = json.loads(render_report_json(report))
    assert plain["cases"][0]["facts"]["calibrations"][0]["certain"]["at_most_in_a_million"] == 7462
