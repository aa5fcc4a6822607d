"""What a report was asked for, in words."""

from django.utils import translation

from desk.web.downloads.report_words import limits_of, title_of
from evidence.documents.report.facts import ReportScope
from evidence.formats.codec import to_plain
from registry.models import Owner, Report
from workers.reports.titles import numbered


def report(scope: ReportScope, title: str = numbered(3, "Studio")) -> Report:
    return Report(owner=Owner(name="Studio"), number=3, parameters={"title": title, "scope": to_plain(scope)})


def test_a_title_that_nobody_gave_is_in_the_readers_language() -> None:
    assert title_of(report(ReportScope())) == "Report 3 for Studio"
    with translation.override("zh-hans"):
        assert title_of(report(ReportScope())) != "Report 3 for Studio"
        assert title_of(report(ReportScope(), "November")) == "November"


def test_each_limit_is_a_phrase_and_a_report_of_everything_has_none() -> None:
    assert list(limits_of(report(ReportScope()))) == []
    limited = ReportScope(
        watch="shop", works=tuple(range(1, 11)), first="2026-11-01", last="2026-11-20", decisions=("confirmed",)
    )
    assert list(limits_of(report(limited))) == [
        "watch “shop”",
        "works 1, 2, 3, 4, 5, 6, 7, 8 …",
        "seen on 1 Nov 2026 or later",
        "first seen on 20 Nov 2026 or earlier",
        "Not licensed",
    ]
    assert list(limits_of(report(ReportScope(works=(7,))))) == ["work 7"]
