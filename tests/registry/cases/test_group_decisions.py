"""Test decisions about groups of cases: processed in limited steps, resumed after an interruption, and undone."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import ConflictError
from registry import scoped
from registry.cases import decisions, group_decisions as step
from registry.cases.decisions import DecisionChoice, DecisionRequest
from registry.cases.queue import CaseFilter, CaseState, Certainty
from registry.matches.match import match_pictures
from registry.models import BulkEdit, Case, GroupDecision, LookAlike, Owner, WorkChange
from registry.services import batches
from registry.works import bulk, jobs as works_jobs
from registry.works.licences import NewLicence, add_licences, list_pending_changes
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.desk.web.cases.test_queue import create_cases
from tests.registry.cases.test_ledger import review_ledger
from workers.tasks.sync_runner import SyncRunner

ANN, BEN = "ann@example.org", "ben@example.org"


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """Two works, each matched on two sites; cases 1 and 2 share the first work or the first site."""
    return create_cases(inline, 2, ("a.example", "b.example"))


def dismiss_group(inline: SyncRunner, rights_holder: Owner) -> GroupDecision:
    query = CaseFilter(CaseState.ALL, sure=Certainty.CERTAIN, party="a.example")
    return decisions.dismiss_group(inline.services, rights_holder, query, by=ANN, reason="Another photograph.")


def get_case_states(rights_holder: Owner) -> dict[tuple[str, int], tuple[str, bool]]:
    rows = rights_holder.cases.values_list("party", "work__number", "decision", "is_pending")
    return {(site, work): (decision, waits) for site, work, decision, waits in rows}


@pytest.mark.long
def test_group_of_cases_is_dismissed_in_steps_and_undone(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "BATCH_SIZE", 1)
    monkeypatch.setattr(batches, "WORK_SECONDS", 0.0)
    group = dismiss_group(inline, studio)
    assert group.total == 2
    step.decide_groups(inline.services, [group.pk])
    assert sorted(get_case_states(studio).values()) == [("dismissed", False), *[("open", True)] * 3]  # continued later
    inline.run_until_idle()
    dismissed, open_state = ("dismissed", False), ("open", False)  # the same pair elsewhere is among the look-alikes
    a, b = "a.example", "b.example"
    assert get_case_states(studio) == {(a, 1): dismissed, (a, 2): dismissed, (b, 1): open_state, (b, 2): open_state}
    assert set(group.cases.values_list("decided_by", "reason")) == {(ANN, "Another photograph.")}
    assert LookAlike.objects.count() == 2
    group.refresh_from_db()
    assert group.state == "done"
    with pytest.raises(ConflictError):
        decisions.undo_group(inline.services, group, by=BEN)
    decisions.decide_cases(
        inline.services, studio, [group.cases.get(work__number=1).number], DecisionRequest(DecisionChoice.REOPEN, BEN)
    )
    decisions.decide_cases(
        inline.services,
        studio,
        [studio.cases.get(party=a, work__number=1).number],
        DecisionRequest(DecisionChoice.COPIES, ANN),
    )
    decisions.undo_group(inline.services, group, by=ANN)
    inline.run_until_idle()
    waits = ("open", True)
    assert get_case_states(studio) == {(a, 1): dismissed, (a, 2): waits, (b, 1): waits, (b, 2): waits}
    with pytest.raises(ConflictError):
        decisions.undo_group(inline.services, group, by=ANN)


@pytest.mark.long
def test_group_dismissal_affects_only_cases_pending_at_request(inline: SyncRunner, studio: Owner) -> None:
    first, second = studio.cases.filter(party="a.example").order_by("number")
    Case.objects.filter(pk=second.pk).update(opened_at=now() + timedelta(hours=1))
    assert dismiss_group(inline, studio).total == 1
    inline.run_until_idle()
    assert [Case.objects.get(pk=case.pk).decision for case in (first, second)] == ["dismissed", "open"]
    with pytest.raises(ConflictError):
        dismiss_group(inline, studio)
    Case.objects.filter(pk=second.pk).update(opened_at=now())
    late_group = dismiss_group(inline, studio)
    decisions.decide_cases(inline.services, studio, [second.number], DecisionRequest(DecisionChoice.CONFIRM, BEN))
    inline.run_until_idle()
    assert Case.objects.get(pk=second.pk).decided_by == BEN
    assert late_group.cases.count() == 0


def test_group_dismissal_can_be_undone_while_it_is_running(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "BATCH_SIZE", 1)
    group = dismiss_group(inline, studio)
    calls: list[tuple[object, ...]] = []

    def undo_meanwhile(*args: object) -> None:
        decisions.decide_in_group(*args)  # type: ignore[arg-type]
        if not calls:
            decisions.undo_group(inline.services, group, by=ANN)
        calls.append(args)

    monkeypatch.setattr(step, "decide_in_group", undo_meanwhile)
    step.decide_groups(inline.services, [group.pk])
    assert len(calls) == 2  # one dismissed, then reopened
    assert set(get_case_states(studio).values()) == {("open", True)}
    group.refresh_from_db()
    assert group.state == "done"


@pytest.mark.long
def test_new_licence_decides_open_cases_that_it_covers(inline: SyncRunner) -> None:
    studio = owner("studio")
    work = register(inline.services, studio, photograph(1)).work
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))]))
    elsewhere = NewLicence("B", domain="other.example")
    add_licences(
        studio, [elsewhere, NewLicence("C", (register(inline.services, studio, photograph(2)).work,), "shop.example")]
    )
    assert review_ledger(inline, studio) == {}
    assert Case.objects.get().decision == "open"
    (licence,), new = add_licences(studio, [NewLicence("A", (work,), "shop.example")])
    assert (licence.number, new) == (3, 1)
    assert review_ledger(inline, studio) == {"licensed": [1]}
    assert (Case.objects.get().decision, "3" in str(Case.objects.get().reason)) == ("licensed", True)
    assert list_pending_changes(studio) == []


def test_long_bulk_edit_continues_in_a_second_task_without_duplicates(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = owner("studio")
    for number in range(5):
        register(inline.services, studio, photograph(number))
    monkeypatch.setattr(bulk, "PORTION_SIZE", 2)
    monkeypatch.setattr(batches, "WORK_SECONDS", 0.0)
    result = bulk.start_bulk_edit(inline.services, studio, scoped.list_owner_works(studio), "author", "Ann", by="Ann")
    works_jobs.bulk(inline.services, [result.pk])
    row = BulkEdit.objects.get()
    assert (row.state, row.looked_at, row.changed) == ("queued", 2, 2)
    for _ in range(4):
        works_jobs.bulk(inline.services, [result.pk])
    row.refresh_from_db()
    assert (row.state, row.looked_at, row.changed) == ("done", 5, 5)
    assert WorkChange.objects.filter(bulk=row).count() == 5
