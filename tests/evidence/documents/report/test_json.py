"""The report as JSON: canonical, and the same in parts."""

import io
import json

from evidence.documents import render_report_json
from evidence.documents.report.json import json_cases, write_report_json
from tests.assets.documents_sample import sample_report


def test_the_report_json_is_canonical_and_names_its_format() -> None:
    facts, _ = sample_report(2)
    plain = json.loads(render_report_json(facts))
    assert plain["format"] == "exhibit-report/1"
    assert plain["generated_at"] == "2026-11-20T12:00:00.000000Z"
    assert [case["facts"]["number"] for case in plain["cases"]] == ["1", "2"]
    assert plain["cases"][0]["witnesses"][1]["development"] is True


def test_what_is_written_in_parts_is_what_is_written_at_once() -> None:
    for number in (0, 1, 5):
        facts, _ = sample_report(number)
        out = io.BytesIO()
        write_report_json(out, facts, [json_cases(facts.cases[start : start + 2]) for start in range(0, number, 2)])
        assert out.getvalue() == render_report_json(facts)
