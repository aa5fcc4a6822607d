"""Queries for bundles, deposit records and packages, limited to one owner."""

from registry.accounts.models import Owner
from registry.accounts.scoped import numbered, rows_of_owner
from registry.bundles.models import Bundle, Deposit, Package
from registry.db.rows import there

packages = rows_of_owner(Package, "owner", removed_at=None)


def deposit(of: Owner, work_number: int, number: int) -> Deposit:
    """Return a deposit record of one of the owner's works."""
    rows = Deposit.objects.filter(work__owner=of, work__number=work_number, number=number)
    rows = rows.select_related("work__owner", "submission")
    return there(rows.first(), f"{of.name} has no such deposit record of work {work_number}.")


def bundle(of: Owner, case_number: int, number: int | None = None) -> Bundle:
    """Return a bundle of one of the owner's cases; the newest if no number is given."""
    rows = Bundle.objects.filter(case__owner=of, case__number=case_number).select_related("case__owner", "submission")
    rows = rows.order_by("-number") if number is None else rows.filter(number=number)
    return there(rows.first(), f"{of.name} has no such bundle of case {case_number}.", "Confirming a case makes one.")


package = numbered(packages, "package")
