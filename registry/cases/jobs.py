"""Background jobs for cases. They import their modules in the function body, after the worker has forked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.cases.models import ArchiveLookup, Flood, GroupDecision, PageReading
from registry.jobs import DEFAULT, FOREGROUND, VISITS, job
from registry.translation import gettext_noop
from registry.works.models import LedgerChange

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("queries to a web archive"), VISITS, ArchiveLookup, owner="case__owner")
def ask_archive(services: "Services", ids: Sequence[int]) -> None:
    """Query a web archive for captures of cases' pages and pictures."""
    from registry.cases.archive_queries import run_queries

    run_queries(services, ids)


@job(gettext_noop("licence changes to apply"), FOREGROUND, LedgerChange, owner="owner")
def ledger(services: "Services", ids: Sequence[int]) -> None:
    """Apply licence changes to the cases that they affect."""
    from registry.cases.ledger import apply_to_next_cases
    from registry.services.batches import process_in_portions

    process_in_portions(services, LedgerChange, ids, apply_to_next_cases)


@job(gettext_noop("groups of cases to dismiss or reopen"), FOREGROUND, GroupDecision, owner="owner")
def group(services: "Services", ids: Sequence[int]) -> None:
    """Apply or reverse group decisions."""
    from registry.cases.group_decisions import decide_groups

    decide_groups(services, ids)


@job(gettext_noop("cases to open for works released from hold"), FOREGROUND, Flood, owner="work__owner")
def release(services: "Services", ids: Sequence[int]) -> None:
    """Open the cases of works that are no longer on hold."""
    from registry.cases.release import release_floods

    release_floods(services, ids)


@job(gettext_noop("captured pages to read"), DEFAULT, PageReading, owner="capture__case__owner", batch=8)
def read_page(services: "Services", ids: Sequence[int]) -> None:
    """Extract statements and email addresses from captured pages, for the claim check."""
    from registry.cases.page_readings import read_pages

    read_pages(services, ids)
