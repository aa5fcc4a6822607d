"""Reports: requesting, repeating and removing them."""

import shutil
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from evidence.formats.codec import to_plain
from registry.accounts.models import Owner
from registry.bundles.file_removal import remove_row
from registry.bundles.models import Report
from registry.db import steps
from registry.db.rows import alone_with, next_number
from registry.members import samples
from registry.reports.scope import Wanted, check, wanted_of
from registry.services.services import Services

WANTED = Wanted()


def request_report(owner: Owner, *, preparer: str, title: str = "", wanted: Wanted = WANTED) -> Report:
    """Request a report for an owner. Without a title, it is named by its number.

    Raises:
        WrongUseError: A report with this scope or format is not possible.
        NotFoundError: The owner has no such watch.
    """
    samples.refuse(owner)
    check(owner, wanted)
    with alone_with(owner):
        number = next_number(owner.reports)
        parameters = {"preparer": preparer, "title": title or numbered_title(number, owner.name)}
        return Report.objects.create(owner=owner, number=number, parameters=parameters | to_plain(wanted))


def ask_again(report: Report, *, by: str) -> Report:
    """Repeat a report: retry it if it failed, otherwise request a new one with the same parameters."""
    with transaction.atomic():
        if steps.try_again(Report, Report.objects.filter(pk=report.pk)):
            Report.objects.filter(pk=report.pk).update(progress={})
            return Report.objects.get(pk=report.pk)
    return request_report(report.owner, preparer=by, title=_given_title(report), wanted=wanted_of(report.parameters))


def remove_report(services: Services, report: Report, *, by: str) -> None:
    """Remove a report (:func:`registry.bundles.file_removal.remove_row`) and its unfinished files."""
    remove_row(services, report, by=by)
    clear_folder(services, report)


def clear_folder(services: Services, report: Report) -> None:
    """Remove the files of an unfinished report."""
    shutil.rmtree(_folder(services, report), ignore_errors=True)


def _folder(services: Services, report: Report) -> Path:
    return services.config.data_dir / "reports" / str(report.pk)


def _given_title(report: Report) -> str:
    return title_given(report.parameters["title"], report.number, report.owner.name)


def numbered_title(number: int, owner: str) -> str:
    """Return the default title stored for a report without one."""
    return f"Report {number} for {owner}"


def title_given(title: str, number: int, owner: str) -> str:
    """Return the title that a person chose; empty if it is the default."""
    return "" if title == numbered_title(number, owner) else title


def title_in_words(title: str, number: int, owner: str) -> str:
    """Return a report's title in the reader's language."""
    values = {"number": number, "owner": owner}
    return title_given(title, number, owner) or _("Report %(number)s for %(owner)s") % values
