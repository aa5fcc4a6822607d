"""Reports: asking for one, asking again, removing it."""

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
    """Ask for an owner's next report, which gets a number where it has no title.

    Raises ``WrongUseError`` when such a report can't be made, ``NotFoundError`` when the owner has no such watch.
    """
    samples.refuse(owner)
    check(owner, wanted)
    with alone_with(owner):
        number = next_number(owner.reports)
        named = {"preparer": preparer, "title": title or numbered_title(number, owner.name)}
        return Report.objects.create(owner=owner, number=number, parameters=named | to_plain(wanted))


def ask_again(report: Report, *, by: str) -> Report:
    """The same report anew: one that failed is tried again, any other is asked for as another one."""
    with transaction.atomic():
        if steps.try_again(Report, Report.objects.filter(pk=report.pk)):
            Report.objects.filter(pk=report.pk).update(progress={})
            return Report.objects.get(pk=report.pk)
    return request_report(report.owner, preparer=by, title=_given_title(report), wanted=wanted_of(report.parameters))


def remove_report(services: Services, report: Report, *, by: str) -> None:
    """Remove a report, as :func:`registry.bundles.file_removal.remove_row` does, with what is made of it by now."""
    remove_row(services, report, by=by)
    clear_folder(services, report)


def clear_folder(services: Services, report: Report) -> None:
    """Remove what was made of a report that isn't finished."""
    shutil.rmtree(_folder(services, report), ignore_errors=True)


def _folder(services: Services, report: Report) -> Path:
    return services.config.data_dir / "reports" / str(report.pk)


def _given_title(report: Report) -> str:
    return title_given(report.parameters["title"], report.number, report.owner.name)


def numbered_title(number: int, owner: str) -> str:
    """The title that a row keeps of a report without one."""
    return f"Report {number} for {owner}"


def title_given(title: str, number: int, owner: str) -> str:
    """The title that somebody gave; empty when nobody did."""
    return "" if title == numbered_title(number, owner) else title


def title_in_words(title: str, number: int, owner: str) -> str:
    """The title for a reader."""
    values = {"number": number, "owner": owner}
    return title_given(title, number, owner) or _("Report %(number)s for %(owner)s") % values
