"""What crawls visited, refused and failed to get stands in words."""

import re
from pathlib import Path

import crawler
from evidence.documents.phrases import languages, load_phrases
from evidence.documents.report.facts import FAILED


def test_a_report_tells_what_was_refused_in_words(report: str) -> None:
    assert "forbidden by robots.txt 24" in report
    assert "address in a private network 1" in report


REASONS = re.compile(
    r'reason="([a-z-]+)"|Refused\("([a-z-]+)"|_refusal\([^,]+, "([a-z-]+)"|return "([a-z-]+)", (?:f|Sentence\()?"'
    r'|\), "([a-z-]+)", (?:Sentence\()?"|\("([a-z-]+)", "The job'
)
"""How the crawler and what it stands on name the reason of a refusal."""


def test_every_reason_that_a_crawl_gives_has_its_words() -> None:
    root = Path(crawler.__file__).parents[1]
    sources = [*root.glob("crawler/**/*.py"), *root.glob("exhibit/**/*.py"), root / "registry/crawls/crawling.py"]
    found = {next(filter(None, match)) for path in sources for match in REASONS.findall(path.read_text("utf-8"))}
    assert {"incomplete", "redirects", "broke-off", "bad-encoding", "timeout", "robots", "budget"} <= found
    for language in languages():
        known = load_phrases(language).sentences
        assert {reason for reason in found if f"refused.{reason}" not in known} == set()
    assert {"incomplete", "redirects", "broke-off", "bad-encoding", "error", "timeout"} <= set(FAILED)


def test_a_report_tells_every_source_why_a_crawl_ended_and_what_did_not_come_whole(report: str) -> None:
    squeezed = report.replace(" ", "")
    assert "https://prints.example/ahttps://b.example/" in squeezed
    assert "ended:pagesofitsbudgetusedup" in squeezed
    assert "Tobevisited" in squeezed  # not all of them need have been
    _, _, failed = report.partition("Asked for, and not received whole")
    assert "broke off before all bytes had come 2" in failed
