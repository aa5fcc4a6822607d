"""Test reports on the site: filters, progress, repetition, removal."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from desk.texts.cases import DECISION_LABELS
from desk.web.downloads.reports import report_files, report_heading, report_limits, report_title
from evidence.documents.report.facts import ReportScope
from evidence.documents.report.volumes import ReportFile
from evidence.formats.codec import to_plain
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry.db.fields import StoredFile
from registry.matches.match import match_pictures
from registry.models import Case, LogSubmission, Membership, Owner, Report, Role, Sighting, User
from registry.reports import make_report as step
from registry.reports.make_report import make_reports
from registry.reports.requests import make_default_title
from registry.services.services import Services
from tests.assets.pages import select
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site_browser import PHONE, Site, use_services
from workers.tasks.sync_runner import SyncRunner

BASE_FORM = {"decision": ["open", "confirmed", "licensed"], "format": ["json"], "language": ["en"]}


class Desk:
    """A studio with two cases of two watches, and a client of its owner."""

    def __init__(self, inline: SyncRunner) -> None:
        inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
        self.inline = inline
        self.studio = owner("studio")
        for number in (1, 2):
            data = photograph(number)
            register(inline.services, self.studio, data, f"Work {number}")
            crawl_slice, epoch = claim_new_slice(self.studio, f"watch-{number}")
            match_pictures(
                inline.services,
                record_sightings(
                    inline.services, crawl_slice, epoch, [recompress(data)], host=f"shop-{number}.example"
                ),
            )
        self.client = create_member_client(self.studio, Role.REVIEWER)

    def request_report(self, **asked: str | list[str]) -> Report:
        """Request a report as the form does, and generate it."""
        response = self.client.post("/o/studio/downloads/report", BASE_FORM | asked)
        assert response.status_code == 302, response.content.decode()
        report = Report.objects.order_by("number").last()
        assert report is not None
        make_reports(self.inline.services, [report.pk])
        report.refresh_from_db()
        return report

    def list_reported_cases(self, **asked: str | list[str]) -> list[str]:
        """Return the numbers of the cases in a report."""
        return [case["facts"]["number"] for case in self.read_json(self.request_report(**asked))["cases"]]

    def read_json(self, report: Report) -> dict[str, Any]:
        """Return the contents of a report."""
        assert (report.state, report.error) == ("done", "")
        (file,) = [item for item in report.files if item["name"].endswith(".json")]
        data: dict[str, Any] = json.loads(self.inline.services.blobs.get(Digest.from_hex(file["digest"])))
        return data


def create_member_client(of: Owner, role: Role) -> Client:
    user = User.objects.create_user(username=f"{role}@example.org", email=f"{role}@example.org", password="not used")
    Membership.objects.create(user=user, owner=of, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def desk(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Desk:
    use_services(monkeypatch, inline.services)
    return restore_scene(inline, Desk)


@pytest.mark.long
def test_report_lists_every_work_on_request(desk: Desk) -> None:
    register(desk.inline.services, desk.studio, photograph(3), "Nowhere")
    page = desk.client.get("/o/studio/downloads/new-report").content.decode()
    assert 'name="every_work">' in page
    assert (
        'name="every_work" checked>' in desk.client.get("/o/studio/downloads/new-report?every_work=1").content.decode()
    )
    assert desk.read_json(desk.request_report())["works"] == []
    report = desk.request_report(every_work="on")
    data = desk.read_json(report)
    assert [(work["title"], bool(work["cases"])) for work in data["works"]] == [
        ("Work 1", True), ("Work 2", True), ("Nowhere", False),
    ]  # fmt: skip
    assert (data["looked"]["works"], data["looked"]["found"]) == (3, 2)
    assert len(list(report_limits(report))) == 1
    assert [work["title"] for work in desk.read_json(desk.request_report(every_work="on", works="3"))["works"]] == [
        "Nowhere"
    ]


@pytest.mark.long
def test_report_contains_only_requested_cases(desk: Desk) -> None:
    assert desk.list_reported_cases() == ["1", "2"]
    assert desk.list_reported_cases(watch="watch-2") == ["2"]
    assert desk.list_reported_cases(works="1") == ["1"]
    assert desk.list_reported_cases(works="1-2") == ["1", "2"]
    Case.objects.filter(number=1).update(decision=Case.Decision.DISMISSED)
    assert desk.list_reported_cases() == ["2"]
    assert desk.list_reported_cases(decision=["dismissed"]) == ["1"]


def test_date_range_limits_a_report(desk: Desk) -> None:
    early = now() - timedelta(days=10)
    Sighting.objects.filter(host="shop-1.example").update(first_seen=early, last_seen=early)
    day = early.date().isoformat()
    assert desk.list_reported_cases(last=day) == ["1"]
    assert desk.list_reported_cases(first=day, last=day) == ["1"]
    assert desk.list_reported_cases(first=(early + timedelta(days=1)).date().isoformat()) == ["2"]


def test_report_states_its_limits(desk: Desk) -> None:
    report = desk.request_report(watch="watch-2", works="2", first="2026-01-01")
    data = desk.read_json(report)
    assert data["scope"] == {
        "decisions": ["open", "confirmed", "licensed"],
        "every_work": False,
        "first": "2026-01-01",
        "last": "",
        "watch": "watch-2",
        "works": [2],
    }
    assert data["summary"]["works"] == 1
    assert [item["source"] for item in data["coverage"]] == ["http://watch-2.example/"]
    page = desk.client.get("/o/studio/downloads/").content.decode()
    assert "watch “watch-2”" in page
    assert "work 2" in page
    assert desk.read_json(desk.request_report())["scope"] is None


@pytest.mark.long
def test_only_requested_formats_and_languages_are_generated(desk: Desk) -> None:
    assert [file["name"] for file in desk.request_report(format=["csv", "pdf"]).files] == [
        "studio-report-1.csv",
        "studio-report-1.pdf",
    ]
    chinese = desk.request_report(format=["pdf"], language=["en", "zh-Hans"])
    assert chinese.files[0]["name"] == "studio-report-2.pdf"


@pytest.mark.parametrize(
    "fields",
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
def test_invalid_report_request_is_explained_and_keeps_typed_text(desk: Desk, fields: dict[str, Any]) -> None:
    response = desk.client.post("/o/studio/downloads/report", BASE_FORM | {"title": "My title"} | fields)
    assert response.status_code == 422
    page = response.content.decode()
    assert select(page, "[role=alert]")
    assert 'value="My title"' in page
    assert not Report.objects.exists()


def test_report_progress_is_polled_until_it_is_ready(desk: Desk) -> None:
    desk.client.post("/o/studio/downloads/report", BASE_FORM)
    pending_page = desk.client.get("/o/studio/downloads/reports/1/state").content.decode()
    assert "hx-trigger" in pending_page
    make_reports(desk.inline.services, [Report.objects.get().pk])
    ready_page = desk.client.get("/o/studio/downloads/reports/1/state").content.decode()
    assert "studio-report-1.json" in ready_page
    assert "hx-trigger" not in ready_page


def test_failed_report_is_regenerated_on_request(desk: Desk) -> None:
    desk.client.post("/o/studio/downloads/report", BASE_FORM)
    Report.objects.update(state="failed", error="The disk was full.", attempts=5)
    page = desk.client.get("/o/studio/downloads/reports/1/state").content.decode()
    assert "The disk was full." in page
    assert reverse("report-again", args=["studio", 1]) in page
    desk.client.post("/o/studio/downloads/reports/1/again")
    report = Report.objects.get()
    assert report.state == "queued"
    make_reports(desk.inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error) == ("done", "")


def test_finished_report_is_regenerated_as_a_new_report(desk: Desk) -> None:
    desk.request_report(watch="watch-2")
    desk.client.post("/o/studio/downloads/reports/1/again")
    first, second = Report.objects.order_by("number")
    assert second.parameters["scope"] == first.parameters["scope"]
    assert second.parameters["title"] == "Report 2 for Studio"
    User.objects.update(language="zh-hans")
    page = desk.client.get("/o/studio/downloads/").content.decode()
    assert "报告 2" in page
    assert "Report 2" not in page


def test_removed_report_loses_its_files_and_its_number_is_not_reused(desk: Desk) -> None:
    first, two = (desk.request_report(format=["csv", "json"], decision=["licensed"]) for _ in range(2))
    digests = {file["name"]: Digest.from_hex(file["digest"]) for report in (first, two) for file in report.files}
    assert digests["studio-report-1.csv"] == digests["studio-report-2.csv"]  # no case, only column names
    desk.client.post("/o/studio/downloads/reports/2/remove")
    assert desk.client.get("/o/studio/downloads/reports/2/files/studio-report-2.csv").status_code == 404
    assert "studio-report-2" not in desk.client.get("/o/studio/downloads/").content.decode()
    assert digests["studio-report-2.json"] not in desk.inline.services.blobs
    assert digests["studio-report-1.csv"] in desk.inline.services.blobs
    desk.client.post("/o/studio/downloads/reports/1/remove")
    assert digests["studio-report-1.csv"] not in desk.inline.services.blobs
    assert desk.request_report().number == 3
    removals = LogSubmission.objects.filter(type=EntryType.SETTING, opening__content__what="report removed")
    assert removals.count() == 2


def test_report_removed_during_generation_leaves_no_files(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    store_file = step._store_file
    digests: list[Digest] = []

    def store_then_remove(services: Services, file: ReportFile) -> StoredFile:
        stored_file = store_file(services, file)
        digests.append(Digest.from_hex(str(stored_file["digest"])))
        desk.client.post("/o/studio/downloads/reports/1/remove")
        return stored_file

    monkeypatch.setattr(step, "_store_file", store_then_remove)
    desk.client.post("/o/studio/downloads/report", BASE_FORM)
    make_reports(desk.inline.services, [Report.objects.get().pk])
    assert digests
    assert not any(digest in desk.inline.services.blobs for digest in digests)
    assert Report.objects.get().files == []


def test_report_files_lost_before_they_were_recorded_are_stored_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_file = step._store_file
    times: list[StoredFile] = []

    def lose_once(services: Services, file: ReportFile) -> StoredFile:
        stored_file = store_file(services, file)
        if not times:
            services.blobs.remove(Digest.from_hex(str(stored_file["digest"])))
        times.append(stored_file)
        return stored_file

    monkeypatch.setattr(step, "_store_file", lose_once)
    report = desk.request_report()
    assert (report.state, report.files) == ("queued", [])
    Report.objects.update(not_before=None)
    make_reports(desk.inline.services, [report.pk])
    report.refresh_from_db()
    assert desk.read_json(report)["format"] == "exhibit-report/1"


@pytest.mark.long
def test_report_form_is_accessible(site: Site) -> None:
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


def build_report(scope: ReportScope, title: str = make_default_title(3, "Studio")) -> Report:
    return Report(owner=Owner(name="Studio"), number=3, parameters={"title": title, "scope": to_plain(scope)})


def test_default_title_is_in_the_readers_language() -> None:
    title = report_title(build_report(ReportScope()))
    assert {"3", "Studio"} <= set(title.split())
    assert report_heading(build_report(ReportScope(), "<November>")).startswith("<November>: ")
    with translation.override("zh-hans"):
        assert report_title(build_report(ReportScope())) != title
        assert report_title(build_report(ReportScope(), "November")) == "November"


def test_each_report_limit_has_a_description() -> None:
    assert list(report_limits(build_report(ReportScope()))) == []
    limited = ReportScope(
        watch="shop", works=tuple(range(1, 11)), first="2026-11-01", last="2026-11-20", decisions=("confirmed",)
    )
    phrases = list(report_limits(build_report(limited)))
    values = (
        "shop",
        "1, 2, 3, 4, 5, 6, 7, 8 …",
        "1 Nov 2026",
        "20 Nov 2026",
        str(DECISION_LABELS[Case.Decision.CONFIRMED]),
    )
    assert [value in phrase for value, phrase in zip(values, phrases, strict=True)] == [True] * len(values)


def test_report_files_have_descriptive_labels() -> None:
    names = ("s-report-1.csv", "s-report-1-works.csv", "s-report-1-volume-02.pdf", "s-report-1-volume-02.zh-Hans.pdf")
    row = Report(files=[{"name": name, "media_type": "", "digest": "00", "size": 1} for name in names])
    labels = ["CSV", "CSV, one row per work", "PDF, volume 2", "PDF, volume 2, Chinese"]
    assert [phrase for _file, phrase in report_files(row)] == labels
