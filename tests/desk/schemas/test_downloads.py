"""Test the API's schemas of reports, packages and links."""

from datetime import timedelta

import pytest

from desk.schemas.downloads import Link, ListedPackage, Package, Report
from evidence.documents.report.facts import ReportScope
from evidence.formats.codec import to_plain
from exhibit.clock import now
from registry.bundles.packages import request_package
from registry.models import DownloadLink, Report as ReportRow
from registry.reports.scope import ReportRequest
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner


def test_link_is_valid_until_it_expires_or_is_revoked() -> None:
    later, before = now() + timedelta(days=1), now() - timedelta(seconds=1)
    report = ReportRow(number=4)

    def make_link(**fields: object) -> Link:
        row = DownloadLink(**{"number": 1, "report": report, "created_at": before, "expires_at": later, **fields})
        return Link.from_row(row)

    link = make_link(password="hashed")
    assert (link.is_valid, link.has_password, link.report, link.package) == (True, True, 4, None)
    assert not make_link(expires_at=before).is_valid
    assert not make_link(revoked_at=before).is_valid
    assert not make_link().has_password


def test_report_is_returned_with_its_limits_and_file_names() -> None:
    options = ReportRequest(ReportScope(watch="shop", works=(3,)), formats=("csv",))
    row = ReportRow(
        number=1,
        created_at=now(),
        parameters={"title": "May", **to_plain(options)},
        files=[{"name": "studio-report-1.csv", "media_type": "text/csv", "digest": "", "size": 1}],
    )
    report = Report.from_row(row)
    assert (report.title, report.scope.watch, report.scope.works, report.formats) == ("May", "shop", [3], ["csv"])
    assert (report.volumes, report.files) == (1, ["studio-report-1.csv"])


@pytest.mark.long
def test_package_lists_its_cases_and_whether_it_can_be_downloaded(inline: SyncRunner) -> None:
    bundle = create_sealed_bundle(inline)
    row = request_package(bundle.case.owner, [1], "court", by="Ann")
    package = Package.from_row(row)
    assert (package.cases, package.requested_by, package.is_ready) == ([1], "Ann", False)
    inline.run_until_idle()
    row.refresh_from_db()
    assert Package.from_row(row).is_ready
    assert ListedPackage.from_row(row).files
