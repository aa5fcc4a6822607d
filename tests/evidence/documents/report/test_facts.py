"""The facts of a report: what failed is told apart from what was left out, and few cases have pages of their own."""

from dataclasses import replace

from evidence.documents.report.facts import AT_LENGTH, RefusalCount, Volume
from tests.assets.documents_sample import sample_coverage, sample_report


def test_what_failed_is_told_apart_from_what_a_rule_left_out() -> None:
    failed = {one for one in ("http-404", "http-503", "timeout", "robots", "budget") if RefusalCount(one, 1).is_failure}
    assert failed == {"http-404", "http-503", "timeout"}
    first, _ = sample_coverage()
    assert (first.failed_count, first.refused_count) == (2, 12 + 1 + 3)
    more = replace(first, refused=(*first.refused, RefusalCount("http-500", 7)))
    assert (more.failed_count, more.refused_count) == (9, 16)


def test_few_cases_have_pages_of_their_own_in_every_volume_alike() -> None:
    report, _ = sample_report(1)
    [case] = report.cases
    assert replace(report, cases=(case,) * AT_LENGTH).at_length
    assert not replace(report, cases=(case,) * (AT_LENGTH + 1)).at_length
    of_many = Volume(number=1, of=2, first=1, cases=AT_LENGTH + 1)
    assert not replace(report, volume=of_many).at_length
