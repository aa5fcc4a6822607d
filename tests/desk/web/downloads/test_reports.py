"""Test reports on the site: filters, progress, repetition, removal."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from desk.texts.cases import OFFERED
from desk.web.downloads.reports import files_of, heading_of, limits_of, title_of
from evidence.documents.report.facts import ReportScope
from evidence.documents.report.volumes import MadeFile
from evidence.formats.codec import to_plain
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry.db.fields import KeptFile
from registry.matches.match import match_pictures
from registry.models import Case, LogSubmission, Membership, Owner, Report, Role, Sighting, User
from registry.reports import make_report as step
from registry.reports.make_report import make_reports
from registry.reports.requests import numbered_title
from registry.services.services import Services
from tests.assets.laid_down import once
from tests.assets.pages import select
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site_browser import PHONE, Site, use_house
from workers.tasks.sync_runner import SyncRunner

ASKED = {"decision": ["open", "confirmed", "licensed"], "format": ["json"], "language": ["en"]}


class Desk:
    """A studio with two cases of two watches, and a client of its owner."""

    def __init__(self, inline: SyncRunner) -> None:
        inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
        self.inline = inline
        self.studio = owner("studio")
        for number in (1, 2):
            data = photograph(number)
            register(inline.services, self.studio, data, f"Work {number}")
            planned, epoch = claimed_slice(self.studio, f"watch-{number}")
            match_pictures(
                inline.services, bring(inline.services, planned, epoch, [copy_of(data)], host=f"shop-{number}.example")
            )
        self.client = member(self.studio, Role.REVIEWER)

    def ask(self, **asked: str | list[str]) -> Report:
        """Request a report as the form does, and generate it."""
        answer = self.client.post("/o/studio/downloads/report", ASKED | asked)
        assert answer.status_code == 302, answer.content.decode()
        report = Report.objects.order_by("number").last()
        assert report is not None
        make_reports(self.inline.services, [report.pk])
        report.refresh_from_db()
        return report

    def listed(self, **asked: str | list[str]) -> list[str]:
        """Return the numbers of the cases in a report."""
        return [case["facts"]["number"] for case in self.plain(self.ask(**asked))["cases"]]

    def plain(self, report: Report) -> dict[str, Any]:
        """Return the contents of a report."""
        assert (report.state, report.error) == ("done", "")
        (file,) = [one for one in report.files if one["name"].endswith(".json")]
        plain: dict[str, Any] = json.loads(self.inline.services.blobs.get(Digest.from_hex(file["digest"])))
        return plain


def member(of: Owner, role: Role) -> Client:
    user = User.objects.create_user(username=f"{role}@example.org", email=f"{role}@example.org", password="not used")
    Membership.objects.create(user=user, owner=of, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def desk(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Desk:
    use_house(monkeypatch, inline.services)
    return once(inline, Desk)


@pytest.mark.long
def test_a_report_names_every_work_where_that_is_asked_for(desk: Desk) -> None:
    register(desk.inline.services, desk.studio, photograph(3), "Nowhere")
    page = desk.client.get("/o/studio/downloads/new-report").content.decode()
    assert 'name="every_work">' in page
    assert (
        'name="every_work" checked>' in desk.client.get("/o/studio/downloads/new-report?every_work=1").content.decode()
    )
    assert desk.plain(desk.ask())["works"] == []
    report = desk.ask(every_work="on")
    plain = desk.plain(report)
    assert [(work["title"], bool(work["cases"])) for work in plain["works"]] == [
        ("Work 1", True), ("Work 2", True), ("Nowhere", False),
    ]  # fmt: skip
    assert (plain["looked"]["works"], plain["looked"]["found"]) == (3, 2)
    assert len(list(limits_of(report))) == 1
    assert [work["title"] for work in desk.plain(desk.ask(every_work="on", works="3"))["works"]] == ["Nowhere"]


@pytest.mark.long
def test_a_report_has_what_was_asked_for_and_nothing_else(desk: Desk) -> None:
    assert desk.listed() == ["1", "2"]
    assert desk.listed(watch="watch-2") == ["2"]
    assert desk.listed(works="1") == ["1"]
    assert desk.listed(works="1-2") == ["1", "2"]
    Case.objects.filter(number=1).update(decision=Case.Decision.CLEARED)
    assert desk.listed() == ["2"]
    assert desk.listed(decision=["cleared"]) == ["1"]


def test_days_limit_a_report_to_what_was_seen_then(desk: Desk) -> None:
    early = now() - timedelta(days=10)
    Sighting.objects.filter(host="shop-1.example").update(first_seen=early, last_seen=early)
    day = early.date().isoformat()
    assert desk.listed(last=day) == ["1"]
    assert desk.listed(first=day, last=day) == ["1"]
    assert desk.listed(first=(early + timedelta(days=1)).date().isoformat()) == ["2"]


def test_the_report_says_what_it_was_limited_to(desk: Desk) -> None:
    report = desk.ask(watch="watch-2", works="2", first="2026-01-01")
    plain = desk.plain(report)
    assert plain["scope"] == {
        "decisions": ["open", "confirmed", "licensed"],
        "every_work": False,
        "first": "2026-01-01",
        "last": "",
        "watch": "watch-2",
        "works": [2],
    }
    assert plain["summary"]["works"] == 1
    assert [one["source"] for one in plain["coverage"]] == ["http://watch-2.example/"]
    page = desk.client.get("/o/studio/downloads/").content.decode()
    assert "watch “watch-2”" in page
    assert "work 2" in page
    assert desk.plain(desk.ask())["scope"] is None


@pytest.mark.long
def test_only_the_formats_and_languages_that_were_asked_for_are_made(desk: Desk) -> None:
    assert [one["name"] for one in desk.ask(format=["csv", "pdf"]).files] == [
        "studio-report-1.csv",
        "studio-report-1.pdf",
    ]
    chinese = desk.ask(format=["pdf"], language=["en", "zh-Hans"])
    assert chinese.files[0]["name"] == "studio-report-2.pdf"


@pytest.mark.parametrize(
    "asked",
    [
        {"works": "three"},
        {"works": "99"},
        {"works": "1-99999999"},
        {"first": "yesterday"},
        {"first": "2026-02-02", "last": "2026-02-01"},
        {"watch": "another"},
        {"decision": []},
        {"format": ["exe"]},
    ],
)
def test_what_cant_be_asked_for_is_said_and_what_was_typed_stays(desk: Desk, asked: dict[str, Any]) -> None:
    answer = desk.client.post("/o/studio/downloads/report", ASKED | {"title": "My title"} | asked)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert select(page, "[role=alert]")
    assert 'value="My title"' in page
    assert not Report.objects.exists()


def test_how_far_a_report_is_is_asked_for_until_it_is_there(desk: Desk) -> None:
    desk.client.post("/o/studio/downloads/report", ASKED)
    waiting = desk.client.get("/o/studio/downloads/reports/1/state").content.decode()
    assert "hx-trigger" in waiting
    make_reports(desk.inline.services, [Report.objects.get().pk])
    there = desk.client.get("/o/studio/downloads/reports/1/state").content.decode()
    assert "studio-report-1.json" in there
    assert "hx-trigger" not in there


def test_a_report_that_failed_is_made_when_it_is_asked_for_again(desk: Desk) -> None:
    desk.client.post("/o/studio/downloads/report", ASKED)
    Report.objects.update(state="failed", error="The disk was full.", attempts=5)
    page = desk.client.get("/o/studio/downloads/reports/1/state").content.decode()
    assert "The disk was full." in page
    assert reverse("report-again", args=["studio", 1]) in page
    desk.client.post("/o/studio/downloads/reports/1/again")
    report = Report.objects.get()
    assert report.state == "todo"
    make_reports(desk.inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error) == ("done", "")


def test_a_report_that_is_there_is_asked_for_again_as_another_one(desk: Desk) -> None:
    desk.ask(watch="watch-2")
    desk.client.post("/o/studio/downloads/reports/1/again")
    first, second = Report.objects.order_by("number")
    assert second.parameters["scope"] == first.parameters["scope"]
    assert second.parameters["title"] == "Report 2 for Studio"
    User.objects.update(language="zh-hans")
    page = desk.client.get("/o/studio/downloads/").content.decode()
    assert "报告 2" in page
    assert "Report 2" not in page


def test_a_removed_report_is_gone_with_its_files_and_its_number_stays_taken(desk: Desk) -> None:
    one, two = (desk.ask(format=["csv", "json"], decision=["licensed"]) for _ in range(2))
    digests = {file["name"]: Digest.from_hex(file["digest"]) for report in (one, two) for file in report.files}
    assert digests["studio-report-1.csv"] == digests["studio-report-2.csv"]  # no case, only column names
    desk.client.post("/o/studio/downloads/reports/2/remove")
    assert desk.client.get("/o/studio/downloads/reports/2/files/studio-report-2.csv").status_code == 404
    assert "studio-report-2" not in desk.client.get("/o/studio/downloads/").content.decode()
    assert digests["studio-report-2.json"] not in desk.inline.services.blobs
    assert digests["studio-report-1.csv"] in desk.inline.services.blobs
    desk.client.post("/o/studio/downloads/reports/1/remove")
    assert digests["studio-report-1.csv"] not in desk.inline.services.blobs
    assert desk.ask().number == 3
    removed = LogSubmission.objects.filter(type=EntryType.SETTING, opening__content__what="report removed")
    assert removed.count() == 2


def test_a_report_that_is_removed_while_it_is_made_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    put = step._kept
    made: list[Digest] = []

    def removed_meanwhile(services: Services, file: MadeFile) -> KeptFile:
        kept = put(services, file)
        made.append(Digest.from_hex(str(kept["digest"])))
        desk.client.post("/o/studio/downloads/reports/1/remove")
        return kept

    monkeypatch.setattr(step, "_kept", removed_meanwhile)
    desk.client.post("/o/studio/downloads/report", ASKED)
    make_reports(desk.inline.services, [Report.objects.get().pk])
    assert made
    assert not any(digest in desk.inline.services.blobs for digest in made)
    assert Report.objects.get().files == []


def test_bytes_that_went_before_they_were_recorded_are_put_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    put = step._kept
    times: list[KeptFile] = []

    def gone_once(services: Services, file: MadeFile) -> KeptFile:
        kept = put(services, file)
        if not times:
            services.blobs.remove(Digest.from_hex(str(kept["digest"])))
        times.append(kept)
        return kept

    monkeypatch.setattr(step, "_kept", gone_once)
    report = desk.ask()
    assert (report.state, report.files) == ("todo", [])
    Report.objects.update(not_before=None)
    make_reports(desk.inline.services, [report.pk])
    report.refresh_from_db()
    assert desk.plain(report)["format"] == "exhibit-report/1"


@pytest.mark.long
def test_a_report_can_be_asked_for_and_read_by_everybody(site: Site) -> None:
    register(site.services, owner("studio"), photograph(1))
    ann = site.member(Owner.objects.get(), size=PHONE, scheme="dark")
    page = ann.open("/o/studio/downloads/")
    ann.links_to("report-form", "studio").first.click()
    ann.check()
    ann.buttons_to("request-report", "studio").last.click()
    page.locator(".made[hx-get]").wait_for()
    Report.objects.update(
        state="done", files=[{"name": "a.csv", "digest": "00", "size": 2048, "media_type": "text/csv"}]
    )
    page.get_by_role("link", name="CSV", exact=True).wait_for()  # without another click
    ann.check()


def report(scope: ReportScope, title: str = numbered_title(3, "Studio")) -> Report:
    return Report(owner=Owner(name="Studio"), number=3, parameters={"title": title, "scope": to_plain(scope)})


def test_a_title_that_nobody_gave_is_in_the_readers_language() -> None:
    title = title_of(report(ReportScope()))
    assert {"3", "Studio"} <= set(title.split())
    assert heading_of(report(ReportScope(), "<November>")).startswith("<November>: ")
    with translation.override("zh-hans"):
        assert title_of(report(ReportScope())) != title
        assert title_of(report(ReportScope(), "November")) == "November"


def test_each_limit_is_a_phrase_and_a_report_of_everything_has_none() -> None:
    assert list(limits_of(report(ReportScope()))) == []
    limited = ReportScope(
        watch="shop", works=tuple(range(1, 11)), first="2026-11-01", last="2026-11-20", decisions=("confirmed",)
    )
    said = list(limits_of(report(limited)))
    values = ("shop", "1, 2, 3, 4, 5, 6, 7, 8 …", "1 Nov 2026", "20 Nov 2026", str(OFFERED[Case.Decision.CONFIRMED]))
    assert [value in one for value, one in zip(values, said, strict=True)] == [True] * len(values)


def test_files_are_told_by_what_they_are() -> None:
    names = ("s-report-1.csv", "s-report-1-works.csv", "s-report-1-volume-02.pdf", "s-report-1-volume-02.zh-Hans.pdf")
    row = Report(files=[{"name": name, "media_type": "", "digest": "00", "size": 1} for name in names])
    words = ["CSV", "CSV, one row per work", "PDF, volume 2", "PDF, volume 2, Chinese"]
    assert [said for _file, said in files_of(row)] == words
