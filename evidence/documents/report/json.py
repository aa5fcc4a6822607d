"""The report as JSON: everything that the report holds, for programs."""

from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO

from evidence.documents.report.facts import ReportCase, ReportFacts
from evidence.formats.codec import to_plain
from exhibit.entries import canonical

_NO_CASES = b'{"cases":[],'


def render_report_json(report: ReportFacts) -> bytes:
    """The report as canonical JSON (RFC 8785): UTF-8, sorted keys, no spaces; same input, same bytes.

    Each field is one of ``facts.ReportFacts`` under its own name. Times are RFC 3339 in UTC,
    digests lower-case hexadecimal, shares numbers from 0 to 1. ``format`` changes when a field changes its meaning.
    """
    return canonical(to_plain(report))


def json_cases(cases: Iterable[ReportCase]) -> bytes:
    """Some cases as they stand in the array of a report, with commas between them."""
    return b",".join(canonical(to_plain(case)) for case in cases)


def write_report_json(out: BinaryIO, report: ReportFacts, parts: Iterable[bytes]) -> None:
    """Write the whole report part by part: the bytes that :func:`render_report_json` gives for all cases at once.

    Args:
        out: where to.
        report: everything but the cases.
        parts: what :func:`json_cases` gave for each volume.
    """
    rest = canonical(to_plain(replace(report, cases=())))
    assert rest.startswith(_NO_CASES)  # the first of the sorted keys
    out.write(_NO_CASES[:-2])
    out.writelines(b"," * (number > 0) + part for number, part in enumerate(parts))
    out.write(b"]," + rest[len(_NO_CASES) :])
