"""Queries for bundles, deposit records and packages, limited to one owner."""

from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup, make_owner_query
from registry.bundles.models import Bundle, Deposit, Package
from registry.db.rows import require

list_owner_packages = make_owner_query(Package, "owner", removed_at=None)


def get_deposit(owner: Owner, work_number: int, number: int) -> Deposit:
    """Return a deposit record of one of the owner's works."""
    rows = Deposit.objects.filter(work__owner=owner, work__number=work_number, number=number)
    rows = rows.select_related("work__owner", "submission")
    return require(rows.first(), f"{owner.name} has no such deposit record for work {work_number}.")


def get_bundle(owner: Owner, case_number: int, number: int | None = None) -> Bundle:
    """Return a bundle of one of the owner's cases; the newest if no number is given."""
    rows = Bundle.objects.filter(case__owner=owner, case__number=case_number).select_related(
        "case__owner", "submission"
    )
    rows = rows.order_by("-number") if number is None else rows.filter(number=number)
    return require(
        rows.first(), f"{owner.name} has no such bundle for case {case_number}.", "To create one, confirm the case."
    )


get_package = make_number_lookup(list_owner_packages, "package")
