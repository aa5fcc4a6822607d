"""Queries for bundles, deposit records and packages, limited to one owner."""

from registry.accounts.models import Owner
from registry.accounts.scoped import number_lookup, rows_of_owner
from registry.bundles.models import Bundle, Deposit, Package
from registry.db.rows import require

packages = rows_of_owner(Package, "owner", removed_at=None)


def deposit(owner: Owner, work_number: int, number: int) -> Deposit:
    """Return a deposit record of one of the owner's works."""
    rows = Deposit.objects.filter(work__owner=owner, work__number=work_number, number=number)
    rows = rows.select_related("work__owner", "submission")
    return require(rows.first(), f"{owner.name} has no such deposit record of work {work_number}.")


def bundle(owner: Owner, case_number: int, number: int | None = None) -> Bundle:
    """Return a bundle of one of the owner's cases; the newest if no number is given."""
    rows = Bundle.objects.filter(case__owner=owner, case__number=case_number).select_related(
        "case__owner", "submission"
    )
    rows = rows.order_by("-number") if number is None else rows.filter(number=number)
    return require(
        rows.first(), f"{owner.name} has no such bundle of case {case_number}.", "Confirming a case makes one."
    )


package = number_lookup(packages, "package")
