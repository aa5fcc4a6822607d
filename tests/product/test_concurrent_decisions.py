"""Test that of two users who decide one case at the same time, the second is informed, and nothing is overwritten."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from registry.cases import decisions
from registry.cases.decisions import DecisionChoice, DecisionOutcome, DecisionRequest
from registry.cases.record_decision import record_decision
from registry.models import Case, Owner
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner

pytestmark = [pytest.mark.timeout(120), pytest.mark.django_db(transaction=True)]
BLOCKED = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
"""Query that returns a row if another connection waits for this one."""


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner whose only case Ben has dismissed."""
    case = create_case(inline.services, owner("studio"))
    decisions.decide_cases(inline.services, case.owner, [1], DecisionRequest(DecisionChoice.DISMISS, "Ben"))
    return case.owner


def decide_concurrently(second: Callable[[], list[DecisionOutcome]], first: Callable[[Case], None]) -> DecisionOutcome:
    """Return the outcome of the second action, which starts before the first one is committed and ends after it."""

    def run_in_thread() -> list[DecisionOutcome]:
        try:
            return second()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            case = Case.objects.select_for_update(no_key=True).get()
            done: Future[list[DecisionOutcome]] = pool.submit(run_in_thread)
            with connection.cursor() as cursor:
                cursor.execute(BLOCKED)
                while cursor.fetchone() is None and not done.done():
                    cursor.execute(BLOCKED)
            first(case)
        return done.result(30)[0]


def test_concurrent_decision_does_not_overwrite_the_first_members_decision(inline: SyncRunner, studio: Owner) -> None:
    Case.objects.update(is_pending=True)

    def by_ann(case: Case) -> None:
        record_decision(case, Case.Decision.CONFIRMED, by="Ann", reason="")

    outcome = decide_concurrently(
        lambda: decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.DISMISS, "Cleo")),
        by_ann,
    )
    assert (outcome.is_applied, outcome.case.decision, outcome.case.decided_by) == (False, "confirmed", "Ann")


def test_undo_keeps_concurrent_decisions_of_other_members(inline: SyncRunner, studio: Owner) -> None:
    def by_ann(case: Case) -> None:
        record_decision(case, Case.Decision.OPEN, by="Ann", reason="It is ours.")
        record_decision(case, Case.Decision.CONFIRMED, by="Ann", reason="")

    outcome = decide_concurrently(
        lambda: decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.UNDO, "Ben")),
        by_ann,
    )
    assert (outcome.is_applied, outcome.case.decision, outcome.case.decided_by) == (False, "confirmed", "Ann")
