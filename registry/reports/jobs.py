"""Background jobs for reports. Their imports run after a worker has forked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.bundles.models import Report
from registry.jobs import FILES, job
from registry.translation import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("reports"), FILES, Report, owner="owner")
def report(services: "Services", ids: Sequence[int]) -> None:
    """Generate reports."""
    from registry.reports.make_report import make_reports

    make_reports(services, ids)
