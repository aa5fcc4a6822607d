"""Test the API's schemas of reports, packages and links."""

from datetime import timedelta

import pytest

from desk.schemas.downloads import Link, ListedPackage, Package, Report
from evidence.documents.report.facts import ReportScope
from evidence.formats.codec import to_plain
from exhibit.clock import now
from registry.bundles.packages import request_package
from registry.models import DownloadLink, Report as ReportRow
from registry.reports.scope import Wanted
from tests.assets.sealed import sealed_bundle
from workers.tasks.sync_runner import SyncRunner


def test_a_link_leads_somewhere_until_it_expires_or_is_revoked() -> None:
    later, before = now() + timedelta(days=1), now() - timedelta(seconds=1)
    report = ReportRow(number=4)

    def told(**fields: object) -> Link:
        row = DownloadLink(**{"number": 1, "report": report, "created_at": before, "expires_at": later, **fields})
        return Link.from_row(row)

    one = told(password="hashed")
    assert (one.is_valid, one.has_password, one.report, one.package) == (True, True, 4, None)
    assert not told(expires_at=before).is_valid
    assert not told(revoked_at=before).is_valid
    assert not told().has_password


def test_a_report_is_told_with_its_limits_and_the_names_of_its_files() -> None:
    wanted = Wanted(ReportScope(watch="shop", works=(3,)), formats=("csv",))
    row = ReportRow(
        number=1,
        created_at=now(),
        parameters={"title": "May", **to_plain(wanted)},
        files=[{"name": "studio-report-1.csv", "media_type": "text/csv", "digest": "", "size": 1}],
    )
    told = Report.from_row(row)
    assert (told.title, told.scope.watch, told.scope.works, told.formats) == ("May", "shop", [3], ["csv"])
    assert (told.volumes, told.files) == (1, ["studio-report-1.csv"])


@pytest.mark.long
def test_a_package_names_its_cases_and_says_whether_it_can_be_taken(inline: SyncRunner) -> None:
    bundle = sealed_bundle(inline)
    row = request_package(bundle.case.owner, [1], "court", by="Ann")
    told = Package.from_row(row)
    assert (told.cases, told.requested_by, told.is_ready) == ([1], "Ann", False)
    inline.run_until_idle()
    row.refresh_from_db()
    assert Package.from_row(row).is_ready
    assert ListedPackage.from_row(row).files
