"""Requests for reports, and their repetition and removal."""

import shutil
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from evidence.formats.codec import to_plain
from registry.accounts.models import Owner
from registry.bundles.file_removal import remove_row
from registry.bundles.models import Report
from registry.db import steps
from registry.db.rows import get_next_number, lock_row
from registry.members import samples
from registry.reports.scope import ReportRequest, check_request, parse_request
from registry.services.services import Services

DEFAULT_REQUEST = ReportRequest()


def request_report(owner: Owner, *, preparer: str, title: str = "", request: ReportRequest = DEFAULT_REQUEST) -> Report:
    """Request a report for an owner. Without a title, it is named by its number.

    Raises:
        InvalidRequestError: A report with this scope or format is not possible.
        NotFoundError: The owner has no such watch.
    """
    samples.check_not_sample(owner)
    check_request(owner, request)
    with lock_row(owner):
        number = get_next_number(owner.reports)
        parameters = {"preparer": preparer, "title": title or make_default_title(number, owner.name)}
        return Report.objects.create(owner=owner, number=number, parameters=parameters | to_plain(request))


def repeat_report(report: Report, *, by: str) -> Report:
    """Repeat a report: retry it if it failed, otherwise request a new one with the same parameters."""
    with transaction.atomic():
        if steps.retry_failed(Report, Report.objects.filter(pk=report.pk)):
            Report.objects.filter(pk=report.pk).update(progress={})
            return Report.objects.get(pk=report.pk)
    return request_report(
        report.owner, preparer=by, title=_get_chosen_title(report), request=parse_request(report.parameters)
    )


def remove_report(services: Services, report: Report, *, by: str) -> None:
    """Remove a report (:func:`registry.bundles.file_removal.remove_row`) and its unfinished files."""
    remove_row(services, report, by=by)
    clear_folder(services, report)


def clear_folder(services: Services, report: Report) -> None:
    """Remove the files of an unfinished report."""
    shutil.rmtree(_get_folder(services, report), ignore_errors=True)


def _get_folder(services: Services, report: Report) -> Path:
    return services.config.data_dir / "reports" / str(report.pk)


def _get_chosen_title(report: Report) -> str:
    return get_chosen_title(report.parameters["title"], report.number, report.owner.name)


def make_default_title(number: int, owner: str) -> str:
    """Return the default title stored for a report without one."""
    return f"Report {number} for {owner}"


def get_chosen_title(title: str, number: int, owner: str) -> str:
    """Return the title that a member chose; empty if it is the default."""
    return "" if title == make_default_title(number, owner) else title


def format_title(title: str, number: int, owner: str) -> str:
    """Return a report's title in the reader's language."""
    values = {"number": number, "owner": owner}
    return get_chosen_title(title, number, owner) or _("Report %(number)s for %(owner)s") % values
